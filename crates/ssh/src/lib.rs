//! The server side of SSH, able to speak as any release of OpenSSH. Pure: no sockets, no clock, no async.
//!
//! [`Server`] takes what a peer sent and gives [`Event`]s and bytes for the peer. The caller decides who comes in and
//! what a channel is for, and takes the time it wants for it.

pub mod cipher;
pub mod code;
pub mod compress;
pub mod event;
pub mod exchange;
pub mod groups;
pub mod hostkey;
pub mod ident;
pub mod mac;
pub mod message;
pub mod packet;
pub mod random;
pub mod release;
pub mod server;
pub mod umac;

pub use event::{Attempt, Event, Exit, Key, Opening, Refusal, Request, Stream, Terminal, Verdict};
pub use groups::Moduli;
pub use hostkey::HostKey;
pub use random::Random;
pub use server::{Profile, Server};
