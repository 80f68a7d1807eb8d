//! TCP (RFC 9293), its options kept as they were sent.

mod options;

pub use options::{Kinds, Options, TcpOption, Walk};

use crate::packet::Malformed;

/// A TCP header and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    pub source_port: u16,
    pub destination_port: u16,
    pub sequence: u32,
    pub acknowledgement: u32,
    pub flags: Flags,
    /// The four bits between data offset and flags, which must be zero (the lowest was NS and is AE of RFC 9768).
    pub reserved: u8,
    pub window: u16,
    pub urgent: u16,
    /// The options area as sent, padding included; in a cut capture what there is of it.
    pub options: &'a [u8],
    /// Header with options as its data offset says, bytes.
    pub header_len: usize,
    /// What of the payload was captured.
    pub payload: &'a [u8],
    /// The payload's length as sent, bytes.
    pub payload_len: usize,
}

/// The eight flags of a TCP header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

const HEADER: usize = 20;

// === impl Tcp ===

impl<'a> Tcp<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], said: usize) -> Result<(Self, Option<Malformed>), Malformed> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed::TcpTruncated)?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let long = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let offset = usize::from(header[12] >> 4) * 4;
        let fault = (offset < HEADER || offset > said).then_some(Malformed::TcpDataOffset);
        let header_len = offset.clamp(HEADER, said.max(HEADER));
        let options = &rest[..(header_len - HEADER).min(rest.len())];
        let tcp = Self {
            source_port: word(0),
            destination_port: word(2),
            sequence: long(4),
            acknowledgement: long(8),
            flags: Flags(header[13]),
            reserved: header[12] & 0x0f,
            window: word(14),
            urgent: word(18),
            options,
            header_len,
            payload: &rest[options.len()..],
            payload_len: said.saturating_sub(header_len),
        };
        Ok((tcp, fault))
    }

    /// The options, walked once.
    #[inline]
    pub fn options(&self) -> Options {
        Options::read(self.options, self.header_len - HEADER)
    }

    /// Own and echoed timestamp.
    #[inline]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        match *self.options {
            [] => None,
            // As nearly all stacks lay them out.
            [1, 1, 8, 10, a, b, c, d, e, f, g, h] => {
                Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
            }
            _ => self.options().timestamps,
        }
    }

    /// What this segment takes of the sequence space: its payload, and one each for SYN and FIN.
    #[inline]
    pub fn sequence_len(&self) -> u32 {
        let marks = u32::from(self.flags.syn()) + u32::from(self.flags.fin());
        u32::try_from(self.payload_len).unwrap_or(u32::MAX).wrapping_add(marks)
    }
}

// === impl Flags ===

impl Flags {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;

    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask != 0
    }

    pub const fn fin(self) -> bool {
        self.has(Self::FIN)
    }

    pub const fn syn(self) -> bool {
        self.has(Self::SYN)
    }

    pub const fn rst(self) -> bool {
        self.has(Self::RST)
    }

    pub const fn ack(self) -> bool {
        self.has(Self::ACK)
    }

    /// Opens a connection: SYN and no ACK, whatever else is set.
    pub const fn opens(self) -> bool {
        self.syn() && !self.ack()
    }

    /// Answers an opening: SYN and ACK.
    pub const fn answers(self) -> bool {
        self.syn() && self.ack()
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// Letters as tcpdump has them: `S`, `F`, `R`, `P`, `.` for ACK, `U`, `E`, `W`.
impl std::fmt::Display for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = [
            (Self::SYN, 'S'),
            (Self::FIN, 'F'),
            (Self::RST, 'R'),
            (Self::PSH, 'P'),
            (Self::ACK, '.'),
            (Self::URG, 'U'),
            (Self::ECE, 'E'),
            (Self::CWR, 'W'),
        ];
        for (mask, letter) in letters {
            if self.has(mask) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}
