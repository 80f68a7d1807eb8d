//! Helpers for tests. A tool a test needs and does not find fails that test with the tool's name.
#![forbid(unsafe_code)]

pub mod clusterers;
pub mod corpora;
pub mod nats;
