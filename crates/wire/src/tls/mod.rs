//! TLS as far as it is readable: the hellos of both sides and, up to version 1.2, the certificates.
//!
//! RFC 8446 (1.3), RFC 5246 (1.2), RFC 6101 (SSL 3.0), RFC 8701 (GREASE).

#[cfg(feature = "certificates")]
pub mod certificate;
mod client;
pub mod dtls;
mod message;
mod server;
mod sslv2;
pub mod starttls;

use std::borrow::Cow;

pub use client::{ClientHello, Resumption};
pub use message::{Handshakes, Message, Next};
pub use server::ServerHello;

use crate::Look;
use crate::read::Reader;

/// Kinds of handshake messages.
pub mod kind {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const CERTIFICATE: u8 = 11;
}

/// The extensions that are read; all others are known by number alone.
pub mod extension {
    pub const SERVER_NAME: u16 = 0x0000;
    pub const GROUPS: u16 = 0x000a;
    pub const POINT_FORMATS: u16 = 0x000b;
    pub const SIGNATURE_ALGORITHMS: u16 = 0x000d;
    pub const ALPN: u16 = 0x0010;
    pub const CERTIFICATE_COMPRESSION: u16 = 0x001b;
    pub const SESSION_TICKET: u16 = 0x0023;
    pub const PRE_SHARED_KEY: u16 = 0x0029;
    pub const EARLY_DATA: u16 = 0x002a;
    pub const SUPPORTED_VERSIONS: u16 = 0x002b;
    pub const KEY_SHARE: u16 = 0x0033;
    pub const QUIC_PARAMETERS: u16 = 0x0039;
    /// Of QUIC drafts.
    pub const QUIC_PARAMETERS_DRAFT: u16 = 0xffa5;
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// The client's hello at the start of a stream: in TLS records, however cut, or in the clothes of SSL 2.
pub fn client_hello(stream: &[u8]) -> Look<Message<'_>> {
    match stream {
        [] => Look::More,
        [0x16, ..] => first(stream, kind::CLIENT_HELLO),
        _ => sslv2::client_hello(stream),
    }
}

/// The server's hello at the start of a stream.
pub fn server_hello(stream: &[u8]) -> Look<Message<'_>> {
    first(stream, kind::SERVER_HELLO)
}

fn first(stream: &[u8], kind: u8) -> Look<Message<'_>> {
    match Handshakes::new(stream).next() {
        Next::More => Look::More,
        Next::Message(message) if message.kind == kind => Look::Found(message),
        Next::Message(_) | Next::End => Look::Other,
    }
}

/// One of the sixteen values that mean nothing and must be passed over (RFC 8701).
pub const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// `TLS 1.2` and so on; a version without a name as `0x0305`.
pub fn version_name(version: u16) -> Cow<'static, str> {
    Cow::Borrowed(match version {
        0x0002 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        0xfeff => "DTLS 1.0",
        0xfefd => "DTLS 1.2",
        0xfefc => "DTLS 1.3",
        other => return Cow::Owned(format!("0x{other:04x}")),
    })
}

/// Big-endian numbers of two bytes; a last odd byte is none.
pub(crate) fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// Extensions in the order they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extensions<'a>(&'a [u8]);

// === impl Extensions ===

impl<'a> Extensions<'a> {
    /// Kind and body of each; one that does not fit ends them.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> + Clone {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || Some((reader.u16()?, reader.block16()?)))
    }

    /// The body of the first of that kind.
    pub fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == kind).map(|(_, body)| body)
    }

    /// Their bytes, lengths and all.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}
