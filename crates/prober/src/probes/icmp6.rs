//! ICMPv6 errors (RFC 4443), in four ways.

use std::net::IpAddr;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rand::Rng as _;

use super::ProbeKind;
use super::icmp::{self, Class, Classes, Mark};
use crate::air::craft::{DESTINATION_OPTIONS, Head, TTL, UDP, packet, udp};
use crate::finding::Finding;
use crate::target::Target;

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "icmp6_error",
    order: 860,
    ports: &[],
    event: "icmp6_error_leak",
    ask,
};

static CLASSES: Classes = [
    Class {
        key: "port_unreachable",
        letter: 'U',
        kind: 1,
        code: Some(4),
        needs_router: false,
    },
    Class {
        key: "hop_limit_exceeded",
        letter: 'H',
        kind: 3,
        code: Some(0),
        needs_router: true,
    },
    Class {
        key: "unknown_next_header",
        letter: 'N',
        kind: 4,
        code: Some(1),
        needs_router: false,
    },
    Class {
        key: "unknown_option",
        letter: 'B',
        kind: 4,
        code: Some(2),
        needs_router: false,
    },
];

const PORTS: std::ops::RangeInclusive<u16> = 33_434..=33_534;
/// For experiments (RFC 3692): nobody knows it.
const UNKNOWN: u8 = 253;
/// An option of no known kind that must be complained about (RFC 8200 §4.2), with four bytes.
const OPTIONS: [u8; 8] = [UDP, 0, 0x80, 4, 0, 0, 0, 0];

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    async move {
        if !target.ip.is_ipv6() {
            return Vec::new();
        }
        let found = match target.source() {
            Ok(source) => {
                icmp::ask(target, &CLASSES, "icmp6", |class, mark| {
                    Some(craft(target.ip, source, class, mark))
                })
                .await
            }
            Err(error) => Err(error),
        };
        vec![found.unwrap_or_else(|error| Finding::of_error(None, &error))]
    }
    .boxed()
}

fn craft(target: IpAddr, source: IpAddr, class: &Class, mark: Mark) -> Vec<u8> {
    let (protocol, ttl, options): (u8, u8, &[u8]) = match class.letter {
        'H' => (UDP, 1, &[]),
        'N' => (UNKNOWN, TTL, &[]),
        'B' => (DESTINATION_OPTIONS, TTL, &OPTIONS),
        _ => (UDP, TTL, &[]),
    };
    let head = Head {
        source,
        destination: target,
        protocol,
        ttl,
        dont_fragment: false,
        options,
    };
    if class.letter == 'N' {
        let mut payload = mark.0.to_be_bytes().to_vec();
        payload.resize(8, 0);
        return packet(&head, &payload);
    }
    packet(&head, &udp(&head, (mark.0, rand::rng().random_range(PORTS)), 32))
}
