//! HASSHServer, and the host key (fingerprint.md §16.3).
//!
//! A server sends its host key as soon as it has the client's part of a key exchange, whatever that part is. Ours is a
//! valid one nobody has the secret of: the session could never be used, and nothing has to be computed.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use wire::Look;
use wire::ssh::{KEXINIT, KexInit, MAX_BEFORE, MAX_LINE, MAX_PACKET, banner, packet};

use super::ProbeKind;
use crate::finding::{Failed, Finding, fields};
use crate::target::{Target, read_until};

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "hassh",
    order: 100,
    ports: &[22, 2222, 22222, 2022],
    event: "hassh_fingerprint",
    ask,
};

/// Under which the host key is compared.
const HOST_KEY: &str = "ssh_host_key";
/// Clients that are everywhere.
const BANNERS: [&str; 5] = [
    "SSH-2.0-OpenSSH_9.6",
    "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
    "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10",
    "SSH-2.0-OpenSSH_9.7",
    "SSH-2.0-OpenSSH_8.7",
];
const MOST: usize = MAX_BEFORE + MAX_LINE + 3 * MAX_PACKET;
const KEX_INIT: u8 = 30;
const KEX_REPLY: u8 = 31;
/// Generator of NIST P-256: the public key of the secret 1 (SEC 2, §2.4.2).
const P256: [u8; 65] = *b"\x04\
    \x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\
    \xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\
    \xcb\xb6\x40\x68\x37\xbf\x51\xf5";

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    let ports = target.open(&PROBE).into_iter();
    join_all(ports.map(|port| of_port(target, port)))
        .map(|found| found.into_iter().flatten().collect())
        .boxed()
}

async fn of_port(target: &Target<'_>, port: u16) -> Vec<Finding> {
    match exchange(target, port).await {
        Ok(found) => found,
        Err(error) => vec![Finding::of_error(Some(port), &error)],
    }
}

async fn exchange(target: &Target<'_>, port: u16) -> Result<Vec<Finding>, Failed> {
    let mut connection = target.connect(port).await?;
    let (stream, within) = (&mut connection.stream, target.limits.read);
    let line = *BANNERS.choose(&mut rand::rng()).unwrap_or(&BANNERS[0]);
    // Servers are heard first: one that waits for us says nothing that is SSH.
    let mut said = read_until(stream, MAX_BEFORE + MAX_LINE, within, |said| {
        !matches!(banner(said), Look::More)
    })
    .await?;
    let Look::Found(found) = banner(&said) else {
        return Err(Failed::Protocol("no SSH".to_owned()));
    };
    let (end, text) = (found.end, String::from_utf8_lossy(found.line).into_owned());
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    let mut rest = said.split_off(end);
    if !matches!(packet(&rest), Look::Found(_)) {
        let before = rest.clone();
        let more = read_until(stream, MAX_PACKET + 4, within, |more| {
            !matches!(packet(&[&before[..], more].concat()), Look::More)
        })
        .await?;
        rest.extend(more);
    }
    let Look::Found(first) = packet(&rest) else {
        return Err(Failed::Protocol("no first packet".to_owned()));
    };
    let proposal =
        KexInit::parse(first.payload).ok_or_else(|| Failed::Protocol("the first packet is no proposal".to_owned()))?;
    let mut fields = told(&text, &proposal, first.length, first.padding.len());
    let hash = proposal.hassh_server();
    let key = host_key(stream, &proposal, &rest[4 + first.length..], target).await;
    let mut findings = Vec::new();
    if let Ok((kind, fingerprint)) = &key {
        fields.insert("host_key_type".to_owned(), kind.as_str().into());
        fields.insert("host_key_sha256".to_owned(), fingerprint.as_str().into());
        findings.push(Finding {
            name: Some(HOST_KEY),
            ..Finding::answered(
                Some(port),
                Some(fingerprint.clone()),
                crate::finding::fields([("host_key_type", kind.as_str().into())]),
            )
        });
    }
    findings.insert(0, Finding::answered(Some(port), Some(hash), fields));
    Ok(findings)
}

fn told(banner: &str, proposal: &KexInit<'_>, length: usize, padding: usize) -> model::Fields {
    let list = |n: usize| Value::from(String::from_utf8_lossy(proposal.lists[n]).into_owned());
    fields([
        ("hassh_server_hash", proposal.hassh_server().into()),
        ("ssh_banner", banner.into()),
        ("kex_algorithms", list(0)),
        ("host_key_algorithms", list(1)),
        ("encryption_s2c", list(3)),
        ("mac_s2c", list(5)),
        ("compression_s2c", list(7)),
        ("languages_s2c", list(9)),
        ("kexinit_length", length.into()),
        ("kexinit_padding", padding.into()),
        ("kexinit_sha256", proposal.payload_sha256().into()),
    ])
}

/// Kind and SHA-256 of the key the server proves itself by.
async fn host_key(
    stream: &mut TcpStream,
    proposal: &KexInit<'_>,
    already: &[u8],
    target: &Target<'_>,
) -> Result<(String, String), Failed> {
    let offered = String::from_utf8_lossy(proposal.lists[0]).into_owned();
    let (method, public) = offered
        .split(',')
        .find_map(|method| Some((method, public(method)?)))
        .ok_or_else(|| Failed::Protocol("no key exchange we take part in".to_owned()))?;
    stream.write_all(&framed(&answer(proposal, method))).await?;
    stream.write_all(&framed(&public)).await?;
    let before = already.to_vec();
    let said = read_until(stream, MOST, target.limits.read, |more| {
        !matches!(reply(&[&before[..], more].concat()), Look::More)
    })
    .await?;
    match reply(&[&before[..], &said].concat()) {
        Look::Found(key) => {
            let length = key
                .get(..4)
                .and_then(|length| length.try_into().ok())
                .map_or(0, u32::from_be_bytes);
            let kind = key.get(4..4 + length as usize).unwrap_or_default();
            Ok((
                String::from_utf8_lossy(kind).into_owned(),
                hex::encode(Sha256::digest(&key)),
            ))
        }
        _ => Err(Failed::Protocol("no host key".to_owned())),
    }
}

/// The client's part of an exchange, as a payload; none for methods that would take computing.
fn public(method: &str) -> Option<Vec<u8>> {
    let mut rng = rand::rng();
    let value = match method {
        // Any 32 bytes are a point.
        "curve25519-sha256" | "curve25519-sha256@libssh.org" => rng.random::<[u8; 32]>().to_vec(),
        "ecdh-sha2-nistp256" => P256.to_vec(),
        // Any number below the modulus will do; that begins with 64 ones.
        "diffie-hellman-group14-sha256" | "diffie-hellman-group14-sha1" => random_number(256),
        "diffie-hellman-group16-sha512" => random_number(512),
        "diffie-hellman-group1-sha1" => random_number(128),
        _ => return None,
    };
    let mut payload = vec![KEX_INIT];
    payload.extend(u32::try_from(value.len()).ok()?.to_be_bytes());
    payload.extend(value);
    Some(payload)
}

fn random_number(length: usize) -> Vec<u8> {
    let mut number = vec![0; length];
    rand::Rng::fill(&mut rand::rng(), &mut number[..]);
    number[0] = 0x7f;
    number
}

/// A proposal that agrees with the server in everything, and leaves one method.
fn answer(proposal: &KexInit<'_>, method: &str) -> Vec<u8> {
    let mut payload = vec![KEXINIT];
    payload.extend(rand::rng().random::<[u8; 16]>());
    for (n, list) in proposal.lists.iter().enumerate() {
        let list = if n == 0 { method.as_bytes() } else { list };
        payload.extend(u32::try_from(list.len()).unwrap_or(0).to_be_bytes());
        payload.extend(list);
    }
    payload.extend([0; 5]);
    payload
}

/// A payload as a packet before keys are agreed (RFC 4253 §6).
fn framed(payload: &[u8]) -> Vec<u8> {
    let padding = match 8 - (payload.len() + 5) % 8 {
        short if short < 4 => short + 8,
        enough => enough,
    };
    let length = u32::try_from(payload.len() + padding + 1).unwrap_or(0);
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or(0));
    packet.extend(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

/// The host key out of the packet that answers ours; others before it are passed over.
fn reply(mut stream: &[u8]) -> Look<Vec<u8>> {
    loop {
        let found = match packet(stream) {
            Look::Found(found) => found,
            Look::More => return Look::More,
            Look::Other => return Look::Other,
        };
        match found.payload {
            [KEX_REPLY, a, b, c, d, rest @ ..] => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                return rest.get(..length).map_or(Look::Other, |key| Look::Found(key.to_vec()));
            }
            [1, ..] => return Look::Other, // It says goodbye.
            _ => stream = stream.get(4 + found.length..).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_padded_to_whole_blocks() {
        for length in 1..40 {
            let framed = framed(&vec![7; length]);
            assert_eq!(framed.len() % 8, 0);
            let Look::Found(found) = packet(&framed) else {
                panic!("{length}")
            };
            assert_eq!(found.payload, vec![7; length]);
            assert!(found.padding.len() >= 4);
        }
    }

    #[test]
    fn the_key_is_found_behind_other_packets_and_no_cut_of_it_is_read() {
        let key = [&[0, 0, 0, 3][..], b"abc"].concat();
        let mut payload = vec![KEX_REPLY, 0, 0, 0, 7];
        payload.extend(&key);
        let whole = [framed(&[2, 0, 0, 0, 0]), framed(&payload)].concat();
        assert_eq!(reply(&whole), Look::Found(key));
        for cut in 0..whole.len() {
            assert_eq!(reply(&whole[..cut]), Look::More, "{cut}");
        }
        assert_eq!(reply(&framed(&[KEX_REPLY, 0xff, 0xff, 0xff, 0xff])), Look::Other);
    }
}
