//! Connections through the machine: to itself they are made, to anywhere else they are not (decoys.md R12).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::event::Endpoint;
use ssh::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::seam::{Outlet, Start};
use crate::shell::session::Input;

const PATIENCE: Duration = Duration::from_secs(10);
const CHUNK: usize = 16 * 1024;

/// The address, when it is the machine's own.
pub fn own_address(host: &str, port: u32, own: Option<Endpoint>) -> Option<SocketAddr> {
    let port = u16::try_from(port).ok()?;
    let ip = match host {
        "localhost" | "" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse::<IpAddr>().ok()?.to_canonical(),
    };
    let is_own = ip.is_loopback() || ip.is_unspecified() || own.is_some_and(|own| own.ip == ip);
    is_own.then(|| SocketAddr::new(ip, port))
}

/// Connects; what is granted moves bytes until both sides are done.
pub async fn connect(target: SocketAddr, input: UnboundedReceiver<Input>) -> Result<Start, Refusal> {
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(target)).await;
    let Ok(Ok(stream)) = connected else {
        return Err(Refusal::ConnectFailed);
    };
    Ok(Box::new(move |outlet| {
        tokio::spawn(carry(stream, input, outlet));
    }))
}

async fn carry(stream: TcpStream, mut input: UnboundedReceiver<Input>, outlet: Box<dyn Outlet>) {
    let (mut from, mut to) = stream.into_split();
    let mut out = outlet.out();
    let there = async {
        while let Some(input) = input.recv().await {
            match input {
                Input::Bytes(bytes, _room) if to.write_all(&bytes).await.is_ok() => {}
                Input::End if to.shutdown().await.is_ok() => {}
                _ => break,
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; CHUNK];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            if out.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
    outlet.close(None).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_machine_itself_is_connected_to() {
        let own = Some("192.0.2.1:22".parse::<SocketAddr>().unwrap().into());
        for host in [
            "127.0.0.1",
            "localhost",
            "::1",
            "192.0.2.1",
            "0.0.0.0",
            "::ffff:127.0.0.1",
        ] {
            assert!(own_address(host, 80, own).is_some(), "{host}");
        }
        for host in ["192.0.2.2", "example.org", "10.0.0.1", "2001:db8::1"] {
            assert!(own_address(host, 80, own).is_none(), "{host}");
        }
        assert!(own_address("127.0.0.1", 70_000, own).is_none());
    }
}
