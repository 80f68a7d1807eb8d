//! UDP (RFC 768).

use crate::packet::Malformed;

/// A UDP header and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    pub source_port: u16,
    pub destination_port: u16,
    /// What of the payload was captured.
    pub payload: &'a [u8],
    /// The payload's length as sent, bytes.
    pub payload_len: usize,
}

const HEADER: usize = 8;

impl<'a> Udp<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], said: usize) -> Result<(Self, Option<Malformed>), Malformed> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed::UdpTruncated)?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let room = said.saturating_sub(HEADER);
        let (payload_len, fault) = match usize::from(word(4)) {
            0 => (room, None), // A jumbogram (RFC 2675).
            len if len < HEADER || len - HEADER > room => (room, Some(Malformed::UdpLength)),
            len => (len - HEADER, None),
        };
        let payload = &rest[..payload_len.min(rest.len())];
        Ok((
            Self {
                source_port: word(0),
                destination_port: word(2),
                payload,
                payload_len,
            },
            fault,
        ))
    }
}
