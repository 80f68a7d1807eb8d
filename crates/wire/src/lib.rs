//! Packets in, fingerprints out. Pure functions and small state machines over borrowed bytes: no sockets, no clock
//! (time is passed in), no async.
#![forbid(unsafe_code)]

mod digest;
pub mod jarm;
pub mod time;
