//! Packets in, fingerprints out. Pure functions and small state machines over borrowed bytes: no sockets, no clock
//! (time is passed in), no async.
//!
//! [`packet::Packet::read`] gives a view of a captured packet. From there [`stack`] names the stack that sent a SYN.
//!
//! Of a stream, [`tls::client_hello`] and [`ssh::banner`] read what lies at its start; [`ja3`], [`ja4`] and [`ssh`] give
//! it its fingerprints.
#![forbid(unsafe_code)]

mod digest;
pub mod flow;
pub mod fragment;
pub mod http;
pub mod icmp;
pub mod ip;
pub mod ja3;
pub mod ja4;
#[cfg(feature = "ja4plus")]
pub mod ja4plus;
pub mod jarm;
pub mod link;
mod look;
pub mod lru;
pub mod neighbour;
pub mod packet;
#[cfg(feature = "quic")]
pub mod quic;
mod read;
pub mod scanner;
pub mod series;
pub mod source;
pub mod ssh;
pub mod stack;
pub mod stream;
pub mod tcp;
pub mod time;
pub mod tls;
pub mod udp;
#[cfg(feature = "watch")]
pub mod watch;

pub use look::Look;
