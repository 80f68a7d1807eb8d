//! Packets and flow records to attempts, outcomes and volumes (detect.md §3.2).

mod packet;
mod table;
mod tracker;
mod udp;

pub use packet::{Carried, Packet, TcpFlags, arp};
pub(crate) use tracker::Tracker;
pub use tracker::{FlowRecord, State};
