//! Bytes of any kind: nothing panics, nothing is read past its end, and what is good is read as another reader reads it.

mod common;

use common::{Syn, stack};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use wire::{
    flow::Flows,
    fragment::Reassembler,
    link::LinkType,
    neighbour::Discovery,
    packet::{Malformed, Net, Packet, Transport},
    source::{Limits, Sources},
    stack::{Context, Database},
    time::Time,
};

const LINKS: [LinkType; 6] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Raw,
    LinkType::Null,
    LinkType::Ppp,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        for link in LINKS {
            for bytes in &packets {
                whole_way(link, std::slice::from_ref(bytes));
            }
        }
    }

    #[test]
    fn a_packet_with_some_bytes_changed_and_its_end_cut_goes_the_whole_way(
        changes in prop::collection::vec((0usize..80, any::<u8>()), 0..6),
        keep in 0usize..120,
        v6 in any::<bool>(),
        options in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let options: Vec<u8> = options.repeat(4);
        let mut bytes = Syn { options, payload: vec![1; 20], ..Syn::default() }.bytes();
        if v6 {
            bytes = common::over_ipv6(&bytes);
        }
        for (at, byte) in changes {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        bytes.truncate(keep);
        whole_way(LinkType::Raw, &[bytes.clone(), bytes]);
    }

    #[test]
    fn any_text_as_a_signature_file_is_read_or_refused(text in "[\\[\\]a-z:=*+,;@{}\"0-9 \n-]{0,200}") {
        let _ = Database::parse(&text);
        let _ = Database::parse(&format!("[tcp:request]\nlabel = s:unix:X:\nsig = {text}"));
    }

    #[test]
    fn a_sound_packet_is_read_as_another_reader_reads_it(
        dst_port in any::<u16>(), isn in any::<u32>(), window in any::<u16>(), ttl in any::<u8>(), id in any::<u16>(),
        payload in prop::collection::vec(any::<u8>(), 0..40), v6 in any::<bool>(),
    ) {
        let mut bytes = Syn { dst_port, isn, window, ttl, id, payload, ..Syn::default() }.bytes();
        if v6 {
            bytes = common::over_ipv6(&bytes);
        }
        let Net::Ip(ip, Transport::Tcp(tcp)) = common::read(&bytes).net else { panic!("no TCP") };
        let theirs = SlicedPacket::from_ip(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let Some(TransportSlice::Tcp(their_tcp)) = theirs.transport else { panic!("no TCP") };
        let their_ttl = match theirs.net {
            Some(NetSlice::Ipv4(ip)) => ip.header().ttl(),
            Some(NetSlice::Ipv6(ip)) => ip.header().hop_limit(),
            _ => panic!("no IP"),
        };
        prop_assert_eq!(ip.ttl, their_ttl);
        prop_assert_eq!(tcp.destination_port, their_tcp.destination_port());
        prop_assert_eq!(tcp.sequence, their_tcp.sequence_number());
        prop_assert_eq!(tcp.window, their_tcp.window_size());
        prop_assert_eq!(tcp.options, their_tcp.options());
        prop_assert_eq!(tcp.payload, their_tcp.payload());
    }
}

#[test]
fn every_kind_of_fault_is_told_and_what_is_before_it_is_kept() {
    let syn = Syn::default().bytes();
    let changed = |changes: &[(usize, u8)]| {
        let mut bytes = syn.clone();
        for &(at, byte) in changes {
            bytes[at] = byte;
        }
        bytes
    };
    let raw = |bytes: &[u8]| match Packet::read(LinkType::Raw, bytes, bytes.len()) {
        Ok(packet) => (true, packet.fault),
        Err(fault) => (false, Some(fault)),
    };
    assert_eq!(raw(&syn), (true, None));
    assert_eq!(raw(&changed(&[(0, 0x35)])), (false, Some(Malformed::IpVersion)));
    assert_eq!(raw(&changed(&[(0, 0x44)])), (false, Some(Malformed::IpHeaderLength)));
    assert_eq!(raw(&changed(&[(3, 10)])), (false, Some(Malformed::IpTotalLength)));
    assert_eq!(raw(&changed(&[(2, 1)])), (true, Some(Malformed::IpShort)));
    assert_eq!(raw(&syn[..10]), (false, Some(Malformed::IpTruncated)));
    assert_eq!(raw(&changed(&[(32, 0xf0)])), (true, Some(Malformed::TcpDataOffset)));
    assert_eq!(raw(&changed(&[(32, 0x10)])), (true, Some(Malformed::TcpDataOffset)));
    assert_eq!(raw(&changed(&[(3, 30)])), (true, Some(Malformed::TcpTruncated)));
    assert_eq!(raw(&changed(&[(6, 0x20), (3, 43)])), (true, Some(Malformed::Fragment)));
    assert_eq!(
        raw(&changed(&[(9, 17), (24, 0xff)])),
        (true, Some(Malformed::UdpLength))
    );
    assert_eq!(
        raw(&changed(&[(9, 1), (3, 25)])),
        (true, Some(Malformed::IcmpTruncated))
    );
    assert_eq!(Malformed::ALL.map(|fault| fault as usize), std::array::from_fn(|at| at));
}

#[test]
fn a_capture_cut_by_its_snap_length_is_no_fault() {
    let syn = Syn {
        payload: vec![1; 100],
        ..Syn::default()
    }
    .bytes();
    let packet = Packet::read(LinkType::Raw, &syn[..64], syn.len()).unwrap();
    let Net::Ip(ip, Transport::Tcp(tcp)) = packet.net else {
        panic!("no TCP")
    };
    assert_eq!(
        (packet.fault, tcp.payload.len(), tcp.payload_len, ip.total_len),
        (None, 4, 100, 160)
    );
    let cut = Packet::read(LinkType::Raw, &syn[..50], syn.len()).unwrap();
    let Net::Ip(_, Transport::Tcp(tcp)) = cut.net else {
        panic!("no TCP")
    };
    let options = tcp.options();
    assert_eq!(
        (options.cut, options.malformed, options.mss, tcp.payload_len),
        (true, false, Some(1460), 100)
    );
}

/// Everything that packets pass through.
fn whole_way(link: LinkType, packets: &[Vec<u8>]) {
    let mut flows = Flows::<()>::new(4, 4);
    let (mut sources, mut fragments) = (Sources::new(Limits::of(4)), Reassembler::default());
    for (at, bytes) in packets.iter().enumerate() {
        let at = Time::from_millis(at as u64);
        for original in [bytes.len(), bytes.len() + 7] {
            let Ok(Packet {
                net: Net::Ip(ip, transport),
                ..
            }) = Packet::read(link, bytes, original)
            else {
                continue;
            };
            match transport {
                Transport::Tcp(tcp) => {
                    let (options, signature) = stack(&ip, &tcp);
                    Database::builtin().find(&signature, Context::Syn);
                    sources.syn(at, &ip, &tcp, &options, &signature);
                    sources.stray(&ip, &tcp);
                    flows.packet(at, &ip, &tcp, None);
                    flows.close(&ip, &tcp);
                }
                Transport::Icmp(icmp) => {
                    icmp.quoted();
                    Discovery::read(&icmp);
                }
                Transport::Fragment => {
                    if let Some(payload) = fragments.take(at, &ip) {
                        Transport::read(&ip.reassembled(&payload));
                    }
                }
                Transport::Udp(_) | Transport::Other => {}
            }
        }
    }
}
