//! What a rule is apart from how it decides: its names, its weight, its place in the chain.

use serde::{Serialize, Serializer};

use crate::stage::Stage;

/// Whether a finding counts for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Shown, never an alert.
    Notice,
    Detection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(u8);

/// A rule's description; built-in ones are in `catalogue`, others come from rule files.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    /// Short name of the detection, `sweep`.
    pub detection: String,
    pub title: String,
    pub class: Class,
    pub category: String,
    pub mitre: Vec<String>,
    pub stage: Option<Stage>,
    pub floor: Option<Severity>,
    pub ceiling: Option<Severity>,
    pub mitigation: String,
    /// Place among the scan rules that fold into each other: the smallest keeps the finding.
    pub rank: Option<u8>,
    /// Findings of this rule say that their source looks around.
    pub recon: bool,
    pub family: Family,
    /// Who is told of its findings, when not those the settings name.
    pub respond: Vec<String>,
}

/// Which inputs can make a rule fire; the report lists a family's rules even when they passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Network,
    Http,
    Agent,
    /// Whatever the input.
    Any,
}

// === impl Confidence ===

impl Confidence {
    /// What does not fit is cut to what does.
    pub fn new(value: i64) -> Self {
        Self(value.clamp(0, 100) as u8)
    }

    /// `100·n / (2·threshold)`, rounded half up.
    pub(crate) fn ratio(count: usize, threshold: u64) -> Self {
        let count = i64::try_from(count).unwrap_or(i64::MAX / 200);
        let threshold = i64::try_from(threshold).unwrap_or(i64::MAX / 200).max(1);
        Self::new((100 * count + threshold) / (2 * threshold))
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0 == 0
    }

    pub fn value(self) -> u8 {
        self.0
    }
}

impl Serialize for Confidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

// === impl Severity ===

impl Severity {
    pub fn of(confidence: Confidence) -> Self {
        match confidence.value() {
            80.. => Self::Critical,
            60.. => Self::High,
            40.. => Self::Medium,
            _ => Self::Low,
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "info" | "informational" => Some(Self::Info),
            "low" => Some(Self::Low),
            "medium" => Some(Self::Medium),
            "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

// === impl Rule ===

impl Rule {
    /// By id or short name, whatever the case.
    pub fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.detection.eq_ignore_ascii_case(name)
    }

    pub fn severity(&self, confidence: Confidence) -> Severity {
        let severity = Severity::of(confidence);
        let severity = self.floor.map_or(severity, |floor| severity.max(floor));
        self.ceiling.map_or(severity, |ceiling| severity.min(ceiling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_follows_confidence_at_its_borders() {
        for (confidence, severity) in [
            (100, Severity::Critical),
            (80, Severity::Critical),
            (79, Severity::High),
            (60, Severity::High),
            (59, Severity::Medium),
            (40, Severity::Medium),
            (39, Severity::Low),
            (0, Severity::Low),
        ] {
            assert_eq!(Severity::of(Confidence::new(confidence)), severity, "{confidence}");
        }
    }

    #[test]
    fn ratios_round_half_up() {
        for (count, threshold, confidence) in [
            (16, 15, 53),
            (25, 15, 83),
            (29, 15, 97),
            (30, 15, 100),
            (99, 15, 100),
            (11, 10, 55),
            (1, 4, 13),
        ] {
            assert_eq!(
                Confidence::ratio(count, threshold).value(),
                confidence,
                "{count}/{threshold}"
            );
        }
    }
}
