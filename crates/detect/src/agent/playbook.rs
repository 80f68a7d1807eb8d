//! The chains (detect.md §9.2): steps before the call in hand, and the call that completes them.

use crate::agent::feature::Features;
use crate::rule::{Class, Family, Rule};
use crate::stage::Stage;

/// A chain of calls that does harm.
pub(crate) struct Playbook {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    aat: &'static str,
    /// Steps that must have happened, in order.
    pub(super) before: &'static [Step],
    /// The step that the call in hand is.
    pub(super) last: Step,
    pub(super) base: i64,
    category: &'static str,
    mitre: &'static [&'static str],
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Sensitive,
    Outbound,
    Recon,
    /// One call that looks around where secrets are.
    SensitiveRecon,
    Exec,
    ExecOrOutbound,
    InjectedMemory,
    ReconOrSensitive,
    Destructive,
    Encoding,
    Install,
    BackdooredFile,
}

const SENSITIVE: u8 = 40;

#[rustfmt::skip]
pub(super) const PLAYBOOKS: [Playbook; 8] = [
    Playbook { id: "DATA_EXFIL", title: "Multi-Step Data Exfiltration", aat: "AAT-T5010", before: &[Step::Sensitive], last: Step::Outbound, base: 30, category: "attack-pattern.data-exfil", mitre: &["T1567"], stage: Stage::Exfiltration },
    Playbook { id: "CRED_HARVEST", title: "Credential Harvest Chain", aat: "AAT-T5011", before: &[Step::SensitiveRecon], last: Step::Outbound, base: 40, category: "attack-pattern.cred-harvest", mitre: &["T1552.001"], stage: Stage::CredentialAccess },
    Playbook { id: "PRIV_ESCALATION", title: "Privilege Escalation Chain", aat: "AAT-T5012", before: &[Step::Recon, Step::Sensitive], last: Step::Exec, base: 25, category: "attack-pattern.priv-escalation", mitre: &["T1548"], stage: Stage::PrivilegeEscalation },
    Playbook { id: "PROMPT_INJECTION_CHAIN", title: "Prompt Injection Chain", aat: "AAT-T1001", before: &[Step::InjectedMemory], last: Step::ExecOrOutbound, base: 50, category: "attack-pattern.prompt-injection-chain", mitre: &["AML.T0051", "T1059"], stage: Stage::Execution },
    Playbook { id: "DESTRUCTIVE_ACTION", title: "Destructive Action Chain", aat: "AAT-T8004", before: &[Step::ReconOrSensitive], last: Step::Destructive, base: 45, category: "attack-pattern.destructive-action", mitre: &["T1485"], stage: Stage::Impact },
    Playbook { id: "ENCODED_EXFIL", title: "Encoded Exfiltration", aat: "AAT-T9001", before: &[Step::Sensitive, Step::Encoding], last: Step::Outbound, base: 35, category: "attack-pattern.encoded-exfil", mitre: &["T1027", "T1567"], stage: Stage::Exfiltration },
    Playbook { id: "SUPPLY_CHAIN", title: "Supply Chain Execution", aat: "AAT-T1003", before: &[Step::Install], last: Step::Exec, base: 45, category: "attack-pattern.supply-chain", mitre: &["T1195.001"], stage: Stage::InitialAccess },
    Playbook { id: "ARTIFACT_BACKDOOR", title: "Artifact Backdoor", aat: "AAT-T6003", before: &[Step::BackdooredFile], last: Step::Exec, base: 50, category: "attack-pattern.artifact-backdoor", mitre: &["T1059"], stage: Stage::Persistence },
];

// === impl Step ===

impl Step {
    pub(super) fn is(self, features: &Features) -> bool {
        let sensitive = features.sensitivity.value >= SENSITIVE;
        match self {
            Self::Sensitive => sensitive,
            Self::Outbound => features.outbound,
            Self::Recon => features.recon,
            Self::SensitiveRecon => features.recon && sensitive,
            Self::Exec => features.exec,
            Self::ExecOrOutbound => features.exec || features.outbound,
            Self::InjectedMemory => features.memory_write && features.content.injection,
            Self::ReconOrSensitive => features.recon || sensitive,
            Self::Destructive => features.destructive,
            Self::Encoding => features.encoding,
            Self::Install => features.install,
            Self::BackdooredFile => features.file_write && features.content.backdoor,
        }
    }
}

// === impl Playbook ===

impl Playbook {
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
        }
    }
}

/// The playbooks' descriptions, in their order.
pub(crate) fn rules() -> impl Iterator<Item = Rule> {
    PLAYBOOKS.iter().map(Playbook::rule)
}
