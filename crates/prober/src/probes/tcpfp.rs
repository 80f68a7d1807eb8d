//! The TCP stack, by its answers to four SYNs: the scan's and three more (fingerprint.md §16.4).

use std::net::IpAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use model::Fields;
use serde_json::Value;
use wire::ip::Ip;
use wire::packet::Transport;
use wire::series::{Sample, classify_ids, classify_isns};
use wire::stack::{ActiveStack, Context, Signature};
use wire::tcp::Tcp;
use wire::time::Time;

use super::ProbeKind;
use crate::air::craft::{MSS_V4, MSS_V6};
use crate::finding::{Failed, Finding, fields};
use crate::scan::{Answer, series};
use crate::target::Target;

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "tcpfp",
    order: 100,
    ports: &[22, 80, 443, 8080, 8443, 445, 3389],
    event: "tcpfp_fingerprint",
    ask,
};

const SYNS: usize = 3;
const EVERY: Duration = Duration::from_millis(300);
const WAIT: Duration = Duration::from_secs(2);

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    let ports = target.open(&PROBE).into_iter();
    join_all(ports.map(|port| of_port(target, port))).boxed()
}

async fn of_port(target: &Target<'_>, port: u16) -> Finding {
    match look(target, port).await {
        Ok(finding) => finding,
        Err(error) => Finding::of_error(Some(port), &error),
    }
}

async fn look(target: &Target<'_>, port: u16) -> Result<Finding, Failed> {
    let more = series(target.air, target.source()?, target.ip, port, SYNS, EVERY, WAIT).await?;
    let answers: Vec<_> = target.scan.answer(port).into_iter().chain(&more).collect();
    let mut told = told(target.ip, &answers).ok_or_else(|| Failed::Protocol("no SYN-ACK".to_owned()))?;
    if let Some(rst) = target.scan.rst() {
        told.extend(rst_fields(rst));
    }
    let hash = told.get("tcpfp_hash").and_then(Value::as_str).map(str::to_owned);
    Ok(Finding::answered(Some(port), hash, told))
}

/// What SYN-ACKs tell; the first is described, all are compared.
fn told(target: IpAddr, answers: &[&Answer]) -> Option<Fields> {
    let first = answers.first()?;
    let (ip, tcp) = read(&first.bytes)?;
    let options = tcp.options();
    let context = Context::SynAck {
        peer_mss: Some(if target.is_ipv6() { MSS_V6 } else { MSS_V4 }),
    };
    let signature = Signature::with_options(&ip, &tcp, &options, context);
    let stack = ActiveStack::of(&ip, &options, signature);
    let (v1, v2) = (stack.raw(), stack.raw_v2());
    let mut told = fields([
        ("tcpfp_hash", ActiveStack::hash(&v2).into()),
        ("tcpfp_raw", v2.into()),
        ("tcpfp_hash_v1", ActiveStack::hash(&v1).into()),
        ("tcpfp_raw_v1", v1.into()),
        ("ttl", ip.ttl.into()),
        ("initial_ttl", signature.initial_ttl().into()),
        ("window_size", tcp.window.into()),
        ("df_bit", u8::from(ip.dont_fragment).into()),
        ("mss", options.mss.unwrap_or(0).into()),
        ("window_scale", options.window_scale.map_or(-1, i32::from).into()),
        ("sack_ok", u8::from(options.sack_permitted).into()),
        ("timestamp", u8::from(options.timestamps.is_some()).into()),
        ("options_order", options.kinds.letters().to_string().into()),
        ("tos", ip.tos.into()),
        ("dscp", ip.dscp().into()),
        ("ecn", ip.ecn().into()),
        ("server_isn", tcp.sequence.into()),
        ("rtt_ms", (first.after.as_micros() as f64 / 1_000.0).into()),
    ]);
    told.extend(series_fields(answers, context));
    Some(told)
}

fn series_fields(answers: &[&Answer], context: Context) -> Fields {
    let (mut samples, mut stacks, mut has_ids) = (Vec::new(), Vec::new(), false);
    let start = answers.first().map(|answer| answer.at);
    for answer in answers {
        let (Some((ip, tcp)), Some(start)) = (read(&answer.bytes), start) else {
            continue;
        };
        let millis = answer.at.saturating_duration_since(start).as_millis();
        has_ids |= ip.id.is_some() && !ip.is_v6();
        samples.push(Sample {
            at: Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)),
            isn: tcp.sequence,
            id: ip.id.unwrap_or(0),
        });
        let signature = Signature::of(&ip, &tcp, context).stack_sig();
        if !stacks.contains(&signature) {
            stacks.push(signature);
        }
    }
    let isn = classify_isns(&samples);
    let mut told = fields([
        ("isn_class", isn.legacy.name().into()),
        ("isn_class_v2", isn.class.name().into()),
        ("isn_samples", isn.samples.into()),
        // Several behind one address answer in turns.
        ("stacks_seen", stacks.len().into()),
    ]);
    if has_ids {
        let id = classify_ids(&samples);
        told.extend(fields([
            ("ipid_class", id.legacy.name().into()),
            ("ipid_class_v2", id.class.name().into()),
            ("ipid_samples", id.samples.into()),
        ]));
    }
    told
}

/// How a port that is closed says so.
fn rst_fields(rst: &Answer) -> Fields {
    let Some((ip, tcp)) = read(&rst.bytes) else {
        return Fields::new();
    };
    fields([
        ("rst_ttl", ip.ttl.into()),
        ("rst_df", ip.dont_fragment.into()),
        ("rst_id_zero", (ip.id == Some(0)).into()),
        ("rst_ack", tcp.flags.ack().into()),
        ("rst_window", tcp.window.into()),
        ("rst_sequence_zero", (tcp.sequence == 0).into()),
        ("rst_payload", tcp.payload_len.into()),
    ])
}

fn read(bytes: &[u8]) -> Option<(Ip<'_>, Tcp<'_>)> {
    let (ip, _) = Ip::read(bytes, true).ok()?;
    match Transport::read(&ip).0 {
        Transport::Tcp(tcp) => Some((ip, tcp)),
        _ => None,
    }
}
