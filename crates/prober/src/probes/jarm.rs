//! JARM: ten hellos, a connection each, one after the other (fingerprint.md §17.7).

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use rand::Rng as _;
use tokio::io::AsyncWriteExt as _;
use wire::jarm::{Entropy, HELLOS, PROBES, Probe, REPLY_BYTES, Reply, hash, raw};

use super::{ProbeKind, TLS_PORTS};
use crate::finding::{Failed, Finding, fields};
use crate::target::{Target, read_until};

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "jarm",
    order: 100,
    ports: &TLS_PORTS,
    event: "jarm_fingerprint",
    ask,
};

const RECORD_HEAD: usize = 5;

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    let ports = target.open(&PROBE).into_iter();
    join_all(ports.map(|port| of_port(target, port))).boxed()
}

async fn of_port(target: &Target<'_>, port: u16) -> Finding {
    let mut replies = [Reply::EMPTY; HELLOS];
    for (probe, reply) in PROBES.iter().zip(&mut replies) {
        match exchange(target, port, probe).await {
            Ok(bytes) => *reply = Reply::read(&bytes),
            // One that does not answer in time answers none.
            Err(Failed::Timeout) => return Finding::silent(Some(port)),
            Err(_) => {}
        }
    }
    let hash = hash(&replies);
    if hash.bytes().all(|digit| digit == b'0') {
        return Finding::silent(Some(port));
    }
    let fields = fields([("jarm_hash", hash.as_str().into()), ("jarm_raw", raw(&replies).into())]);
    Finding::answered(Some(port), Some(hash), fields)
}

async fn exchange(target: &Target<'_>, port: u16, probe: &Probe) -> Result<Vec<u8>, Failed> {
    let mut connection = target.connect(port).await?;
    let stream = &mut connection.stream;
    let hello = {
        let mut rng = rand::rng();
        let entropy = Entropy {
            random: rng.random(),
            session_id: rng.random(),
            key_share: rng.random(),
            grease: rng.random(),
        };
        probe.hello(&target.ip.to_string(), &entropy)
    };
    stream.write_all(&hello).await?;
    read_until(stream, REPLY_BYTES, target.limits.read, has_record).await
}

/// The first record is whole: all that is looked at lies in it.
fn has_record(said: &[u8]) -> bool {
    let length = said
        .get(3..RECORD_HEAD)
        .map(|length| usize::from(u16::from_be_bytes([length[0], length[1]])));
    length.is_some_and(|length| said.len() >= RECORD_HEAD + length)
}
