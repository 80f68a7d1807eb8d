//! The Unified Kill Chain's phases and what ATT&CK tactics mean in them (clustering.md §3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One step of an attack, in the order of the chain. Written in lower snake case everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Reconnaissance,
    ResourceDevelopment,
    Weaponization,
    Delivery,
    SocialEngineering,
    Exploitation,
    Persistence,
    DefenseEvasion,
    CommandAndControl,
    Pivoting,
    Discovery,
    PrivilegeEscalation,
    Execution,
    CredentialAccess,
    LateralMovement,
    Collection,
    Exfiltration,
    Impact,
    Objectives,
}

/// A word that names no phase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no phase of the kill chain")]
pub struct UnknownPhase(pub String);

/// Tactic, phase; the enterprise tactic of a phase stands before its ICS ones.
const TACTICS: [(&str, Phase); 18] = [
    ("TA0043", Phase::Reconnaissance),
    ("TA0042", Phase::ResourceDevelopment),
    ("TA0001", Phase::Delivery),
    ("TA0002", Phase::Execution),
    ("TA0003", Phase::Persistence),
    ("TA0004", Phase::PrivilegeEscalation),
    ("TA0005", Phase::DefenseEvasion),
    ("TA0006", Phase::CredentialAccess),
    ("TA0007", Phase::Discovery),
    ("TA0008", Phase::LateralMovement),
    ("TA0009", Phase::Collection),
    ("TA0011", Phase::CommandAndControl),
    ("TA0010", Phase::Exfiltration),
    ("TA0040", Phase::Impact),
    ("TA0100", Phase::Collection),
    ("TA0102", Phase::Discovery),
    ("TA0105", Phase::Impact),
    ("TA0106", Phase::Impact),
];

// === impl Phase ===

impl Phase {
    pub const ALL: [Self; 19] = [
        Self::Reconnaissance,
        Self::ResourceDevelopment,
        Self::Weaponization,
        Self::Delivery,
        Self::SocialEngineering,
        Self::Exploitation,
        Self::Persistence,
        Self::DefenseEvasion,
        Self::CommandAndControl,
        Self::Pivoting,
        Self::Discovery,
        Self::PrivilegeEscalation,
        Self::Execution,
        Self::CredentialAccess,
        Self::LateralMovement,
        Self::Collection,
        Self::Exfiltration,
        Self::Impact,
        Self::Objectives,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reconnaissance => "reconnaissance",
            Self::ResourceDevelopment => "resource_development",
            Self::Weaponization => "weaponization",
            Self::Delivery => "delivery",
            Self::SocialEngineering => "social_engineering",
            Self::Exploitation => "exploitation",
            Self::Persistence => "persistence",
            Self::DefenseEvasion => "defense_evasion",
            Self::CommandAndControl => "command_and_control",
            Self::Pivoting => "pivoting",
            Self::Discovery => "discovery",
            Self::PrivilegeEscalation => "privilege_escalation",
            Self::Execution => "execution",
            Self::CredentialAccess => "credential_access",
            Self::LateralMovement => "lateral_movement",
            Self::Collection => "collection",
            Self::Exfiltration => "exfiltration",
            Self::Impact => "impact",
            Self::Objectives => "objectives",
        }
    }

    /// Whether a decoy can see it at all: what happens before anybody knocks, it cannot.
    pub fn is_observable(self) -> bool {
        !matches!(
            self,
            Self::Reconnaissance | Self::ResourceDevelopment | Self::Weaponization | Self::SocialEngineering
        )
    }

    /// What is left behind for somebody else to take up.
    pub fn hands_over(self) -> bool {
        matches!(self, Self::CommandAndControl | Self::Persistence)
    }

    /// How somebody begins who takes up what another left.
    pub fn takes_over(self) -> bool {
        matches!(self, Self::Discovery | Self::LateralMovement)
    }

    /// The phase of an ATT&CK tactic, enterprise or ICS.
    pub fn of_tactic(id: &str) -> Option<Self> {
        TACTICS
            .iter()
            .find_map(|(tactic, phase)| (*tactic == id).then_some(*phase))
    }

    /// The enterprise tactic of the phase; five phases have none.
    pub fn tactic(self) -> Option<&'static str> {
        TACTICS
            .iter()
            .find_map(|(tactic, phase)| (*phase == self).then_some(*tactic))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        let found = Self::ALL.into_iter().find(|phase| phase.as_str() == text);
        found.ok_or_else(|| UnknownPhase(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tactic_has_a_phase_and_every_other_phase_a_tactic() {
        for (tactic, phase) in TACTICS {
            assert_eq!(Phase::of_tactic(tactic), Some(phase));
        }
        let without: Vec<_> = Phase::ALL
            .into_iter()
            .filter(|phase| phase.tactic().is_none())
            .collect();
        assert_eq!(
            without,
            [
                Phase::Weaponization,
                Phase::SocialEngineering,
                Phase::Exploitation,
                Phase::Pivoting,
                Phase::Objectives
            ]
        );
        for phase in Phase::ALL.into_iter().filter(|phase| !without.contains(phase)) {
            assert_eq!(phase.tactic().and_then(Phase::of_tactic), Some(phase));
        }
        assert_eq!(Phase::of_tactic("TA9999"), None);
    }

    #[test]
    fn names_are_read_back_and_four_phases_are_out_of_a_decoys_sight() {
        for phase in Phase::ALL {
            assert_eq!(phase.to_string().parse(), Ok(phase));
        }
        assert!("recon".parse::<Phase>().is_err());
        assert_eq!(Phase::ALL.into_iter().filter(|phase| !phase.is_observable()).count(), 4);
    }
}
