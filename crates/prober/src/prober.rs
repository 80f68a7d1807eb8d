//! The worker, and a single turn by hand.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bus::{Bus, Envelope, Pattern, Subject};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ipnet::IpNet;
use model::fleet::NetworkSpec;
use runtime::{Cx, Summary, Worker};
use serde::Serialize;
use store::{Candidate, Change, Probe, ProbeOutcome, Store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::Error;
use crate::air::Air;
use crate::asking::{Means, payload, refused};
use crate::bucket::Bucket;
use crate::neighbours::Links;
use crate::policy::{Known, Refusal, Rules};
use crate::probes::{PROBES, ProbeKind, named};
use crate::schedule::{Schedule, Turn};
use crate::target::Limits;

/// Key under which the store keeps the network of the fleet.
const NETWORK: &str = "network";
/// Targets looked for at once.
const PASS: u64 = 256;

/// What the operator decides.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `own` is filled in by the prober.
    pub rules: Rules,
    pub limits: Limits,
    pub schedule: Schedule,
    /// Names of the probes; all when empty.
    pub only: BTreeSet<String>,
}

/// The worker `prober`.
pub struct Prober {
    store: Store,
    config: Config,
    means: OnceCell<Means>,
    bucket: Bucket,
}

/// What one turn came to.
#[derive(Clone, Debug, Serialize)]
pub struct Turned {
    pub ip: IpAddr,
    /// Why it was not asked.
    pub refused: Option<String>,
    pub probes: Vec<Probe>,
    /// Endpoints that answered otherwise than before.
    pub rotated: Vec<Rotation>,
}

/// Payload of `attacker.fingerprint_rotated`.
#[derive(Clone, Debug, Serialize)]
pub struct Rotation {
    pub attacker_ip: IpAddr,
    pub port: Option<u16>,
    pub probe_type: String,
    pub old_hash: String,
    pub new_hash: String,
    pub rotation_count: i64,
    /// RFC 3339.
    pub ts: String,
}

// === impl Config ===

impl Config {
    /// # Errors
    /// When one of `only` is no probe.
    pub fn check(&self) -> Result<(), Error> {
        let unknown = |name: &&String| named(name).is_none();
        let names = self.only.iter().chain(self.limits.ports.keys());
        match names.into_iter().find(unknown) {
            None => Ok(()),
            Some(given) => Err(Error::Unknown {
                given: given.clone(),
                all: PROBES.iter().map(|probe| probe.name).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    fn probes(&self) -> Vec<&'static ProbeKind> {
        let wanted = |probe: &&&ProbeKind| self.only.is_empty() || self.only.contains(probe.name);
        PROBES.iter().filter(wanted).copied().collect()
    }
}

// === impl Prober ===

impl Prober {
    pub fn new(store: Store, config: Config) -> Self {
        let bucket = Bucket::new(config.limits.targets_per_s, 1, Instant::now());
        Self {
            store,
            config,
            means: OnceCell::new(),
            bucket,
        }
    }

    /// Asks one address now, within the rules, and tells the bus and the record. Its rest is no hindrance: somebody
    /// wants it now.
    pub async fn turn(&self, ip: IpAddr, bus: &Bus) -> Result<Turned, Error> {
        let ip = ip.to_canonical();
        let known = self.store.probes().candidate(ip).await?;
        let candidate = Candidate {
            ip,
            handshakes: known.map_or(0, |known| known.handshakes),
            probed_at: None,
        };
        let (rules, links) = self.rules().await?;
        let vouched = rules.allows(ip);
        self.deal_with(&candidate, vouched, &rules, &links, bus).await
    }

    /// The rules with what is our own just now.
    async fn rules(&self) -> Result<(Rules, Links), Error> {
        let links = Links::read().map_err(Error::Own)?;
        let mut rules = self.config.rules.clone();
        rules.own.extend(links.own.iter().map(|ip| IpNet::from(*ip)));
        let network: Option<NetworkSpec> = self.store.settings().get(NETWORK).await?;
        rules.own.extend(network.map(|network| IpNet::from(network.subnet)));
        let deckies = self.store.deckies().list().await?;
        rules
            .own
            .extend(deckies.iter().map(|row| IpNet::from(IpAddr::from(row.spec.ip))));
        Ok((rules, links))
    }

    async fn means(&self) -> Result<&Means, Error> {
        let make = || async {
            Ok(Means {
                air: Air::open()?,
                sockets: Semaphore::new(self.config.limits.sockets.max(1)),
                limits: self.config.limits.clone(),
                probes: self.config.probes(),
            })
        };
        self.means.get_or_try_init(make).await
    }

    async fn deal_with(
        &self,
        candidate: &Candidate,
        vouched: bool,
        rules: &Rules,
        links: &Links,
        bus: &Bus,
    ) -> Result<Turned, Error> {
        let (ip, began) = (candidate.ip, OffsetDateTime::now_utc());
        let judged = rules.judge(ip, &Known::of(candidate, vouched), began);
        let probes = match &judged {
            Ok(()) => self.means().await?.ask(ip, links).await,
            Err(reason) => vec![refused(ip, &reason.to_string(), began)],
        };
        let changes = self.store.probes().record(&probes).await?;
        let rotated: Vec<_> = probes
            .iter()
            .zip(&changes)
            .filter_map(|(probe, change)| rotation(probe, change))
            .collect();
        let turn = match (&judged, candidate.probed_at) {
            (Err(Refusal::TooSoon(_)), Some(asked_at)) => Turn::TooSoon { asked_at },
            (Err(_), _) => Turn::Refused,
            (Ok(()), _) => Turn::Asked {
                rotated: !rotated.is_empty(),
            },
        };
        let now = OffsetDateTime::now_utc();
        let due = self.config.schedule.due(turn, now, rules.cooldown);
        let asked_at = if judged.is_ok() { Some(now) } else { candidate.probed_at };
        self.store.probes().schedule(ip, asked_at, due).await?;
        tell(bus, &probes, &changes, &rotated).await;
        Ok(Turned {
            ip,
            refused: judged.err().map(|reason| reason.to_string()),
            probes,
            rotated,
        })
    }
}

impl Worker for Prober {
    const NAME: &'static str = "prober";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("logs.ingested")];
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let now = OffsetDateTime::now_utc();
        let horizon = self.config.schedule.horizon(now);
        let candidates = self.store.probes().candidates(horizon, now, PASS).await?;
        if candidates.is_empty() {
            return Ok(Summary::default());
        }
        let (rules, links) = self.rules().await?;
        let found = candidates.len() as u64;
        let (candidates, refused): (Vec<_>, Vec<_>) = candidates
            .into_iter()
            .partition(|one| rules.judge(one.ip, &Known::of(one, false), now).is_ok());
        // Who is not asked takes nobody's place.
        for one in &refused {
            self.deal_with(one, false, &rules, &links, cx.bus()).await?;
        }
        let mut bucket = self.bucket.clone();
        let most = self.config.limits.targets.max(1);
        let mut asked = FuturesUnordered::new();
        let (mut done, mut left) = (0, candidates.len() as u64);
        let mut candidates = candidates.iter().peekable();
        while !cx.is_cancelled() {
            let wait = match candidates.peek() {
                Some(_) if asked.len() < most => bucket.take(Instant::now()).err(),
                _ if asked.is_empty() => break,
                _ => Some(std::time::Duration::from_secs(1)),
            };
            let Some(wait) = wait else {
                if let Some(candidate) = candidates.next() {
                    asked.push(self.deal_with(candidate, false, &rules, &links, cx.bus()));
                }
                continue;
            };
            tokio::select! {
                () = cx.cancelled() => {}
                Some(turned) = asked.next() => {
                    let turned: Turned = turned?;
                    (done, left) = (done + 1, left - 1);
                    cx.count("rotated", turned.rotated.len() as u64);
                    cx.backlog(left);
                    cx.alive();
                }
                () = tokio::time::sleep(wait) => cx.alive(),
            }
        }
        drop(asked);
        self.bucket = bucket;
        // Such as came up in the meantime are looked for at once.
        Ok(Summary {
            done,
            left: u64::from(found == PASS),
        })
    }
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prober")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn rotation(probe: &Probe, change: &Change) -> Option<Rotation> {
    let Change::Rotated {
        old_hash,
        rotation_count,
    } = change
    else {
        return None;
    };
    Some(Rotation {
        attacker_ip: probe.attacker_ip,
        port: probe.port,
        probe_type: probe.probe.clone(),
        old_hash: old_hash.clone(),
        new_hash: probe.hash.clone().unwrap_or_default(),
        rotation_count: *rotation_count,
        ts: probe.at.format(&Rfc3339).unwrap_or_default(),
    })
}

/// After the commit, best effort: the record has it.
async fn tell(bus: &Bus, probes: &[Probe], changes: &[Change], rotated: &[Rotation]) {
    for (probe, change) in probes.iter().zip(changes) {
        let is_answer = probe.outcome == ProbeOutcome::Answered && probe.event.is_some();
        if is_answer && *change != Change::NoAttackerRow {
            let envelope = Envelope::new(probe.id, probe.at, &probe.probe, &payload(probe));
            append(bus, &Subject::ATTACKER_FINGERPRINTED, envelope).await;
        }
    }
    for rotation in rotated {
        let envelope = Envelope::fresh(&rotation.probe_type, rotation);
        append(bus, &Subject::ATTACKER_FINGERPRINT_ROTATED, envelope).await;
    }
}

async fn append(bus: &Bus, subject: &Subject, envelope: Result<Envelope, bus::EnvelopeError>) {
    let told = match envelope {
        Ok(envelope) => bus.append(subject, &envelope).await.map(drop),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = told {
        tracing::warn!(%subject, %error, "not published");
    }
}
