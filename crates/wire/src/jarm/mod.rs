//! JARM: what a TLS server answers to ten odd hellos, in 62 characters.
//!
//! The method and its constants are Salesforce's (BSD 3-Clause, <https://github.com/salesforce/jarm>). Nothing here
//! opens a socket: send [`Probe::hello`] of each of [`PROBES`] on a connection of its own, give the first
//! [`REPLY_BYTES`] that come back to [`Reply::read`] (nothing came back, or the peer closed: [`Reply::EMPTY`]), and
//! hash the ten with [`hash`]. Where one connection times out, all ten replies are [`Reply::EMPTY`].

mod hello;
mod reply;

pub use hello::{Entropy, PROBES, Probe};
pub use reply::{REPLY_BYTES, Reply, hash, raw};

/// How many hellos one server is sent.
pub const HELLOS: usize = 10;
