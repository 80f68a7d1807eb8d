//! One grid, attacked. Tests run one after the other, in the order of their names; `teardown` comes last.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, helpers included"
)]

mod attack;
mod conformance;
mod containment;
mod drill;
mod exactly_once;
mod input;
mod teardown;
