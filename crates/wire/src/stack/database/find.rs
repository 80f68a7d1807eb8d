//! The search: an exact specific signature before an exact generic one before one that fits but for a router's or
//! middlebox's touch.

use super::{Database, Entry, Label};
use crate::stack::{Context, Quirks, Signature, hop_distance, initial_ttl};

/// A signature that fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match<'d> {
    pub label: &'d Label,
    pub quality: Quality,
    /// 0 to 1.
    pub confidence: f64,
    /// TTL or hop limit the packet started with.
    pub initial_ttl: u8,
    /// Routers on the way.
    pub distance: u8,
    /// Line of the file the signature stands in.
    pub line: usize,
    /// Quirks that the signature has and the packet does not.
    pub missing: Quirks,
    /// Quirks that the packet has and the signature does not.
    pub added: Quirks,
}

/// How well a signature fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// But for TTL or quirks that change on the way.
    Fuzzy,
    /// Of several kinds of systems.
    Generic,
    Specific,
}

/// More hops than a path has are another system or a changed TTL.
const MAX_DISTANCE: u8 = 35;
/// What may get lost on the way, and what may be added.
const MAY_MISS: Quirks = Quirks::DF.and(Quirks::ID_SET);
const MAY_GAIN: Quirks = Quirks::ID_ZERO.and(Quirks::ECN);

// === impl Database ===

impl Database {
    /// What a SYN's or SYN-ACK's signature is of.
    pub fn find(&self, signature: &Signature, context: Context) -> Option<Match<'_>> {
        let known = match context {
            Context::Syn => &self.requests,
            Context::SynAck { .. } => &self.responses,
        };
        let mut best: Option<Match<'_>> = None;
        for entry in known.with_layout(&signature.kinds) {
            let Some(found) = self.compare(entry, signature) else {
                continue;
            };
            if found.quality == Quality::Specific {
                return Some(found);
            }
            if best.is_none_or(|best| found.quality > best.quality) {
                best = Some(found);
            }
        }
        best
    }

    fn compare(&self, entry: &Entry, signature: &Signature) -> Option<Match<'_>> {
        let (pattern, label) = (&entry.pattern, &self.labels[entry.label]);
        let is = |wanted: Option<u16>, value: u16| wanted.is_none_or(|wanted| wanted == value);
        let fixed = pattern.version.is_none_or(|version| version == signature.version)
            && pattern.padding == signature.padding
            && pattern.option_len == signature.option_len
            && is(pattern.mss, signature.mss.unwrap_or(0))
            && is(pattern.scale.map(u16::from), signature.scale.unwrap_or(0).into())
            && pattern.payload.is_none_or(|payload| payload == signature.payload)
            && pattern.window.fits(signature);
        if !fixed {
            return None;
        }
        let quirks = pattern.quirks_for(signature.version);
        let (missing, added) = (quirks.without(signature.quirks), signature.quirks.without(quirks));
        if !missing.without(MAY_MISS).is_empty() || !added.without(MAY_GAIN).is_empty() {
            return None;
        }
        let below = pattern.ttl.checked_sub(signature.ttl);
        let near = below.is_some_and(|distance| distance <= MAX_DISTANCE);
        if pattern.drawn_ttl && below.is_none() {
            return None;
        }
        let fuzzy = !(missing | added).is_empty() || !(near || pattern.drawn_ttl);
        if fuzzy && label.class.is_none() {
            return None;
        }
        let quality = match (fuzzy, label.generic) {
            (true, _) => Quality::Fuzzy,
            (false, true) => Quality::Generic,
            (false, false) => Quality::Specific,
        };
        let (initial, distance) = match below {
            Some(distance) if near && !pattern.drawn_ttl => (pattern.ttl, distance),
            _ => (initial_ttl(signature.ttl), hop_distance(signature.ttl)),
        };
        Some(Match {
            label,
            quality,
            confidence: f64::from(quality.percent() * label.origin.percent()) / 10_000.0,
            initial_ttl: initial,
            distance,
            line: entry.line,
            missing,
            added,
        })
    }
}

// === impl Quality ===

impl Quality {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fuzzy => "fuzzy",
            Self::Generic => "generic",
            Self::Specific => "exact",
        }
    }

    /// How sure it makes.
    const fn percent(self) -> u32 {
        match self {
            Self::Fuzzy => 50,
            Self::Generic => 80,
            Self::Specific => 95,
        }
    }
}

// === impl Origin ===

impl super::Origin {
    /// What nobody here has seen yet counts a little less.
    fn percent(&self) -> u32 {
        if self.confirmations > 0 { 100 } else { 90 }
    }
}
