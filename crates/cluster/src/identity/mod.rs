//! Observations to identities.

mod buckets;
mod common;
mod compat;
mod reading;
mod settle;
mod standing;
mod strict;
#[cfg(test)]
mod tests;

use crate::{Observation, Partition, Pins, Profile, Settings};

pub(crate) use reading::{Reading, read};
pub use standing::Standing;

/// Who has the same hands, and what stood out on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    pub partition: Partition,
    pub suspects: Vec<Suspect>,
}

/// A cluster larger than one would believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Place of an observation that is in it.
    pub observation: usize,
    /// How many values were taken from it. With none it was left as it is, and somebody should look.
    pub demoted: usize,
}

/// The identities behind a list of observations. Near-linear, and independent of the list's order.
pub fn identities(observations: &[Observation], pins: &Pins, settings: &Settings) -> Identities {
    match settings.profile {
        Profile::Strict => strict::identities(observations, pins, settings),
        Profile::Compat => compat::identities(observations, pins),
    }
}
