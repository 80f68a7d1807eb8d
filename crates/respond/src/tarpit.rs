//! Where sources that are led away end: a port that takes every connection and says a byte now and then.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Listens until dropped.
#[derive(Debug)]
pub(crate) struct Tarpit {
    port: u16,
    _task: AbortOnDropHandle<()>,
}

/// Connections held; a further one waits to be taken.
const HELD: usize = 1024;
const EVERY: Duration = Duration::from_secs(10);
/// Nobody is held longer.
const LONGEST: Duration = Duration::from_secs(600);

// === impl Tarpit ===

impl Tarpit {
    /// Port 0 takes a free one.
    pub(crate) async fn on(port: u16) -> std::io::Result<Self> {
        let listener = match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
            Ok(listener) => listener,
            // A host without IPv6.
            Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await?,
        };
        let port = listener.local_addr()?.port();
        let task = AbortOnDropHandle::new(tokio::spawn(hold_all(listener)));
        Ok(Self { port, _task: task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

async fn hold_all(listener: TcpListener) {
    let room = Arc::new(Semaphore::new(HELD));
    while let Ok(place) = room.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    let _ = timeout(LONGEST, hold(stream)).await;
                    drop(place);
                });
            }
            // Out of descriptors, mostly: soon some are free again.
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn hold(mut stream: TcpStream) -> std::io::Result<()> {
    let mut tick = interval(EVERY);
    loop {
        tick.tick().await;
        stream.write_all(b" ").await?;
    }
}
