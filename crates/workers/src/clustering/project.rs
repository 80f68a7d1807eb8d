//! From what one address left to what is compared (clustering.md §2.1-§2.3). Pure; the one place that knows both shapes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use cluster::{Activity, Observation, Phase, Visit, shell};
use intel::Asns;
use sha2::{Digest as _, Sha256};
use store::{Attempt, Trace};
use time::OffsetDateTime;

/// Endpoints, keys and commands of a phase that are kept of one address.
const KEPT: usize = 200;
/// Stays of one address.
const VISITS: usize = 512;
/// Things done on one decky with no longer pause are one stay, microseconds.
const PAUSE: i64 = 30 * 60 * 1_000_000;
/// The least a stay lasts, microseconds.
const MOMENT: i64 = 1_000_000;

/// One address, as rules see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub observation: Observation,
    pub activity: Activity,
    pub first_seen: OffsetDateTime,
    pub last_seen: OffsetDateTime,
}

/// What was done when.
type Moment = (i64, Phase);

/// Reads a trace. The observation is named by its address.
pub fn project(trace: &Trace, asns: &Asns) -> Known {
    let marks = |kind: &str| {
        let of = trace.marks.iter().filter(|mark| mark.kind == kind);
        unique(of.map(|mark| mark.value.clone()))
    };
    let answers = |probe: &str, field: &str| {
        let of = trace.probes.iter().filter(|probed| probed.probe == probe);
        unique(of.filter_map(|probed| probed.fields.get(field)?.as_str().map(str::to_owned)))
    };
    let commands = || trace.commands.iter().map(|ran| ran.command.as_str());
    let observation = Observation {
        id: trace.ip.clone(),
        ja3: marks("ja3"),
        ja4: marks("ja4"),
        ja4_quic: marks("ja4_quic"),
        ja4h: marks("ja4h"),
        hassh: marks("hassh"),
        tls_cert_sha256: answers("tls_certificate", "cert_sha256"),
        ssh_hostkey: answers("hassh", "host_key_sha256"),
        ssh_pubkey: unique(commands().filter_map(shell::planted_key).map(digest)),
        ipv6_iid: hardware_id(&trace.ip).into_iter().collect(),
        asn: trace
            .ip
            .parse()
            .ok()
            .and_then(|ip| asns.of(ip))
            .map(|network| network.asn),
        payload_hashes: unique(trace.files.iter().map(|file| file.sha256.clone())),
        c2_endpoints: unique(commands().flat_map(shell::endpoints)),
        credentials: credentials(&trace.attempts),
        commands: by_phase(commands()),
    };
    Known {
        observation,
        activity: Activity {
            visits: visits(trace),
            tools: marks("scanner"),
            keystrokes: Vec::new(),
        },
        first_seen: trace.first_seen,
        last_seen: trace.last_seen,
    }
}

fn unique(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).take(KEPT).collect()
}

fn digest(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// What was tried in vain. What opened a decky was found on one, and says nothing of who tries it.
fn credentials(attempts: &[Attempt]) -> Vec<(String, String)> {
    let attempts = attempts.iter().filter(|attempt| attempt.successes == 0);
    let pair = |attempt: &Attempt| (attempt.principal.clone().unwrap_or_default(), attempt.secret.clone());
    let pairs: BTreeSet<_> = attempts.map(pair).collect();
    pairs.into_iter().collect()
}

fn by_phase<'a>(commands: impl Iterator<Item = &'a str>) -> BTreeMap<Phase, Vec<String>> {
    let mut phases: BTreeMap<Phase, Vec<String>> = BTreeMap::new();
    for command in commands {
        if let Some(phase) = shell::phase_of(command) {
            let known = phases.entry(phase).or_default();
            if known.len() < KEPT {
                known.push(command.to_owned());
            }
        }
    }
    phases
}

/// The identifier in an IPv6 address that was made of a network card's address (RFC 4291, appendix A).
fn hardware_id(ip: &str) -> Option<String> {
    let octets = ip.parse::<Ipv6Addr>().ok()?.octets();
    let is_made_of_one = octets[11] == 0xff && octets[12] == 0xfe && octets[8] & 0x02 != 0;
    is_made_of_one.then(|| hex::encode(&octets[8..]))
}

/// Stays, in order of time. What was done says the phase; who did nothing came to look or to knock.
fn visits(trace: &Trace) -> Vec<Visit> {
    let mut moments: BTreeMap<&str, Vec<Moment>> = BTreeMap::new();
    for ran in &trace.commands {
        if let Some(phase) = shell::phase_of(&ran.command) {
            moments.entry(&ran.decky).or_default().push((micros(ran.at), phase));
        }
    }
    for file in &trace.files {
        moments
            .entry(&file.decky)
            .or_default()
            .push((micros(file.at), Phase::Delivery));
    }
    for (decky, at, phase) in knocks(&trace.attempts) {
        moments.entry(decky).or_default().push((at, phase));
    }
    for contact in trace.contacts.iter().filter(|contact| is_machine(&contact.decky)) {
        let known = moments.entry(&contact.decky).or_default();
        if known.is_empty() {
            known.push((micros(contact.first_seen), Phase::Delivery));
            known.push((micros(contact.last_seen), Phase::Delivery));
        }
    }
    let mut visits: Vec<Visit> = moments
        .into_iter()
        .flat_map(|(decky, moments)| stays(decky, moments))
        .collect();
    visits.sort_by(|a, b| (a.start, &a.decky).cmp(&(b.start, &b.decky)));
    if visits.len() > VISITS {
        visits.drain(VISITS / 2..visits.len() - VISITS / 2);
    }
    visits
}

/// Who guessed, and got in by it, broke in; who had the right secret at once was given it.
fn knocks(attempts: &[Attempt]) -> Vec<(&str, i64, Phase)> {
    let mut doors: BTreeMap<(&str, &str), [Option<i64>; 2]> = BTreeMap::new();
    for attempt in attempts {
        let [failed, entered] = doors.entry((&attempt.decky, &attempt.service)).or_default();
        let at = micros(attempt.first_seen);
        let earlier = |known: &mut Option<i64>| *known = Some(known.map_or(at, |known| known.min(at)));
        if attempt.failures > 0 {
            earlier(failed);
        }
        if attempt.successes > 0 {
            earlier(entered);
        }
    }
    let mut knocks = Vec::new();
    for ((decky, _), [failed, entered]) in doors {
        if let Some(failed) = failed {
            knocks.push((decky, failed, Phase::CredentialAccess));
            if let Some(entered) = entered.filter(|&entered| entered > failed) {
                knocks.push((decky, entered, Phase::Exploitation));
            }
        }
    }
    knocks
}

fn stays(decky: &str, mut moments: Vec<Moment>) -> Vec<Visit> {
    moments.sort_unstable();
    let mut stays: Vec<Visit> = Vec::new();
    for (at, phase) in moments {
        match stays.last_mut() {
            Some(last) if last.phase == Some(phase) && at - last.end <= PAUSE => last.end = last.end.max(at + MOMENT),
            _ => stays.push(Visit {
                decky: decky.to_owned(),
                phase: Some(phase),
                start: at,
                end: at + MOMENT,
            }),
        }
    }
    stays
}

/// Parts of the grid that report in a decky's place are no machines anybody was on.
fn is_machine(decky: &str) -> bool {
    !decky.starts_with("decnet-")
}

fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}
