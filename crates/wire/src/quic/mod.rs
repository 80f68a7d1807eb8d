//! QUIC's first flight: the client's hello lies in Initial packets, under keys anyone can derive who saw them.
//!
//! RFC 9000 (packets and frames), RFC 9001 (keys of version 1), RFC 9369 (version 2), drafts 29 to 34.

mod assembler;
mod frames;
mod header;
mod keys;
mod parameters;

pub use assembler::{Assembler, Hello, MAX_DATAGRAMS, Outcome, Unreadable};
pub use header::{Probe, Version, probe};
pub use parameters::{is_reserved, parameters, parameters_hash};

use crate::read::Reader;

// === impl Reader ===

impl<'a> Reader<'a> {
    /// A number of one, two, four or eight bytes (RFC 9000 §16).
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut ahead = *self;
        let first = ahead.u8()?;
        let more = ahead.take((1 << (first >> 6)) - 1)?;
        *self = ahead;
        let sum = |sum, &byte: &u8| sum << 8 | u64::from(byte);
        Some(more.iter().fold(u64::from(first & 0x3f), sum))
    }

    /// What a number of this kind says follows.
    pub(crate) fn block_varint(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = usize::try_from(ahead.varint()?).ok()?;
        let block = ahead.take(length)?;
        *self = ahead;
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_four_lengths() {
        for (bytes, number) in [
            (
                &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..],
                151_288_809_941_952_652,
            ),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x40, 0x25], 37),
            (&[0x25], 37),
        ] {
            assert_eq!(Reader(bytes).varint(), Some(number));
            let mut cut = Reader(&bytes[..bytes.len() - 1]);
            assert_eq!((cut.varint(), cut.0.len()), (None, bytes.len() - 1));
        }
    }
}
