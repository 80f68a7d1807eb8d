//! One turn of one target, from the scan to what was found.

use std::collections::BTreeSet;
use std::net::IpAddr;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use model::Fields;
use serde_json::Value;
use store::{Probe, ProbeOutcome};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::air::{Air, source_for};
use crate::finding::{Finding, fields};
use crate::neighbours::Links;
use crate::probes::ProbeKind;
use crate::scan::Scan;
use crate::target::{Limits, Target};

/// The name the scan goes by in the account.
const SCAN: &str = "ports";
/// The name of what is said of all probes together.
pub(crate) const ALL: &str = "all";

/// What asking takes: one for all targets.
pub(crate) struct Means {
    pub(crate) air: Air,
    pub(crate) limits: Limits,
    pub(crate) sockets: Semaphore,
    /// What is asked, in order.
    pub(crate) probes: Vec<&'static ProbeKind>,
}

// === impl Means ===

impl Means {
    /// Asks one target everything, within the time one target may take. What was found by then is returned.
    pub(crate) async fn ask(&self, ip: IpAddr, links: &Links) -> Vec<Probe> {
        let began = (OffsetDateTime::now_utc(), Instant::now());
        let deadline = began.1 + self.limits.target;
        let source = match self.limits.source.filter(|source| source.is_ipv6() == ip.is_ipv6()) {
            Some(source) => Ok(source),
            None => source_for(ip),
        };
        let ports: BTreeSet<u16> = self
            .probes
            .iter()
            .flat_map(|probe| self.limits.ports_of(probe))
            .copied()
            .collect();
        let scan = match source {
            Ok(source) => Scan::of(&self.air, source, ip, &ports).await,
            Err(error) => Err(error),
        };
        let scan = match scan {
            Ok(scan) => scan,
            Err(error) => return vec![row(ip, began, SCAN, None, Finding::of_error(None, &error.into()))],
        };
        let mut rows = Vec::new();
        if !ports.is_empty() {
            rows.push(row(ip, began, SCAN, None, scanned(&scan)));
        }
        let target = Target {
            ip,
            on_link: links.reach(ip),
            air: &self.air,
            limits: &self.limits,
            sockets: &self.sockets,
            scan,
        };
        let mut asked: FuturesUnordered<_> = self.probes.iter().copied().map(|probe| one(&target, probe)).collect();
        let mut waiting: Vec<_> = self.probes.iter().map(|probe| probe.name).collect();
        while let Ok(Some((probe, began, found))) = timeout_at(deadline, asked.next()).await {
            waiting.retain(|name| *name != probe.name);
            rows.extend(
                found
                    .into_iter()
                    .map(|found| row(ip, began, probe.name, Some(probe), found)),
            );
        }
        let cut = waiting.into_iter().map(|name| {
            let late = Finding {
                reason: Some(format!("not done within {} s", self.limits.target.as_secs())),
                ..Finding::silent(None)
            };
            row(ip, began, name, None, late)
        });
        rows.extend(cut);
        rows
    }
}

type Began = (OffsetDateTime, Instant);

async fn one(target: &Target<'_>, probe: &'static ProbeKind) -> (&'static ProbeKind, Began, Vec<Finding>) {
    let began = (OffsetDateTime::now_utc(), Instant::now());
    (probe, began, (probe.ask)(target).await)
}

fn scanned(scan: &Scan) -> Finding {
    let (open, silent) = (scan.open(), scan.silent());
    let closed = scan.ports.len() - open.len() - silent.len();
    let told = fields([
        ("open", open.into()),
        ("silent", silent.len().into()),
        ("closed", closed.into()),
    ]);
    if silent_only(&told) {
        return Finding {
            fields: told,
            ..Finding::silent(None)
        };
    }
    Finding::answered(None, None, told)
}

fn silent_only(told: &Fields) -> bool {
    told["closed"] == 0 && told["open"].as_array().is_some_and(Vec::is_empty)
}

fn row(ip: IpAddr, began: Began, name: &str, probe: Option<&ProbeKind>, found: Finding) -> Probe {
    // What stands beside a probe's own answer is no event of its own.
    let event = probe.filter(|_| found.name.is_none()).map(|probe| probe.event);
    Probe {
        id: Uuid::now_v7(),
        at: began.0,
        attacker_ip: ip,
        port: found.port,
        probe: found.name.unwrap_or(name).to_owned(),
        outcome: found.outcome,
        reason: found.reason,
        hash: found.hash,
        duration_ms: u64::try_from(began.1.elapsed().as_millis()).unwrap_or(u64::MAX),
        fields: found.fields,
        event,
    }
}

/// The account of a target that is not asked.
pub(crate) fn refused(ip: IpAddr, reason: &str, at: OffsetDateTime) -> Probe {
    Probe {
        id: Uuid::now_v7(),
        at,
        attacker_ip: ip,
        port: None,
        probe: ALL.to_owned(),
        outcome: ProbeOutcome::Refused,
        reason: Some(reason.to_owned()),
        hash: None,
        duration_ms: 0,
        fields: Fields::new(),
        event: None,
    }
}

/// Payload of `attacker.fingerprinted`, by the kind of the probe (bus.md §4.3).
pub(crate) fn payload(probe: &Probe) -> Fields {
    let mut payload = probe.fields.clone();
    // Long, and in the store.
    payload.retain(|name, _| !matches!(name.as_str(), "jarm_raw" | "kexinit_sha256"));
    if let Some(hash) = payload.get("hassh_server_hash").cloned() {
        payload.insert("hassh_server".to_owned(), hash);
    }
    for (field, short) in [
        ("icmp_matrix", "matrix"),
        ("icmp6_matrix", "matrix"),
        ("icmp_fp_hash", "fp_hash"),
        ("icmp6_fp_hash", "fp_hash"),
        ("ipv6_addr", "addr"),
    ] {
        if let Some(value) = payload.get(field).cloned() {
            payload.insert(short.to_owned(), value);
        }
    }
    let at = probe.at.format(&time::format_description::well_known::Rfc3339).ok();
    payload.insert("attacker_ip".to_owned(), probe.attacker_ip.to_string().into());
    payload.insert("port".to_owned(), probe.port.into());
    payload.insert("observed_at".to_owned(), at.map_or(Value::Null, Value::from));
    payload
}
