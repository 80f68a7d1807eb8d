//! Packets of the protocol, read and written.

use sql::mysql::output::{length, sized};
use sql::mysql::{Described, Refusal};

/// A packet's length is no longer than this before the login, and after it.
pub(super) const MAX_AUTH: usize = 16 << 10;
pub(super) const MAX_PACKET: usize = 16 << 20;
/// A packet of this length is followed by the rest of what it says.
const WHOLE: usize = 0xff_ffff;

/// What a client and a server can do.
pub(super) mod can {
    /// Rows an UPDATE meant are told, not those it changed.
    pub(crate) const FOUND_ROWS: u32 = 2;
    pub(crate) const CONNECT_WITH_DB: u32 = 8;
    pub(crate) const LOCAL_FILES: u32 = 128;
    pub(crate) const PROTOCOL_41: u32 = 512;
    pub(crate) const SSL: u32 = 2048;
    pub(crate) const SECURE: u32 = 1 << 15;
    pub(crate) const MULTI_STATEMENTS: u32 = 1 << 16;
    pub(crate) const PLUGIN_AUTH: u32 = 1 << 19;
    pub(crate) const ATTRIBUTES: u32 = 1 << 20;
    pub(crate) const LENENC_AUTH: u32 = 1 << 21;
    pub(crate) const NO_EOF: u32 = 1 << 24;
    /// Of MariaDB, in a field of its own.
    pub(crate) const CACHED_COLUMNS: u32 = 1 << 4;
    pub(crate) const MORE_OF_COLUMNS: u32 = 1 << 3;
}

pub(super) mod status {
    pub(crate) const IN_TRANSACTION: u16 = 1;
    pub(crate) const AUTOCOMMIT: u16 = 2;
    pub(crate) const MORE: u16 = 8;
    pub(crate) const NO_INDEX: u16 = 32;
}

/// What lies at the front of what was said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front {
    More,
    /// What is said, and the number of its last packet.
    Whole(Vec<u8>, u8),
    /// The number of the packet is not the one that is due.
    Unordered,
    /// How many bytes that would be, with what is before them.
    TooLong(usize),
}

/// The next packet, whose number is to be `due`, put together where it is in parts.
pub(super) fn packet(said: &mut Vec<u8>, due: u8, most: usize) -> Front {
    let (mut at, mut due) = (0, due);
    let mut body = Vec::new();
    loop {
        let Some(&[a, b, c, number]) = said.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return Front::More;
        };
        if number != due {
            return Front::Unordered;
        }
        let count = u32::from_le_bytes([a, b, c, 0]) as usize;
        if body.len() + count > most {
            return Front::TooLong(at + 4 + count);
        }
        let Some(part) = said.get(at + 4..at + 4 + count) else {
            return Front::More;
        };
        body.extend(part);
        at += 4 + count;
        if count < WHOLE {
            said.drain(..at);
            return Front::Whole(body, number);
        }
        due = due.wrapping_add(1);
    }
}

/// Packets on their way, each numbered after the one before.
#[derive(Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    /// The number of the next.
    pub(super) next: u8,
}

// === impl Out ===

impl Out {
    pub(super) fn put(&mut self, body: &[u8]) {
        let mut rest = body;
        loop {
            let (part, left) = rest.split_at(rest.len().min(WHOLE));
            self.bytes.extend(&(part.len() as u32).to_le_bytes()[..3]);
            self.bytes.push(self.next);
            self.next = self.next.wrapping_add(1);
            self.bytes.extend(part);
            rest = left;
            if part.len() < WHOLE {
                return;
            }
        }
    }

    pub(super) fn error(&mut self, refusal: &Refusal) {
        let mut body = vec![0xff];
        body.extend(refusal.number.to_le_bytes());
        if !refusal.state.is_empty() {
            body.push(b'#');
            body.extend(refusal.state.bytes());
        }
        body.extend(refusal.message.bytes().take(511));
        self.put(&body);
    }

    /// `head` is 0, or 0xfe where it stands for an end of rows.
    pub(super) fn ok(&mut self, head: u8, (affected, inserted): (u64, u64), status: u16, info: &str) {
        let mut body = vec![head];
        body.extend(length(affected));
        body.extend(length(inserted));
        body.extend(status.to_le_bytes());
        body.extend([0, 0]);
        if !info.is_empty() {
            body.extend(sized(info.as_bytes()));
        }
        self.put(&body);
    }

    pub(super) fn end(&mut self, status: u16) {
        let [low, high] = status.to_le_bytes();
        self.put(&[0xfe, 0, 0, low, high]);
    }

    /// A column; `more` is whether MariaDB's clients read what else there may be of it.
    pub(super) fn column(&mut self, column: &Described, more: bool, default: bool) {
        let mut body = sized(b"def");
        for text in [
            &column.schema,
            &column.table,
            &column.table,
            &column.name,
            &column.own_name,
        ] {
            body.extend(sized(text.as_bytes()));
        }
        if more {
            body.push(0);
        }
        body.push(0x0c);
        body.extend(column.charset.to_le_bytes());
        body.extend(column.length.to_le_bytes());
        body.push(column.code);
        body.extend(column.flags.to_le_bytes());
        body.extend([column.decimals, 0, 0]);
        if default {
            body.push(0xfb);
        }
        self.put(&body);
    }
}

/// Fields of a packet, one after another; what is not there is nothing.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        Some(self.bytes(1)?[0])
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(2)?.try_into().ok()?))
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    /// Bytes up to a NUL.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        let size = match self.byte()? {
            first @ 0..=250 => return Some(first.into()),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            _ => return None,
        };
        let mut number = [0; 8];
        number[..size].copy_from_slice(self.bytes(size)?);
        usize::try_from(u64::from_le_bytes(number)).ok()
    }

    pub(super) fn sized(&mut self) -> Option<&'a [u8]> {
        let count = self.length()?;
        self.bytes(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_taken_when_it_is_whole_and_its_number_is_due() {
        let mut said = vec![1, 0, 0, 0];
        assert_eq!(packet(&mut said, 0, 10), Front::More);
        said.push(7);
        said.push(9);
        assert_eq!(packet(&mut said, 0, 10), Front::Whole(vec![7], 0));
        assert_eq!(said, [9]);
        assert_eq!(packet(&mut b"GET / HTTP".to_vec(), 1, 10), Front::Unordered);
        assert_eq!(packet(&mut vec![11, 0, 0, 0], 0, 10), Front::TooLong(15));
    }

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for number in [0, 250, 251, 0xffff, 0x1_0000, 0x100_0000] {
            assert_eq!(Fields(&length(number)).length(), Some(number as usize));
        }
        assert_eq!(Fields(&[0xfc, 1]).length(), None);
    }
}
