//! What a fixture must reach: measure -> floor.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::score::Score;

/// Floors of some or all of the measures, as the expected file has them: `ari: {min: 1.0}`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Floors(pub BTreeMap<Measure, Floor>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    #[serde(alias = "adjusted_rand_index")]
    Ari,
    Homogeneity,
    Completeness,
    SingletonRecall,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    pub min: f64,
}

/// Slack for sums of fractions.
const SLACK: f64 = 1e-9;

// === impl Floors ===

impl Floors {
    /// The same floor for all four measures.
    pub fn all(min: f64) -> Self {
        Self(
            Measure::ALL
                .into_iter()
                .map(|measure| (measure, Floor { min }))
                .collect(),
        )
    }

    /// The measures that fall below their floors.
    pub fn breached(&self, score: &Score) -> Vec<Measure> {
        let below = |(measure, floor): (&Measure, &Floor)| (measure.of(score) < floor.min - SLACK).then_some(*measure);
        self.0.iter().filter_map(below).collect()
    }
}

// === impl Measure ===

impl Measure {
    pub const ALL: [Self; 4] = [Self::Ari, Self::Homogeneity, Self::Completeness, Self::SingletonRecall];

    pub fn of(self, score: &Score) -> f64 {
        match self {
            Self::Ari => score.ari,
            Self::Homogeneity => score.homogeneity,
            Self::Completeness => score.completeness,
            Self::SingletonRecall => score.singleton_recall,
        }
    }
}
