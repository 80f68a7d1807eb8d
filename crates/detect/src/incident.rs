//! Findings of one attacker put together.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::finding::{Finding, LIST, Source, Target};
use crate::rule::{Class, Confidence, Severity};
use crate::stage::{Prediction, Stage};
use crate::time::{Span, Time};

/// Findings of one entity that are nearer than this belong together.
pub(crate) const GAP: Span = Span::seconds(30 * 60);
/// A stage shown longer ago than this may come again.
const STAGE_MEMORY: Span = Span::seconds(24 * 3600);
/// What a single finding can bring an incident to, of 1.
const TRUST: f64 = 0.9;
const MAX_SCORE: f64 = 99.0;

/// What one attacker did, as far as it hangs together.
#[derive(Clone, Debug, Serialize)]
pub struct Incident {
    pub id: String,
    pub entity: Source,
    /// `round(100·(1 − Π(1 − 0.9·c/100)))` over the best confidence of each rule, 99 at most.
    pub score: Confidence,
    pub severity: Severity,
    /// In the order they were shown.
    pub stages: Vec<Stage>,
    pub first_ts: Time,
    pub last_ts: Time,
    pub findings: Vec<String>,
    pub timeline: Vec<Moment>,
    pub assets: Vec<Target>,
    pub asset_count: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    pub ts: Time,
    pub finding: String,
    pub rule: String,
    pub stage: Option<Stage>,
}

/// Puts findings, sorted by the time they fired, together; an incident needs at least one detection.
pub(crate) fn gather(findings: &[Finding]) -> Vec<Incident> {
    let mut by_entity: BTreeMap<&Source, Vec<Vec<&Finding>>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.source != Source::Many) {
        let groups = by_entity.entry(&finding.source).or_default();
        let joins = groups.last().is_some_and(|group| {
            group
                .iter()
                .map(|held| held.last_ts)
                .max()
                .is_some_and(|last| finding.trigger_ts.since(last) < GAP)
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(finding),
            _ => groups.push(vec![finding]),
        }
    }
    let groups = by_entity.into_values().flatten();
    let serious = groups.filter(|group| group.iter().any(|finding| finding.class == Class::Detection));
    let mut incidents: Vec<Incident> = serious.filter_map(|group| incident(&group)).collect();
    incidents.sort_by(|a, b| (a.first_ts, &a.id).cmp(&(b.first_ts, &b.id)));
    incidents
}

/// Moves predictions on past stages that the same entity showed within a day.
pub(crate) fn predict(findings: &mut [Finding]) {
    let shown: Vec<(Source, Time, Option<Stage>)> = findings
        .iter()
        .map(|finding| (finding.source.clone(), finding.trigger_ts, finding.stage))
        .collect();
    for finding in findings.iter_mut() {
        let Some(stage) = finding.stage else { continue };
        let near = |at: Time| at.since(finding.trigger_ts).0.abs() <= STAGE_MEMORY.0;
        let same = shown
            .iter()
            .filter(|(source, at, _)| *source == finding.source && *source != Source::Many && near(*at));
        let seen: Vec<Stage> = same.filter_map(|(.., stage)| *stage).collect();
        finding.predicted_next = Prediction::after(stage, &seen);
    }
}

fn incident(group: &[&Finding]) -> Option<Incident> {
    let first = group.first()?;
    let mut best: BTreeMap<&str, Confidence> = BTreeMap::new();
    let mut stages = Vec::new();
    let mut assets = Vec::new();
    for finding in group {
        let held = best.entry(&finding.rule).or_default();
        *held = (*held).max(finding.confidence);
        stages.extend(finding.stage.filter(|stage| !stages.contains(stage)));
        assets.extend(finding.targets.iter().copied());
    }
    assets.sort_unstable();
    assets.dedup();
    let score = Confidence::new(score(best.values().copied()));
    Some(Incident {
        id: first.id.replacen("F-", "I-", 1),
        entity: first.source.clone(),
        score,
        severity: Severity::of(score),
        stages,
        first_ts: group.iter().map(|finding| finding.first_ts).min()?,
        last_ts: group.iter().map(|finding| finding.last_ts).max()?,
        findings: group.iter().map(|finding| finding.id.clone()).collect(),
        timeline: group.iter().take(LIST).map(|finding| moment(finding)).collect(),
        asset_count: assets.len(),
        assets: assets.into_iter().take(LIST).collect(),
    })
}

fn moment(finding: &Finding) -> Moment {
    Moment {
        ts: finding.trigger_ts,
        finding: finding.id.clone(),
        rule: finding.rule.clone(),
        stage: finding.stage,
    }
}

fn score(confidences: impl Iterator<Item = Confidence>) -> i64 {
    let doubt: f64 = confidences
        .map(|confidence| 1.0 - f64::from(confidence.value()) / 100.0 * TRUST)
        .product();
    (100.0 * (1.0 - doubt)).round().min(MAX_SCORE) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_corroborate_and_never_reach_certainty() {
        let of = |values: &[i64]| score(values.iter().map(|&value| Confidence::new(value)));
        assert_eq!(of(&[50]), 45);
        assert_eq!(of(&[60, 80]), 87);
        assert_eq!(of(&[100, 100, 100]), 99);
    }
}
