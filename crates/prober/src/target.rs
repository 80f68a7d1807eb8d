//! One target while it is asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::air::Air;
use crate::finding::Failed;
use crate::probes::ProbeKind;
use crate::scan::Scan;

/// How long things may take, and from where they are done.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connect: Duration,
    pub read: Duration,
    /// For all probes of one target together.
    pub target: Duration,
    /// Targets begun a second.
    pub targets_per_s: f64,
    /// Connections open at a time, over all targets.
    pub sockets: usize,
    /// Targets asked at a time.
    pub targets: usize,
    /// Send from this address instead of the one the kernel picks.
    pub source: Option<IpAddr>,
    /// Ports of probes, by their names, instead of the usual ones.
    pub ports: HashMap<String, Vec<u16>>,
}

/// What a probe has to work with.
pub(crate) struct Target<'a> {
    pub(crate) ip: IpAddr,
    /// No router lies between.
    pub(crate) on_link: bool,
    pub(crate) air: &'a Air,
    pub(crate) limits: &'a Limits,
    pub(crate) sockets: &'a Semaphore,
    pub(crate) scan: Scan,
}

/// A connection that counts against the limit while it is open.
pub(crate) struct Connection<'a> {
    pub(crate) stream: TcpStream,
    _permit: SemaphorePermit<'a>,
}

// === impl Limits ===

impl Limits {
    pub(crate) fn ports_of<'a>(&'a self, probe: &'a ProbeKind) -> &'a [u16] {
        self.ports.get(probe.name).map_or(probe.ports, Vec::as_slice)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(5),
            target: Duration::from_secs(60),
            targets_per_s: 2.0,
            sockets: 50,
            targets: 256,
            source: None,
            ports: HashMap::new(),
        }
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    /// The probe's ports that are open.
    pub(crate) fn open(&self, probe: &ProbeKind) -> Vec<u16> {
        let ports = self.limits.ports_of(probe).iter().copied();
        ports.filter(|&port| self.scan.is_open(port)).collect()
    }

    pub(crate) async fn connect(&self, port: u16) -> Result<Connection<'a>, Failed> {
        // It is never closed.
        let permit = self.sockets.acquire().await.map_err(|_| Failed::Timeout)?;
        let to = SocketAddr::new(self.ip, port);
        let socket = if to.is_ipv6() {
            TcpSocket::new_v6()?
        } else {
            TcpSocket::new_v4()?
        };
        if let Some(source) = self.limits.source.filter(|source| source.is_ipv6() == to.is_ipv6()) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = timeout(self.limits.connect, socket.connect(to)).await??;
        Ok(Connection {
            stream,
            _permit: permit,
        })
    }

    /// The address packets of ours come from.
    pub(crate) fn source(&self) -> Result<IpAddr, Failed> {
        match self
            .limits
            .source
            .filter(|source| source.is_ipv6() == self.ip.is_ipv6())
        {
            Some(source) => Ok(source),
            None => Ok(crate::air::source_for(self.ip)?),
        }
    }
}

/// Reads until `enough` says so, the peer closes, `most` bytes have come or `within` is over: that only is an error.
pub(crate) async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
    within: Duration,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>, Failed> {
    let until = Instant::now() + within;
    let mut said = Vec::new();
    let mut piece = [0; 4_096];
    while said.len() < most && !enough(&said) {
        let room = piece.len().min(most - said.len());
        match timeout_at(until, stream.read(&mut piece[..room])).await? {
            Ok(0) => break,
            Ok(length) => said.extend_from_slice(&piece[..length]),
            // What came before it counts.
            Err(_) if !said.is_empty() => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(said)
}
