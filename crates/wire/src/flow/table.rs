//! Many connections, within a hard cap.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use super::{Flow, Segment, Side};
use crate::{ip::Ip, lru::Lru, tcp::Tcp, time::Time};

/// The connections of a capture, with something of the caller's (`X`) beside each.
///
/// Anybody can forge one side of a connection, so those in which both sides have had their part are kept apart from the
/// rest: no flood from forged addresses makes one of them forgotten.
///
/// Connections that have been quiet for two minutes are handed out by [`Flows::expired`], which is to be called now and
/// then with the time of the packets.
#[derive(Debug)]
pub struct Flows<X = ()> {
    mutual: Lru<Key, Entry<X>>,
    half_open: Lru<Key, Entry<X>>,
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
    /// Another connection that had to go: it was between the same ports, or there are too many. Bare openings go without
    /// a word.
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
    /// At most `mutual` connections in which both sides had their part, and `half_open` others.
    pub fn new(mutual: usize, half_open: usize) -> Self {
        Self {
            mutual: Lru::new(mutual),
            half_open: Lru::new(half_open),
        }
    }

    pub fn len(&self) -> usize {
        self.mutual.len() + self.half_open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections given up because there were too many: those in which both sides had their part, and others.
    pub fn evicted(&self) -> (u64, u64) {
        (self.mutual.evicted(), self.half_open.evicted())
    }

    /// Takes a TCP packet. `sender` is who sent it, where the caller knows; otherwise flags and ports tell.
    ///
    /// `None` when it belongs to no connection and begins none: a stray acknowledgement, FIN or RST.
    #[inline]
    pub fn packet(&mut self, at: Time, ip: &Ip<'_>, tcp: &Tcp<'_>, sender: Option<Side>) -> Option<Seen<'_, X>> {
        let (key, sender_first) = Key::of(ip, tcp);
        let is_reopened = |entry: &mut Entry<X>| entry.flow.is_reopened_by(entry.side(sender_first), tcp);
        let mutual = self.mutual.get(&key).map(is_reopened);
        let mut displaced = None;
        match mutual.or_else(|| self.half_open.get(&key).map(is_reopened)) {
            Some(true) => displaced = self.remove(&key, Why::Reopened),
            Some(false) => {}
            None if begins(tcp) => {}
            None => return None,
        }
        let is_mutual = mutual == Some(false);
        let table = if is_mutual {
            &mut self.mutual
        } else {
            &mut self.half_open
        };
        let used = table.entry(key, || {
            let client_sends = sender.unwrap_or_else(|| guess_sender(tcp)) == Side::Client;
            Entry {
                client_first: client_sends == sender_first,
                flow: Flow::new(at),
                extra: X::default(),
            }
        });
        let (new, side) = (used.new, used.value.side(sender_first));
        let segment = used.value.flow.take(at, side, tcp);
        let becomes_mutual = !is_mutual && used.value.flow.is_mutual();
        displaced = displaced.or(evicted(used.evicted));
        if becomes_mutual {
            let (_, entry) = self.half_open.remove(&key)?;
            displaced = displaced.or(evicted(self.mutual.entry(key, || entry).evicted));
        }
        let table = if is_mutual || becomes_mutual {
            &mut self.mutual
        } else {
            &mut self.half_open
        };
        let entry = table.get(&key)?;
        Some(Seen {
            ends: key.ends(entry.client_first),
            flow: &mut entry.flow,
            extra: &mut entry.extra,
            side,
            segment,
            new,
            displaced,
        })
    }

    /// Takes out the connection of a packet if it is over.
    pub fn close(&mut self, ip: &Ip<'_>, tcp: &Tcp<'_>) -> Option<Box<Ended<X>>> {
        let (key, _) = Key::of(ip, tcp);
        self.mutual
            .peek(&key)
            .or_else(|| self.half_open.peek(&key))
            .filter(|entry| entry.flow.is_over())?;
        self.remove(&key, Why::Closed)
    }

    /// Takes out a connection that has been quiet for two minutes at `now`; call until there is none.
    #[inline]
    pub fn expired(&mut self, now: Time) -> Option<Ended<X>> {
        let is_idle = |(_, entry): &(&Key, &Entry<X>)| now.since(entry.flow.last) > IDLE;
        let table = [&mut self.half_open, &mut self.mutual]
            .into_iter()
            .find(|table| table.oldest().as_ref().is_some_and(is_idle))?;
        table.pop_oldest().map(|(key, entry)| entry.ended(&key, Why::Idle))
    }

    /// Takes out any connection, at the end of a capture; call until there is none.
    pub fn flush(&mut self) -> Option<Ended<X>> {
        self.mutual
            .pop_oldest()
            .or_else(|| self.half_open.pop_oldest())
            .map(|(key, entry)| entry.ended(&key, Why::Flushed))
    }

    fn remove(&mut self, key: &Key, why: Why) -> Option<Box<Ended<X>>> {
        self.mutual
            .remove(key)
            .or_else(|| self.half_open.remove(key))
            .map(|(key, entry)| Box::new(entry.ended(&key, why)))
    }
}

/// An opening that nobody answered and that was not repeated is only counted: it tells nothing, and a flood has millions.
fn evicted<X>(entry: Option<(Key, Entry<X>)>) -> Option<Box<Ended<X>>> {
    let entry = entry.filter(|(_, entry)| !entry.flow.is_lone_opening());
    entry.map(|(key, entry)| Box::new(entry.ended(&key, Why::Evicted)))
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
