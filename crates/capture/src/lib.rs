//! Packets with their times: from capture files as fast as they can be read, and live from the kernel's ring.
//!
//! [`Reader`] takes pcap (both byte orders, microseconds and nanoseconds) and pcapng (any number of sections and
//! interfaces), plain, gzip'd or zstd'd, from a file or a pipe. [`live::Live`] is an AF_PACKET ring; where the kernel
//! has none, libpcap is looked for at run time. Neither copies a packet: each is lent until the next is asked for.

mod batch;
mod error;
mod file;
pub mod live;
mod packet;
mod write;

pub use batch::Batch;
pub use error::Error;
pub use file::{MAX_PACKET, Reader};
pub use packet::{Packet, link};
pub use write::Writer;
