//! Runs one service: binds its ports, bounds its connections, reports who came and went.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::detail::{Connect, Disconnect, Shutdown, Startup};
use model::event::{Endpoint, SessionId};
use model::machine::{Proto, ServiceSpec};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};

use crate::conn::{Conn, Counted, Counts, Log};
use crate::machine::Machine;
use crate::report::{Place, Reporter};
use crate::services::{Context, Entry, Service};

/// Connections one service holds at a time, in all and from one address (decoys.md R9).
const MAX_CONNECTIONS: usize = 512;
const MAX_PER_SOURCE: usize = 256;
/// Time left to conversations at shutdown.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("cannot listen on port {port}: {source}")]
    Bind { port: u16, source: std::io::Error },
    #[error("cannot put the service's files in place: {0}")]
    Furnish(std::io::Error),
    #[error("{0}")]
    Service(String),
}

/// The ports of one service, bound: what takes root comes before its process gives root up.
pub struct Listeners(Vec<(std::net::TcpListener, bool)>);

/// Binds, builds and serves until `stop` turns true. Must run inside a `LocalSet`.
pub async fn run(
    entry: &Entry,
    machine: Arc<Machine>,
    spec: ServiceSpec,
    reporter: Reporter,
    stop: watch::Receiver<bool>,
) -> Result<(), HostError> {
    let listeners = bind(&spec)?;
    furnish(entry, &machine, &spec)?;
    serve(entry, machine, spec, reporter, listeners, stop).await
}

/// Binds the service's ports. Needs no runtime.
pub fn bind(spec: &ServiceSpec) -> Result<Listeners, HostError> {
    let tcp = spec.ports.iter().filter(|port| port.proto == Proto::Tcp);
    let listeners = tcp.map(|port| {
        let listener = listen_on(port.port).map_err(|source| HostError::Bind {
            port: port.port,
            source,
        })?;
        Ok((listener, port.tls))
    });
    Ok(Listeners(listeners.collect::<Result<_, HostError>>()?))
}

/// Puts the files of the product in place. Takes root.
pub fn furnish(entry: &Entry, machine: &Machine, spec: &ServiceSpec) -> Result<(), HostError> {
    entry
        .furnish
        .map_or(Ok(()), |furnish| furnish(machine, spec))
        .map_err(HostError::Furnish)
}

/// Serves until `stop` turns true. Must run inside a `LocalSet`.
pub async fn serve(
    entry: &Entry,
    machine: Arc<Machine>,
    spec: ServiceSpec,
    reporter: Reporter,
    listeners: Listeners,
    mut stop: watch::Receiver<bool>,
) -> Result<(), HostError> {
    let place = Place::service(spec.slug.clone());
    let cx = Context {
        machine,
        spec: Arc::new(spec),
        reporter: reporter.clone(),
        place: place.clone(),
    };
    let service: Rc<dyn Service> = (entry.build)(cx.clone()).map_err(HostError::Service)?;
    let ports = cx.spec.ports.iter().map(|port| port.port).collect();
    reporter.report(
        &place,
        Startup {
            ports,
            product: service.product(),
        },
    );
    let crowd = Rc::new(Crowd::default());
    for (listener, tls) in listeners.0 {
        let port = listener.local_addr().map_or(0, |addr| addr.port());
        let listener = TcpListener::from_std(listener).map_err(|source| HostError::Bind { port, source })?;
        tokio::task::spawn_local(accept(listener, tls, service.clone(), cx.clone(), crowd.clone()));
    }
    let _ = stop.wait_for(|stop| *stop).await;
    let _ = tokio::time::timeout(GRACE, crowd.gone()).await;
    reporter.report(&place, Shutdown {});
    Ok(())
}

/// Dual stack where the kernel has IPv6, IPv4 alone elsewhere.
fn listen_on(port: u16) -> std::io::Result<std::net::TcpListener> {
    let bind = |domain, addr: SocketAddr| -> std::io::Result<std::net::TcpListener> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if domain == Domain::IPV6 {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(128)?;
        Ok(socket.into())
    };
    bind(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into()).or_else(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Err(error),
        _ => bind(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into()),
    })
}

async fn accept(listener: TcpListener, tls: bool, service: Rc<dyn Service>, cx: Context, crowd: Rc<Crowd>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(seat) = Crowd::admit(&crowd, peer.ip().to_canonical()) else {
            continue;
        };
        let (service, cx) = (service.clone(), cx.clone());
        tokio::task::spawn_local(async move {
            converse(stream, peer, tls, service, cx).await;
            drop(seat);
        });
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, tls: bool, service: Rc<dyn Service>, cx: Context) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let place = Place {
        service: cx.place.service.clone(),
        src: Some(peer.into()),
        dst: Some(Endpoint::from(local)),
        session: Some(SessionId(hex::encode(&uuid::Uuid::new_v4().as_bytes()[..8]))),
    };
    let log = Log::new(cx.reporter.clone(), place);
    let counts = Arc::new(Counts::default());
    let started = Instant::now();
    log.report(Connect {});
    // A task of its own, so that a panic ends this conversation alone.
    let conn = Conn {
        stream: Counted::new(stream, counts.clone()),
        tls,
        log: log.clone(),
    };
    let _ = tokio::task::spawn_local(async move { service.serve(conn).await }).await;
    log.report(Disconnect {
        duration_ms: started.elapsed().as_millis() as u64,
        bytes_in: counts.read.load(Ordering::Relaxed),
        bytes_out: counts.written.load(Ordering::Relaxed),
    });
}

/// Who is connected.
struct Crowd {
    seats: Arc<Semaphore>,
    sources: std::cell::RefCell<HashMap<IpAddr, usize>>,
    left: Notify,
}

struct Seat {
    crowd: Rc<Crowd>,
    source: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

// === impl Crowd ===

impl Default for Crowd {
    fn default() -> Self {
        Self {
            seats: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            sources: Default::default(),
            left: Notify::new(),
        }
    }
}

impl Crowd {
    fn admit(crowd: &Rc<Self>, source: IpAddr) -> Option<Seat> {
        let permit = crowd.seats.clone().try_acquire_owned().ok()?;
        let mut sources = crowd.sources.borrow_mut();
        let count = sources.entry(source).or_default();
        if *count == MAX_PER_SOURCE {
            return None;
        }
        *count += 1;
        Some(Seat {
            crowd: crowd.clone(),
            source,
            _permit: permit,
        })
    }

    async fn gone(&self) {
        while !self.sources.borrow().is_empty() {
            self.left.notified().await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut sources = self.crowd.sources.borrow_mut();
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
        self.crowd.left.notify_one();
    }
}
