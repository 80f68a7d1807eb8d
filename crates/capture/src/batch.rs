//! Packets kept together, to be handed from one thread to another.

use crate::packet::Packet;

/// Packets in one piece of memory that is used again and again.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    heads: Vec<Head>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    number: u64,
    at: u64,
    start: usize,
    captured: u32,
    length: u32,
    interface: u32,
    link: u16,
}

// === impl Batch ===

impl Batch {
    /// Keeps a copy of the packet; `number` is its place in the capture.
    pub fn push(&mut self, number: u64, packet: &Packet<'_>) {
        self.heads.push(Head {
            number,
            at: packet.at,
            start: self.bytes.len(),
            captured: u32::try_from(packet.data.len()).unwrap_or(u32::MAX),
            length: packet.length,
            interface: packet.interface,
            link: packet.link,
        });
        self.bytes.extend_from_slice(packet.data);
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.heads.clear();
    }

    /// Bytes of packets in it.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn len(&self) -> usize {
        self.heads.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The packets with their places, in the order they were put in.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Packet<'_>)> {
        self.heads.iter().map(|head| {
            let packet = Packet {
                at: head.at,
                link: head.link,
                interface: head.interface,
                length: head.length,
                data: &self.bytes[head.start..head.start + head.captured as usize],
            };
            (head.number, packet)
        })
    }
}
