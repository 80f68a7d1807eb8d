//! Many connections, within a hard cap.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use super::{Flow, Segment, Side};
use crate::{ip::Ip, lru::Lru, tcp::Tcp, time::Time};

/// The connections of a capture, with something of the caller's (`X`) beside each.
///
/// Connections that have been quiet for two minutes are handed out by [`Flows::expired`], which is to be called now and
/// then with the time of the packets.
#[derive(Debug)]
pub struct Flows<X = ()> {
    table: Lru<Key, Entry<X>>,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoints {
    pub client: (IpAddr, u16),
    pub server: (IpAddr, u16),
}

/// A connection as a packet left it.
#[derive(Debug)]
pub struct Seen<'a, X> {
    pub ends: Endpoints,
    pub flow: &'a mut Flow,
    pub extra: &'a mut X,
    /// Who sent the packet.
    pub side: Side,
    pub segment: Segment,
    /// The packet is the first of it.
    pub new: bool,
    /// Another connection that had to go: it was between the same ports, or the table is full.
    pub displaced: Option<Box<Ended<X>>>,
}

/// A connection that is no longer followed.
#[derive(Debug)]
pub struct Ended<X = ()> {
    pub ends: Endpoints,
    pub flow: Flow,
    pub extra: X,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Finished by both sides, or cut off.
    Closed,
    /// Nothing for two minutes.
    Idle,
    /// A new connection between the same ports.
    Reopened,
    /// The table was full.
    Evicted,
    /// The capture ended.
    Flushed,
}

#[derive(Debug)]
struct Entry<X> {
    /// The client is the end that sorts first.
    client_first: bool,
    flow: Flow,
    extra: X,
}

/// Both ends in one order, whoever sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    first: u128,
    second: u128,
    /// Of the first, of the second, and whether the addresses are of IPv6.
    ports: (u16, u16, bool),
}

/// A connection with nothing for so long is over.
const IDLE: Duration = Duration::from_secs(120);

// === impl Flows ===

impl<X: Default> Flows<X> {
    /// A table of at most `capacity` connections.
    pub fn new(capacity: usize) -> Self {
        Self {
            table: Lru::new(capacity),
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Connections given up because the table was full.
    pub fn evicted(&self) -> u64 {
        self.table.evicted()
    }

    /// Takes a TCP packet. `sender` is who sent it, where the caller knows; otherwise flags and ports tell.
    ///
    /// `None` when it belongs to no connection and begins none: a stray acknowledgement, FIN or RST.
    #[inline]
    pub fn packet(&mut self, at: Time, ip: &Ip<'_>, tcp: &Tcp<'_>, sender: Option<Side>) -> Option<Seen<'_, X>> {
        let (key, sender_first) = Key::of(ip, tcp);
        let mut displaced = None;
        if let Some(entry) = self.table.get(&key) {
            let side = entry.side(sender_first);
            if entry.flow.is_reopened_by(side, tcp) {
                displaced = self.remove(&key, Why::Reopened);
            }
        } else if !begins(tcp) {
            return None;
        }
        let used = self.table.entry(key, || {
            let client_sends = sender.unwrap_or_else(|| guess_sender(tcp)) == Side::Client;
            Entry {
                client_first: client_sends == sender_first,
                flow: Flow::new(at),
                extra: X::default(),
            }
        });
        let evicted = used
            .evicted
            .map(|(key, entry)| Box::new(entry.ended(&key, Why::Evicted)));
        let side = used.value.side(sender_first);
        let segment = used.value.flow.take(at, side, tcp);
        Some(Seen {
            ends: key.ends(used.value.client_first),
            flow: &mut used.value.flow,
            extra: &mut used.value.extra,
            side,
            segment,
            new: used.new,
            displaced: displaced.or(evicted),
        })
    }

    /// Takes out the connection of a packet if it is over.
    pub fn close(&mut self, ip: &Ip<'_>, tcp: &Tcp<'_>) -> Option<Box<Ended<X>>> {
        let (key, _) = Key::of(ip, tcp);
        self.table.peek(&key).filter(|entry| entry.flow.is_over())?;
        self.remove(&key, Why::Closed)
    }

    /// Takes out a connection that has been quiet for two minutes at `now`; call until there is none.
    #[inline]
    pub fn expired(&mut self, now: Time) -> Option<Ended<X>> {
        self.table
            .oldest()
            .filter(|(_, entry)| now.since(entry.flow.last) > IDLE)?;
        self.table.pop_oldest().map(|(key, entry)| entry.ended(&key, Why::Idle))
    }

    /// Takes out any connection, at the end of a capture; call until there is none.
    pub fn flush(&mut self) -> Option<Ended<X>> {
        self.table
            .pop_oldest()
            .map(|(key, entry)| entry.ended(&key, Why::Flushed))
    }

    fn remove(&mut self, key: &Key, why: Why) -> Option<Box<Ended<X>>> {
        self.table
            .remove(key)
            .map(|(key, entry)| Box::new(entry.ended(&key, why)))
    }
}

/// A connection begins with a SYN, or, where that was missed, with an answer to one or with data.
fn begins(tcp: &Tcp<'_>) -> bool {
    !tcp.flags.rst() && (tcp.flags.syn() || (tcp.payload_len > 0 && tcp.flags.ack()))
}

fn guess_sender(tcp: &Tcp<'_>) -> Side {
    let client = match (tcp.flags.syn(), tcp.flags.ack()) {
        (true, answers) => !answers,
        // Servers listen low.
        (false, _) => tcp.source_port >= tcp.destination_port,
    };
    if client { Side::Client } else { Side::Server }
}

// === impl Entry ===

impl<X> Entry<X> {
    fn side(&self, sender_first: bool) -> Side {
        if self.client_first == sender_first {
            Side::Client
        } else {
            Side::Server
        }
    }

    fn ended(self, key: &Key, why: Why) -> Ended<X> {
        Ended {
            ends: key.ends(self.client_first),
            flow: self.flow,
            extra: self.extra,
            why,
        }
    }
}

// === impl Key ===

impl Key {
    /// The key of a packet's connection, and whether its sender comes first in it.
    #[inline]
    fn of(ip: &Ip<'_>, tcp: &Tcp<'_>) -> (Self, bool) {
        let source = (number(ip.source), tcp.source_port);
        let destination = (number(ip.destination), tcp.destination_port);
        let sender_first = source <= destination;
        let (first, second) = if sender_first {
            (source, destination)
        } else {
            (destination, source)
        };
        (
            Self {
                first: first.0,
                second: second.0,
                ports: (first.1, second.1, ip.is_v6()),
            },
            sender_first,
        )
    }

    fn ends(&self, client_first: bool) -> Endpoints {
        let (port_first, port_second, v6) = self.ports;
        let first = (address(self.first, v6), port_first);
        let second = (address(self.second, v6), port_second);
        let (client, server) = if client_first { (first, second) } else { (second, first) };
        Endpoints { client, server }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(number: u128, v6: bool) -> IpAddr {
    if v6 {
        Ipv6Addr::from_bits(number).into()
    } else {
        Ipv4Addr::from_bits(number as u32).into()
    }
}
