//! Identities to campaigns.

mod compat;
mod edge;
mod handoff;
mod infra;
mod strict;

use std::fmt;

use serde::Serialize;

use crate::sets::Sets;
use crate::{Features, Partition, Pins, Profile, Settings};

pub use edge::Edge;

/// Who works together, and what joined them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Campaigns {
    pub partition: Partition,
    /// Enough pairs to hold every campaign together.
    pub joints: Vec<Joint>,
}

/// Two identities that were joined, by their places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joint {
    pub a: u32,
    pub b: u32,
    /// At least 1.
    pub weight: f64,
    pub reason: Reason,
}

/// What weighed most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Pinned,
    Handoff,
    Infra,
    /// Several weaker signs together.
    Sum,
}

/// Sums of weights are compared with a little slack: they are sums of fractions.
const THRESHOLD: f64 = 1.0 - 1e-9;

/// The campaigns behind a list of identities. No edge looks at absolute time.
pub fn campaigns(identities: &[Features], pins: &Pins, settings: &Settings) -> Campaigns {
    let mut joints: Vec<Joint> = match settings.profile {
        Profile::Strict => strict::joints(identities, settings),
        Profile::Compat => compat::joints(identities),
    };
    let places = pins.places_by(identities.iter().map(|identity| identity.id.as_str()));
    let pinned = |&(a, b): &(u32, u32)| Joint {
        a,
        b,
        weight: f64::INFINITY,
        reason: Reason::Pinned,
    };
    joints.extend(places.same.iter().map(pinned));
    if !pins.is_empty() {
        // Only when some unions are refused does their order matter: the strongest first.
        let name = |place: u32| identities[place as usize].id.as_str();
        joints.sort_by(|x, y| {
            let names = |joint: &Joint| (name(joint.a).min(name(joint.b)), name(joint.a).max(name(joint.b)));
            y.weight.total_cmp(&x.weight).then_with(|| names(x).cmp(&names(y)))
        });
    }
    let mut sets = Sets::new(identities.len());
    joints
        .retain(|joint| !places.are_apart(joint.a, joint.b, |member| sets.find(member)) && sets.join(joint.a, joint.b));
    Campaigns {
        partition: Partition::of(&mut sets, identities.len()),
        joints,
    }
}

/// What speaks for two identities being of one campaign.
pub fn edge(identities: &[Features], a: usize, b: usize, settings: &Settings) -> Edge {
    match settings.profile {
        Profile::Strict => strict::edge(identities, a, b, settings),
        Profile::Compat => edge::compat(&identities[a], &identities[b]),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pinned => "an operator said so",
            Self::Handoff => "one took over what the other left",
            Self::Infra => "shared infrastructure",
            Self::Sum => "several signs together",
        })
    }
}
