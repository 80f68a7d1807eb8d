//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses some of it")]

use wire::{link::LinkType, packet::Packet};

/// A packet that begins with its IP header.
pub(crate) fn read(bytes: &[u8]) -> Packet<'_> {
    Packet::read(LinkType::Raw, bytes, bytes.len()).expect("a packet")
}

/// The payload of an IPv4 packet under an IPv6 header with the same TTL and ToS, from 2001:db8::source to
/// 2001:db8::destination, where these are the IPv4 addresses.
pub(crate) fn over_ipv6(v4: &[u8]) -> Vec<u8> {
    let header_len = usize::from(v4[0] & 0x0f) * 4;
    let payload = &v4[header_len..];
    let mut v6 = vec![0x60 | (v4[1] >> 4), v4[1] << 4, 0, 0];
    v6.extend(u16::try_from(payload.len()).expect("a packet").to_be_bytes());
    v6.extend([v4[9], v4[8]]);
    for address in [&v4[12..16], &v4[16..20]] {
        v6.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        v6.extend(address);
    }
    v6.extend(payload);
    v6
}
