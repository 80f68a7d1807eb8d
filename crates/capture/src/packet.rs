//! One packet as it was captured.

/// Link types that decoy networks and their captures have (LINKTYPE_ numbers of the pcap-ng registry).
pub mod link {
    pub const ETHERNET: u16 = 1;
    /// Begins with the IP header, version 4 or 6.
    pub const RAW: u16 = 101;
}

/// A packet on loan from its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970-01-01 UTC, as the capture says; of packets stored without a time, that of the one before.
    pub at: u64,
    /// LINKTYPE_ number, see [`link`].
    pub link: u16,
    /// Which of the section's interfaces saw it; 0 where there is one only.
    pub interface: u32,
    /// Bytes it had on the wire; more than `data` has when the capture cut it.
    pub length: u32,
    pub data: &'a [u8],
}
