//! How sure a chain is: every part by name (detect.md §9.2).

use super::feature::Features;
use super::history::{Past, Rates};
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

const FAST: Span = Span::seconds(10);
const QUICK: Span = Span::seconds(30);
const LONG: Span = Span::seconds(180);
const VERY_LONG: Span = Span::seconds(300);

pub(super) fn score(base: i64, chain: &[&Past], now: &Now<'_>) -> Scored {
    let call = now.features;
    let all = || chain.iter().map(|past| &past.features).chain([call]);
    let most = all().map(|features| features.sensitivity.value).max().unwrap_or(0);
    let first = chain.first().map_or(now.at, |past| past.at);
    let took = now.at.since(first);
    let install = all().filter(|features| features.install);
    let approved = install.clone().count() > 0 && install.into_iter().all(|features| features.approved_package);
    let given = [
        ("sensitivity_high", most >= 70, 15),
        ("sensitivity_very_high", most >= 90, 10),
        ("external_destination", call.external, 20),
        ("fast_chain", took < FAST, 15),
        ("quick_chain", took >= FAST && took < QUICK, 10),
        ("upstream_risk", all().any(Features::is_risky), 10),
        ("sequence_surprise", now.surprising, 10),
        ("call_burst", now.rates.burst, 10),
        ("high_risk_rate", now.rates.high_risk, 10),
        ("decoy_asset", all().any(|features| features.decoy), 30),
        ("raw_destination", call.raw_destination, 5),
        ("internal_destination", call.internal_only, -25),
        ("low_sensitivity", most < 30, -20),
        ("long_gap", took > LONG, -15),
        ("very_long_gap", took > VERY_LONG, -30),
        ("allowlisted_destination", call.allowed_destination, -40),
        ("approved_package", approved, -30),
        ("scratch_target", call.scratch_only, -20),
    ];
    let mut parts = vec![Part::new("base", base)];
    parts.extend(
        given
            .into_iter()
            .filter(|(_, given, _)| *given)
            .map(|(id, _, value)| Part::new(id, value)),
    );
    let sum = parts.iter().map(|part| part.value).sum();
    Scored {
        confidence: Confidence::new(sum),
        parts,
        first,
    }
}
