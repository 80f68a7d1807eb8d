//! TLS as each product sets OpenSSL up, so that its hello, its choices and its alerts are the product's.

mod ciphers;
pub(super) mod hello;
mod prefix;

use std::pin::Pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::event::Fields;
use openssl::bn::BigNum;
use openssl::dh::Dh;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslSessionCacheMode, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_openssl::SslStream;

use self::hello::{Begun, Wishes};
pub(super) use self::prefix::Prefixed;
use crate::conn::Log;
use crate::sys;

/// Whose TLS it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    Nginx,
    Apache,
    Postfix,
    Dovecot,
    Postgres,
    Kubernetes,
    Mysql,
}

/// Seconds a session may be taken up again, in nginx and in Apache.
const SESSION_S: i64 = 300;
/// The same in mail servers, which leave it to OpenSSL.
const MAIL_SESSION_S: i64 = 7200;
/// `SSL_OP_LEGACY_EC_POINT_FORMATS`: names the forms OpenSSL 3.0 named.
const ALL_POINT_FORMATS: u64 = 1 << 36;
const INTERNAL_ERROR: u8 = 80;
const HANDSHAKE_FAILURE: u8 = 40;
const INAPPROPRIATE_FALLBACK: u8 = 86;
const FALLBACK: u16 = 0x5600;
/// Ciphers of TLS 1.0 and 1.1 that are on the list above, without and with a Diffie-Hellman group.
const OLD_CIPHERS: [u16; 6] = [0xc014, 0xc013, 0x0035, 0x002f, 0x0084, 0x0041];
const OLD_DHE_CIPHERS: [u16; 4] = [0x0039, 0x0033, 0x0088, 0x0045];
/// Five bytes by which Go knows a client that speaks HTTP.
const GO_METHODS: [&[u8]; 5] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];
/// A longer hello goes out as a file of its own.
const MAX_TOLD: usize = 6144;
/// Hellos come in one or two segments.
const READ: usize = 4096;

pub(super) struct Tls {
    profile: Profile,
    context: SslContext,
    /// How long a peer may take to say hello.
    patience: Duration,
}

/// What came of a connection on a TLS port.
pub(super) enum Opened<S> {
    Tls(Box<SslStream<Prefixed<S>>>),
    /// The peer speaks something else; nothing it said is lost.
    Plain(Prefixed<S>),
    Gone,
}

// === impl Tls ===

impl Tls {
    /// `cert` is a chain and `key` its key, both PEM.
    pub(super) fn new(profile: Profile, cert: &str, key: &str) -> Result<Self, String> {
        let context = context(profile, cert, key).map_err(|error| format!("certificate or key: {error}"))?;
        Ok(Self {
            profile,
            context,
            patience: match profile {
                Profile::Nginx | Profile::Dovecot | Profile::Postgres | Profile::Kubernetes => Duration::from_secs(60),
                Profile::Mysql => Duration::from_secs(10),
                Profile::Apache | Profile::Postfix => Duration::from_secs(300),
            },
        })
    }

    pub(super) async fn open<S>(&self, mut stream: S, log: &Log) -> Opened<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (said, begun) = match timeout(self.patience, listen(&mut stream)).await {
            Ok(heard) => heard,
            Err(_) => return Opened::Gone,
        };
        let hello = match begun {
            Begun::More => return Opened::Gone,
            Begun::Other if self.takes_plain(&said) => return Opened::Plain(Prefixed::new(said, stream)),
            Begun::Other => said.clone(),
            Begun::Hello(length) => said[..length].to_vec(),
            Begun::Odd => said.clone(),
        };
        if let Some(alert) = self.alert_for_old(&hello) {
            let _ = stream.write_all(&alert).await;
            report(log, &hello, None, Some("only versions before TLS 1.2 offered"));
            let _ = stream.shutdown().await;
            return Opened::Gone;
        }
        let stream = Prefixed::new(said, stream);
        let Ok(Ok(mut tls)) = Ssl::new(&self.context).map(|ssl| SslStream::new(ssl, stream)) else {
            return Opened::Gone;
        };
        let accepted = timeout(self.patience, Pin::new(&mut tls).accept()).await;
        let failure = match &accepted {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("timed out".to_owned()),
        };
        report(log, &hello, Some(tls.ssl()), failure.as_deref());
        match failure {
            None => Opened::Tls(Box::new(tls)),
            Some(_) => Opened::Gone,
        }
    }
}

impl Tls {
    /// nginx looks at the first byte itself; Apache hears from OpenSSL that it looks like HTTP.
    fn takes_plain(&self, said: &[u8]) -> bool {
        let methods: [&[u8]; 4] = [b"GET ", b"POST ", b"HEAD ", b"PUT "];
        match self.profile {
            Profile::Nginx => true,
            Profile::Apache => methods.iter().any(|method| said.starts_with(method)),
            Profile::Kubernetes => GO_METHODS.iter().any(|method| said.starts_with(method)),
            Profile::Postfix | Profile::Dovecot | Profile::Postgres | Profile::Mysql => false,
        }
    }

    /// OpenSSL 3.0 takes TLS 1.0 and 1.1 up at first, and finds later that its security level leaves it no signature
    /// for them. Later releases refuse the version at once, with another alert.
    fn alert_for_old(&self, hello: &[u8]) -> Option<[u8; 7]> {
        if !matches!(self.profile, Profile::Nginx | Profile::Apache) {
            return None;
        }
        let (version, ciphers) = hello::old_offer(hello)?;
        let shared = ciphers.iter().any(|cipher| OLD_CIPHERS.contains(cipher))
            || (self.profile == Profile::Apache && ciphers.iter().any(|cipher| OLD_DHE_CIPHERS.contains(cipher)));
        let alert = match shared {
            _ if ciphers.contains(&FALLBACK) => INAPPROPRIATE_FALLBACK,
            true => INTERNAL_ERROR,
            false => HANDSHAKE_FAILURE,
        };
        let [major, minor] = version.to_be_bytes();
        Some([21, major, minor, 0, 2, 2, alert])
    }
}

/// Reads until a hello is whole, or it is clear that none comes.
async fn listen<S: AsyncRead + Unpin>(stream: &mut S) -> (Vec<u8>, Begun) {
    let mut said = Vec::new();
    loop {
        let mut buffer = [0; READ];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) if said.is_empty() => return (said, Begun::More),
            // Let OpenSSL say what it thinks of half a hello.
            Ok(0) | Err(_) => return (said, Begun::Odd),
            Ok(n) => said.extend_from_slice(&buffer[..n]),
        }
        match hello::look(&said) {
            Begun::More => {}
            begun => return (said, begun),
        }
    }
}

/// Tells of a handshake, sound or not: the whole hello is evidence.
fn report(log: &Log, hello: &[u8], ssl: Option<&SslRef>, failure: Option<&str>) {
    let Wishes {
        server_name,
        protocols,
        ja3,
        ja4,
    } = hello::wishes(hello);
    let mut fields = Fields::new();
    let mut put = |name: &str, value: serde_json::Value| fields.insert(name.to_owned(), value);
    put("outcome", if failure.is_none() { "success" } else { "failure" }.into());
    if let Some(failure) = failure {
        put("error", failure.chars().take(200).collect::<String>().into());
    }
    if let Some(ssl) = ssl.filter(|_| failure.is_none()) {
        put("version", ssl.version_str().into());
        put(
            "cipher",
            ssl.current_cipher()
                .map_or("", |cipher| cipher.standard_name().unwrap_or(cipher.name()))
                .into(),
        );
        put(
            "alpn",
            ssl.selected_alpn_protocol().map(crate::services::http::text).into(),
        );
        put("resumed", ssl.session_reused().into());
    }
    put("sni", server_name.into());
    put("alpn_offered", protocols.into());
    if let (Some(ja3), Some(ja4)) = (ja3, ja4) {
        put("ja3", ja3.into());
        put("ja4", ja4.into());
    }
    if hello.len() <= MAX_TOLD {
        put("client_hello_b64", B64.encode(hello).into());
    } else {
        put(
            "client_hello_sha256",
            log.capture(hello, "client_hello", "hello", None).into(),
        );
    }
    log.report_as("tls", fields);
}

fn context(profile: Profile, cert: &str, key: &str) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1))?;
    builder.set_max_proto_version(None)?;
    builder.set_ciphersuites("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256")?;
    builder.set_groups_list(ciphers::GROUPS)?;
    let always = SslOptions::NO_SSLV2 | SslOptions::NO_SSLV3 | SslOptions::NO_COMPRESSION;
    builder.set_options(always | SslOptions::IGNORE_UNEXPECTED_EOF | SslOptions::from_bits_retain(ALL_POINT_FORMATS));
    match profile {
        Profile::Nginx => nginx(&mut builder)?,
        Profile::Apache => apache(&mut builder)?,
        Profile::Postfix => postfix(&mut builder)?,
        Profile::Dovecot => dovecot(&mut builder)?,
        Profile::Postgres => postgres(&mut builder)?,
        Profile::Kubernetes => kubernetes(&mut builder)?,
        Profile::Mysql => mysql(&mut builder)?,
    }
    let mut chain = X509::stack_from_pem(cert.as_bytes())?.into_iter();
    if let Some(leaf) = chain.next() {
        builder.set_certificate(&leaf)?;
    }
    for issuer in chain {
        builder.add_extra_chain_cert(issuer)?;
    }
    let key = PKey::private_key_from_pem(key.as_bytes())?;
    builder.set_private_key(&key)?;
    builder.check_private_key()?;
    Ok(builder.build())
}

fn web(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_cipher_list(ciphers::WEB)?;
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    builder.set_session_id_context(b"HTTP")?;
    sys::set_session_timeout(builder, SESSION_S);
    Ok(())
}

/// RFC 3526 group 14 and generator 2: what products have for a key of 2048 bits.
fn group14(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    let (prime, generator) = (BigNum::get_rfc3526_prime_2048()?, BigNum::from_u32(2)?);
    let group = Dh::from_pqg(prime, None, generator)?;
    builder.set_tmp_dh(&group)
}

/// Every version and every cipher: mail that comes badly encrypted is better than mail that comes plain.
fn postfix(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_security_level(0);
    builder.set_cipher_list(ciphers::POSTFIX)?;
    builder.set_groups_list(ciphers::POSTFIX_GROUPS)?;
    builder.set_session_id_context(b"smtpd")?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    sys::set_session_timeout(builder, MAIL_SESSION_S);
    group14(builder)
}

fn dovecot(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(ciphers::DOVECOT)?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    sys::set_session_timeout(builder, MAIL_SESSION_S);
    group14(builder)
}

/// `ssl_min_protocol_version`, `ssl_ecdh_curve` and `ssl_prefer_server_ciphers` as they are unless changed.
fn postgres(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(ciphers::WEB)?;
    builder.set_groups_list("P-256")?;
    builder.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    group14(builder)
}

/// TLS 1.2 and 1.3, with tickets, as `tls_version` has it unless changed.
fn mysql(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(ciphers::WEB)?;
    builder.set_session_id_context(b"MySQL")?;
    group14(builder)
}

fn nginx(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    web(builder)?;
    // That there is a callback is what makes OpenSSL confirm the name; Apache confirms only names it knows.
    builder.set_servername_callback(|_, _| Ok(()));
    builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE);
    builder.set_session_cache_mode(
        SslSessionCacheMode::SERVER | SslSessionCacheMode::NO_AUTO_CLEAR | SslSessionCacheMode::NO_INTERNAL_STORE,
    );
    builder.set_session_cache_size(1);
    builder.set_alpn_select_callback(|_, offered| {
        choose(&[b"http/1.1", b"http/1.0", b"http/0.9"], offered).ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(())
}

fn apache(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    web(builder)?;
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
    group14(builder)?;
    builder.set_alpn_select_callback(|_, offered| choose(&[b"http/1.1"], offered).ok_or(AlpnError::NOACK));
    Ok(())
}

/// As Go's `crypto/tls` is set up: it asks for a certificate and takes any.
fn kubernetes(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(ciphers::GO)?;
    builder.set_ciphersuites("TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")?;
    builder.set_groups_list("X25519:P-256:P-384:P-521")?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE);
    builder.set_session_id_context(b"apiserver")?;
    builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    builder.set_alpn_select_callback(|_, offered| choose(&[b"http/1.1"], offered).ok_or(AlpnError::ALERT_FATAL));
    Ok(())
}

/// The first of our names the peer offers too, as it stands in the peer's list.
fn choose<'a>(ours: &[&[u8]], offered: &'a [u8]) -> Option<&'a [u8]> {
    let mut names = Vec::new();
    let mut rest = offered;
    while let Some((&length, after)) = rest.split_first() {
        let (name, left) = after.split_at_checked(length.into())?;
        names.push(name);
        rest = left;
    }
    ours.iter()
        .find_map(|wanted| names.iter().find(|name| *name == wanted).copied())
}
