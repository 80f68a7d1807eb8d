//! Hellos whose fingerprints are known to the last digit.

use wire::Look;
use wire::ja3::{ja3, ja3n, ja3s};
use wire::ja4::{Ja4, Transport};
use wire::tls::{self, ClientHello, ServerHello};

const CLIENT: &str = "16030100c4010000c00303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00000a0a0a13011302c02bc02f0100008d0a0a00000000000b0009000006612e7465737400170000ff01000100000a000800060a0a001d0017000b00020100002300000010000e000c02683208687474702f312e31000d000a00080403080404010503002d00020101002b0007060a0a03040303003300260024001d0020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SERVER: &str = "160303005a020000560303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00130100002e002b0002030400330024001d00200000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn a_client_hello_has_the_fingerprints_other_tools_give_it() {
    let stream = hex::decode(CLIENT).unwrap();
    let message = tls::client_hello(&stream).found().unwrap();
    let hello = ClientHello::parse(&message.body).unwrap();
    assert_eq!(hello.server_name(), Some(&b"a.test"[..]));
    assert!(hello.alpn().eq([&b"h2"[..], b"http/1.1"]));
    assert_eq!(
        (message.record_version, message.records, hello.length),
        (0x0301, 1, 196)
    );
    assert!(hello.has_grease() && !hello.has_ech());
    assert!(hello.key_share_groups().eq([0x001d]));
    assert!(hello.supported_versions().eq([0x0a0a, 0x0304, 0x0303]));
    assert!(!hello.resumption().is_any());

    let one = ja3(&hello);
    assert_eq!(
        one.raw,
        "771,4865-4866-49195-49199,0-23-65281-10-11-35-16-13-45-43-51,29-23,0"
    );
    assert_eq!(one.hash, "f93b2aeb1f1db20a908d1b8ddfdfaed1");
    assert_eq!(
        ja3n(&hello).raw,
        "771,4865-4866-49195-49199,0-10-11-13-16-23-35-43-45-51-65281,29-23,0"
    );

    let four = Ja4::new(&hello, Transport::Tcp);
    assert_eq!(four.hash(), "t13d0411h2_e00fd9ffaebd_9ea680a096c6");
    assert_eq!(
        four.raw(),
        "t13d0411h2_1301,1302,c02b,c02f_000a,000b,000d,0017,0023,002b,002d,0033,ff01_0403,0804,0401,0503"
    );
    assert_eq!(
        four.original_raw(),
        "t13d0411h2_1301,1302,c02b,c02f_0000,0017,ff01,000a,000b,0023,0010,000d,002d,002b,0033_0403,0804,0401,0503"
    );
    assert!(Ja4::new(&hello, Transport::Quic).hash().starts_with("q13d0411h2_"));
}

#[test]
fn a_server_hello_has_the_fingerprint_other_tools_give_it() {
    let stream = hex::decode(SERVER).unwrap();
    let message = tls::server_hello(&stream).found().unwrap();
    let hello = ServerHello::parse(&message.body).unwrap();
    let one = ja3s(&hello);
    assert_eq!(
        (one.raw.as_str(), one.hash.as_str()),
        ("771,4865,43-51", "f4febc55ea12b31ae17cfb7e614afda8")
    );
    assert_eq!(
        (hello.version(), hello.cipher, hello.asks_again()),
        (0x0304, 0x1301, false)
    );
    assert_eq!(hello.signature(), "0304:1301:002b,0033:");
}

#[test]
fn a_hello_that_is_not_whole_is_waited_for() {
    let stream = hex::decode(CLIENT).unwrap();
    for cut in 0..stream.len() {
        assert_eq!(tls::client_hello(&stream[..cut]), Look::More, "{cut}");
    }
    assert_eq!(tls::client_hello(b"GET / HTTP/1.1\r\n"), Look::Other);
    assert_eq!(tls::client_hello(&hex::decode(SERVER).unwrap()), Look::Other);
}

#[test]
fn every_cut_and_every_changed_byte_of_a_hello_is_read_without_harm() {
    let stream = hex::decode(CLIENT).unwrap();
    let body = &stream[9..];
    for cut in 0..body.len() {
        if let Some(hello) = ClientHello::parse(&body[..cut]) {
            fingerprint(&hello);
        }
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = body.to_vec();
            changed[cut] = value;
            if let Some(hello) = ClientHello::parse(&changed) {
                assert!(fingerprint(&hello).len() >= 36);
            }
        }
    }
}

#[test]
fn a_hello_whose_extensions_are_cut_keeps_those_that_are_whole() {
    let stream = hex::decode(CLIENT).unwrap();
    let hello = ClientHello::parse(&stream[9..stream.len() - 10]).unwrap();
    assert_eq!(hello.server_name(), Some(&b"a.test"[..]));
    assert!(hello.key_share_groups().next().is_none());
}

#[test]
fn a_hello_in_the_form_of_ssl_2_offers_the_ciphers_tls_knows() {
    let challenge = [7; 16];
    let specs = [[0, 0, 0x2f], [7, 0, 0xc0], [0, 0, 0x35]];
    let mut message = vec![1, 3, 1, 0, 9, 0, 0, 0, 16];
    message.extend(specs.concat());
    message.extend(challenge);
    let mut stream = vec![0x80, message.len() as u8];
    stream.extend(&message);
    for cut in 0..stream.len() {
        assert_eq!(tls::client_hello(&stream[..cut]), Look::More, "{cut}");
    }
    let message = tls::client_hello(&stream).found().unwrap();
    let hello = ClientHello::parse(&message.body).unwrap();
    assert_eq!(message.record_version, 2);
    assert!(hello.ciphers().eq([0x002f, 0x0035]));
    assert_eq!(ja3(&hello).raw, "769,47-53,,,");
    assert!(Ja4::new(&hello, Transport::Tcp).hash().starts_with("t10i020000_"));
}

#[test]
fn a_session_id_means_resumption_only_where_tls_13_does_not_fill_it_anyway() {
    let with = |extensions: &[u8]| {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([1, 9, 0, 2, 0x13, 1, 1, 0, 0, extensions.len() as u8]);
        body.extend(extensions);
        let hello = ClientHello::parse(&body).unwrap();
        hello.resumption().mechanisms().collect::<Vec<_>>()
    };
    let versions = [0, 43, 0, 3, 2, 3, 4];
    assert_eq!(with(&[]), ["session_id"]);
    assert_eq!(with(&versions), [""; 0]);
    assert_eq!(
        with(&[&versions[..], &[0, 42, 0, 0, 0, 41, 0, 0]].concat()),
        ["psk", "early_data_0rtt", "session_id"]
    );
    assert_eq!(with(&[&versions[..], &[0, 35, 0, 1, 9]].concat()), ["session_ticket"]);
}

fn fingerprint(hello: &ClientHello<'_>) -> String {
    hello.resumption().is_any();
    hello.server_name();
    hello.key_share_groups().count();
    hello.certificate_compressions().count();
    ja3(hello);
    ja3n(hello);
    let four = Ja4::new(hello, Transport::Tcp);
    let forms = [four.original_hash(), four.raw(), four.original_raw()];
    assert!(forms.iter().all(|form| form.starts_with('t')));
    four.hash()
}
