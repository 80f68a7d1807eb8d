//! The kill chain, and what tends to come next.

use serde::{Serialize, Serializer};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Reconnaissance,
    InitialAccess,
    Execution,
    Persistence,
    PrivilegeEscalation,
    DefenseEvasion,
    CredentialAccess,
    Discovery,
    LateralMovement,
    Collection,
    CommandAndControl,
    Exfiltration,
    Impact,
}

/// What to expect after a stage. `stage` is none at the end of the chain and after a stage nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prediction {
    pub stage: Option<Stage>,
    pub alternatives: Vec<Stage>,
    /// What to look at now.
    pub watch: String,
}

// === impl Stage ===

impl Stage {
    pub const ALL: [Self; 13] = [
        Self::Reconnaissance,
        Self::InitialAccess,
        Self::Execution,
        Self::Persistence,
        Self::PrivilegeEscalation,
        Self::DefenseEvasion,
        Self::CredentialAccess,
        Self::Discovery,
        Self::LateralMovement,
        Self::Collection,
        Self::CommandAndControl,
        Self::Exfiltration,
        Self::Impact,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Reconnaissance => "Reconnaissance",
            Self::InitialAccess => "InitialAccess",
            Self::Execution => "Execution",
            Self::Persistence => "Persistence",
            Self::PrivilegeEscalation => "PrivilegeEscalation",
            Self::DefenseEvasion => "DefenseEvasion",
            Self::CredentialAccess => "CredentialAccess",
            Self::Discovery => "Discovery",
            Self::LateralMovement => "LateralMovement",
            Self::Collection => "Collection",
            Self::CommandAndControl => "CommandAndControl",
            Self::Exfiltration => "Exfiltration",
            Self::Impact => "Impact",
        }
    }

    /// Whatever the case, with `_`, `-` or blanks between the words.
    pub fn parse(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        Self::ALL
            .into_iter()
            .find(|stage| stage.name().eq_ignore_ascii_case(&plain))
    }

    fn next(self) -> (&'static [Self], &'static str) {
        use Stage::*;
        match self {
            Reconnaissance => (
                &[LateralMovement, InitialAccess, CredentialAccess],
                "new east-west connections by this source, logins against hosts it just found",
            ),
            InitialAccess => (
                &[Execution],
                "commands or child processes on the reached service, new sessions",
            ),
            Execution => (&[Persistence], "new files, tasks, keys, modules"),
            Persistence => (&[PrivilegeEscalation], "role or sudo changes"),
            PrivilegeEscalation => (&[CredentialAccess], "reads of secret stores"),
            DefenseEvasion => (
                &[LateralMovement],
                "actions during the blind spot; re-check the silenced source first",
            ),
            CredentialAccess => (&[LateralMovement], "the same account appearing elsewhere"),
            Discovery => (&[LateralMovement], "first contact with listed hosts"),
            LateralMovement => (
                &[Exfiltration, Collection],
                "large or sustained outbound flows, odd ports",
            ),
            Collection | CommandAndControl => (&[Exfiltration], "volume to rare destinations"),
            Exfiltration => (&[], "contain the source, review what it touched"),
            Impact => (&[], "restore, preserve evidence"),
        }
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

// === impl Prediction ===

impl Prediction {
    /// What follows `stage`, moving on past stages this entity has already shown within a day.
    pub fn after(stage: Stage, seen: &[Stage]) -> Self {
        let (mut next, mut watch) = stage.next();
        let mut passed = vec![stage];
        while let Some(&first) = next.first() {
            if !seen.contains(&first) || passed.contains(&first) {
                break;
            }
            passed.push(first);
            (next, watch) = first.next();
        }
        let alternatives = match (stage, next) {
            (Stage::Exfiltration, []) => vec![Stage::Impact],
            (_, [_, rest @ ..]) => rest.to_vec(),
            _ => Vec::new(),
        };
        Self {
            stage: next.first().copied(),
            alternatives,
            watch: watch.to_owned(),
        }
    }

    /// The prediction for a stage by name.
    pub fn after_named(name: &str) -> Self {
        match Stage::parse(name) {
            Some(stage) => Self::after(stage, &[]),
            None => Self::unknown(),
        }
    }

    pub(crate) fn unknown() -> Self {
        let known: Vec<&str> = Stage::ALL.into_iter().map(Stage::name).collect();
        Self {
            stage: None,
            alternatives: Vec::new(),
            watch: format!("unknown stage; known are {}", known.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_predicts_the_next() {
        use Stage::*;
        for (stage, next, alternatives) in [
            (
                Reconnaissance,
                Some(LateralMovement),
                vec![InitialAccess, CredentialAccess],
            ),
            (InitialAccess, Some(Execution), vec![]),
            (Execution, Some(Persistence), vec![]),
            (Persistence, Some(PrivilegeEscalation), vec![]),
            (PrivilegeEscalation, Some(CredentialAccess), vec![]),
            (DefenseEvasion, Some(LateralMovement), vec![]),
            (CredentialAccess, Some(LateralMovement), vec![]),
            (Discovery, Some(LateralMovement), vec![]),
            (LateralMovement, Some(Exfiltration), vec![Collection]),
            (Collection, Some(Exfiltration), vec![]),
            (CommandAndControl, Some(Exfiltration), vec![]),
            (Exfiltration, None, vec![Impact]),
            (Impact, None, vec![]),
        ] {
            let prediction = Prediction::after(stage, &[]);
            assert_eq!(
                (prediction.stage, prediction.alternatives),
                (next, alternatives),
                "{stage:?}"
            );
        }
    }

    #[test]
    fn a_stage_already_seen_is_passed_over() {
        let prediction = Prediction::after(Stage::Reconnaissance, &[Stage::LateralMovement]);
        assert_eq!(prediction.stage, Some(Stage::Exfiltration));
    }

    #[test]
    fn a_stage_nobody_knows_predicts_nothing_and_says_what_is_known() {
        let prediction = Prediction::after_named("lunch");
        assert_eq!(prediction.stage, None);
        assert!(prediction.watch.contains("Exfiltration"));
        assert_eq!(
            Prediction::after_named("lateral_movement").stage,
            Some(Stage::Exfiltration)
        );
    }
}
