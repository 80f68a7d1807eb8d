//! What errors a target's stack sends, and how it quotes what it complains about (fingerprint.md §16.6). The part both
//! versions of IP share.

use std::time::Duration;

use model::Fields;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep_until};
use wire::ip::Ip;
use wire::packet::Transport;

use crate::air::{Hearing, Wanted, random_port};
use crate::finding::{Failed, Finding};
use crate::target::Target;

/// Errors are limited to about one a second on many stacks.
const TRIES: usize = 3;
const APART: Duration = Duration::from_millis(1_100);
/// Bytes of a quote that are kept.
const QUOTED: usize = 32;

/// One way to be complained about.
pub(super) struct Class {
    pub(super) key: &'static str,
    pub(super) letter: char,
    /// The error that is expected; no code: any.
    pub(super) kind: u8,
    pub(super) code: Option<u8>,
    /// Whether a neighbour cannot be asked so.
    pub(super) needs_router: bool,
}

/// What tells our packets of one class apart in the quotes: their source port, or for those without ports the
/// identification they carry in their first bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(pub(super) u16);

/// What came of one class.
#[derive(Clone, Debug, Default)]
struct Got {
    sent: bool,
    returned: bool,
    after: Option<Duration>,
    from: Option<std::net::IpAddr>,
    kind: Option<u8>,
    code: Option<u8>,
    quote: Vec<u8>,
    length: usize,
    ttl: u8,
    tos: u8,
    id: Option<u16>,
    /// How the quoted header differs from the one that was sent.
    changed: Vec<&'static str>,
}

pub(super) type Classes = [Class; 4];

/// Asks in all four ways at once, up to three times each.
pub(super) async fn ask(
    target: &Target<'_>,
    classes: &'static Classes,
    prefix: &str,
    craft: impl Fn(&Class, Mark) -> Option<Vec<u8>> + Send + Sync,
) -> Result<Finding, Failed> {
    let mut hearing = target.air.hear(Wanted::Peer(target.ip));
    let marks: [Mark; 4] = std::array::from_fn(|_| Mark(random_port()));
    let mut sent: [Vec<u8>; 4] = Default::default();
    let mut sent_at = [Instant::now(); 4];
    let mut got: [Got; 4] = Default::default();
    for _ in 0..TRIES {
        for (n, class) in classes.iter().enumerate() {
            if got[n].returned || class.needs_router && target.on_link {
                continue;
            }
            let Some(packet) = craft(class, marks[n]) else { continue };
            // What is too long for the first link never leaves; that is no answer of the target's.
            if target.air.send(&packet, target.ip, 0).is_ok() {
                (got[n].sent, sent_at[n]) = (true, Instant::now());
                sent[n] = packet;
            }
        }
        let until = Instant::now() + APART;
        collect(&mut hearing, classes, &marks, &sent, &sent_at, &mut got, until).await;
        if classes.iter().zip(&got).all(|(_, got)| got.returned || !got.sent) {
            break;
        }
        sleep_until(until).await;
    }
    if got.iter().all(|got| !got.sent) {
        return Err(Failed::Network("nothing could be sent".to_owned()));
    }
    Ok(finding(target, classes, prefix, &got))
}

async fn collect(
    hearing: &mut Hearing,
    classes: &Classes,
    marks: &[Mark; 4],
    sent: &[Vec<u8>; 4],
    sent_at: &[Instant; 4],
    got: &mut [Got; 4],
    until: Instant,
) {
    while got.iter().any(|got| got.sent && !got.returned) {
        let Some(heard) = hearing.next(until).await else { return };
        let Ok((ip, _)) = Ip::read(&heard.bytes, true) else {
            continue;
        };
        let (Transport::Icmp(icmp), _) = Transport::read(&ip) else {
            continue;
        };
        let Some(quoted) = icmp.quoted() else { continue };
        let port = quoted.ports.map(|(source, _)| source);
        let first = quoted
            .ip
            .payload
            .first_chunk::<2>()
            .map(|bytes| u16::from_be_bytes(*bytes));
        let Some(n) = marks.iter().position(|mark| port.or(first) == Some(mark.0)) else {
            continue;
        };
        let expected = &classes[n];
        let one = &mut got[n];
        if one.returned {
            continue;
        }
        one.returned = icmp.kind == expected.kind && expected.code.is_none_or(|code| code == icmp.code);
        one.after = Some(heard.at.saturating_duration_since(sent_at[n]));
        (one.from, one.kind, one.code) = (Some(ip.source), Some(icmp.kind), Some(icmp.code));
        (one.ttl, one.tos, one.id) = (ip.ttl, ip.tos, ip.id);
        one.length = ip.payload_len.saturating_sub(8);
        one.quote = icmp.payload[..icmp.payload.len().min(QUOTED)].to_vec();
        one.changed = changed(&sent[n], &quoted.ip);
    }
}

/// Fields of the header that came back other than they went out, beside the TTL that every router lowers.
fn changed(sent: &[u8], quoted: &Ip<'_>) -> Vec<&'static str> {
    let Ok((ours, _)) = Ip::read(sent, true) else {
        return Vec::new();
    };
    let differs = [
        ("source", ours.source != quoted.source),
        ("total_length", ours.total_len != quoted.total_len),
        ("tos", ours.tos != quoted.tos),
        ("ttl", quoted.ttl > ours.ttl),
        ("df", ours.dont_fragment != quoted.dont_fragment),
        ("options", ours.options_len() != quoted.options_len()),
    ];
    differs
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
}

fn finding(target: &Target<'_>, classes: &Classes, prefix: &str, got: &[Got; 4]) -> Finding {
    let matrix = matrix(classes, got);
    let hash = hash_v2(classes, &of_target(target.ip, got));
    let mut fields = Fields::new();
    fields.insert(format!("{prefix}_matrix"), matrix.clone().into());
    fields.insert(format!("{prefix}_fp_hash"), hash.clone().into());
    fields.insert(format!("{prefix}_fp_hash_v1"), hash_v1(&matrix, got).into());
    for (class, got) in classes.iter().zip(got) {
        fields.insert(class.key.to_owned(), u8::from(got.returned).into());
        fields.insert(format!("{}_detail", class.key), detail(target, got));
    }
    Finding::answered(None, Some(hash), fields)
}

fn detail(target: &Target<'_>, got: &Got) -> Value {
    json!({
        "sent": got.sent,
        "returned": got.returned,
        "rtt_ms": got.after.map(|after| (after.as_micros() as f64) / 1_000.0),
        "src_ip": got.from,
        "from_target": got.from.map(|from| from == target.ip),
        "icmp_type": got.kind,
        "icmp_code": got.code,
        "echo_len": got.length,
        "echo_bytes_hex": hex::encode(&got.quote),
        "ttl": got.kind.map(|_| got.ttl),
        "tos": got.kind.map(|_| got.tos),
        "ip_id": got.id,
        "quote_changed": got.changed,
    })
}

fn matrix(classes: &Classes, got: &[Got; 4]) -> String {
    let letter = |(class, got): (&Class, &Got)| if got.returned { class.letter } else { '.' };
    classes.iter().zip(got).map(letter).collect()
}

/// As older records have it: no answer and code 0 are the same.
fn hash_v1(matrix: &str, got: &[Got; 4]) -> String {
    let codes = got
        .each_ref()
        .map(|got| got.code.filter(|&code| code != 0).map_or(-1, i32::from));
    short_hash(&format!(
        "{matrix}:{}:{}",
        tuple(&got.each_ref().map(|got| got.length)),
        tuple(&codes)
    ))
}

/// What was expected and came from the target itself: what routers say changes with the path, and other errors come or
/// do not as their number is limited.
fn of_target(target: std::net::IpAddr, got: &[Got; 4]) -> [Got; 4] {
    got.each_ref()
        .map(|got| match got.returned && got.from == Some(target) {
            true => got.clone(),
            false => Got::default(),
        })
}

fn hash_v2(classes: &Classes, got: &[Got; 4]) -> String {
    let codes = got.each_ref().map(|got| got.code.map_or(-1, i32::from));
    let lengths = got.each_ref().map(|got| if got.returned { got.length } else { 0 });
    let changed: Vec<_> = got.iter().map(|got| got.changed.join("+")).collect();
    let matrix = matrix(classes, got);
    short_hash(&format!(
        "v2:{matrix}:{}:{}:{}",
        tuple(&lengths),
        tuple(&codes),
        changed.join(",")
    ))
}

fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..16])
}

fn tuple<T: std::fmt::Display>(values: &[T; 4]) -> String {
    let [a, b, c, d] = values;
    format!("({a}, {b}, {c}, {d})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_hash_is_the_published_one() {
        let got = |returned, code, length| Got {
            returned,
            code,
            length,
            ..Got::default()
        };
        let some = [
            got(true, Some(3), 60),
            got(false, None, 0),
            got(true, Some(4), 56),
            got(false, None, 0),
        ];
        assert_eq!(hash_v1("P.F.", &some), "c94caa2ed38ec47fc5c5b4416f5840ea");
        let none: [Got; 4] = Default::default();
        assert_eq!(hash_v1("....", &none), "10f08da12c7b395c1e64c7091f9ba12f");
    }

    #[test]
    fn the_new_hash_tells_code_0_from_no_answer_and_knows_nothing_of_routers() {
        static CLASSES: Classes = [const {
            Class {
                key: "k",
                letter: 'K',
                kind: 11,
                code: None,
                needs_router: false,
            }
        }; 4];
        let (target, router) = ("192.0.2.9".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let mut got: [Got; 4] = Default::default();
        let silent = hash_v2(&CLASSES, &of_target(target, &got));
        got[1] = Got {
            returned: true,
            code: Some(0),
            from: Some(router),
            ..Got::default()
        };
        assert_eq!(hash_v2(&CLASSES, &of_target(target, &got)), silent);
        got[1].from = Some(target);
        assert_ne!(hash_v2(&CLASSES, &of_target(target, &got)), silent);
    }
}
