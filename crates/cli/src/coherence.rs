//! Whether what one identity shows hangs together over time.

use std::collections::BTreeMap;

use profile::{Attribution, Kind, Measured, attribution};
use store::{Mark, Store};

use crate::exit::{Code, Coded as _, Result};
use crate::feed::clean;
use crate::output::words;

/// Kinds of marks, and what their change over time is called.
const PRIMITIVES: [(&str, &str); 4] = [
    ("ja3", "tls.ja3"),
    ("ja4", "tls.ja4"),
    ("ja4_quic", "quic.ja4"),
    ("hassh", "ssh.hassh"),
];

/// By primitive; what was never shown is left out.
pub type Coherence = BTreeMap<&'static str, Attribution>;

/// What these addresses, taken together, showed.
pub async fn of(store: &Store, ips: &[String]) -> Result<Coherence> {
    let traces = store.traces().of(ips).await.or_exit(Code::Unreachable)?;
    let mut series: BTreeMap<&str, Vec<Measured>> = BTreeMap::new();
    for mark in traces.iter().flat_map(|trace| &trace.marks) {
        if let Some((_, primitive)) = PRIMITIVES.iter().find(|(kind, _)| *kind == mark.kind) {
            series.entry(primitive).or_default().extend(measured(mark));
        }
    }
    let judged = series.into_iter().map(|(primitive, mut series)| {
        series.sort_by_key(|measured| measured.at);
        (primitive, attribution(Kind::Hash, &series))
    });
    Ok(judged.collect())
}

/// A mark is known by its first and its last time.
fn measured(mark: &Mark) -> impl Iterator<Item = Measured> {
    let (first, last) = (mark.first_seen.unix_timestamp(), mark.last_seen.unix_timestamp());
    let times = [Some(first), (last != first).then_some(last)];
    let value = mark.value.clone();
    times.into_iter().flatten().map(move |at| Measured {
        at,
        value: value.clone().into(),
    })
}

pub fn lines(coherence: &Coherence) -> impl Iterator<Item = String> {
    coherence.iter().map(|(primitive, told)| {
        let state = words(told.state);
        let value = told.current_value.as_str().map(clean).unwrap_or_default();
        format!("  {primitive:<9} {state} ({:.2}), now {value}", told.confidence)
    })
}
