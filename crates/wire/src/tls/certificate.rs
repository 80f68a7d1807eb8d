//! What a server's certificates say (RFC 5280), up to TLS 1.2 read off the wire.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};
use x509_parser::der_parser::oid;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use crate::digest::{hex, sha256_hex};
use crate::read::Reader;
use crate::time::Second;

/// A certificate in words. Serializes under the names that events have for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Over all of it, 64 hex digits.
    #[serde(rename = "cert_sha256")]
    pub sha256: String,
    /// Over the public key with its algorithm, 64 hex digits.
    #[serde(rename = "spki_sha256")]
    pub key_sha256: String,
    /// RFC 4514, as are [`Certificate::issuer`]'s.
    pub subject: String,
    #[serde(serialize_with = "or_empty")]
    pub subject_cn: Option<String>,
    pub issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_cn: Option<String>,
    /// Subject and issuer are the same and its own key made the signature. One that cannot be checked counts by the
    /// names.
    pub self_signed: bool,
    /// Unix time, seconds.
    #[serde(serialize_with = "moment")]
    pub not_before: i64,
    #[serde(serialize_with = "moment")]
    pub not_after: i64,
    /// Hex digits.
    pub serial: String,
    /// DNS names, addresses, URIs and mail addresses.
    pub sans: Vec<String>,
    /// `RSA`, `EC`, `Ed25519` and so on; the number of one without a name.
    pub key_type: String,
    /// 0 where it is not known.
    pub key_bits: usize,
    /// `sha256WithRSAEncryption` and so on; the number of one without a name.
    pub signature_algorithm: String,
}

/// More than any chain has.
pub const MAX_CHAIN: usize = 16;
const MAX_SANS: usize = 256;

/// The certificates in the body of a Certificate message of TLS 1.2 or older, leaf first, as DER. One that is cut ends
/// them.
pub fn chain(body: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut reader = Reader(body);
    let length = reader.u24().unwrap_or(0).min(reader.0.len());
    let mut list = Reader(reader.take(length).unwrap_or_default());
    let next = move || {
        let length = list.u24()?;
        list.take(length)
    };
    std::iter::from_fn(next).take(MAX_CHAIN)
}

// === impl Certificate ===

impl Certificate {
    /// Reads one certificate. Nothing when it is not DER of one.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (subject, issuer) = (certificate.subject(), certificate.issuer());
        let validity = certificate.validity();
        let key = certificate.public_key();
        let (key_type, key_bits) = key_of(key);
        Some(Self {
            sha256: sha256_hex(certificate.as_raw()),
            key_sha256: sha256_hex(key.raw),
            subject: rfc4514(subject),
            subject_cn: common_name(subject),
            issuer: rfc4514(issuer),
            issuer_cn: common_name(issuer),
            self_signed: is_self_signed(&certificate, &key_type),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            serial: hex(certificate.raw_serial()),
            sans: sans(&certificate),
            key_type,
            key_bits,
            signature_algorithm: signature_name(&certificate.signature_algorithm.algorithm),
        })
    }

    /// Whole days between its dates.
    pub fn validity_days(&self) -> i64 {
        (self.not_after.saturating_sub(self.not_before)) / 86_400
    }
}

fn or_empty<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_deref().unwrap_or_default())
}

fn moment<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Second(*seconds))
}

fn is_self_signed(certificate: &X509Certificate<'_>, key_type: &str) -> bool {
    if certificate.subject().as_raw() != certificate.issuer().as_raw() {
        return false;
    }
    match certificate.verify_signature(None) {
        Ok(()) => true,
        Err(X509Error::SignatureUnsupportedAlgorithm) => {
            let signature = signature_name(&certificate.signature_algorithm.algorithm);
            let of_rsa = signature.contains("RSA") || signature.starts_with("rsa");
            of_rsa == (key_type == "RSA") && signature.starts_with("ecdsa") == (key_type == "EC")
        }
        Err(_) => false,
    }
}

fn sans(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|four| Ipv4Addr::from(four).to_string()),
            _ => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|six| Ipv6Addr::from(six).to_string()),
        },
        _ => None,
    });
    names.take(MAX_SANS).collect()
}

fn key_of(key: &SubjectPublicKeyInfo<'_>) -> (String, usize) {
    let named = [(oid!(1.3.101.112), "Ed25519", 256), (oid!(1.3.101.113), "Ed448", 456)];
    let algorithm = &key.algorithm.algorithm;
    if let Some((_, name, bits)) = named.iter().find(|(oid, ..)| oid == algorithm) {
        return ((*name).to_owned(), *bits);
    }
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => ("RSA".to_owned(), rsa.key_size()),
        Ok(PublicKey::EC(point)) => ("EC".to_owned(), curve_bits(key).unwrap_or(point.key_size())),
        Ok(PublicKey::DSA(_)) => ("DSA".to_owned(), 0),
        _ => (algorithm.to_id_string(), 0),
    }
}

/// A point's length is rounded up to bytes, a curve's is not.
fn curve_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let curves = [
        (oid!(1.2.840.10045.3.1.7), 256),
        (oid!(1.3.132.0.34), 384),
        (oid!(1.3.132.0.35), 521),
        (oid!(1.3.132.0.10), 256),
    ];
    curves.iter().find(|(oid, _)| *oid == curve).map(|(_, bits)| *bits)
}

fn signature_name(algorithm: &Oid<'_>) -> String {
    let names = [
        (oid!(1.2.840.113549.1.1.4), "md5WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.5), "sha1WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.10), "rsassaPss"),
        (oid!(1.2.840.113549.1.1.11), "sha256WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.12), "sha384WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.13), "sha512WithRSAEncryption"),
        (oid!(1.2.840.10045.4.1), "ecdsa-with-SHA1"),
        (oid!(1.2.840.10045.4.3.2), "ecdsa-with-SHA256"),
        (oid!(1.2.840.10045.4.3.3), "ecdsa-with-SHA384"),
        (oid!(1.2.840.10045.4.3.4), "ecdsa-with-SHA512"),
        (oid!(1.3.101.112), "ed25519"),
        (oid!(1.3.101.113), "ed448"),
    ];
    let known = names.iter().find(|(oid, _)| oid == algorithm);
    known.map_or_else(|| algorithm.to_id_string(), |(_, name)| (*name).to_owned())
}

/// The last one, which is the most particular.
fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().last().map(value)
}

/// The name as RFC 4514 writes it: most particular part first.
fn rfc4514(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let parts = parts.into_iter().rev().map(|part| {
        let attributes = part.iter().map(|attribute| {
            let kind = short_name(attribute.attr_type());
            format!("{kind}={}", escaped(&value(attribute)))
        });
        attributes.collect::<Vec<_>>().join("+")
    });
    parts.collect::<Vec<_>>().join(",")
}

/// RFC 4514 §3.
fn short_name(kind: &Oid<'_>) -> String {
    let names = [
        (oid!(2.5.4.3), "CN"),
        (oid!(2.5.4.7), "L"),
        (oid!(2.5.4.8), "ST"),
        (oid!(2.5.4.10), "O"),
        (oid!(2.5.4.11), "OU"),
        (oid!(2.5.4.6), "C"),
        (oid!(2.5.4.9), "STREET"),
        (oid!(0.9.2342.19200300.100.1.25), "DC"),
        (oid!(0.9.2342.19200300.100.1.1), "UID"),
    ];
    let known = names.iter().find(|(oid, _)| oid == kind);
    known.map_or_else(|| kind.to_id_string(), |(_, name)| (*name).to_owned())
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.to_owned(),
        // Two bytes a letter.
        Err(_) if attribute.attr_value().tag().0 == 30 => {
            let units = attribute.as_slice().chunks_exact(2);
            let units: Vec<u16> = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}

/// RFC 4514 §2.4.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, letter) in text.chars().enumerate() {
        let special = matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (letter == '#' && at == 0)
            || (letter == ' ' && (at == 0 || at == last));
        match letter {
            '\0' => out.push_str("\\00"),
            letter if special => out.extend(['\\', letter]),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_rfc_4514_says() {
        assert_eq!(escaped(" a,b\\c# "), "\\ a\\,b\\\\c#\\ ");
        assert_eq!(escaped("#x\0"), "\\#x\\00");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn a_chain_ends_at_the_first_that_is_cut() {
        let body = [0, 0, 9, 0, 0, 2, 1, 2, 0, 0, 9, 3];
        assert!(chain(&body).eq([[1, 2]]));
        assert_eq!(chain(&[0, 0]).count(), 0);
        assert_eq!(chain(&[0xff; 64]).count(), 0);
    }
}
