//! Captures written: pcap with nanoseconds, in little-endian order.

use std::io::{self, Write};

use crate::file::MAX_PACKET;
use crate::packet::Packet;

#[derive(Debug)]
pub struct Writer<W> {
    into: W,
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    /// Begins a capture of packets of this link type.
    pub fn new(mut into: W, link: u16) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
        header.extend_from_slice(&2_u16.to_le_bytes());
        header.extend_from_slice(&4_u16.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(&MAX_PACKET.to_le_bytes());
        header.extend_from_slice(&u32::from(link).to_le_bytes());
        into.write_all(&header)?;
        Ok(Self { into })
    }

    /// Appends a packet; its link type is the capture's.
    pub fn write(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let seconds = u32::try_from(packet.at / 1_000_000_000).unwrap_or(u32::MAX);
        let part = (packet.at % 1_000_000_000) as u32;
        let captured = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        for (field, value) in header.chunks_exact_mut(4).zip([seconds, part, captured, packet.length]) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        self.into.write_all(&header)?;
        self.into.write_all(packet.data)
    }

    /// Writes what is left, and gives back where it went.
    pub fn finish(mut self) -> io::Result<W> {
        self.into.flush()?;
        Ok(self.into)
    }
}
