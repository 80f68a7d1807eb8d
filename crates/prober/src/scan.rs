//! Which ports answer: one SYN each, twice where nothing came back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, sleep_until};
use wire::ip::Ip;
use wire::packet::Transport;

use crate::air::{Air, Hearing, Wanted, craft, random_port};

/// After each of two rounds of SYNs.
const ROUNDS: [Duration; 2] = [Duration::from_millis(1_200), Duration::from_millis(1_800)];

/// What came back of each port.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) ports: BTreeMap<u16, Port>,
}

#[derive(Clone, Debug)]
pub(crate) enum Port {
    Open(Answer),
    /// A RST came.
    Closed(Answer),
    Silent,
}

/// A packet that answers a SYN of ours.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) at: Instant,
    /// After our SYN.
    pub(crate) after: Duration,
    /// From the IP header on.
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_rst: bool,
}

/// A SYN that is on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) source_port: u16,
    pub(crate) port: u16,
    pub(crate) sequence: u32,
    pub(crate) at: Instant,
}

// === impl Scan ===

impl Scan {
    pub(crate) async fn of(air: &Air, source: IpAddr, target: IpAddr, ports: &BTreeSet<u16>) -> std::io::Result<Self> {
        let mut hearing = air.hear(Wanted::Peer(target));
        let mut scan = Self {
            ports: ports.iter().map(|&port| (port, Port::Silent)).collect(),
        };
        let mut sent = Vec::new();
        for wait in ROUNDS {
            let silent = scan.silent();
            if silent.is_empty() {
                break;
            }
            for port in silent {
                sent.push(send(air, source, target, port)?);
            }
            let until = Instant::now() + wait;
            while !scan.silent().is_empty()
                && let Some((of, answer)) = next(&mut hearing, target, &sent, until).await
            {
                let seen = if answer.is_rst {
                    Port::Closed(answer)
                } else {
                    Port::Open(answer)
                };
                scan.ports.insert(of.port, seen);
            }
        }
        Ok(scan)
    }

    pub(crate) fn is_open(&self, port: u16) -> bool {
        matches!(self.ports.get(&port), Some(Port::Open(_)))
    }

    pub(crate) fn open(&self) -> Vec<u16> {
        self.ports.keys().copied().filter(|&port| self.is_open(port)).collect()
    }

    pub(crate) fn silent(&self) -> Vec<u16> {
        let silent = self.ports.iter().filter(|(_, port)| matches!(port, Port::Silent));
        silent.map(|(&port, _)| port).collect()
    }

    /// A RST that came, of any port.
    pub(crate) fn rst(&self) -> Option<&Answer> {
        self.ports.values().find_map(|port| match port {
            Port::Closed(answer) => Some(answer),
            _ => None,
        })
    }

    pub(crate) fn answer(&self, port: u16) -> Option<&Answer> {
        match self.ports.get(&port) {
            Some(Port::Open(answer)) => Some(answer),
            _ => None,
        }
    }
}

/// Sends SYNs to one port, `every` so often, and returns what answers came, in the order sent.
pub(crate) async fn series(
    air: &Air,
    source: IpAddr,
    target: IpAddr,
    port: u16,
    count: usize,
    every: Duration,
    wait: Duration,
) -> std::io::Result<Vec<Answer>> {
    let mut hearing = air.hear(Wanted::Peer(target));
    let mut sent: Vec<Sent> = Vec::new();
    let mut answers: BTreeMap<u16, Answer> = BTreeMap::new();
    for n in 0..count {
        sent.push(send(air, source, target, port)?);
        let last = n + 1 == count;
        let until = Instant::now() + if last { wait } else { every };
        while let Some((of, answer)) = next(&mut hearing, target, &sent, until).await {
            answers.entry(of.source_port).or_insert(answer);
            if last && answers.len() == sent.len() {
                break;
            }
        }
        if !last {
            sleep_until(until).await;
        }
    }
    Ok(sent
        .iter()
        .filter_map(|sent| answers.remove(&sent.source_port))
        .filter(|answer| !answer.is_rst)
        .collect())
}

fn send(air: &Air, source: IpAddr, target: IpAddr, port: u16) -> std::io::Result<Sent> {
    let sent = Sent {
        source_port: random_port(),
        port,
        sequence: rand::rng().random(),
        at: Instant::now(),
    };
    let from = SocketAddr::new(source, sent.source_port);
    let packet = craft::syn(from, SocketAddr::new(target, port), sent.sequence);
    air.send(&packet, target, 0)?;
    Ok(sent)
}

/// The next packet that answers one of `sent`.
async fn next(hearing: &mut Hearing, target: IpAddr, sent: &[Sent], until: Instant) -> Option<(Sent, Answer)> {
    loop {
        let heard = hearing.next(until).await?;
        if let Some(found) = answers(&heard.bytes, target, sent) {
            let (of, is_rst) = found;
            let answer = Answer {
                at: heard.at,
                after: heard.at.duration_since(of.at),
                bytes: heard.bytes,
                is_rst,
            };
            return Some((of, answer));
        }
    }
}

fn answers(bytes: &[u8], target: IpAddr, sent: &[Sent]) -> Option<(Sent, bool)> {
    let (ip, _) = Ip::read(bytes, true).ok()?;
    let (Transport::Tcp(tcp), _) = Transport::read(&ip) else {
        return None;
    };
    let of = sent.iter().rev().find(|sent| {
        ip.source == target
            && tcp.source_port == sent.port
            && tcp.destination_port == sent.source_port
            && tcp.acknowledgement == sent.sequence.wrapping_add(1)
    })?;
    let is_rst = tcp.flags.rst();
    (is_rst || tcp.flags.answers()).then_some((*of, is_rst))
}
