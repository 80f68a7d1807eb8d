//! pcap: one header, then records (draft-ietf-opsawg-pcap).

use super::order::Order;
use super::window::Window;
use super::{Fault, MAX_PACKET};
use crate::packet::Packet;

/// Bytes of the file's header.
pub(super) const HEADER: usize = 24;
/// Bytes before each packet, and of the kind that has eight more.
const RECORD: usize = 16;
const LONG_RECORD: usize = 24;

#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    order: Order,
    nanos: bool,
    record: usize,
}

pub(super) struct Pcap {
    kind: Kind,
    link: u16,
}

/// What the first four bytes say, when they are of a pcap file.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    let magic: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    let of = |order, value| {
        let (nanos, record) = match value {
            0xa1b2_c3d4_u32 => (false, RECORD),
            0xa1b2_3c4d => (true, RECORD),
            0xa1b2_cd34 => (false, LONG_RECORD),
            _ => return None,
        };
        Some(Kind { order, nanos, record })
    };
    of(Order::Little, u32::from_le_bytes(magic)).or_else(|| of(Order::Big, u32::from_be_bytes(magic)))
}

// === impl Pcap ===

impl Pcap {
    pub(super) fn begin(kind: Kind, header: &[u8]) -> Self {
        // The upper bits say how long a checksum follows each frame.
        let link = (kind.order.u32(header, 20) & 0xffff) as u16;
        Self { kind, link }
    }

    #[inline]
    pub(super) fn next<'a>(&mut self, window: &'a mut Window) -> Result<Option<Packet<'a>>, Fault> {
        let Kind { order, nanos, record } = self.kind;
        let at = window.offset();
        if !window.fill(record)? {
            return match window.held().len() {
                0 => Ok(None),
                there => Err(cut(at, format!("{there} bytes into a record's header of {record}"))),
            };
        }
        let header = window.held();
        let (seconds, part) = (order.u32(header, 0), order.u32(header, 4));
        let (captured, length) = (order.u32(header, 8), order.u32(header, 12));
        if captured > MAX_PACKET {
            let what = format!("a packet of {captured} bytes, more than the {MAX_PACKET} a capture can hold of one");
            return Err(Fault::Broken { at, what });
        }
        let whole = record + captured as usize;
        if !window.fill(whole)? {
            let there = window.held().len() - record;
            return Err(cut(at, format!("{there} bytes into a packet of {captured}")));
        }
        let part = u64::from(part) * if nanos { 1 } else { 1_000 };
        Ok(Some(Packet {
            at: u64::from(seconds) * 1_000_000_000 + part,
            link: self.link,
            interface: 0,
            length,
            data: &window.lend(whole)[record..],
        }))
    }
}

fn cut(at: u64, what: String) -> Fault {
    Fault::Truncated { at, what }
}
