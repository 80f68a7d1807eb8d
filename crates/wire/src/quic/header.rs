//! Long headers (RFC 9000 §17.2).

use crate::read::Reader;

const LONG: u8 = 0x80;
const FIXED: u8 = 0x40;
/// Connection ids of the versions that are read are not longer (RFC 9000 §17.2).
const MAX_ID: usize = 20;
/// A client's first datagram is not smaller (RFC 9000 §14.1).
const MIN_DATAGRAM: usize = 1200;

/// A version whose Initial packets can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// RFC 9000. The last drafts, 33 and 34, differ in the number alone.
    V1,
    /// RFC 9369.
    V2,
    /// Drafts 29 to 32.
    Draft29,
}

/// A packet of a version that cannot be read: a client of one, or someone asking which versions are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub version: u32,
    /// Lengths of the connection ids.
    pub dcid_len: u8,
    pub scid_len: u8,
    pub datagram_len: usize,
}

/// A packet with a long header, as far as it is readable before keys are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Long<'a> {
    pub version: Version,
    /// As it stands in the packet.
    pub version_number: u32,
    pub kind: Kind,
    pub dcid: &'a [u8],
    pub scid: &'a [u8],
    pub token: &'a [u8],
    /// The whole packet.
    pub packet: &'a [u8],
    /// Where in it the packet number is.
    pub number_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
}

pub(super) enum Read<'a> {
    /// And what follows it in the datagram.
    Packet(Long<'a>, &'a [u8]),
    /// Ends before its header says it does.
    Cut,
    /// No long header of a version that can be read.
    Other,
}

/// Tells a packet of an unknown version from anything else that comes over UDP. Clients make their first datagram
/// large; a smaller one counts only with a version reserved for asking (RFC 9000 §15).
pub fn probe(datagram: &[u8]) -> Option<Probe> {
    let mut reader = Reader(datagram);
    let first = reader.u8()?;
    let version = reader.u32()?;
    let (dcid, scid) = (reader.block8()?, reader.block8()?);
    let asks = version & 0x0f0f_0f0f == 0x0a0a_0a0a;
    let unknown = first & LONG != 0 && version != 0 && Version::of(version).is_none();
    (unknown && (asks || datagram.len() >= MIN_DATAGRAM)).then_some(Probe {
        version,
        dcid_len: dcid.len() as u8,
        scid_len: scid.len() as u8,
        datagram_len: datagram.len(),
    })
}

// === impl Version ===

impl Version {
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            0x0000_0001 | 0xff00_0021 | 0xff00_0022 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d..=0xff00_0020 => Some(Self::Draft29),
            _ => None,
        }
    }

    fn kind(self, first: u8) -> Kind {
        let kinds = match self {
            Self::V1 | Self::Draft29 => [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry],
            Self::V2 => [Kind::Retry, Kind::Initial, Kind::ZeroRtt, Kind::Handshake],
        };
        kinds[usize::from(first >> 4 & 3)]
    }
}

// === impl Long ===

impl<'a> Long<'a> {
    /// Reads the packet at the start of what is left of a datagram.
    pub(super) fn read(bytes: &'a [u8]) -> Read<'a> {
        let mut reader = Reader(bytes);
        let (Some(first), Some(number)) = (reader.u8(), reader.u32()) else {
            return Read::Other;
        };
        let Some(version) = Version::of(number).filter(|_| first & (LONG | FIXED) == LONG | FIXED) else {
            return Read::Other;
        };
        let kind = version.kind(first);
        let (Some(dcid), Some(scid)) = (reader.block8(), reader.block8()) else {
            return Read::Cut;
        };
        if dcid.len() > MAX_ID || scid.len() > MAX_ID {
            return Read::Other;
        }
        let token = match kind {
            Kind::Initial => reader.block_varint(),
            _ => Some(&[][..]),
        };
        let packet = |reader: Reader<'a>, end: usize| Self {
            version,
            version_number: number,
            kind,
            dcid,
            scid,
            token: token.unwrap_or_default(),
            packet: &bytes[..end],
            number_at: bytes.len() - reader.0.len(),
        };
        // A Retry has no length: it is all there is.
        if kind == Kind::Retry {
            return Read::Packet(packet(reader, bytes.len()), &[]);
        }
        let Some(length) = token.and_then(|_| reader.varint()) else {
            return Read::Cut;
        };
        let Some(rest) = usize::try_from(length).ok().and_then(|length| reader.0.get(length..)) else {
            return Read::Cut;
        };
        Read::Packet(packet(reader, bytes.len() - rest.len()), rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_is_a_probe_when_it_is_large_or_reserved_for_asking() {
        let datagram = |version: u32, len: usize| {
            let mut bytes = vec![0xc0];
            bytes.extend(version.to_be_bytes());
            bytes.extend([8, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
            bytes.resize(len, 0);
            bytes
        };
        let asked = probe(&datagram(0x1a2a_3a4a, 40)).unwrap();
        assert_eq!((asked.version, asked.dcid_len, asked.scid_len), (0x1a2a_3a4a, 8, 0));
        assert!(probe(&datagram(0x5130_3530, 1200)).is_some());
        for other in [
            datagram(0x5130_3530, 40),
            datagram(1, 1200),
            datagram(0, 1200),
            vec![0xc0, 1],
        ] {
            assert_eq!(probe(&other), None);
        }
    }
}
