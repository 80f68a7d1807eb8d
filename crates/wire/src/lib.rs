//! Packets in, fingerprints out. Pure functions and small state machines over borrowed bytes: no sockets, no clock
//! (time is passed in), no async.
//!
//! [`packet::Packet::read`] gives a view of a captured packet. From there [`stack`] names the stack that sent a SYN.
#![forbid(unsafe_code)]

mod digest;
pub mod icmp;
pub mod ip;
pub mod jarm;
pub mod link;
pub mod neighbour;
pub mod packet;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod udp;
