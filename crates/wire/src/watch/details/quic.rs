//! Hellos inside QUIC.

use serde::Serialize;

use super::tls;
use crate::ja3;
use crate::ja4::Ja4;
use crate::quic::{Hello, Probe, is_reserved, parameters, parameters_hash};
use crate::tls::ClientHello;

#[derive(Clone, Debug, Serialize)]
pub struct QuicHello {
    pub ja4_quic: String,
    pub ja4_quic_r: String,
    pub sni: String,
    pub alpn: String,
    pub raw_ciphers: String,
    pub raw_extensions: String,
    pub quic_version: u32,
    /// Transport parameters in the order sent, reserved ones left out, joined by `-`.
    pub quic_tp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quic_tp_hash: Option<String>,
    pub dcid_len: u8,
    pub scid_len: u8,
    pub token_len: usize,
    pub datagram_size: usize,
    pub datagrams: u8,
    pub hello_len: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct QuicProbe {
    pub quic_version: u32,
    pub dcid_len: u8,
    pub scid_len: u8,
    pub datagram_size: usize,
}

// === impl QuicHello ===

impl QuicHello {
    pub(crate) fn new(hello: &ClientHello<'_>, ja4: &Ja4, carried: &Hello) -> Self {
        let ids = parameters(hello).map(|(id, _)| id).filter(|&id| !is_reserved(id));
        Self {
            ja4_quic: ja4.hash(),
            ja4_quic_r: ja4.raw(),
            sni: tls::sni(hello),
            alpn: tls::alpn(hello),
            raw_ciphers: ja3::list(hello.ciphers()),
            raw_extensions: ja3::list(hello.extensions.iter().map(|(kind, _)| kind)),
            quic_version: carried.version,
            quic_tp: ids.map(|id| id.to_string()).collect::<Vec<_>>().join("-"),
            quic_tp_hash: parameters_hash(hello),
            dcid_len: carried.dcid_len,
            scid_len: carried.scid_len,
            token_len: carried.token_len,
            datagram_size: carried.datagram_len,
            datagrams: carried.datagrams,
            hello_len: hello.length,
        }
    }
}

impl From<Probe> for QuicProbe {
    fn from(probe: Probe) -> Self {
        Self {
            quic_version: probe.version,
            dcid_len: probe.dcid_len,
            scid_len: probe.scid_len,
            datagram_size: probe.datagram_len,
        }
    }
}
