//! The chains (detect.md §9.2): steps before the call in hand, and the call that completes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::agent::feature::Features;
use crate::rule::{Class, Family, Rule};
use crate::rules::Condition;
use crate::stage::Stage;

use Feature::{
    Backdoor, Destructive, Encoding, Exec, FileWrite, Injection, Install, MemoryWrite, Outbound, Recon, Sensitive,
};

/// A chain of calls that does harm.
#[derive(Clone, Debug)]
pub(crate) struct Playbook {
    /// Steps that must have happened, in order.
    pub(crate) before: Cow<'static, [Step]>,
    /// The step that the call in hand is.
    pub(crate) last: Step,
    pub(crate) base: i64,
    /// Values of parts of the score that differ from the usual ones.
    pub(crate) parts: BTreeMap<String, i64>,
}

/// What a call must be to count as a step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    All(Cow<'static, [Feature]>),
    Any(Cow<'static, [Feature]>),
    /// Also, or only, its fields are as a rule wants them.
    Where {
        step: Option<Box<Step>>,
        condition: Condition,
        /// Place among the conditions of all playbooks, given when they run.
        place: usize,
    },
}

/// One thing a call can be or do (detect.md §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Sensitivity of at least 40.
    Sensitive,
    Outbound,
    External,
    Exec,
    Recon,
    Destructive,
    Encoding,
    MemoryWrite,
    Injection,
    FileWrite,
    Backdoor,
    Install,
    Decoy,
}

/// A chain that is built in.
struct BuiltIn {
    id: &'static str,
    title: &'static str,
    aat: &'static str,
    before: &'static [Step],
    last: Step,
    base: i64,
    category: &'static str,
    mitre: &'static [&'static str],
    stage: Stage,
}

const SENSITIVE: u8 = 40;

const fn all(features: &'static [Feature]) -> Step {
    Step::All(Cow::Borrowed(features))
}

const fn any(features: &'static [Feature]) -> Step {
    Step::Any(Cow::Borrowed(features))
}

#[rustfmt::skip]
static BUILT_IN: [BuiltIn; 8] = [
    BuiltIn { id: "DATA_EXFIL", title: "Multi-Step Data Exfiltration", aat: "AAT-T5010", before: &[all(&[Sensitive])], last: all(&[Outbound]), base: 30, category: "attack-pattern.data-exfil", mitre: &["T1567"], stage: Stage::Exfiltration },
    BuiltIn { id: "CRED_HARVEST", title: "Credential Harvest Chain", aat: "AAT-T5011", before: &[all(&[Recon, Sensitive])], last: all(&[Outbound]), base: 40, category: "attack-pattern.cred-harvest", mitre: &["T1552.001"], stage: Stage::CredentialAccess },
    BuiltIn { id: "PRIV_ESCALATION", title: "Privilege Escalation Chain", aat: "AAT-T5012", before: &[all(&[Recon]), all(&[Sensitive])], last: all(&[Exec]), base: 25, category: "attack-pattern.priv-escalation", mitre: &["T1548"], stage: Stage::PrivilegeEscalation },
    BuiltIn { id: "PROMPT_INJECTION_CHAIN", title: "Prompt Injection Chain", aat: "AAT-T1001", before: &[all(&[MemoryWrite, Injection])], last: any(&[Exec, Outbound]), base: 50, category: "attack-pattern.prompt-injection-chain", mitre: &["AML.T0051", "T1059"], stage: Stage::Execution },
    BuiltIn { id: "DESTRUCTIVE_ACTION", title: "Destructive Action Chain", aat: "AAT-T8004", before: &[any(&[Recon, Sensitive])], last: all(&[Destructive]), base: 45, category: "attack-pattern.destructive-action", mitre: &["T1485"], stage: Stage::Impact },
    BuiltIn { id: "ENCODED_EXFIL", title: "Encoded Exfiltration", aat: "AAT-T9001", before: &[all(&[Sensitive]), all(&[Encoding])], last: all(&[Outbound]), base: 35, category: "attack-pattern.encoded-exfil", mitre: &["T1027", "T1567"], stage: Stage::Exfiltration },
    BuiltIn { id: "SUPPLY_CHAIN", title: "Supply Chain Execution", aat: "AAT-T1003", before: &[all(&[Install])], last: all(&[Exec]), base: 45, category: "attack-pattern.supply-chain", mitre: &["T1195.001"], stage: Stage::InitialAccess },
    BuiltIn { id: "ARTIFACT_BACKDOOR", title: "Artifact Backdoor", aat: "AAT-T6003", before: &[all(&[FileWrite, Backdoor])], last: all(&[Exec]), base: 50, category: "attack-pattern.artifact-backdoor", mitre: &["T1059"], stage: Stage::Persistence },
];

// === impl Step ===

impl Step {
    pub(super) fn is(&self, call: &Features) -> bool {
        match self {
            Self::All(features) => features.iter().all(|feature| feature.of(call)),
            Self::Any(features) => features.iter().any(|feature| feature.of(call)),
            Self::Where { step, place, .. } => {
                let met = call
                    .met
                    .get(place / 64)
                    .is_some_and(|bits| bits >> (place % 64) & 1 == 1);
                met && step.as_ref().is_none_or(|step| step.is(call))
            }
        }
    }
}

// === impl Playbook ===

impl Playbook {
    /// Gives its conditions their places, from the first free one on, and hands them out.
    pub(super) fn place(&mut self, all: &mut Vec<Condition>) {
        let steps = self.before.iter().any(|step| matches!(step, Step::Where { .. }));
        let before = if steps {
            self.before.to_mut().as_mut_slice()
        } else {
            &mut []
        };
        for step in before.iter_mut().chain([&mut self.last]) {
            if let Step::Where { condition, place, .. } = step {
                *place = all.len();
                all.push(condition.clone());
            }
        }
    }

    /// Steps that look at fields.
    pub(crate) fn conditions(&self) -> usize {
        let steps = self.before.iter().chain([&self.last]);
        steps.filter(|step| matches!(step, Step::Where { .. })).count()
    }
}

// === impl Feature ===

impl Feature {
    pub(crate) const NAMES: [(&'static str, Self); 13] = [
        ("sensitive", Sensitive),
        ("outbound", Outbound),
        ("external", Self::External),
        ("exec", Exec),
        ("recon", Recon),
        ("destructive", Destructive),
        ("encoding", Encoding),
        ("memory_write", MemoryWrite),
        ("injection", Injection),
        ("file_write", FileWrite),
        ("backdoor", Backdoor),
        ("install", Install),
        ("decoy", Self::Decoy),
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    fn of(self, call: &Features) -> bool {
        match self {
            Sensitive => call.sensitivity.value >= SENSITIVE,
            Outbound => call.outbound,
            Self::External => call.external,
            Exec => call.exec,
            Recon => call.recon,
            Destructive => call.destructive,
            Encoding => call.encoding,
            MemoryWrite => call.memory_write,
            Injection => call.content.injection,
            FileWrite => call.file_write,
            Backdoor => call.content.backdoor,
            Install => call.install,
            Self::Decoy => call.decoy,
        }
    }
}

// === impl BuiltIn ===

impl BuiltIn {
    fn rule(&self) -> Rule {
        Rule {
            id: format!("playbook.{}", self.id),
            detection: self.id.to_owned(),
            title: self.title.to_owned(),
            class: Class::Detection,
            category: self.category.to_owned(),
            mitre: self
                .mitre
                .iter()
                .copied()
                .chain([self.aat])
                .map(str::to_owned)
                .collect(),
            stage: Some(self.stage),
            floor: None,
            ceiling: None,
            mitigation: "stop the agent, review the calls of this chain, revoke what it could read".to_owned(),
            rank: None,
            recon: false,
            family: Family::Agent,
            respond: Vec::new(),
        }
    }

    fn playbook(&self) -> Playbook {
        Playbook {
            before: Cow::Borrowed(self.before),
            last: self.last.clone(),
            base: self.base,
            parts: BTreeMap::new(),
        }
    }
}

/// The playbooks' descriptions, in their order.
pub(crate) fn rules() -> impl Iterator<Item = Rule> {
    BUILT_IN.iter().map(BuiltIn::rule)
}

/// The built-in playbooks with their descriptions.
pub(crate) fn built_in() -> impl Iterator<Item = (Playbook, Rule)> {
    BUILT_IN.iter().map(|built_in| (built_in.playbook(), built_in.rule()))
}
