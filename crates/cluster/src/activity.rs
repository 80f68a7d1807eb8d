//! What campaigns are made of: where, when and with what an address was at work (clustering.md §2.2).

use std::collections::{BTreeMap, BTreeSet};

use crate::{Observation, Phase, Profile, simhash};

/// What one address did. Times are microseconds of any epoch: only differences count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// In the order they were told.
    pub visits: Vec<Visit>,
    /// Names of tools, `hydra`.
    pub tools: Vec<String>,
    /// SimHash of the typing of each session; 0 says nothing.
    pub keystrokes: Vec<u64>,
}

/// A stay on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    pub decky: String,
    pub phase: Option<Phase>,
    pub start: i64,
    pub end: i64,
}

/// What an identity brings to campaigns: its observations taken together. Lists are sorted sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Name of the identity.
    pub id: String,
    pub asns: Vec<u32>,
    pub tools: Vec<String>,
    pub payload_hashes: Vec<String>,
    pub c2_endpoints: Vec<String>,
    /// User and password.
    pub credentials: Vec<(String, String)>,
    /// By name of the decky; none where no phase is known.
    pub deckies: Vec<(String, Option<Stay>)>,
    /// From, to.
    pub windows: Vec<(i64, i64)>,
    pub keystroke: Option<u64>,
}

/// How somebody came to a decky, and how he left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub first_phase: Phase,
    pub first_at: i64,
    pub last_phase: Phase,
    pub last_at: i64,
}

// === impl Features ===

impl Features {
    /// The features of an identity with these members. Strictly, phases follow each other in time; in the compatible
    /// profile in the order they were told.
    pub fn of<'a>(
        id: impl Into<String>,
        members: impl IntoIterator<Item = (&'a Observation, &'a Activity)>,
        profile: Profile,
    ) -> Self {
        let mut features = Self {
            id: id.into(),
            ..Self::default()
        };
        let mut deckies: BTreeMap<&str, Option<Stay>> = BTreeMap::new();
        let mut keystrokes = Vec::new();
        for (observation, activity) in members {
            features.asns.extend(observation.asn);
            features.tools.extend_from_slice(&activity.tools);
            features.payload_hashes.extend_from_slice(&observation.payload_hashes);
            features.c2_endpoints.extend_from_slice(&observation.c2_endpoints);
            features.credentials.extend_from_slice(&observation.credentials);
            features
                .windows
                .extend(activity.visits.iter().map(|visit| (visit.start, visit.end)));
            keystrokes.extend_from_slice(&activity.keystrokes);
            for (decky, stay) in activity.stays(profile) {
                let known = deckies.entry(decky).or_default();
                *known = match (*known, stay) {
                    (Some(known), Some(stay)) => Some(known.and(stay)),
                    (known, stay) => known.or(stay),
                };
            }
        }
        features.deckies = deckies
            .into_iter()
            .map(|(decky, stay)| (decky.to_owned(), stay))
            .collect();
        features.keystroke = simhash::centroid(keystrokes);
        features.tidy();
        features
    }

    /// Payloads and endpoints, which are different kinds of thing even where they are the same text.
    pub(crate) fn infra(&self) -> BTreeSet<(bool, &str)> {
        let payloads = self.payload_hashes.iter().map(|value| (false, value.as_str()));
        payloads
            .chain(self.c2_endpoints.iter().map(|value| (true, value.as_str())))
            .collect()
    }

    fn tidy(&mut self) {
        sorted_set(&mut self.asns);
        sorted_set(&mut self.tools);
        sorted_set(&mut self.payload_hashes);
        sorted_set(&mut self.c2_endpoints);
        sorted_set(&mut self.credentials);
    }
}

fn sorted_set<T: Ord>(values: &mut Vec<T>) {
    values.sort_unstable();
    values.dedup();
}

// === impl Activity ===

impl Activity {
    fn stays(&self, profile: Profile) -> BTreeMap<&str, Option<Stay>> {
        let mut stays: BTreeMap<&str, Option<Stay>> = BTreeMap::new();
        let mut visits: Vec<&Visit> = self.visits.iter().collect();
        if profile == Profile::Strict {
            visits.sort_by_key(|visit| visit.start);
        }
        for visit in visits {
            let stay = stays.entry(&visit.decky).or_default();
            let Some(phase) = visit.phase else { continue };
            let next = Stay {
                first_phase: phase,
                first_at: visit.start,
                last_phase: phase,
                last_at: visit.end,
            };
            *stay = Some(stay.map_or(next, |known| known.followed_by(next)));
        }
        stays
    }
}

// === impl Stay ===

impl Stay {
    /// Both taken together: the earlier beginning, the later end. Of two at once the one told first stands.
    fn and(self, other: Self) -> Self {
        let first = if other.first_at < self.first_at { other } else { self };
        let last = if other.last_at > self.last_at { other } else { self };
        Self {
            first_phase: first.first_phase,
            first_at: first.first_at,
            last_phase: last.last_phase,
            last_at: last.last_at,
        }
    }

    fn followed_by(self, next: Self) -> Self {
        Self {
            last_phase: next.last_phase,
            last_at: next.last_at,
            ..self
        }
    }
}
