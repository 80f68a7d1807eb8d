//! What a client looks like on the wire, made of a name: the same name always gives the same fingerprints, another name
//! others. A description's `ja3-broker` is an opaque label; these are the real hellos that stand for it.

use std::borrow::Cow;

use russh::{Preferred, cipher, kex, mac};
use sha2::{Digest as _, Sha256};

/// Every server takes one of these.
const COMMON_SUITES: [u16; 3] = [0xc02f, 0xc02b, 0x009c];
/// Some of these are offered as well (IANA's numbers).
const MORE_SUITES: [u16; 22] = [
    0x1301, 0x1302, 0x1303, 0xc030, 0xc02c, 0xcca8, 0xcca9, 0xc013, 0xc014, 0xc009, 0xc00a, 0xc027, 0xc028, 0xc023,
    0xc024, 0x009d, 0x009e, 0x009f, 0x002f, 0x0035, 0x003c, 0x003d,
];
const KEX: [kex::Name; 6] = [
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G14_SHA256,
];
const CIPHERS: [cipher::Name; 6] = [
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::AES_128_CTR,
    cipher::AES_192_CTR,
    cipher::AES_256_CTR,
];
const MACS: [mac::Name; 6] = [
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
    mac::HMAC_SHA1,
];
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Groups, point formats, signature algorithms, extended master secret, renegotiation: whole, as they go on the wire.
const EXTENSIONS: [u8; 49] = [
    0x00, 0x0a, 0x00, 0x08, 0x00, 0x06, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x18, // x25519, secp256r1, secp384r1
    0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // uncompressed
    0x00, 0x0d, 0x00, 0x12, 0x00, 0x10, 0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08, 0x05, 0x05, 0x01, 0x08,
    0x06, 0x06, 0x01, // ECDSA, PSS and PKCS #1 with SHA-256 to SHA-512
    0x00, 0x17, 0x00, 0x00, //
    0xff, 0x01, 0x00, 0x01, 0x00,
];

/// A client hello (RFC 5246 §7.4.1.2), record and all; which suites it offers and in what order is the name's.
pub(crate) fn hello(name: &str, random: [u8; 32]) -> Vec<u8> {
    let mut suites: Vec<u16> = COMMON_SUITES.to_vec();
    let chosen = digest("offered", name);
    let offered = |place: usize| chosen[place / 8] >> (place % 8) & 1 == 1;
    suites.extend(
        (0..MORE_SUITES.len())
            .filter(|&place| offered(place))
            .map(|place| MORE_SUITES[place]),
    );
    shuffle("suites", name, &mut suites);
    let mut body = vec![3, 3];
    body.extend(random);
    body.push(0);
    let suites: Vec<u8> = suites.into_iter().flat_map(u16::to_be_bytes).collect();
    prefixed(&suites, &mut body);
    body.extend([1, 0]);
    prefixed(&EXTENSIONS, &mut body);
    let mut message = vec![CLIENT_HELLO, 0];
    prefixed(&body, &mut message);
    let mut record = vec![HANDSHAKE, 3, 1];
    prefixed(&message, &mut record);
    record
}

/// What an SSH client of this name offers, all of it in an order of its own.
pub(crate) fn preferred(name: &str) -> Preferred {
    let (mut kex, mut cipher, mut mac) = (KEX.to_vec(), CIPHERS.to_vec(), MACS.to_vec());
    shuffle("kex", name, &mut kex);
    shuffle("cipher", name, &mut cipher);
    shuffle("mac", name, &mut mac);
    kex.extend([
        kex::EXTENSION_SUPPORT_AS_CLIENT,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    ]);
    Preferred {
        kex: Cow::Owned(kex),
        cipher: Cow::Owned(cipher),
        mac: Cow::Owned(mac),
        ..Preferred::DEFAULT
    }
}

fn prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    // What we make is far shorter than 64 KiB.
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
}

fn shuffle<T>(what: &str, name: &str, list: &mut [T]) {
    let bytes = digest(what, name);
    for last in (1..list.len()).rev() {
        list.swap(last, usize::from(bytes[last % bytes.len()]) % (last + 1));
    }
}

fn digest(what: &str, name: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(what)
        .chain_update([0])
        .chain_update(name)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wire::Look;

    use super::*;

    fn ja3(name: &str) -> String {
        let bytes = hello(name, [7; 32]);
        let Look::Found(message) = wire::tls::client_hello(&bytes) else {
            panic!("{name}: no client hello");
        };
        let hello = wire::tls::ClientHello::parse(&message.body).unwrap();
        wire::ja3::ja3(&hello).hash.to_string()
    }

    #[test]
    fn a_name_always_looks_the_same_and_a_thousand_names_all_look_different() {
        assert_eq!(ja3("ja3-broker"), ja3("ja3-broker"));
        let names = || (0..1000).map(|n| format!("name-{n}"));
        assert_eq!(names().map(|name| ja3(&name)).collect::<BTreeSet<_>>().len(), 1000);
        let offer = |name: &str| format!("{:?}", preferred(name));
        assert_eq!(names().map(|name| offer(&name)).collect::<BTreeSet<_>>().len(), 1000);
    }
}
