//! How a source's IP identifications and initial sequence numbers follow one another.
//!
//! [`classify`] judges a series; [`Tracker`] keeps the series of one source. Many sources are kept by [`crate::source`].

mod classify;
mod recent;
mod samples;
mod tracker;

pub use classify::{IdClass, IsnClass, Legacy, Verdict, classify_ids, classify_isns};
pub use samples::{MAX_SAMPLES, Sample};
pub use tracker::{Observation, Scope, Scopes, Tracker};
