//! pcapng: sections of blocks (draft-ietf-opsawg-pcapng). Blocks that hold no packet are passed over, known or not.

use super::order::Order;
use super::window::Window;
use super::{Fault, MAX_PACKET};
use crate::packet::Packet;

/// Type of the block that begins a section; it reads the same in both byte orders.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type and length before, length again behind.
const FRAME: usize = 12;
/// A block we read is not longer: the largest packet, and options of it.
const MAX_BLOCK: u32 = 16 << 20;
/// Interfaces of one section.
const MAX_INTERFACES: usize = 65_536;
const OPTION_TIME_UNIT: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;
const NANOS: u64 = 1_000_000_000;

#[derive(Default)]
pub(super) struct Pcapng {
    section: Option<Section>,
    /// Time of the packet before.
    last: u64,
}

struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

struct Interface {
    link: u16,
    snaplen: u32,
    unit: Unit,
    /// Seconds to add.
    offset: i64,
}

/// What a timestamp counts.
#[derive(Clone, Copy)]
enum Unit {
    /// Times this many nanoseconds.
    Coarse(u64),
    /// So many in a nanosecond.
    Fine(u64),
    /// 2^-n of a second.
    Binary(u32),
}

/// Where in a block's body a packet's parts are.
struct Found {
    interface: u32,
    /// In the interface's unit; none for blocks without a time.
    ticks: Option<u64>,
    start: usize,
    captured: u32,
    length: u32,
}

// === impl Pcapng ===

impl Pcapng {
    pub(super) fn next<'a>(&mut self, window: &'a mut Window) -> Result<Option<Packet<'a>>, Fault> {
        loop {
            let at = window.offset();
            if !window.fill(8)? {
                return match window.held().len() {
                    0 => Ok(None),
                    there => Err(cut(at, format!("{there} bytes into a block's header"))),
                };
            }
            if self.kind(window) == SECTION {
                self.begin(at, window)?;
                continue;
            }
            let Some(section) = &mut self.section else {
                return Err(broken(at, "a block before any section".to_owned()));
            };
            let order = section.order;
            let (kind, length) = (order.u32(window.held(), 0), order.u32(window.held(), 4));
            check_length(at, kind, length)?;
            let holds_packet = matches!(kind, OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
            if !holds_packet && kind != INTERFACE {
                if !window.skip(u64::from(length))? {
                    return Err(cut(at, format!("within a block of {length} bytes (type {kind:#x})")));
                }
                continue;
            }
            whole(at, kind, length, order, window)?;
            if kind == INTERFACE {
                let body = body(window.lend(length as usize));
                section.describe(at, body)?;
                continue;
            }
            let found = section.find(at, kind, body(&window.held()[..length as usize]))?;
            let interface = section.interface(at, found.interface)?;
            let time = found.ticks.map_or(self.last, |ticks| interface.time(ticks));
            self.last = time;
            let (start, link) = (8 + found.start, interface.link);
            return Ok(Some(Packet {
                at: time,
                link,
                interface: found.interface,
                length: found.length,
                data: &window.lend(length as usize)[start..start + found.captured as usize],
            }));
        }
    }

    /// The block's type, by the order of the section it is in; a section's own reads the same in any.
    fn kind(&self, window: &Window) -> u32 {
        let order = self.section.as_ref().map_or(Order::Big, |section| section.order);
        order.u32(window.held(), 0)
    }

    fn begin(&mut self, at: u64, window: &mut Window) -> Result<(), Fault> {
        if !window.fill(12)? {
            return Err(cut(at, "within a section's header".to_owned()));
        }
        let bytes = window.held();
        let order = match (Order::Little.u32(bytes, 8), Order::Big.u32(bytes, 8)) {
            (BYTE_ORDER, _) => Order::Little,
            (_, BYTE_ORDER) => Order::Big,
            (other, _) => {
                let what = format!("a section whose byte order mark is {other:#010x}");
                return Err(broken(at, what));
            }
        };
        let length = order.u32(bytes, 4);
        check_length(at, SECTION, length)?;
        if length < 28 {
            return Err(broken(
                at,
                format!("a section's header of {length} bytes, less than 28"),
            ));
        }
        whole(at, SECTION, length, order, window)?;
        window.lend(length as usize);
        self.section = Some(Section {
            order,
            interfaces: Vec::new(),
        });
        Ok(())
    }
}

// === impl Section ===

impl Section {
    /// Takes in the description of one more interface.
    fn describe(&mut self, at: u64, body: &[u8]) -> Result<(), Fault> {
        if body.len() < 8 {
            return Err(broken(at, format!("an interface described in {} bytes", body.len())));
        }
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(broken(
                at,
                format!("more than {MAX_INTERFACES} interfaces in one section"),
            ));
        }
        let mut interface = Interface {
            link: self.order.u16(body, 0),
            snaplen: self.order.u32(body, 4),
            unit: Unit::Coarse(1_000),
            offset: 0,
        };
        let mut options = &body[8..];
        while options.len() >= 4 {
            let (code, length) = (self.order.u16(options, 0), usize::from(self.order.u16(options, 2)));
            let Some(value) = options.get(4..4 + length).filter(|_| code != 0) else {
                break;
            };
            match (code, value) {
                (OPTION_TIME_UNIT, [unit, ..]) => interface.unit = Unit::of(*unit),
                (OPTION_TIME_OFFSET, [..]) if length == 8 => {
                    interface.offset = self.order.u64(value, 0).cast_signed();
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn interface(&self, at: u64, index: u32) -> Result<&Interface, Fault> {
        self.interfaces.get(index as usize).ok_or_else(|| {
            let known = self.interfaces.len();
            broken(at, format!("a packet of interface {index}, and {known} are described"))
        })
    }

    fn find(&self, at: u64, kind: u32, body: &[u8]) -> Result<Found, Fault> {
        let order = self.order;
        let too_short = || broken(at, format!("a packet's block of {} bytes", body.len() + FRAME));
        let ticks = |high, low| Some(u64::from(order.u32(body, high)) << 32 | u64::from(order.u32(body, low)));
        let found = match kind {
            SIMPLE_PACKET => {
                let room = u32::try_from(body.len().checked_sub(4).ok_or_else(too_short)?).unwrap_or(u32::MAX);
                let length = order.u32(body, 0);
                let snaplen = self.interface(at, 0)?.snaplen;
                let kept = if snaplen == 0 { length } else { length.min(snaplen) };
                Found {
                    interface: 0,
                    ticks: None,
                    start: 4,
                    captured: kept.min(room),
                    length,
                }
            }
            _ if body.len() < 20 => return Err(too_short()),
            OBSOLETE_PACKET => Found {
                interface: u32::from(order.u16(body, 0)),
                ticks: ticks(4, 8),
                start: 20,
                captured: order.u32(body, 12),
                length: order.u32(body, 16),
            },
            _ => Found {
                interface: order.u32(body, 0),
                ticks: ticks(4, 8),
                start: 20,
                captured: order.u32(body, 12),
                length: order.u32(body, 16),
            },
        };
        if found.captured > MAX_PACKET || found.start + found.captured as usize > body.len() {
            let (captured, block) = (found.captured, body.len() + FRAME);
            return Err(broken(
                at,
                format!("a packet of {captured} bytes in a block of {block}"),
            ));
        }
        Ok(found)
    }
}

// === impl Interface ===

impl Interface {
    /// Nanoseconds since 1970.
    fn time(&self, ticks: u64) -> u64 {
        let nanos = match self.unit {
            Unit::Coarse(nanos) => ticks.saturating_mul(nanos),
            Unit::Fine(count) => ticks / count,
            Unit::Binary(bits) => {
                let nanos = (u128::from(ticks) * u128::from(NANOS)).checked_shr(bits).unwrap_or(0);
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        let offset = self.offset.unsigned_abs().saturating_mul(NANOS);
        if self.offset < 0 {
            nanos.saturating_sub(offset)
        } else {
            nanos.saturating_add(offset)
        }
    }
}

// === impl Unit ===

impl Unit {
    /// From the option's byte: a power of ten, or of two when the highest bit is set; negative both.
    fn of(byte: u8) -> Self {
        let power = u32::from(byte & 0x7f);
        match (byte & 0x80, power) {
            (0, 0..=9) => Self::Coarse(10_u64.pow(9 - power)),
            (0, _) => Self::Fine(10_u64.checked_pow(power - 9).unwrap_or(u64::MAX)),
            _ => Self::Binary(power),
        }
    }
}

fn check_length(at: u64, kind: u32, length: u32) -> Result<(), Fault> {
    let is_read = matches!(
        kind,
        SECTION | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
    );
    if (length as usize) < FRAME || !length.is_multiple_of(4) || (is_read && length > MAX_BLOCK) {
        return Err(broken(at, format!("a block (type {kind:#x}) of {length} bytes")));
    }
    Ok(())
}

/// Sees to it that the whole block is in the window, and that it ends as it began.
fn whole(at: u64, kind: u32, length: u32, order: Order, window: &mut Window) -> Result<(), Fault> {
    if !window.fill(length as usize)? {
        let there = window.held().len();
        return Err(cut(
            at,
            format!("{there} bytes into a block of {length} (type {kind:#x})"),
        ));
    }
    let again = order.u32(window.held(), length as usize - 4);
    if again != length {
        let what = format!("a block (type {kind:#x}) of {length} bytes that ends as one of {again}");
        return Err(broken(at, what));
    }
    Ok(())
}

fn body(block: &[u8]) -> &[u8] {
    &block[8..block.len() - 4]
}

fn cut(at: u64, what: String) -> Fault {
    Fault::Truncated { at, what }
}

fn broken(at: u64, what: String) -> Fault {
    Fault::Broken { at, what }
}
