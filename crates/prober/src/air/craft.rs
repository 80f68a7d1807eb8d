//! Packets as they go out, byte by byte. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What stands in the IP header beside addresses and lengths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) ttl: u8,
    pub(crate) dont_fragment: bool,
    /// IPv4 options (whole words), or an IPv6 extension header that `protocol` names, with its next header set.
    pub(crate) options: &'a [u8],
}

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const DESTINATION_OPTIONS: u8 = 60;
/// As most hosts send.
pub(crate) const TTL: u8 = 64;
const SYN: u8 = 2;
const WINDOW: u16 = 64_240;
/// Options of our SYN from the window scale on: what follows the MSS (fingerprint.md §16.4).
const SYN_OPTIONS: [u8; 20] = [
    1, 3, 3, 7, // NOP, window scale 7
    1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, // NOP, NOP, timestamps 0 and 0
    4, 2, // SACK permitted
    0, 0, // end, and padding
];
/// Maximum segment sizes of an Ethernet of 1500 bytes.
pub(crate) const MSS_V4: u16 = 1460;
pub(crate) const MSS_V6: u16 = 1440;

/// A whole IP packet.
pub(crate) fn packet(head: &Head<'_>, payload: &[u8]) -> Vec<u8> {
    match (head.source, head.destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => v6(head, source, destination, payload),
        (source, destination) => v4(head, as_v4(source), as_v4(destination), payload),
    }
}

/// Our SYN, as a whole IP packet.
pub(crate) fn syn(source: SocketAddr, destination: SocketAddr, sequence: u32) -> Vec<u8> {
    let mss = if destination.is_ipv6() { MSS_V6 } else { MSS_V4 };
    let mut segment = Vec::with_capacity(44);
    segment.extend(source.port().to_be_bytes());
    segment.extend(destination.port().to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0; 4]);
    segment.extend([11 << 4, SYN]);
    segment.extend(WINDOW.to_be_bytes());
    segment.extend([0; 4]);
    segment.extend([2, 4]);
    segment.extend(mss.to_be_bytes());
    segment.extend(SYN_OPTIONS);
    let head = Head {
        source: source.ip(),
        destination: destination.ip(),
        protocol: TCP,
        ttl: TTL,
        dont_fragment: true,
        options: &[],
    };
    seal(&head, TCP, &mut segment, 16);
    packet(&head, &segment)
}

/// A UDP datagram of zero bytes, header included.
pub(crate) fn udp(head: &Head<'_>, ports: (u16, u16), zeros: usize) -> Vec<u8> {
    let length = u16::try_from(8 + zeros).unwrap_or(u16::MAX);
    let mut datagram = vec![0; usize::from(length)];
    datagram[0..2].copy_from_slice(&ports.0.to_be_bytes());
    datagram[2..4].copy_from_slice(&ports.1.to_be_bytes());
    datagram[4..6].copy_from_slice(&length.to_be_bytes());
    seal(head, UDP, &mut datagram, 6);
    datagram
}

/// An ICMP or ICMPv6 message.
pub(crate) fn icmp(head: &Head<'_>, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(rest);
    message.extend(payload);
    if head.destination.is_ipv6() {
        seal(head, ICMPV6, &mut message, 2);
    } else {
        let sum = finish(add(0, &message));
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

/// Sets the checksum at `at`, over pseudo-header and payload.
fn seal(head: &Head<'_>, protocol: u8, payload: &mut [u8], at: usize) {
    let mut sum = match (head.source, head.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => add(add(0, &source.octets()), &destination.octets()),
        (IpAddr::V6(source), IpAddr::V6(destination)) => add(add(0, &source.octets()), &destination.octets()),
        _ => 0,
    };
    sum += u32::from(protocol) + u32::try_from(payload.len()).unwrap_or_default();
    let sum = match finish(add(sum, payload)) {
        0 if protocol == UDP => 0xffff,
        sum => sum,
    };
    payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn add(sum: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(sum, |sum, pair| {
        sum + (u32::from(pair[0]) << 8) + pair.get(1).map_or(0, |&low| u32::from(low))
    })
}

fn finish(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn v4(head: &Head<'_>, source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let length = 20 + head.options.len() + payload.len();
    let mut packet = Vec::with_capacity(length);
    let words = u8::try_from(5 + head.options.len() / 4).unwrap_or(15) & 15;
    packet.extend([0x40 | words, 0]);
    packet.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    packet.extend([
        0,
        0,
        if head.dont_fragment { 0x40 } else { 0 },
        0,
        head.ttl,
        head.protocol,
        0,
        0,
    ]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(head.options);
    let sum = finish(add(0, &packet));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn v6(head: &Head<'_>, source: Ipv6Addr, destination: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
    let length = head.options.len() + payload.len();
    let mut packet = Vec::with_capacity(40 + length);
    packet.extend([0x60, 0, 0, 0]);
    packet.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    packet.extend([head.protocol, head.ttl]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(head.options);
    packet.extend(payload);
    packet
}

fn as_v4(ip: IpAddr) -> Ipv4Addr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ip::Ip;
    use wire::packet::Transport;
    use wire::stack::{Context, Signature};

    #[test]
    fn our_syn_is_read_as_what_it_should_be_over_both_versions() {
        for (source, destination, expected) in [
            (
                "192.0.2.1:61000",
                "192.0.2.9:443",
                "4:64:0:1460:mss*44,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id-",
            ),
            ("[2001:db8::1]:61000", "[2001:db8::9]:443", "6:64:0:1440:"),
        ] {
            let bytes = syn(source.parse().unwrap(), destination.parse().unwrap(), 7);
            let (ip, fault) = Ip::read(&bytes, false).unwrap();
            assert_eq!(fault, None);
            let (Transport::Tcp(tcp), None) = Transport::read(&ip) else {
                panic!()
            };
            assert!(tcp.flags.opens() && tcp.sequence == 7);
            let signature = Signature::of(&ip, &tcp, Context::Syn).stack_sig();
            assert!(
                signature.starts_with(&expected[..expected.rfind(':').unwrap()]),
                "{signature}"
            );
            assert!(signature.contains("mss,nop,ws,nop,nop,ts,sok,eol+1"), "{signature}");
        }
    }

    #[test]
    fn checksums_of_a_whole_packet_come_to_nothing() {
        let head = Head {
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.9".parse().unwrap(),
            protocol: UDP,
            ttl: 1,
            dont_fragment: false,
            options: &[0x91, 2, 0, 0],
        };
        let datagram = udp(&head, (61_000, 33_434), 33);
        let packet = packet(&head, &datagram);
        assert_eq!(finish(add(0, &packet[..24])), 0);
        let pseudo = add(0, &packet[12..20]) + u32::from(UDP) + u32::try_from(datagram.len()).unwrap();
        assert_eq!(finish(add(pseudo, &datagram)), 0);
        let echo = icmp(&head, 8, 1, [0; 4], b"odd");
        assert_eq!(finish(add(0, &echo)), 0);
    }
}
