//! The certificate a TLS server shows, by whatever version it speaks (fingerprint.md §16.5).

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use model::Fields;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::old_tls::{self, Seen, TLS_1_0, TLS_1_1};
use super::{ProbeKind, TLS_PORTS, certificate};
use crate::finding::{Failed, Finding, fields};
use crate::target::Target;

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "tls_certificate",
    order: 200,
    ports: &TLS_PORTS,
    event: "tls_certificate",
    ask,
};

/// Believes everything, and remembers whether a staple came.
#[derive(Debug)]
struct Credulous {
    stapled: Mutex<bool>,
    schemes: Vec<SignatureScheme>,
}

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    let ports = target.open(&PROBE).into_iter();
    join_all(ports.map(|port| of_port(target, port))).boxed()
}

async fn of_port(target: &Target<'_>, port: u16) -> Finding {
    match look(target, port).await {
        Ok(fields) => {
            let hash = fields.get("cert_sha256").and_then(Value::as_str).map(str::to_owned);
            Finding::answered(Some(port), hash, fields)
        }
        Err(error) => Finding::of_error(Some(port), &error),
    }
}

async fn look(target: &Target<'_>, port: u16) -> Result<Fields, Failed> {
    let mut stapled = None;
    let seen = match modern(target, port, None).await {
        Ok((seen, staple)) => {
            stapled = Some(staple);
            seen
        }
        Err(modern @ Failed::Timeout) => return Err(modern),
        Err(modern) => {
            let mut old = Err(modern);
            for version in [TLS_1_1, TLS_1_0] {
                if old.is_err() {
                    // The first reason is the one worth telling.
                    old = old_tls::ask(target, port, version).await.or(old);
                }
            }
            old?
        }
    };
    let leaf = seen
        .chain
        .first()
        .ok_or_else(|| Failed::Protocol("no certificate".to_owned()))?;
    let mut told = certificate::describe(leaf);
    let chain: Vec<_> = seen.chain.iter().map(|der| certificate::sha256(der)).collect();
    told.extend(fields([
        ("chain_sha256", chain.into()),
        ("tls_version", wire::tls::version_name(seen.version).into_owned().into()),
        ("cipher", format!("{:04x}", seen.cipher).into()),
        ("alpn", seen.alpn.clone().into()),
        ("ocsp_staple", stapled.into()),
    ]));
    // By name it may show another one.
    if let Some(name) = certificate::server_name(leaf)
        && let Ok((named, _)) = modern(target, port, Some(&name)).await
        && let Some(other) = named.chain.first()
    {
        told.insert("sni".to_owned(), name.into());
        told.insert("sni_cert_sha256".to_owned(), certificate::sha256(other).into());
    }
    Ok(told)
}

/// By TLS 1.2 or 1.3; the second value is whether a staple came.
async fn modern(target: &Target<'_>, port: u16, name: Option<&str>) -> Result<(Seen, bool), Failed> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Credulous {
        stapled: Mutex::new(false),
        schemes: provider.signature_verification_algorithms.supported_schemes(),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failed::Protocol(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // An address is never sent as a name.
    let server = match name.and_then(|name| ServerName::try_from(name.to_owned()).ok()) {
        Some(name) => name,
        None => ServerName::IpAddress(target.ip.into()),
    };
    let connection = target.connect(port).await?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(server, connection.stream);
    let stream = match timeout(target.limits.read, handshake).await? {
        Ok(stream) => stream,
        Err(error) => {
            return Err(
                match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    Some(tls) => Failed::Protocol(tls.to_string()),
                    None => error.into(),
                },
            );
        }
    };
    let (_, tls) = stream.get_ref();
    let chain = tls.peer_certificates().unwrap_or_default();
    let seen = Seen {
        version: tls.protocol_version().map_or(0, u16::from),
        cipher: tls.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into()),
        alpn: tls
            .alpn_protocol()
            .map(|name| String::from_utf8_lossy(name).into_owned()),
        chain: chain.iter().map(|der| der.to_vec()).collect(),
    };
    let stapled = *verifier.stapled.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((seen, stapled))
}

// === impl Credulous ===

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.stapled.lock().unwrap_or_else(PoisonError::into_inner) = !ocsp.is_empty();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
