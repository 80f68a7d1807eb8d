//! What a server chose.

use super::extension as ext;
use super::{Extensions, client, is_grease};
use crate::digest::{push_hex16, sha256_12};
use crate::read::Reader;

/// A hello with this random number asks for another one of the client (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'a> {
    pub legacy_version: u16,
    pub random: &'a [u8; 32],
    pub session_id: &'a [u8],
    pub cipher: u16,
    pub compression: u8,
    pub extensions: Extensions<'a>,
}

// === impl ServerHello ===

impl<'a> ServerHello<'a> {
    /// Reads the body of a message, head not included.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        Some(Self {
            legacy_version: reader.u16()?,
            random: reader.array()?,
            session_id: reader.block8()?,
            cipher: reader.u16()?,
            compression: reader.u8()?,
            extensions: {
                let length = reader.u16().unwrap_or_default();
                Extensions(reader.take(reader.0.len().min(length.into()))?)
            },
        })
    }

    /// The version that will be spoken.
    pub fn version(&self) -> u16 {
        self.extensions
            .get(ext::SUPPORTED_VERSIONS)
            .and_then(|body| Reader(body).u16())
            .unwrap_or(self.legacy_version)
    }

    pub fn alpn(&self) -> Option<&'a [u8]> {
        client::protocols(self.extensions).next()
    }

    pub fn asks_again(&self) -> bool {
        *self.random == RETRY
    }

    /// Our own plain signature: `version:cipher:extensions:alpn`, numbers in hex.
    pub fn signature(&self) -> String {
        let mut text = String::with_capacity(64);
        push_hex16(&mut text, self.version());
        text.push(':');
        push_hex16(&mut text, self.cipher);
        text.push(':');
        for (at, (kind, _)) in self.extensions.iter().filter(|(kind, _)| !is_grease(*kind)).enumerate() {
            if at > 0 {
                text.push(',');
            }
            push_hex16(&mut text, kind);
        }
        text.push(':');
        text.push_str(&String::from_utf8_lossy(self.alpn().unwrap_or_default()));
        text
    }

    /// The first 12 hex digits of SHA-256 over [`Self::signature`].
    pub fn signature_hash(&self) -> String {
        sha256_12(self.signature().as_bytes())
    }
}
