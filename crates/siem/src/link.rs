//! Messages on the wire.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{Error, Scheme, Target};

const CONNECT: Duration = Duration::from_secs(10);
/// A collector that takes nothing for so long is taken for dead.
const STALLED: Duration = Duration::from_secs(30);
/// Reads of what a collector says, which is nothing, before it is left.
const PATIENCE: usize = 64;

/// Knows how to reach the target; all that can be wrong with the configuration is found when it is made.
#[derive(Clone)]
pub struct Connector {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A connection that is made when there is something to send, and made anew when it broke.
pub struct Link {
    connector: Connector,
    wire: Option<Wire>,
}

/// Why not all was sent, and how much was.
#[derive(Debug, thiserror::Error)]
#[error("the log target is away: {source}")]
pub struct Unsent {
    /// Messages from the first that surely left. Of a stream none is sure.
    pub sent: usize,
    pub source: io::Error,
}

enum Wire {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

// === impl Connector ===

impl Connector {
    /// Fails when the authorities that TLS needs cannot be read. Connects to nothing yet.
    pub fn new(target: Target) -> Result<Self, Error> {
        let tls = match target.scheme {
            Scheme::Udp | Scheme::Tcp => None,
            Scheme::Tls => Some(tls(&target)?),
        };
        Ok(Self { target, tls })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    async fn connect(&self) -> io::Result<Wire> {
        let place = (self.target.host.as_str(), self.target.port);
        if self.target.scheme == Scheme::Udp {
            return datagrams(place).await;
        }
        let tcp = TcpStream::connect(place).await?;
        tcp.set_nodelay(true)?;
        Ok(Wire::Stream(match &self.tls {
            None => Box::new(tcp),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
        }))
    }
}

// === impl Link ===

impl Link {
    pub fn new(connector: Connector) -> Self {
        Self { connector, wire: None }
    }

    /// Sends the messages in order, each in a datagram or a frame of its own.
    pub async fn send(&mut self, messages: &[String]) -> Result<(), Unsent> {
        let unsent = |source| Unsent { sent: 0, source };
        if messages.is_empty() {
            return Ok(());
        }
        // A collector that was started anew has closed what we hold; what is written there is lost.
        let mut held = self.wire.take();
        if let Some(wire) = &mut held
            && wire.is_closed().await
        {
            held = None;
        }
        let mut wire = match held {
            Some(wire) => wire,
            None => {
                let wire = timeout(CONNECT, self.connector.connect()).await;
                wire.map_err(io::Error::from).flatten().map_err(unsent)?
            }
        };
        wire.send(messages).await?;
        self.wire = Some(wire);
        Ok(())
    }
}

async fn datagrams(place: (&str, u16)) -> io::Result<Wire> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host(place).await? {
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await?;
        match socket.connect(address).await {
            Ok(()) => return Ok(Wire::Datagrams(socket)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tls(target: &Target) -> Result<(TlsConnector, ServerName<'static>), Error> {
    let roots = match &target.ca {
        Some(path) => given(path)?,
        None => of_the_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(target.host.clone()).map_err(|_| Error::Target {
        given: target.to_string(),
        reason: "no certificate can be for such a host",
    })?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn given(path: &Path) -> Result<RootCertStore, Error> {
    let wrong = |reason: String| Error::Authority {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

fn of_the_system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        Err(Error::NoAuthorities)
    } else {
        Ok(roots)
    }
}

// === impl Wire ===

impl Wire {
    async fn send(&mut self, messages: &[String]) -> Result<(), Unsent> {
        match self {
            Self::Datagrams(socket) => {
                for (sent, message) in messages.iter().enumerate() {
                    let done = socket.send(message.as_bytes()).await;
                    done.map_err(|source| Unsent { sent, source })?;
                }
                Ok(())
            }
            Self::Stream(stream) => {
                let frames = frames(messages);
                let write = async {
                    stream.write_all(frames.as_bytes()).await?;
                    stream.flush().await
                };
                let written = timeout(STALLED, write).await.map_err(io::Error::from).flatten();
                written.map_err(|source| Unsent { sent: 0, source })
            }
        }
    }

    /// Whether the other side is known to be gone. What it says is of no interest.
    async fn is_closed(&mut self) -> bool {
        let Self::Stream(stream) = self else { return false };
        let mut said = [0; 512];
        for _ in 0..PATIENCE {
            match timeout(Duration::ZERO, stream.read(&mut said)).await {
                Err(_) => return false,
                Ok(Ok(length)) if length > 0 => {}
                Ok(_) => return true,
            }
        }
        true // Who talks that much is no collector.
    }
}

/// Each message behind its length in octets (RFC 6587 §3.4.1, RFC 5425 §4.3).
fn frames(messages: &[String]) -> String {
    let mut frames = String::with_capacity(messages.iter().map(|message| message.len() + 8).sum());
    for message in messages {
        frames.push_str(&message.len().to_string());
        frames.push(' ');
        frames.push_str(message);
    }
    frames
}
