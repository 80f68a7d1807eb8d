//! Requests and logins (detect.md §7, §8). One file for each detection; `canon` is what they all look at.

pub(crate) mod auth_scan;
pub(crate) mod brute_force;
pub mod canon;
pub(crate) mod data_exfil;
mod decode;
pub(crate) mod dos_flood;
pub(crate) mod guessing;
pub(crate) mod login;
pub(crate) mod recon;
mod score;
pub(crate) mod slow_spray;
pub(crate) mod stuffing;
pub(crate) mod takeover;
pub(crate) mod traversal_rule;

use crate::table::Caps;
use crate::time::Span;

/// Clients, and entries of all of them together.
pub(crate) const CLIENTS: Caps = Caps {
    keys: 100_000,
    entries: 400_000,
};
pub(crate) const MINUTE: Span = Span::seconds(60);
