//! What a client offers.

use super::extension as ext;
use super::{Extensions, is_grease, numbers};
use crate::read::Reader;

/// A ClientHello, all of it as it was sent: GREASE and order are kept.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// Of the message itself; since TLS 1.3 the versions offered are an extension.
    pub legacy_version: u16,
    pub random: &'a [u8; 32],
    pub session_id: &'a [u8],
    /// Of DTLS.
    pub cookie: Option<&'a [u8]>,
    ciphers: &'a [u8],
    pub compressions: &'a [u8],
    pub extensions: Extensions<'a>,
    /// The whole message, its head of four bytes included.
    pub length: usize,
}

/// What a client brings along from an earlier session, or claims to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumption {
    pub session_ticket: bool,
    pub psk: bool,
    pub early_data: bool,
    /// Only where it means something: TLS 1.3 fills the field always.
    pub session_id: bool,
}

// === impl ClientHello ===

impl<'a> ClientHello<'a> {
    /// Reads the body of a message, head not included. What follows a whole hello is passed over, and extensions
    /// end at the first that does not fit; nothing else may be missing.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        Self::read(body, false)
    }

    /// The same of DTLS, which has a cookie.
    pub fn parse_dtls(body: &'a [u8]) -> Option<Self> {
        Self::read(body, true)
    }

    fn read(body: &'a [u8], cookie: bool) -> Option<Self> {
        let mut reader = Reader(body);
        Some(Self {
            length: body.len() + 4,
            legacy_version: reader.u16()?,
            random: reader.array()?,
            session_id: reader.block8()?,
            cookie: if cookie { Some(reader.block8()?) } else { None },
            ciphers: reader.block16()?,
            compressions: reader.block8()?,
            extensions: {
                let length = reader.u16().unwrap_or_default();
                Extensions(reader.take(reader.0.len().min(length.into()))?)
            },
        })
    }

    pub fn ciphers(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        numbers(self.ciphers)
    }

    /// The name asked for, as sent.
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut names = Reader(Reader(self.extensions.get(ext::SERVER_NAME)?).block16()?);
        match names.u8()? {
            0 => names.block16(),
            _ => None,
        }
    }

    /// Application protocols, dearest first.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        protocols(self.extensions)
    }

    pub fn groups(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        numbers(self.list16(ext::GROUPS))
    }

    pub fn point_formats(&self) -> &'a [u8] {
        self.list8(ext::POINT_FORMATS)
    }

    pub fn signature_algorithms(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        numbers(self.list16(ext::SIGNATURE_ALGORITHMS))
    }

    pub fn supported_versions(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        numbers(self.list8(ext::SUPPORTED_VERSIONS))
    }

    /// Groups a key was sent for.
    pub fn key_share_groups(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        let mut shares = Reader(self.list16(ext::KEY_SHARE));
        std::iter::from_fn(move || {
            let group = shares.u16()?;
            shares.block16().map(|_| group)
        })
    }

    /// Algorithms of RFC 8879.
    pub fn certificate_compressions(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        numbers(self.list8(ext::CERTIFICATE_COMPRESSION))
    }

    /// An encrypted hello lies within, or bytes that look like one.
    pub fn has_ech(&self) -> bool {
        self.extensions.get(ext::ENCRYPTED_CLIENT_HELLO).is_some()
    }

    /// Some list holds a value of RFC 8701.
    pub fn has_grease(&self) -> bool {
        self.ciphers().any(is_grease)
            || self.extensions.iter().any(|(kind, _)| is_grease(kind))
            || self.groups().any(is_grease)
            || self.supported_versions().any(is_grease)
            || self.signature_algorithms().any(is_grease)
    }

    pub fn resumption(&self) -> Resumption {
        let psk = self.extensions.get(ext::PRE_SHARED_KEY).is_some();
        let offers_13 = self.supported_versions().any(|version| version == 0x0304);
        Resumption {
            session_ticket: self
                .extensions
                .get(ext::SESSION_TICKET)
                .is_some_and(|ticket| !ticket.is_empty()),
            psk,
            early_data: self.extensions.get(ext::EARLY_DATA).is_some(),
            session_id: !self.session_id.is_empty() && (psk || !offers_13),
        }
    }

    fn list16(&self, kind: u16) -> &'a [u8] {
        self.extensions
            .get(kind)
            .and_then(|body| Reader(body).block16())
            .unwrap_or_default()
    }

    fn list8(&self, kind: u16) -> &'a [u8] {
        self.extensions
            .get(kind)
            .and_then(|body| Reader(body).block8())
            .unwrap_or_default()
    }
}

/// Names in the ALPN extension, of either side.
pub(super) fn protocols<'a>(extensions: Extensions<'a>) -> impl Iterator<Item = &'a [u8]> + Clone + 'a {
    let body = extensions.get(ext::ALPN).unwrap_or_default();
    let mut names = Reader(Reader(body).block16().unwrap_or_default());
    std::iter::from_fn(move || names.block8())
}

// === impl Resumption ===

impl Resumption {
    pub fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Names of the ways, in the order events list them.
    pub fn mechanisms(self) -> impl Iterator<Item = &'static str> {
        [
            (self.session_ticket, "session_ticket"),
            (self.psk, "psk"),
            (self.early_data, "early_data_0rtt"),
            (self.session_id, "session_id"),
        ]
        .into_iter()
        .filter_map(|(used, name)| used.then_some(name))
    }
}
