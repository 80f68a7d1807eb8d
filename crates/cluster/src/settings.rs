//! Which rules, and where their limits lie.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::Commodity;

/// Which rules make the clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The rules that hold up on real data (clustering.md §22).
    #[default]
    Strict,
    /// Those of the Python DECNET, for comparison (clustering.md §4-§9).
    Compat,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub profile: Profile,
    pub commodity: Commodity,
    pub limits: Limits,
}

/// Where strict rules draw their lines; counts are of observations unless said otherwise.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A fingerprint with that many holders ...
    pub stack_holders: usize,
    /// ... that met that many different partners is a library's default.
    pub stack_partners: usize,
    /// A fingerprint with more holders needs a second witness that covers half of them.
    pub lone_holders: usize,
    /// Infrastructure with more holders than this joins nobody.
    pub infra_holders: usize,
    /// A cluster larger than this ...
    pub guard_size: usize,
    /// ... and than this share of all, in percent, is looked at again.
    pub guard_percent: usize,
    /// How many values may be taken from one cluster before it is left alone.
    pub guard_rounds: usize,
    /// Holders a C2 endpoint may have without losing weight between campaigns (identities).
    pub crew_by_c2: usize,
    /// The same of a payload (identities).
    pub crew_by_payload: usize,
    /// Holders a credential may have for it to say anything (identities).
    pub crew_by_credential: usize,
    /// Different credentials one may have tried for them to be what he knows, not what he guesses.
    pub known_credentials: usize,
    /// Pairs are only counted out below a value with at most that many holders (identities).
    pub pairs_of: usize,
    /// A machine on which more than that many take over is a crossroads; so is a hand-over (identities).
    pub handoff_partners: usize,
}

/// A word that names no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no profile; there are strict and compat")]
pub struct UnknownProfile(pub String);

// === impl Settings ===

impl Settings {
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            commodity: Commodity::shipped(),
            limits: Limits::default(),
        }
    }
}

impl Limits {
    /// The size a cluster may have among so many observations before it is looked at again.
    pub(crate) fn guard(&self, observations: usize) -> usize {
        self.guard_size.max(observations * self.guard_percent / 100)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stack_holders: 20,
            stack_partners: 8,
            lone_holders: 32,
            infra_holders: 10_000,
            guard_size: 200,
            guard_percent: 2,
            guard_rounds: 3,
            crew_by_c2: 64,
            crew_by_payload: 8,
            crew_by_credential: 5,
            known_credentials: 4,
            pairs_of: 64,
            handoff_partners: 8,
        }
    }
}

// === impl Profile ===

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        match text.trim().to_ascii_lowercase().as_str() {
            "strict" => Ok(Self::Strict),
            "compat" => Ok(Self::Compat),
            _ => Err(UnknownProfile(text.to_owned())),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Compat => "compat",
        })
    }
}
