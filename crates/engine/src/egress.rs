//! What the walls stopped, as events: one for each destination every few seconds, however many packets it took.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use model::Name;
use model::detail::EgressBlocked;
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::netns::NetNs;
use crate::nflog::{self, Flow, Heard};
use crate::wall;

/// Packets to one destination within this time are one event.
const WINDOW: Duration = Duration::from_secs(5);
/// Destinations remembered within a window; more are counted on the last.
const MAX_FLOWS: usize = 512;
/// Largest datagram the kernel sends us.
const DATAGRAM: usize = 64 << 10;

/// A machine and what it was kept from.
pub type Blocked = (Name, EgressBlocked);

/// Reports what the wall of one machine stops, until dropped or the machine is gone.
#[derive(Debug)]
pub struct Watch(AbortOnDropHandle<()>);

// === impl Watch ===

impl Watch {
    pub(crate) async fn start(decky: Name, namespace: &NetNs, tell: mpsc::Sender<Blocked>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::current();
        let socket = namespace
            .visit(move || {
                let _runtime = runtime.enter();
                TokioSocket::new(NETLINK_NETFILTER)
            })
            .await
            .map_err(Error::io(format!("opening the packet log of `{decky}`")))?;
        let socket = subscribed(socket)
            .await
            .map_err(Error::io(format!("subscribing to the packet log of `{decky}`")))?;
        Ok(Self(AbortOnDropHandle::new(tokio::spawn(follow(decky, socket, tell)))))
    }

    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

async fn subscribed(mut socket: TokioSocket) -> io::Result<TokioSocket> {
    socket.socket_mut().bind_auto()?;
    let request = nflog::subscribe(wall::LOG_GROUP, wall::LOG_BYTES);
    socket.send_to(&request, &SocketAddr::new(0, 0)).await?;
    loop {
        let mut answer = Vec::with_capacity(DATAGRAM);
        socket.recv(&mut answer).await?;
        for heard in nflog::heard(&answer) {
            match heard {
                Heard::Answer(0) => return Ok(socket),
                Heard::Answer(code) => return Err(io::Error::from_raw_os_error(-code)),
                Heard::Flow(_) => {}
            }
        }
    }
}

async fn follow(decky: Name, socket: TokioSocket, tell: mpsc::Sender<Blocked>) {
    let mut window = Window::default();
    let mut end = tokio::time::interval(WINDOW);
    end.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut datagram = Vec::with_capacity(DATAGRAM);
    loop {
        tokio::select! {
            received = socket.recv(&mut datagram) => match received {
                Ok(_) => {
                    nflog::flows(&datagram).for_each(|flow| window.count(flow));
                    datagram.clear();
                }
                // The kernel dropped messages we were too slow for.
                Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {}
                Err(error) => {
                    tracing::warn!(%decky, %error, "the packet log ended");
                    return;
                }
            },
            _ = end.tick() => {
                for blocked in window.close() {
                    if tell.send((decky.clone(), blocked)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// The flows of one window.
#[derive(Debug, Default)]
struct Window(BTreeMap<Flow, u64>);

// === impl Window ===

impl Window {
    fn count(&mut self, flow: Flow) {
        let has_room = self.0.len() < MAX_FLOWS;
        match self.0.get_mut(&flow) {
            Some(packets) => *packets += 1,
            None if has_room => {
                self.0.insert(flow, 1);
            }
            None => {
                if let Some(mut last) = self.0.last_entry() {
                    *last.get_mut() += 1;
                }
            }
        }
    }

    fn close(&mut self) -> Vec<EgressBlocked> {
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|(flow, packets)| EgressBlocked {
                proto: nflog::proto_name(flow.proto),
                dst_ip: flow.dst,
                dst_port: flow.port,
                packets,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(host: u32, port: u16) -> Flow {
        Flow {
            dst: std::net::Ipv4Addr::from(host).into(),
            proto: 6,
            port,
        }
    }

    #[test]
    fn packets_of_one_destination_are_one_event_and_a_closed_window_is_empty() {
        let mut window = Window::default();
        for _ in 0..3 {
            window.count(flow(1, 443));
        }
        window.count(flow(1, 80));
        let told: Vec<_> = window.close().iter().map(|b| (b.dst_port, b.packets)).collect();
        assert_eq!(told, [(80, 1), (443, 3)]);
        assert!(window.close().is_empty());
    }

    #[test]
    fn a_sweep_of_the_world_takes_bounded_memory_and_loses_no_count() {
        let mut window = Window::default();
        for host in 0..100_000 {
            window.count(flow(host, 22));
        }
        let told = window.close();
        assert_eq!(told.len(), MAX_FLOWS);
        assert_eq!(told.iter().map(|b| b.packets).sum::<u64>(), 100_000);
    }
}
