//! One row: an address, what it showed, what it did, and who it truly was.

use cluster::{Activity, Observation};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Empty where nobody said.
    pub ip: String,
    pub observation: Observation,
    pub activity: Activity,
    pub truth: Truth,
}

/// Labels nobody who clusters is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub campaign: Option<String>,
    pub identity: Option<String>,
    pub actor: Option<String>,
}
