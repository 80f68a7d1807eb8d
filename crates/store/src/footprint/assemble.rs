//! From rows to the picture. Pure.

use std::collections::HashMap;

use serde_json::Value;

use super::{Footprint, OsEvidence, OsGuess, Shown, TcpFingerprint, Uptime, Vote, kind};
use crate::ProbeState;
use crate::entity::{fingerprint, network};
use crate::value::moment;

/// Times to live as they arrive, by the system that begins with 64, 128 or 255.
const TTLS: [(std::ops::RangeInclusive<u8>, &str); 3] =
    [(55..=70, "linux"), (115..=135, "windows"), (235..=255, "embedded")];

pub(super) fn footprint(
    marks: &[fingerprint::Model],
    mut shown: HashMap<String, Vec<Shown>>,
    network: Option<network::Model>,
    probes: Vec<ProbeState>,
) -> Footprint {
    let mut take = |kind: &str| shown.remove(kind).unwrap_or_default();
    let (ipid, isn) = (latest(marks, kind::IPID_CLASS), latest(marks, kind::ISN_CLASS));
    let syn = network.as_ref().and_then(|network| network.tcp_syn.as_deref());
    let os_guess = os(marks);
    let mut tools = take(kind::SCANNER);
    promote_nmap(os_guess.as_ref(), marks, &mut tools);
    Footprint {
        tcp_fingerprint: tcp(syn, ipid.as_deref(), isn.as_deref(), &probes),
        hop_distance: hops(marks),
        ipid_class: ipid,
        isn_class: isn,
        link_type: latest(marks, kind::LINK_TYPE),
        client_rtt_ms: network
            .as_ref()
            .and_then(|network| network.rtt_us)
            .map(|us| us as f64 / 1_000.0),
        uptime: network.as_ref().and_then(|network| {
            Some(Uptime {
                seconds: network.uptime_s?,
                at: moment(network.uptime_at?),
            })
        }),
        flows: network.as_ref().map_or(0, |network| network.flows),
        retransmit_count: network.as_ref().map_or(0, |network| network.retransmits),
        stacks: take(kind::STACK),
        ja3: take(kind::JA3),
        ja3s: take(kind::JA3S),
        ja4: take(kind::JA4),
        ja4s: take(kind::JA4S),
        ja4h: take(kind::JA4H),
        ja4_quic: take(kind::JA4_QUIC),
        quic_tp: take(kind::QUIC_TP),
        hassh_client: take(kind::HASSH),
        ssh_client_banners: take(kind::SSH_BANNER),
        kex_order_raw: take(kind::KEX),
        h2: take(kind::H2),
        http_order: take(kind::HTTP_ORDER),
        host_change_reasons: take(kind::HOST_CHANGE),
        scanner_tools: tools,
        os_guess,
        probes,
    }
}

fn of<'a>(marks: &'a [fingerprint::Model], kind: &'a str) -> impl Iterator<Item = &'a fingerprint::Model> {
    marks.iter().filter(move |mark| mark.kind == kind)
}

fn latest(marks: &[fingerprint::Model], kind: &str) -> Option<String> {
    let latest = of(marks, kind).max_by(|a, b| (a.last_seen, &a.value).cmp(&(b.last_seen, &b.value)));
    latest.map(|mark| mark.value.clone())
}

fn os(marks: &[fingerprint::Model]) -> Option<OsGuess> {
    let by_ttl = || {
        let modal = of(marks, kind::TTL).max_by(|a, b| (a.told(), &b.value).cmp(&(b.told(), &a.value)))?;
        let ttl: u8 = modal.value.parse().ok()?;
        let (_, label) = TTLS.iter().find(|(range, _)| range.contains(&ttl))?;
        Some(vec![vote(label, modal)])
    };
    let votes = |kind| {
        let mut votes: Vec<_> = of(marks, kind).map(|mark| vote(&mark.value, mark)).collect();
        votes.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.label.cmp(&b.label)));
        Some(votes).filter(|votes| !votes.is_empty())
    };
    let (by, votes) = votes(kind::OS)
        .map(|votes| (OsEvidence::Signature, votes))
        .or_else(|| votes(kind::OS_COARSE).map(|votes| (OsEvidence::Coarse, votes)))
        .or_else(|| by_ttl().map(|votes| (OsEvidence::Ttl, votes)))?;
    let all: f64 = votes.iter().map(|vote| vote.weight).sum();
    let first = votes.first()?;
    Some(OsGuess {
        label: first.label.clone(),
        share: if all > 0.0 { first.weight / all } else { 0.0 },
        by,
        votes,
    })
}

fn vote(label: &str, mark: &fingerprint::Model) -> Vote {
    Vote {
        label: label.to_owned(),
        count: mark.told(),
        weight: mark.weight as f64 / 1_000.0,
    }
}

/// Where the best guess at the system is a scanner, that scanner is the first tool.
fn promote_nmap(os: Option<&OsGuess>, marks: &[fingerprint::Model], tools: &mut Vec<Shown>) {
    let Some(mark) = os.filter(|os| os.label == "nmap").and_then(|_| {
        [kind::OS, kind::OS_COARSE]
            .iter()
            .find_map(|kind| of(marks, kind).find(|mark| mark.value == "nmap"))
    }) else {
        return;
    };
    tools.insert(
        0,
        Shown {
            value: mark.value.clone(),
            detail: Value::Null,
            count: mark.told(),
            first_seen: moment(mark.first_seen),
            last_seen: moment(mark.last_seen),
            deckies: Default::default(),
            ports: Default::default(),
        },
    );
}

/// Median of the positive distances; of two in the middle the smaller.
fn hops(marks: &[fingerprint::Model]) -> Option<u8> {
    let mut seen: Vec<(u8, i64)> = of(marks, kind::HOPS)
        .filter_map(|mark| Some((mark.value.parse().ok()?, mark.told())))
        .collect();
    seen.sort_unstable();
    let all: i64 = seen.iter().map(|(_, count)| count).sum();
    let mut before = 0;
    seen.into_iter()
        .find(|(_, count)| {
            before += count;
            before * 2 >= all
        })
        .map(|(hops, _)| hops)
}

fn tcp(syn: Option<&str>, ipid: Option<&str>, isn: Option<&str>, probes: &[ProbeState]) -> Option<TcpFingerprint> {
    let mut passive = syn.and_then(|text| serde_json::from_str::<model::Fields>(text).ok());
    if let Some(fields) = &mut passive {
        for (name, label) in [("ipid_class", ipid), ("isn_class", isn)] {
            if let Some(label) = label {
                fields.insert(name.to_owned(), label.into());
            }
        }
    }
    let active = probes
        .iter()
        .filter(|state| state.probe == "tcpfp")
        .max_by_key(|state| state.last_seen)
        .map(|state| Value::Object(state.fields.clone()));
    if passive.is_none() && active.is_none() {
        return None;
    }
    let mut flat = passive.clone().unwrap_or_default();
    if passive.is_some() {
        flat.insert("context".to_owned(), "syn".into());
    }
    Some(TcpFingerprint {
        passive: passive.map(Value::Object),
        active,
        flat,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(kind: &str, value: &str, count: i64, weight: i64, last_seen: i64) -> fingerprint::Model {
        fingerprint::Model {
            key: vec![],
            attacker_ip: "192.0.2.7".to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            detail: None,
            weight,
            count,
            by_deckies: 0,
            first_seen: 0,
            last_seen,
        }
    }

    fn whole(marks: &[fingerprint::Model]) -> Footprint {
        footprint(marks, HashMap::new(), None, Vec::new())
    }

    #[test]
    fn the_system_with_the_heaviest_votes_wins_and_not_the_last_or_the_most_frequent() {
        let marks = [
            mark(kind::OS, "Linux 6.x", 4, 3_800, 1),
            mark(kind::OS, "Windows 11", 9, 2_700, 2),
        ];
        let os = whole(&marks).os_guess.unwrap();
        assert_eq!((os.label.as_str(), os.by), ("Linux 6.x", OsEvidence::Signature));
        assert!((os.share - 3.8 / 6.5).abs() < 1e-9);
        assert_eq!(os.votes.len(), 2);
    }

    #[test]
    fn coarse_labels_count_only_without_signatures_and_times_to_live_only_without_both() {
        let ttl = mark(kind::TTL, "58", 3, 3_000, 1);
        let coarse = mark(kind::OS_COARSE, "windows", 2, 1_000, 1);
        let signature = mark(kind::OS, "OpenBSD 7.x", 1, 900, 1);
        let by = |marks: &[fingerprint::Model]| whole(marks).os_guess.map(|os| (os.label, os.by));
        assert_eq!(by(&[]), None);
        assert_eq!(by(&[mark(kind::TTL, "90", 1, 1, 1)]), None);
        assert_eq!(by(std::slice::from_ref(&ttl)), Some(("linux".into(), OsEvidence::Ttl)));
        assert_eq!(
            by(&[ttl.clone(), coarse.clone()]),
            Some(("windows".into(), OsEvidence::Coarse))
        );
        assert_eq!(
            by(&[ttl, coarse, signature]),
            Some(("OpenBSD 7.x".into(), OsEvidence::Signature))
        );
    }

    #[test]
    fn the_label_of_a_series_is_the_latest_one() {
        let marks = [
            mark(kind::IPID_CLASS, "incremental", 90, 1, 5),
            mark(kind::IPID_CLASS, "random", 1, 1, 7),
        ];
        assert_eq!(whole(&marks).ipid_class.as_deref(), Some("random"));
        assert_eq!(whole(&marks).isn_class, None);
    }

    #[test]
    fn the_distance_is_the_median_of_all_packets() {
        let marks = [
            mark(kind::HOPS, "12", 5, 1, 1),
            mark(kind::HOPS, "3", 2, 1, 1),
            mark(kind::HOPS, "30", 4, 1, 1),
        ];
        assert_eq!(whole(&marks).hop_distance, Some(12));
        assert_eq!(whole(&[]).hop_distance, None);
    }

    #[test]
    fn an_attacker_that_looks_like_nmap_has_it_as_first_tool() {
        let marks = [mark(kind::OS_COARSE, "nmap", 3, 1_500, 9)];
        assert_eq!(whole(&marks).scanner_tools[0].value, "nmap");
    }
}
