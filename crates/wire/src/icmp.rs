//! ICMP (RFC 792) and ICMPv6 (RFC 4443), with the packets their errors quote.

use crate::{
    ip::Ip,
    packet::{Malformed, PROTOCOL_TCP, PROTOCOL_UDP},
};

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// ICMPv6, whose kinds are others.
    pub v6: bool,
    pub kind: u8,
    pub code: u8,
    /// The four bytes after the checksum: identifier and sequence, MTU, pointer, by kind.
    pub rest: [u8; 4],
    /// After the first eight bytes.
    pub payload: &'a [u8],
}

/// The packet that an ICMP error is about, as its sender got it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    pub ip: Ip<'a>,
    /// Source and destination port of a quoted TCP or UDP header.
    pub ports: Option<(u16, u16)>,
    /// The TCP sequence number, when so much is quoted.
    pub sequence: Option<u32>,
}

const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
/// ICMPv6 kinds below this are errors and quote.
const V6_FIRST_INFORMATIONAL: u8 = 128;

// === impl Icmp ===

impl<'a> Icmp<'a> {
    pub(crate) fn read(bytes: &'a [u8], v6: bool) -> Result<Self, Malformed> {
        let (header, payload) = bytes.split_first_chunk::<8>().ok_or(Malformed::IcmpTruncated)?;
        let [kind, code, _, _, a, b, c, d] = *header;
        Ok(Self {
            v6,
            kind,
            code,
            rest: [a, b, c, d],
            payload,
        })
    }

    /// The packet an error quotes.
    pub fn quoted(&self) -> Option<Quoted<'a>> {
        let quotes = match self.kind {
            kind if self.v6 => kind < V6_FIRST_INFORMATIONAL,
            kind => matches!(
                kind,
                UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM
            ),
        };
        quotes.then(|| Quoted::read(self.payload)).flatten()
    }
}

// === impl Quoted ===

impl<'a> Quoted<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (ip, _) = Ip::read(bytes, true).ok()?;
        let has_ports = matches!(ip.protocol, PROTOCOL_TCP | PROTOCOL_UDP);
        let ports = match ip.payload {
            [a, b, c, d, ..] if has_ports && ip.fragment.is_none_or(|f| f.offset == 0) => {
                Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
            }
            _ => None,
        };
        let sequence = match ip.payload {
            [_, _, _, _, a, b, c, d, ..] if ports.is_some() && ip.protocol == PROTOCOL_TCP => {
                Some(u32::from_be_bytes([*a, *b, *c, *d]))
            }
            _ => None,
        };
        Some(Self { ip, ports, sequence })
    }
}
