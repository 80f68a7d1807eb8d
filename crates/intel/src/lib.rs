//! What others know of addresses, from files on this machine: asking about an attacker tells somebody of him.
#![forbid(unsafe_code)]

mod asn;
mod ranges;

pub use asn::{Asns, Error, FILES, Loaded, Network};
