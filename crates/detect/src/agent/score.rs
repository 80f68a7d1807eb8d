//! How sure a chain is: every part by name (detect.md §9.2).

use super::feature::Features;
use super::history::{Past, Rates};
use super::playbook::Playbook;
use crate::finding::Part;
use crate::rule::Confidence;
use crate::time::{Span, Time};

/// What the score of one chain is made of.
pub(super) struct Scored {
    pub(super) confidence: Confidence,
    pub(super) parts: Vec<Part>,
    pub(super) first: Time,
}

/// The call in hand, and its circumstances.
pub(super) struct Now<'a> {
    pub(super) at: Time,
    pub(super) features: &'a Features,
    pub(super) rates: Rates,
    pub(super) surprising: bool,
}

/// The parts of a score and their usual values.
pub(crate) const PARTS: [(&str, i64); 18] = [
    ("sensitivity_high", 15),
    ("sensitivity_very_high", 10),
    ("external_destination", 20),
    ("fast_chain", 15),
    ("quick_chain", 10),
    ("upstream_risk", 10),
    ("sequence_surprise", 10),
    ("call_burst", 10),
    ("high_risk_rate", 10),
    ("decoy_asset", 30),
    ("raw_destination", 5),
    ("internal_destination", -25),
    ("low_sensitivity", -20),
    ("long_gap", -15),
    ("very_long_gap", -30),
    ("allowlisted_destination", -40),
    ("approved_package", -30),
    ("scratch_target", -20),
];

const FAST: Span = Span::seconds(10);
const QUICK: Span = Span::seconds(30);
const LONG: Span = Span::seconds(180);
const VERY_LONG: Span = Span::seconds(300);

pub(super) fn score(playbook: &Playbook, chain: &[&Past], now: &Now<'_>) -> Scored {
    let call = now.features;
    let all = || chain.iter().map(|past| &past.features).chain([call]);
    let most = all().map(|features| features.sensitivity.value).max().unwrap_or(0);
    let first = chain.first().map_or(now.at, |past| past.at);
    let took = now.at.since(first);
    let install = all().filter(|features| features.install);
    let approved = install.clone().count() > 0 && install.into_iter().all(|features| features.approved_package);
    let given = [
        most >= 70,
        most >= 90,
        call.external,
        took < FAST,
        took >= FAST && took < QUICK,
        all().any(Features::is_risky),
        now.surprising,
        now.rates.burst,
        now.rates.high_risk,
        all().any(|features| features.decoy),
        call.raw_destination,
        call.internal_only,
        most < 30,
        took > LONG,
        took > VERY_LONG,
        call.allowed_destination,
        approved,
        call.scratch_only,
    ];
    let value = |id: &str, usual: i64| playbook.parts.get(id).copied().unwrap_or(usual);
    let given = PARTS.iter().zip(given).filter(|(_, given)| *given);
    let mut parts = vec![Part::new("base", playbook.base)];
    parts.extend(
        given
            .map(|((id, usual), _)| Part::new(*id, value(id, *usual)))
            .filter(|part| part.value != 0),
    );
    let sum = parts.iter().map(|part| part.value).sum();
    Scored {
        confidence: Confidence::new(sum),
        parts,
        first,
    }
}
