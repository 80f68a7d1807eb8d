//! ICMP errors (RFC 792), in four ways.

use std::net::IpAddr;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rand::Rng as _;

use super::ProbeKind;
use super::icmp::{self, Class, Classes, Mark};
use crate::air::craft::{Head, TTL, UDP, packet, udp};
use crate::finding::Finding;
use crate::target::Target;

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "icmp_error",
    order: 850,
    ports: &[],
    event: "icmp_error_leak",
    ask,
};

static CLASSES: Classes = [
    Class {
        key: "port_unreachable",
        letter: 'P',
        kind: 3,
        code: Some(3),
        needs_router: false,
    },
    Class {
        key: "time_exceeded",
        letter: 'T',
        kind: 11,
        code: Some(0),
        needs_router: true,
    },
    Class {
        key: "frag_needed",
        letter: 'F',
        kind: 3,
        code: Some(4),
        needs_router: false,
    },
    Class {
        key: "param_problem",
        letter: 'X',
        kind: 12,
        code: None,
        needs_router: false,
    },
];

/// Where hardly anything listens: what traceroute uses.
const PORTS: std::ops::RangeInclusive<u16> = 33_434..=33_534;
/// A whole packet of an Ethernet: more would not leave this host.
const FULL: usize = 1_500 - 28;
/// An option of no known kind, and padding.
const OPTION: [u8; 4] = [0x91, 2, 0, 0];

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    async move {
        if target.ip.is_ipv6() {
            return Vec::new();
        }
        let found = match target.source() {
            Ok(source) => {
                icmp::ask(target, &CLASSES, "icmp", |class, mark| {
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
    let (ttl, dont_fragment, zeros, options): (u8, bool, usize, &[u8]) = match class.letter {
        'T' => (1, false, 32, &[]),
        'F' => (TTL, true, FULL, &[]),
        'X' => (TTL, false, 8, &OPTION),
        _ => (TTL, false, 32, &[]),
    };
    let head = Head {
        source,
        destination: target,
        protocol: UDP,
        ttl,
        dont_fragment,
        options,
    };
    packet(&head, &udp(&head, (mark.0, rand::rng().random_range(PORTS)), zeros))
}
