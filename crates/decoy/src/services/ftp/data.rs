//! The data connection of a session.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::core::Way;

/// How long the peer has to come, or to answer when called.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tries to find a free port.
const TRIES: usize = 9;
const ACTIVE_PORT: u16 = 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody came, or nobody was there.
    NotEstablished,
    /// Somebody else came.
    Stranger,
}

/// A listener on a port drawn at random, at the address the peer came to.
pub(super) fn listen(local: IpAddr) -> io::Result<TcpListener> {
    let mut result = Err(io::ErrorKind::AddrInUse.into());
    for _ in 0..TRIES {
        let draw = uuid::Uuid::new_v4().into_bytes();
        let port = 1024 + u16::from_be_bytes([draw[0], draw[1]]) % (u16::MAX - 1024);
        result = listen_at((local, port).into());
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    result
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1)?;
    TcpListener::from_std(socket.into())
}

/// The connection itself.
pub(super) async fn connect(
    way: Way,
    listener: Option<TcpListener>,
    peer: IpAddr,
    local: IpAddr,
) -> Result<TcpStream, Failure> {
    let stream = match (way, listener) {
        (Way::Passive, Some(listener)) => {
            let accepted = timeout(PATIENCE, listener.accept()).await;
            let (stream, from) = accepted.ok().and_then(Result::ok).ok_or(Failure::NotEstablished)?;
            if from.ip().to_canonical() != peer {
                return Err(Failure::Stranger);
            }
            stream
        }
        (Way::Passive, None) => return Err(Failure::NotEstablished),
        (Way::Active(target), _) => {
            let called = timeout(PATIENCE, call(target, local)).await;
            called.ok().and_then(Result::ok).ok_or(Failure::NotEstablished)?
        }
    };
    let _ = SockRef::from(&stream).set_keepalive(true);
    Ok(stream)
}

/// Calls from port 20, where that is to be had.
async fn call(target: SocketAddr, local: IpAddr) -> io::Result<TcpStream> {
    let target: SocketAddr = (target.ip().to_canonical(), target.port()).into();
    let socket = if target.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    if socket.bind((local, ACTIVE_PORT).into()).is_err() {
        socket.bind((local, 0).into())?;
    }
    socket.connect(target).await
}
