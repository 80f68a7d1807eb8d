//! Packets out and in below the kernel's own connections.
//!
//! SYNs go out from ports above those the kernel gives to its own connections, so that no connection of this host is
//! disturbed. The kernel knows none of ours: it answers their SYN-ACKs with the RST that ends them, as it should.

pub(crate) mod craft;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{LinkAddr, recvfrom};
use rand::Rng as _;
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::ip::Ip;
use wire::packet::Transport;

use crate::Error;

/// Ports our SYNs come from: above the kernel's own 32768 to 60999.
pub(crate) const PORTS: std::ops::RangeInclusive<u16> = 61_000..=65_535;
/// Bytes kept of a packet.
const SNAP: usize = 2_048;
/// Packets of one target that wait to be looked at; more are dropped.
const QUEUE: usize = 256;
/// Bytes of packets the kernel keeps for us.
const BUFFER: usize = 4 << 20;
const ETH_P_ALL: u16 = 3;
/// The thread that hears looks this often whether it should end.
const LISTEN: Duration = Duration::from_millis(200);

/// A way to send and hear packets; one for all targets.
#[derive(Debug)]
pub(crate) struct Air {
    v4: Socket,
    /// Absent where the host has no IPv6.
    v6: Option<Socket>,
    listeners: Listeners,
    /// Tells the thread that hears to end.
    deaf: Arc<AtomicBool>,
}

type Listeners = Arc<Mutex<Vec<Listener>>>;

#[derive(Debug)]
struct Listener {
    wanted: Wanted,
    to: mpsc::Sender<Heard>,
}

/// Whose packets are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What it sends, and what others send because of packets to it.
    Peer(IpAddr),
    /// Echo replies of this identifier from link-local addresses.
    Neighbours(u16),
}

/// A packet that came in, from the IP header on.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) bytes: Vec<u8>,
    /// Of who put it on the link.
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) interface: u32,
}

/// Packets heard from now on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hearing(mpsc::Receiver<Heard>);

// === impl Air ===

impl Air {
    /// # Errors
    /// Without the right to raw sockets.
    pub(crate) fn open() -> Result<Self, Error> {
        let raw = Protocol::from(255);
        let v4 = Socket::new(Domain::IPV4, Type::RAW, Some(raw)).map_err(Error::Raw)?;
        v4.set_nonblocking(true).map_err(Error::Raw)?;
        let v6 = Socket::new(Domain::IPV6, Type::RAW, Some(raw)).ok();
        if let Some(v6) = &v6 {
            v6.set_nonblocking(true).map_err(Error::Raw)?;
        }
        let (ear, deaf) = (listen().map_err(Error::Raw)?, Arc::<AtomicBool>::default());
        let listeners = Listeners::default();
        let (theirs, stop) = (listeners.clone(), deaf.clone());
        std::thread::Builder::new()
            .name("prober-ear".to_owned())
            .spawn(move || hear(&ear, &theirs, &stop))
            .map_err(Error::Raw)?;
        Ok(Self {
            v4,
            v6,
            listeners,
            deaf,
        })
    }

    pub(crate) fn hear(&self, wanted: Wanted) -> Hearing {
        let (to, hearing) = mpsc::channel(QUEUE);
        let listener = Listener { wanted, to };
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
        Hearing(hearing)
    }

    /// Sends a whole IP packet.
    pub(crate) fn send(&self, packet: &[u8], to: IpAddr, interface: u32) -> io::Result<()> {
        let (socket, to) = match to {
            IpAddr::V4(_) => (Some(&self.v4), SockAddr::from(SocketAddr::new(to, 0))),
            IpAddr::V6(ip) => (self.v6.as_ref(), SockAddr::from(SocketAddrV6::new(ip, 0, 0, interface))),
        };
        let socket = socket.ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send_to(packet, &to).map(drop)
    }
}

impl Drop for Air {
    fn drop(&mut self) {
        self.deaf.store(true, Ordering::Relaxed);
    }
}

// === impl Hearing ===

impl Hearing {
    /// The next packet; none once `until` has come.
    pub(crate) async fn next(&mut self, until: Instant) -> Option<Heard> {
        tokio::time::timeout_at(until, self.0.recv()).await.ok().flatten()
    }
}

/// The address this host would send from.
pub(crate) fn source_for(target: IpAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match target {
        IpAddr::V4(_) => ([0; 4], 0).into(),
        IpAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // Sends nothing.
    socket.connect((target, 9))?;
    Ok(socket.local_addr()?.ip())
}

pub(crate) fn random_port() -> u16 {
    rand::rng().random_range(PORTS)
}

/// Hears all links, but only TCP to our ports, ICMP and ICMPv6.
fn listen() -> io::Result<Socket> {
    let all = Protocol::from(i32::from(ETH_P_ALL.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(all))?;
    socket.attach_filter(&filter())?;
    socket.set_read_timeout(Some(LISTEN))?;
    // As much as the host lets us have.
    let _ = socket.set_recv_buffer_size(BUFFER);
    Ok(socket)
}

/// Classic BPF over packets from the IP header on.
fn filter() -> [SockFilter; 19] {
    const LOAD_B: u16 = 0x30;
    const LOAD_H: u16 = 0x28;
    const LOAD_W: u16 = 0x20;
    const LOAD_H_AT_X: u16 = 0x48;
    const HEADER_TO_X: u16 = 0xb1;
    const AND: u16 = 0x54;
    const IF_EQ: u16 = 0x15;
    const IF_GE: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const PACKET_TYPE: u32 = 0xffff_f004; // SKF_AD_OFF + SKF_AD_PKTTYPE
    const OUTGOING: u32 = 4;
    let op = SockFilter::new;
    let port = u32::from(*PORTS.start());
    [
        op(LOAD_W, 0, 0, PACKET_TYPE),
        op(IF_EQ, 15, 0, OUTGOING), // 1: to drop
        op(LOAD_B, 0, 0, 0),
        op(AND, 0, 0, 0xf0),
        op(IF_EQ, 1, 0, 0x40),  // 4: to 6
        op(IF_EQ, 6, 11, 0x60), // 5: to 12 or drop
        op(LOAD_B, 0, 0, 9),
        op(IF_EQ, 10, 0, 1), // 7: ICMP, to keep
        op(IF_EQ, 0, 8, 6),  // 8: TCP, or drop
        op(HEADER_TO_X, 0, 0, 0),
        op(LOAD_H_AT_X, 0, 0, 2),
        op(IF_GE, 6, 5, port), // 11: to keep or drop
        op(LOAD_B, 0, 0, 6),
        op(IF_EQ, 4, 0, 58), // 13: ICMPv6, to keep
        op(IF_EQ, 0, 2, 6),  // 14: TCP, or drop
        op(LOAD_H, 0, 0, 42),
        op(IF_GE, 1, 0, port), // 16: to keep or drop
        op(RETURN, 0, 0, 0),   // 17
        op(RETURN, 0, 0, SNAP as u32),
    ]
}

fn hear(socket: &Socket, listeners: &Listeners, stop: &AtomicBool) {
    let mut buffer = [0; SNAP];
    while !stop.load(Ordering::Relaxed) {
        // The time is over, or an interface went away, which is an error once.
        let Ok((length, from)) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) else {
            continue;
        };
        let heard = Heard {
            at: Instant::now(),
            bytes: buffer[..length.min(SNAP)].to_vec(),
            mac: from.as_ref().and_then(LinkAddr::addr),
            interface: from
                .as_ref()
                .map_or(0, |from| u32::try_from(from.ifindex()).unwrap_or(0)),
        };
        hand_on(&heard, listeners);
    }
}

fn hand_on(heard: &Heard, listeners: &Listeners) {
    let Ok((ip, _)) = Ip::read(&heard.bytes, true) else {
        return;
    };
    let (transport, _) = Transport::read(&ip);
    let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.retain(|listener| {
        if !listener.wanted.fits(&ip, &transport) {
            return !listener.to.is_closed();
        }
        !matches!(
            listener.to.try_send(heard.clone()),
            Err(mpsc::error::TrySendError::Closed(_))
        )
    });
}

// === impl Wanted ===

impl Wanted {
    fn fits(self, ip: &Ip<'_>, transport: &Transport<'_>) -> bool {
        const ECHO_REPLY_V6: u8 = 129;
        match (self, transport) {
            (Self::Peer(peer), Transport::Icmp(icmp)) => {
                ip.source == peer || icmp.quoted().is_some_and(|quoted| quoted.ip.destination == peer)
            }
            (Self::Peer(peer), _) => ip.source == peer,
            (Self::Neighbours(id), Transport::Icmp(icmp)) => {
                let is_link_local = matches!(ip.source, IpAddr::V6(v6) if v6.is_unicast_link_local());
                icmp.v6 && icmp.kind == ECHO_REPLY_V6 && icmp.rest[..2] == id.to_be_bytes() && is_link_local
            }
            _ => false,
        }
    }
}
