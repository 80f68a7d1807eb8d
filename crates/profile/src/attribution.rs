//! Whether what one identity shows hangs together over time (clustering.md §21). It says nothing of persons.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// Observations looked at as the present; as many before them are the past.
const WINDOW: usize = 5;
/// Fewer say nothing.
const LEAST: usize = 3;
/// Of a window, for one value to be the rule.
const MAJORITY: usize = 4;
const EWMA_ALPHA: f64 = 0.3;
const DRIFT_SHIFT: f64 = 0.30;
const CONFLICT_CV: f64 = 1.0;
/// Seconds before the last observation in which hashes are compared.
const HASH_WINDOW: i64 = 86_400;
const HASH_ROTATIONS: usize = 2;
const MULTI_ACTOR_MOST: f64 = 0.6;
/// Primitives that must say so before several hands are suspected.
const SUSPICIOUS: usize = 2;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Seconds since 1970.
    pub at: i64,
    pub value: Value,
}

/// How values of a measurement compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Numeric,
    Hash,
    Categorical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Unknown,
    Stable,
    Drifting,
    Conflicted,
    /// Two values in turns: two hands at one keyboard.
    MultiActor,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribution {
    pub state: State,
    pub current_value: Value,
    /// 0 to 1.
    pub confidence: f64,
    /// All there were, not only those looked at.
    pub observation_count: usize,
}

/// What a series, in order of time, amounts to.
pub fn attribution(kind: Kind, series: &[Measured]) -> Attribution {
    let Some(last) = series.last() else {
        return Attribution {
            state: State::Unknown,
            current_value: Value::Null,
            confidence: 0.0,
            observation_count: 0,
        };
    };
    let (state, current_value, confidence) = match kind {
        Kind::Hash => hashes(series, last),
        Kind::Numeric if series.len() < LEAST => (State::Unknown, number(&last.value).into(), 0.0),
        Kind::Numeric => numeric(series),
        Kind::Categorical if series.len() < LEAST => (State::Unknown, last.value.clone(), 0.0),
        Kind::Categorical => categorical(series),
    };
    Attribution {
        state,
        current_value,
        confidence,
        observation_count: series.len(),
    }
}

/// Primitives by which several hands are suspected behind one identity, sorted; none when too few say so.
pub fn suspects<'p>(states: impl IntoIterator<Item = (&'p str, State)>) -> Option<Vec<&'p str>> {
    let several = states.into_iter().filter(|(_, state)| *state == State::MultiActor);
    let several: BTreeSet<&str> = several.map(|(primitive, _)| primitive).collect();
    (several.len() >= SUSPICIOUS).then(|| several.into_iter().collect())
}

fn windows(series: &[Measured]) -> (&[Measured], &[Measured]) {
    let recent = series.len().saturating_sub(WINDOW);
    (&series[recent..], &series[recent.saturating_sub(WINDOW)..recent])
}

fn categorical(series: &[Measured]) -> (State, Value, f64) {
    let (recent, older) = windows(series);
    let (top, count) = top(recent);
    let share = count as f64 / recent.len() as f64;
    let Some(value) = clear(recent) else {
        let last = recent.last().map_or(Value::Null, |last| last.value.clone());
        return if alternates(recent) {
            (State::MultiActor, last, share.min(MULTI_ACTOR_MOST))
        } else {
            (State::Conflicted, last, share)
        };
    };
    let state = match clear(older) {
        _ if older.is_empty() => State::Stable,
        Some(before) if before == value => State::Stable,
        _ => State::Drifting,
    };
    (state, top, share)
}

/// The value most often seen, the latest of equals, and how often.
fn top(window: &[Measured]) -> (Value, usize) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for measured in window {
        *counts.entry(measured.value.to_string()).or_default() += 1;
    }
    let most = window.iter().max_by_key(|measured| counts[&measured.value.to_string()]);
    most.map_or((Value::Null, 0), |most| {
        (most.value.clone(), counts[&most.value.to_string()])
    })
}

fn clear(window: &[Measured]) -> Option<Value> {
    let (value, count) = top(window);
    (!window.is_empty() && count >= MAJORITY.min(window.len())).then_some(value)
}

fn alternates(window: &[Measured]) -> bool {
    let values: BTreeSet<String> = window.iter().map(|measured| measured.value.to_string()).collect();
    let flips = window.windows(2).filter(|pair| pair[0].value != pair[1].value).count();
    let repeats = window.len() - 1 - flips;
    window.len() >= MAJORITY && values.len() == 2 && flips >= 2 * repeats.max(1)
}

fn numeric(series: &[Measured]) -> (State, Value, f64) {
    let (recent, older) = windows(series);
    let mean = ewma(recent);
    let cv = variation(recent, mean);
    if cv > CONFLICT_CV {
        return (State::Conflicted, mean.into(), 0.5);
    }
    let before = (!older.is_empty()).then(|| ewma(older));
    let scale = |before: f64| if before == 0.0 { 1.0 } else { before.abs() };
    let drifts = before.is_some_and(|before| (mean - before).abs() / scale(before) >= DRIFT_SHIFT);
    let state = if drifts { State::Drifting } else { State::Stable };
    (state, mean.into(), (1.0 - cv.min(1.0)).max(0.0))
}

fn ewma(window: &[Measured]) -> f64 {
    let mut values = window.iter().map(|measured| number(&measured.value));
    let first = values.next().unwrap_or_default();
    values.fold(first, |mean, value| EWMA_ALPHA * value + (1.0 - EWMA_ALPHA) * mean)
}

/// Deviation around the mean over it; endless where the mean is nothing and the values are not.
fn variation(window: &[Measured], mean: f64) -> f64 {
    let squares = window.iter().map(|measured| (number(&measured.value) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / window.len() as f64).sqrt();
    if deviation == 0.0 {
        0.0
    } else if mean == 0.0 {
        f64::INFINITY
    } else {
        deviation / mean.abs()
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Bool(true) => 1.0,
        Value::String(text) => text.trim().parse().unwrap_or_default(),
        other => other.as_f64().unwrap_or_default(),
    }
}

fn hashes(series: &[Measured], last: &Measured) -> (State, Value, f64) {
    let lately = series.iter().filter(|measured| measured.at >= last.at - HASH_WINDOW);
    let distinct: BTreeSet<String> = lately
        .filter(|measured| !measured.value.is_null())
        .map(|measured| measured.value.to_string())
        .collect();
    let rotations = distinct.len().saturating_sub(1);
    let state = match rotations {
        0 => State::Stable,
        1..=HASH_ROTATIONS => State::Drifting,
        _ => State::Conflicted,
    };
    (state, last.value.clone(), 1.0 / (1.0 + rotations as f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn series(values: &[Value]) -> Vec<Measured> {
        let measured = |(n, value): (usize, &Value)| Measured {
            at: n as i64 * 60,
            value: value.clone(),
        };
        values.iter().enumerate().map(measured).collect()
    }

    fn words(text: &str) -> Attribution {
        let values: Vec<Value> = text.split(' ').map(Value::from).collect();
        attribution(Kind::Categorical, &series(&values))
    }

    /// clustering.md §21 and profile.md §17.
    #[test]
    fn words_that_stay_move_or_take_turns_are_told_apart() {
        for (text, state, value, confidence) in [
            ("A A A A B", State::Stable, "A", 0.8),
            ("A B A B A", State::MultiActor, "A", 0.6),
            ("A A A A A B B B B B", State::Drifting, "B", 1.0),
            ("A A A A A B B B B A", State::Drifting, "B", 0.8),
            ("A B C A B", State::Conflicted, "B", 0.4),
            ("A A", State::Unknown, "A", 0.0),
            ("A A A", State::Stable, "A", 1.0),
            ("A A B", State::Conflicted, "B", 2.0 / 3.0),
            ("A B C A B A A A A A", State::Drifting, "A", 1.0),
        ] {
            let told = words(text);
            assert_eq!((told.state, &told.current_value), (state, &json!(value)), "{text}");
            assert!(
                (told.confidence - confidence).abs() < 1e-9,
                "{text}: {}",
                told.confidence
            );
        }
    }

    #[test]
    fn numbers_hold_drift_or_scatter() {
        let told = |values: &[i64]| {
            let values: Vec<Value> = values.iter().map(|&value| value.into()).collect();
            attribution(Kind::Numeric, &series(&values))
        };
        let near = told(&[5000, 5050, 4970, 5020, 5010]);
        assert_eq!(near.state, State::Stable);
        assert!((near.current_value.as_f64().unwrap() - 5000.0).abs() < 50.0 && near.confidence > 0.9);
        let moved = [[5000; 5], [8000; 5]].concat();
        assert_eq!(told(&moved).state, State::Drifting);
        assert_eq!(told(&[1, 1000, 1, 1, 1]).state, State::Conflicted);
        assert_eq!(told(&[0, 0, 0]).state, State::Stable);
        assert_eq!(told(&[7, 7]).state, State::Unknown);
        let mixed = attribution(Kind::Numeric, &series(&[json!(null), json!(true), json!(false)]));
        assert_eq!(mixed.observation_count, 3);
    }

    #[test]
    fn hashes_count_as_often_as_they_changed_within_a_day() {
        let told = |hashes: &[(i64, &str)]| {
            let measured = |&(at, hash): &(i64, &str)| Measured { at, value: hash.into() };
            attribution(Kind::Hash, &hashes.iter().map(measured).collect::<Vec<_>>())
        };
        assert_eq!(told(&[(0, "a")]).state, State::Stable);
        let once = told(&[(0, "a"), (1, "a"), (2, "b")]);
        assert_eq!((once.state, once.confidence), (State::Drifting, 0.5));
        assert_eq!(told(&[(0, "a"), (1, "b"), (2, "c")]).state, State::Drifting);
        assert_eq!(
            told(&[(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")]).state,
            State::Conflicted
        );
        let day = HASH_WINDOW;
        assert_eq!(told(&[(0, "a"), (day, "b"), (10 * day, "c")]).state, State::Stable);
        assert_eq!(told(&[(0, "a"), (day, "b")]).state, State::Drifting);
        assert_eq!(told(&[(0, "a"), (day + 1, "b")]).state, State::Stable);
    }

    #[test]
    fn nothing_measured_is_unknown_and_two_primitives_make_a_suspicion() {
        assert_eq!(attribution(Kind::Hash, &[]).state, State::Unknown);
        assert_eq!(
            suspects([("b", State::MultiActor), ("a", State::MultiActor)]),
            Some(vec!["a", "b"])
        );
        assert_eq!(suspects([("b", State::MultiActor), ("a", State::Conflicted)]), None);
    }
}
