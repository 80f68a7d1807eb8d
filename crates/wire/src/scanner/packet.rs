//! Marks of single packets.

use std::net::IpAddr;

use super::{Hits, Tool};
use crate::{
    ip::Ip,
    stack::{Quirks, Signature, initial_ttl},
    tcp::{Options, Tcp},
};

/// Fixed identification of ZMap before version 4.
const ZMAP_ID: u16 = 54_321;
/// Source ports that ZMap takes.
const ZMAP_PORTS: std::ops::RangeInclusive<u16> = 32_768..=61_000;
/// Tools that set the largest TTL arrive with at least this much left.
const LARGE_TTL: u8 = 200;
/// Timestamp in all of nmap's probes for operating systems.
const NMAP_OS_TIMESTAMP: u32 = u32::MAX;
/// Urgent pointer, without its flag, of nmap's probe for congestion notification.
const NMAP_ECN_URGENT: u16 = 0xf7f5;
/// Windows that nmap's half-open scan has used.
const NMAP_WINDOWS: [u16; 4] = [1024, 2048, 3072, 4096];

/// Window and option kinds of nmap's six probes of sequence numbers and of T2 to T7, as its manual lists them.
const NMAP_OS_PROBES: [(u16, &[u8]); 12] = [
    (1, &[3, 1, 2, 8, 4]),
    (63, &[2, 3, 4, 8, 0]),
    (4, &[8, 1, 1, 3, 1, 2]),
    (4, &[4, 8, 3, 0]),
    (16, &[2, 4, 8, 3, 0]),
    (512, &[2, 4, 8]),
    (128, &[3, 1, 2, 8, 4]),
    (256, &[3, 1, 2, 8, 4]),
    (1024, &[3, 1, 2, 8, 4]),
    (31_337, &[3, 1, 2, 8, 4]),
    (32_768, &[3, 1, 2, 8, 4]),
    (65_535, &[3, 1, 2, 8, 4]),
];

/// The marks of a SYN.
#[inline]
pub(super) fn marks_of_syn(ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options, signature: &Signature) -> Hits {
    let mut hits = Hits::default();
    if tcp.payload_len > 0 {
        let fast_open = options.kinds.as_slice().contains(&34);
        let (confidence, evidence) = if fast_open {
            (0.4, "data in a SYN, by TCP fast open")
        } else {
            (0.8, "data in a SYN")
        };
        hits.add(Tool::DataSyn, confidence, evidence);
    }
    // All of these write their own headers and leave Don't Fragment alone.
    if !ip.dont_fragment {
        numbers(ip, tcp, &mut hits);
        shapes(ip, tcp, options, signature, &mut hits);
    } else if is_sequence_of_destination(ip, tcp) {
        hits.add(Tool::Mirai, 0.9, MIRAI);
    }
    nmap_os(tcp, options, &mut hits);
    if hits.is_empty() && signature.kinds.as_slice().is_empty() && !options.cut {
        hits.add(Tool::Raw, 0.5, "a SYN without options");
    }
    hits
}

/// The marks of a packet that belongs to no connection.
pub(crate) fn marks_of_stray(tcp: &Tcp<'_>) -> Hits {
    let mut hits = Hits::default();
    if !tcp.options.is_empty() {
        nmap_os(tcp, &tcp.options(), &mut hits);
    }
    hits
}

const MIRAI: &str = "the sequence number is the destination address";

/// Relations between numbers that have nothing to do with one another in a kernel's packets.
fn numbers(ip: &Ip<'_>, tcp: &Tcp<'_>, hits: &mut Hits) {
    let (IpAddr::V4(destination), Some(id)) = (ip.destination, ip.id) else {
        return;
    };
    let large = ip.ttl >= LARGE_TTL;
    if is_sequence_of_destination(ip, tcp) {
        hits.add(Tool::Mirai, 0.97, MIRAI);
    }
    let mixed = destination.to_bits() ^ u32::from(tcp.destination_port) ^ tcp.sequence;
    if mixed & 0xffff == u32::from(id) {
        let confidence = if large && tcp.window == 1024 { 0.98 } else { 0.8 };
        hits.add(
            Tool::Masscan,
            confidence,
            "identification = low 16 bits of destination ^ port ^ sequence number",
        );
    }
    if id == ZMAP_ID {
        let confidence = if large && tcp.window == 65_535 { 0.97 } else { 0.6 };
        hits.add(Tool::ZmapLegacy, confidence, "identification 54321");
    }
}

fn is_sequence_of_destination(ip: &Ip<'_>, tcp: &Tcp<'_>) -> bool {
    matches!(ip.destination, IpAddr::V4(destination) if destination.to_bits() == tcp.sequence)
}

/// Combinations of values that only a tool writes.
fn shapes(ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options, signature: &Signature, hits: &mut Hits) {
    let bare = tcp.header_len == 20;
    let initial = initial_ttl(ip.ttl);
    // Over IPv6 a kernel sets a flow label.
    let unlabelled = ip.flow_label == 0;
    match options.kinds.as_slice() {
        [2] if options.mss == Some(1460) && NMAP_WINDOWS.contains(&tcp.window) => {
            let as_nmap = if ip.is_v6() {
                initial == 255 && unlabelled
            } else {
                initial == 64
            };
            if as_nmap {
                hits.add(
                    Tool::NmapSyn,
                    0.8,
                    "MSS 1460 alone, window a small multiple of 1024, no Don't Fragment",
                );
            }
        }
        _ => {}
    }
    if initial == 255 && tcp.window == 65_535 && ip.id != Some(ZMAP_ID) && unlabelled && !bare {
        let confidence = if ZMAP_PORTS.contains(&tcp.source_port) {
            0.7
        } else {
            0.5
        };
        hits.add(Tool::Zmap, confidence, "TTL from 255, window 65535, no Don't Fragment");
    }
    if bare && ip.is_v6() && initial == 255 && tcp.window == 1024 && unlabelled {
        hits.add(
            Tool::Masscan,
            0.7,
            "no options, window 1024, hop limit from 255, no flow label",
        );
    }
    if bare && tcp.window == 512 && initial == 64 {
        hits.add(Tool::Hping, 0.7, "no options, window 512");
    }
    if bare && tcp.window == 8192 && initial == 64 && unlabelled && ip.id.is_none_or(|id| id == 1) {
        let untouched = signature.quirks.contains(Quirks::SEQ_ZERO);
        let (confidence, evidence) = if untouched {
            (0.95, "no options, window 8192, identification 1, sequence number 0")
        } else {
            (0.7, "no options, window 8192, identification 1")
        };
        hits.add(Tool::Scapy, confidence, evidence);
    }
}

fn nmap_os(tcp: &Tcp<'_>, options: &Options, hits: &mut Hits) {
    let kinds = options.kinds.as_slice();
    let stamped = options.timestamps.is_some_and(|(own, _)| own == NMAP_OS_TIMESTAMP);
    if stamped && NMAP_OS_PROBES.contains(&(tcp.window, kinds)) {
        hits.add(
            Tool::NmapOs,
            0.98,
            "options, window and timestamp of a probe for operating systems",
        );
    }
    if tcp.window == 3 && tcp.urgent == NMAP_ECN_URGENT && kinds == [3, 1, 2, 4, 1, 1] {
        hits.add(
            Tool::NmapOs,
            0.98,
            "the probe for congestion notification of operating systems",
        );
    }
}
