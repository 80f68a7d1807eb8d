//! One grid, attacked. Tests run one after the other, in the order of their names: what takes the grid down comes last.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, helpers included"
)]

mod attack;
mod cloud;
mod conformance;
mod containment;
mod data;
mod documents;
mod drill;
mod exactly_once;
mod findings;
mod forwarding;
mod input;
mod mail;
mod recovery;
mod restart;
mod simulate;
mod teardown;
