mod certificates;
mod floods;
mod fragments;
mod peers;

use std::{net::Ipv4Addr, sync::Arc};

use serde_json::Value;

use super::*;

const DECKY: [u8; 4] = [192, 0, 2, 10];
const PEER: [u8; 4] = [203, 0, 113, 7];
/// fingerprint.md §18, V1 and C1.
const LINUX: &str = "4500003c1234400034063676cb007107c000020ac93a00161122334400000000a002faf05f040000020405b40402080a0001e2400000000001030307";
const HELLO: &str = "16030100c4010000c00303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00000a0a0a13011302c02bc02f0100008d0a0a00000000000b0009000006612e7465737400170000ff01000100000a000800060a0a001d0017000b00020100002300000010000e000c02683208687474702f312e31000d000a00080403080404010503002d00020101002b0007060a0a03040303003300260024001d0020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SERVER_HELLO: &str = "160303005a020000560303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00130100002e002b0002030400330024001d00200000000000000000000000000000000000000000000000000000000000000000";

/// A watch over one machine, with what it told.
struct Bench {
    watch: Watch,
    told: Vec<Observation>,
    at: Time,
}

impl Bench {
    fn new() -> Self {
        Self::with(deckies())
    }

    fn with(deckies: Deckies) -> Self {
        Self {
            watch: Watch::new(&Limits::default(), deckies),
            told: Vec::new(),
            at: Time::from_millis(1_000_000),
        }
    }

    fn raw(&mut self, packet: &[u8]) {
        self.at = self.at + Duration::from_millis(1);
        self.watch
            .packet(self.at, LinkType::Raw, packet, packet.len(), &mut self.told);
    }

    fn segment(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), flags: u8, sequence: u32, payload: &[u8]) {
        self.raw(&tcp(from, to, flags, sequence, payload));
    }

    /// What was told of that kind, as its values.
    fn of(&self, kind: &str) -> Vec<Value> {
        let those = self.told.iter().filter(|seen| seen.kind() == kind);
        those.map(|seen| serde_json::to_value(&seen.details).unwrap()).collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.told.iter().map(Observation::kind).collect()
    }
}

fn deckies() -> Deckies {
    let mut deckies = Deckies::default();
    let decky = Arc::new(Decky {
        name: "web-01".to_owned(),
        hostname: Some("a.test".to_owned()),
    });
    deckies.add(Ipv4Addr::from(DECKY).into(), &decky);
    deckies
}

fn tcp(from: ([u8; 4], u16), to: ([u8; 4], u16), flags: u8, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = (40 + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    packet.extend(from.0);
    packet.extend(to.0);
    packet.extend(from.1.to_be_bytes());
    packet.extend(to.1.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(if from.0 == DECKY { 101_u32 } else { 501 }.to_be_bytes());
    packet.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

const SYN: u8 = 2;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const FIN_ACK: u8 = 0x11;
const CLIENT: ([u8; 4], u16) = (PEER, 40_000);
const SERVER: ([u8; 4], u16) = (DECKY, 443);

/// A handshake, then these payloads of the client from sequence number 101 on, each with how far it lies from there.
fn client_says(bench: &mut Bench, pieces: &[(u32, &[u8])]) {
    bench.segment(CLIENT, SERVER, SYN, 100, b"");
    bench.segment(SERVER, CLIENT, SYN_ACK, 500, b"");
    bench.segment(CLIENT, SERVER, ACK, 101, b"");
    for (offset, piece) in pieces {
        bench.segment(CLIENT, SERVER, ACK, 101 + offset, piece);
    }
}

#[test]
fn a_syn_is_told_once_with_all_its_header_shows() {
    let mut bench = Bench::new();
    let syn = hex::decode(LINUX).unwrap();
    (0..3).for_each(|_| bench.raw(&syn));
    let told = bench.of("tcp_syn_fingerprint");
    assert_eq!(told.len(), 1, "{:?}", bench.kinds());
    let expected = serde_json::json!({
        "ttl": 52, "initial_ttl": 64, "hop_distance": 12, "window": 64240, "mss": 1460, "wscale": 7,
        "options_sig": "M,S,T,N,W", "opt_kinds": "2-4-8-1-3", "has_sack": true, "has_timestamps": true, "tos": 0,
        "ecn": 0, "ipid_class": "unknown", "isn_class": "unknown", "os_guess": "linux", "df": true,
        "stack_sig": "4:64:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0",
        "stack_hash": "8e3bc6c1a64099de5791490442106dc2",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&told[0][field], value, "{field}");
    }
    bench
        .watch
        .advance(bench.at + Duration::from_secs(301), &mut bench.told);
    let repeats = bench.of("fingerprint_repeat");
    assert_eq!((repeats.len(), &repeats[0]["count"]), (1, &Value::from(2)));
    assert_eq!(repeats[0]["repeated"], "tcp_syn_fingerprint");
    let decky = bench.told[0].decky.as_ref().unwrap();
    assert_eq!(decky.name, "web-01");
}

#[test]
fn a_change_of_class_is_told_exactly_once() {
    let mut bench = Bench::new();
    let mut syn = hex::decode(LINUX).unwrap();
    for n in 0..9_u32 {
        syn[4..6].copy_from_slice(&(100 + n as u16).to_be_bytes());
        syn[20..22].copy_from_slice(&(50_000 + n as u16).to_be_bytes());
        syn[24..28].copy_from_slice(&(n.wrapping_mul(2_654_435_761)).to_be_bytes());
        bench.raw(&syn);
    }
    let classes: Vec<_> = bench
        .of("tcp_syn_fingerprint")
        .iter()
        .map(|told| (told["ipid_class"].clone(), told["isn_class"].clone()))
        .collect();
    assert_eq!(
        classes,
        [
            ("unknown".into(), "unknown".into()),
            ("incremental".into(), "random".into())
        ]
    );
}

#[test]
fn a_hello_is_read_however_it_is_cut_and_in_whatever_order_it_comes() {
    let hello = hex::decode(HELLO).unwrap();
    let (first, second) = hello.split_at(100);
    for pieces in [
        vec![(0, &hello[..])],
        vec![(0, first), (100, second)],
        vec![(100, second), (0, first)],
        vec![(100, second), (100, second), (0, first), (0, first)],
    ] {
        let mut bench = Bench::new();
        client_says(&mut bench, &pieces);
        bench.segment(SERVER, CLIENT, ACK, 501, &hex::decode(SERVER_HELLO).unwrap());
        let told = bench.of("tls_client_hello");
        assert_eq!(told.len(), 1, "{:?}", bench.kinds());
        assert_eq!(told[0]["ja3"], "f93b2aeb1f1db20a908d1b8ddfdfaed1");
        assert_eq!(told[0]["ja4"], "t13d0411h2_e00fd9ffaebd_9ea680a096c6");
        assert_eq!(
            (&told[0]["sni"], &told[0]["alpn"]),
            (&"a.test".into(), &"h2,http/1.1".into())
        );
        assert_eq!(
            (&told[0]["grease"], &told[0]["sni_matches_decoy"]),
            (&true.into(), &true.into())
        );
        assert_eq!(told[0]["client_rtt_ms"], 1.0);
        let session = bench.of("tls_session");
        assert_eq!(session.len(), 1, "{:?}", bench.kinds());
        assert_eq!(session[0]["ja3s"], "f4febc55ea12b31ae17cfb7e614afda8");
        assert_eq!(session[0]["ja4"], told[0]["ja4"]);
        assert_eq!(bench.watch.talks.held, 0, "nothing is held of what was heard");
    }
}

#[test]
fn what_a_machine_says_itself_is_never_a_peers() {
    let hello = hex::decode(HELLO).unwrap();
    let (ours, theirs) = ((DECKY, 50_000), (PEER, 443));
    let mut bench = Bench::new();
    bench.segment(ours, theirs, SYN, 100, b"");
    bench.segment(theirs, ours, SYN_ACK, 500, b"");
    bench.segment(ours, theirs, ACK, 101, &hello);
    bench.segment(ours, theirs, FIN_ACK, 101 + hello.len() as u32, b"");
    bench.segment(theirs, ours, FIN_ACK, 501, b"");
    bench.watch.finish(&mut bench.told);
    assert_eq!(bench.kinds(), ["tls_outbound"]);
    assert_eq!(bench.told[0].role, Role::Outbound);
}

#[test]
fn packets_between_strangers_are_counted_and_left_alone() {
    let mut bench = Bench::new();
    bench.segment(CLIENT, ([198, 51, 100, 1], 80), SYN, 1, b"");
    assert!(bench.told.is_empty());
    assert_eq!(bench.watch.counters().foreign, 1);
    let mut anyone = Bench::with(Deckies::default());
    anyone.segment(CLIENT, ([198, 51, 100, 1], 80), SYN, 1, b"");
    assert_eq!(anyone.kinds(), ["tcp_syn_fingerprint"]);
    assert!(anyone.told[0].decky.is_none());
}

#[test]
fn ssh_and_http_clients_are_known_on_any_port() {
    let mut bench = Bench::new();
    let request = b"GET /a HTTP/1.1\r\nHost: web\r\nUser-Agent: curl/8.1\r\nAccept: */*\r\nCookie: a=secret\r\n\r\n";
    client_says(&mut bench, &[(0, &request[..20]), (20, &request[20..])]);
    let told = bench.of("http_request_fingerprint");
    assert_eq!(told.len(), 1, "{:?}", bench.kinds());
    assert_eq!(
        told[0]["headers_ordered"],
        serde_json::json!(["Host", "User-Agent", "Accept", "Cookie"])
    );
    assert_eq!((&told[0]["method"], &told[0]["path"]), (&"GET".into(), &"/a".into()));
    assert!(
        !told[0].to_string().contains("secret"),
        "a cookie's value is nobody's business"
    );

    let mut bench = Bench::new();
    let mut kexinit = vec![20; 17];
    for list in ["a25519", "ed", "aes", "aes", "sha", "sha", "none", "none", "", ""] {
        kexinit.extend((list.len() as u32).to_be_bytes());
        kexinit.extend(list.as_bytes());
    }
    kexinit.extend([0; 5]);
    let mut packet = (kexinit.len() as u32 + 5).to_be_bytes().to_vec();
    packet.push(4);
    packet.extend(&kexinit);
    packet.extend([0; 4]);
    let banner = b"SSH-2.0-Go\r\n";
    client_says(&mut bench, &[(0, banner), (12, &packet[..30]), (42, &packet[30..])]);
    assert_eq!(bench.of("ssh_client_banner")[0]["ssh_version"], "SSH-2.0-Go");
    let kex = bench.of("ssh_client_kex");
    assert_eq!(kex.len(), 1, "{:?}", bench.kinds());
    assert_eq!(
        (&kex[0]["kex"], &kex[0]["ssh_version"]),
        (&"a25519".into(), &"SSH-2.0-Go".into())
    );
}

#[test]
fn connections_are_summed_up_by_source_and_port() {
    let mut bench = Bench::new();
    for port in [40_000, 40_001] {
        let client = (PEER, port);
        bench.segment(client, SERVER, SYN, 100, b"");
        bench.segment(SERVER, client, SYN_ACK, 500, b"");
        bench.segment(client, SERVER, ACK, 101, b"junk");
        bench.segment(client, SERVER, ACK, 101, b"junk");
        bench.segment(client, SERVER, FIN_ACK, 105, b"");
        bench.segment(SERVER, client, FIN_ACK, 501, b"");
    }
    bench.watch.finish(&mut bench.told);
    let told = bench.of("tcp_flow_timing");
    assert_eq!(told.len(), 1);
    let flow = &told[0];
    assert_eq!(
        (&flow["flows"], &flow["retransmits"], &flow["packets"]),
        (&2.into(), &2.into(), &12.into())
    );
    assert_eq!(
        (&flow["handshake"], &flow["bytes"]),
        (&"established".into(), &16.into())
    );
}

#[test]
fn a_flood_from_forged_addresses_takes_no_more_than_its_share() {
    let limits = Limits {
        flows: 64,
        half_open: 64,
        talks: 64,
        held: 64 << 10,
        sources: 64,
        repeats: 64,
        summaries: 64,
        datagrams: 64,
        neighbours: 64,
    };
    let mut bench = Bench::new();
    bench.watch = Watch::new(&limits, deckies());
    for n in 0..10_000_u32 {
        let client = ((0x0b00_0000 + n).to_be_bytes(), 40_000);
        bench.segment(client, SERVER, SYN, n, b"");
        bench.segment(client, SERVER, ACK, n + 1, b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc");
        bench.told.clear();
    }
    let counters = bench.watch.counters();
    assert_eq!(bench.watch.flows.len(), 64, "nobody answered any of them");
    assert!(
        counters.evicted_half_open > 9_000 && counters.evicted_sources > 9_000,
        "{counters:?}"
    );
    assert!(bench.watch.talks.held <= 64 << 10);
}
