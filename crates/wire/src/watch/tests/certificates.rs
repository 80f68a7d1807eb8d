//! Certificates are told of servers that machines of ours turned to, and of no machine of ours.

use rcgen::{CertificateParams, KeyPair};

use super::*;

const OURS: ([u8; 4], u16) = (DECKY, 50_000);
const THEIRS: ([u8; 4], u16) = (PEER, 443);

fn certificate() -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["c2.test".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "c2.test");
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 4, 1);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

fn records(messages: &[u8], most: usize) -> Vec<u8> {
    let records = messages.chunks(most).map(|part| {
        let length = (part.len() as u16).to_be_bytes();
        [&[22, 3, 3][..], &length, part].concat()
    });
    records.collect::<Vec<_>>().concat()
}

/// A server's first words in TLS 1.2: its hello and this chain.
fn flight(chain: &[&[u8]], most: usize) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x2f, 0]);
    let listed: Vec<u8> = chain.iter().flat_map(|der| message(0, der)[1..].to_vec()).collect();
    let list = message(0, &listed)[1..].to_vec();
    let messages = [message(2, &hello), message(11, &list), message(14, &[])].concat();
    records(&messages, most)
}

fn connection(bench: &mut Bench, client: ([u8; 4], u16), server: ([u8; 4], u16), answer: &[u8], size: usize) {
    bench.segment(client, server, SYN, 100, b"");
    bench.segment(server, client, SYN_ACK, 500, b"");
    bench.segment(client, server, ACK, 101, &hex::decode(HELLO).unwrap());
    for (n, piece) in answer.chunks(size).enumerate() {
        bench.segment(server, client, ACK, 501 + (n * size) as u32, piece);
    }
    assert_eq!(bench.watch.talks.held, 0, "nothing is held of what was heard");
}

#[test]
fn a_machine_that_turns_to_a_server_shows_that_servers_certificates() {
    let (leaf, other) = (certificate(), certificate());
    for (most, size) in [(16_000, 9_000), (200, 1_400), (16_000, 300)] {
        let mut bench = Bench::new();
        connection(&mut bench, OURS, THEIRS, &flight(&[&leaf, &other], most), size);
        assert_eq!(bench.kinds(), ["tls_outbound", "tls_session", "tls_certificate"]);
        let told = &bench.of("tls_certificate")[0];
        for (field, value) in [
            ("sni", "a.test"),
            ("subject_cn", "c2.test"),
            ("issuer", "CN=c2.test"),
            ("not_before", "2026-01-01T00:00:00Z"),
            ("not_after", "2026-04-01T00:00:00Z"),
        ] {
            assert_eq!(told[field], value, "{field}");
        }
        assert_eq!(
            (&told["self_signed"], &told["validity_days"]),
            (&true.into(), &90.into())
        );
        let chain = told["chain_sha256"].as_array().unwrap();
        assert_eq!((chain.len(), &chain[0]), (2, &told["cert_sha256"]));
        assert_eq!(bench.told[2].role, Role::Outbound);
        assert_eq!(bench.told[2].source.0, Ipv4Addr::from(DECKY));
    }
}

#[test]
fn a_machines_own_certificate_is_told_of_nobody() {
    let mut bench = Bench::new();
    connection(&mut bench, CLIENT, SERVER, &flight(&[&certificate()], 16_000), 9_000);
    assert_eq!(bench.of("tls_session").len(), 1);
    assert!(bench.of("tls_certificate").is_empty(), "{:?}", bench.kinds());
    let mut anyone = Bench::with(Deckies::default());
    connection(&mut anyone, CLIENT, SERVER, &flight(&[&certificate()], 16_000), 9_000);
    assert_eq!(anyone.of("tls_certificate").len(), 1, "whose it is nobody knows there");
}

#[test]
fn a_session_that_is_resumed_and_one_of_tls_1_3_have_none_to_wait_for() {
    let mut resumed = Bench::new();
    let hello = [&[3, 3][..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
    let answer = [&records(&message(2, &hello), 16_000)[..], &[20, 3, 3, 0, 1, 1]].concat();
    connection(&mut resumed, OURS, THEIRS, &answer, 9_000);
    let mut newest = Bench::new();
    connection(&mut newest, OURS, THEIRS, &hex::decode(SERVER_HELLO).unwrap(), 9_000);
    for bench in [resumed, newest] {
        assert_eq!(bench.kinds(), ["tls_outbound", "tls_session"]);
    }
}
