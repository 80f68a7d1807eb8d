//! Findings as they are told: to the store, to the verdict, to people.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::addr::Addr;
use crate::rule::{Class, Confidence, Severity};
use crate::stage::{Prediction, Stage};
use crate::time::Time;

/// Most items of a list inside a finding; the full count stands beside it.
pub(crate) const LIST: usize = 32;

/// One thing found. Times are event times.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `F-` and 16 hex digits, made of rule, key and first time: the same input gives the same id.
    pub id: String,
    pub rule: String,
    pub threat_type: String,
    pub class: Class,
    pub severity: Severity,
    pub category: String,
    /// The highest while the finding was open.
    pub confidence: Confidence,
    pub confidence_at_trigger: Confidence,
    /// The highest that rests on connections that stood: nobody else can have made them in the source's name.
    #[serde(skip_serializing_if = "Confidence::is_none")]
    pub established: Confidence,
    /// What the confidence is the sum of.
    pub breakdown: Vec<Part>,
    pub mitre: Vec<String>,
    pub stage: Option<Stage>,
    pub predicted_next: Prediction,
    pub source: Source,
    pub targets: Vec<Target>,
    pub target_count: usize,
    /// Highest count of what the rule counts.
    pub count: u64,
    pub window_seconds: f64,
    pub threshold: u64,
    pub first_ts: Time,
    pub trigger_ts: Time,
    pub last_ts: Time,
    /// Weaker rules that saw the same.
    pub also_matched: Vec<String>,
    pub superseded_by: Option<String>,
    pub triggered_rules: Vec<String>,
    /// Matches folded into this finding after the first.
    pub suppressed: u64,
    pub evidence: Map<String, Value>,
    pub mitigation: String,
    pub decision: &'static str,
    /// Who is told, when its rule names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub respond: Vec<String>,
    pub narrative: Narrative,
    pub trace: Vec<Step>,
    /// The group key, and what the rule is called in the table of results.
    #[serde(skip)]
    pub key: String,
    #[serde(skip)]
    pub detection: String,
}

/// A named part of a confidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub id: String,
    pub value: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Ip(Addr),
    Mac([u8; 6]),
    Agent(String),
    User(String),
    /// Many sources at once.
    Many,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub ip: Addr,
    /// 0 for none.
    pub port: u16,
}

/// Prose about a finding; decides nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Narrative {
    /// `template`, or what became of asking a model: `ok`, `offline`, `timeout`, `error`.
    pub status: &'static str,
    /// The model that was asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    pub hypothesis: String,
    pub report: String,
}

/// A step on the way to a finding.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub text: String,
}

// === impl Part ===

impl Part {
    pub(crate) fn new(id: impl Into<String>, value: impl Into<i64>) -> Self {
        Self {
            id: id.into(),
            value: value.into(),
        }
    }
}

// === impl Source ===

impl Source {
    pub fn ip(&self) -> Option<Addr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            _ => None,
        }
    }

    /// `ip`, `mac`, `agent` or `user`, and the value.
    pub fn parts(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Ip(addr) => Some(("ip", addr.to_string())),
            Self::Mac(mac) => Some(("mac", mac.map(|byte| format!("{byte:02x}")).join(":"))),
            Self::Agent(id) => Some(("agent", id.clone())),
            Self::User(name) => Some(("user", name.clone())),
            Self::Many => None,
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some((kind, value)) = self.parts() {
            map.serialize_entry(kind, &value)?;
        }
        map.end()
    }
}

// === impl Target ===

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ip", &self.ip)?;
        if self.port != 0 {
            map.serialize_entry("port", &self.port)?;
        }
        map.end()
    }
}
