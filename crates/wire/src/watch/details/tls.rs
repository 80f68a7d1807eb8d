//! Hellos of TLS, and the answers to them.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use super::text;
use crate::digest::sha256_hex;
use crate::ja3::{self, Ja3};
use crate::ja4::Ja4;
use crate::tls::certificate::{Certificate, chain};
use crate::tls::{ClientHello, ServerHello, is_grease, version_name};

#[derive(Clone, Debug, Serialize)]
pub struct TlsHello {
    pub ja3: String,
    pub ja3_raw: String,
    pub ja3n: String,
    pub ja4: String,
    pub ja4_r: String,
    pub ja4_o: String,
    /// By the hello's own field; the versions offered are in `supported_versions`.
    pub tls_version: Cow<'static, str>,
    pub sni: String,
    pub sni_is_ip: bool,
    /// The name asked for is the machine's; left out where no machines are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni_matches_decoy: Option<bool>,
    /// Comma list.
    pub alpn: String,
    pub raw_ciphers: String,
    pub raw_extensions: String,
    pub groups: String,
    pub key_share_groups: String,
    pub supported_versions: String,
    pub sigalgs: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_compression: String,
    /// Comma list of the ways it wants to resume by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resumption: String,
    pub grease: bool,
    pub ech: bool,
    pub record_version: u16,
    pub hello_len: usize,
    /// Records, or datagrams, that it came in.
    pub fragments: u16,
    /// What was spoken before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starttls: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dtls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synack_delay_ms: Option<f64>,
}

/// What a session tells again of the hello it began with.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    pub ja3: String,
    pub ja4: String,
    pub sni: String,
    pub alpn: String,
    pub raw_ciphers: String,
    pub raw_extensions: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resumption: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct TlsSession {
    pub ja3s: String,
    pub ja3s_raw: String,
    /// Agreed upon.
    pub tls_version: Cow<'static, str>,
    pub cipher: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alpn_chosen: String,
    /// Version, cipher, extensions and protocol in plain, and a hash of it.
    pub tls_srv_sig: String,
    pub tls_srv_sig_hash: String,
    #[serde(flatten)]
    pub asked: Asked,
}

/// Who a server says it is.
#[derive(Clone, Debug, Serialize)]
pub struct TlsCertificate {
    /// Whom the client asked for.
    pub sni: String,
    /// The server's own certificate.
    #[serde(flatten)]
    pub leaf: Certificate,
    pub validity_days: i64,
    /// SHA-256 of each that was sent, leaf first.
    pub chain_sha256: Vec<String>,
}

/// Bytes kept of a server's name.
const NAME: usize = 255;

// === impl TlsHello ===

impl TlsHello {
    pub(crate) fn new(hello: &ClientHello<'_>, ja3: Ja3, ja4: &Ja4) -> Self {
        let sni = sni(hello);
        Self {
            ja3n: ja3::ja3n(hello).hash,
            ja3: ja3.hash,
            ja3_raw: ja3.raw,
            ja4: ja4.hash(),
            ja4_r: ja4.raw(),
            ja4_o: ja4.original_hash(),
            tls_version: version_name(hello.legacy_version),
            sni_is_ip: sni.parse::<IpAddr>().is_ok(),
            sni_matches_decoy: None,
            sni,
            alpn: alpn(hello),
            raw_ciphers: ja3::list(hello.ciphers()),
            raw_extensions: extensions(hello),
            groups: ja3::list(hello.groups()),
            key_share_groups: ja3::list(hello.key_share_groups()),
            supported_versions: versions(hello),
            sigalgs: ja3::list(hello.signature_algorithms()),
            cert_compression: ja3::list(hello.certificate_compressions()),
            resumption: resumption(hello),
            grease: hello.has_grease(),
            ech: hello.has_ech(),
            record_version: 0,
            hello_len: hello.length,
            fragments: 1,
            starttls: None,
            dtls: false,
            client_rtt_ms: None,
            synack_delay_ms: None,
        }
    }
}

// === impl Asked ===

impl Asked {
    pub(crate) fn new(hello: &ClientHello<'_>, ja3: &str, ja4: String) -> Self {
        Self {
            ja3: ja3.to_owned(),
            ja4,
            sni: sni(hello),
            alpn: alpn(hello),
            raw_ciphers: ja3::list(hello.ciphers()),
            raw_extensions: extensions(hello),
            resumption: resumption(hello),
        }
    }
}

// === impl TlsSession ===

impl TlsSession {
    pub(crate) fn new(hello: &ServerHello<'_>, ja3s: Ja3, asked: Asked) -> Self {
        Self {
            ja3s: ja3s.hash,
            ja3s_raw: ja3s.raw,
            tls_version: version_name(hello.version()),
            cipher: hello.cipher,
            alpn_chosen: hello.alpn().map(|name| text(name, NAME)).unwrap_or_default(),
            tls_srv_sig: hello.signature(),
            tls_srv_sig_hash: hello.signature_hash(),
            asked,
        }
    }
}

// === impl TlsCertificate ===

impl TlsCertificate {
    /// Of the body of a Certificate message; none when its first is no certificate.
    pub(crate) fn read(body: &[u8], sni: &str) -> Option<Self> {
        let leaf = Certificate::read(chain(body).next()?)?;
        Some(Self {
            sni: sni.to_owned(),
            validity_days: leaf.validity_days(),
            leaf,
            chain_sha256: chain(body).map(sha256_hex).collect(),
        })
    }
}

pub(crate) fn sni(hello: &ClientHello<'_>) -> String {
    hello.server_name().map(|name| text(name, NAME)).unwrap_or_default()
}

pub(super) fn alpn(hello: &ClientHello<'_>) -> String {
    let mut list = String::new();
    for name in hello.alpn() {
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(&String::from_utf8_lossy(name));
    }
    list
}

fn extensions(hello: &ClientHello<'_>) -> String {
    ja3::list(hello.extensions.iter().map(|(kind, _)| kind))
}

fn versions(hello: &ClientHello<'_>) -> String {
    let names = hello
        .supported_versions()
        .filter(|&version| !is_grease(version))
        .map(version_name);
    names.collect::<Vec<_>>().join(",")
}

fn resumption(hello: &ClientHello<'_>) -> String {
    hello.resumption().mechanisms().collect::<Vec<_>>().join(",")
}
