//! Observations to identities.

use std::collections::{BTreeMap, HashMap};

use bus::{Pattern, Subject};
use cluster::{Cohesion, Family, Observation, Standing, cohesion};
use runtime::{Cx, Summary, Worker};
use serde_json::json;
use store::{Lease, Level, Rollup, Store};
use time::OffsetDateTime;
use uuid::Uuid;

use super::ledger::Ledger;
use super::project::Known;
use super::rows::{Facts, Rows};
use super::{Config, TICK, lead, notices, outbox, pins, region};
use crate::Error;

/// Shared values told of a row.
const REASONS: usize = 8;
/// Values of one family in a row's rollup.
const ROLLED_UP: usize = 1_000;

/// The worker `clusterer`: groups addresses into identities.
pub struct Clusterer {
    store: Store,
    config: Config,
    /// None while another leads.
    state: Option<State>,
}

struct State {
    ledger: Ledger,
    standing: Standing,
    rows: Rows,
    /// Rows told to be suspect, with their size and what was taken from them.
    suspects: HashMap<Uuid, (usize, usize)>,
}

// === impl Clusterer ===

impl Clusterer {
    pub fn new(store: Store, config: Config) -> Self {
        Self {
            store,
            config,
            state: None,
        }
    }

    async fn lead(&self) -> Result<Option<Lease>, Error> {
        lead(&self.store, Self::NAME, &self.config).await
    }

    async fn begin(&self, lease: &Lease) -> Result<State, Error> {
        let rows = Rows::load(&self.store, Level::Identity, lease.generation).await?;
        let ledger = Ledger::load(&self.store, self.config.asns.clone()).await?;
        let observations: Vec<Observation> = ledger.all().map(|known| known.observation.clone()).collect();
        let pins = pins(&self.store, Level::Identity).await?;
        Ok(State {
            standing: Standing::new(&observations, &pins, &self.config.settings),
            ledger,
            rows,
            suspects: HashMap::new(),
        })
    }
}

impl Worker for Clusterer {
    const NAME: &'static str = "clusterer";
    /// What may change who is whom: somebody new, and anything new about somebody known.
    const WAKE: &'static [Pattern] = &[Pattern::fixed("attacker.>"), Pattern::fixed("logs.ingested")];
    const TICK: std::time::Duration = TICK;
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let Some(lease) = self.lead().await? else {
            self.state = None;
            return Ok(Summary::default());
        };
        outbox::publish(&self.store, Self::NAME, cx).await?;
        let known = self
            .state
            .take()
            .filter(|state| state.rows.generation == lease.generation);
        let (mut state, everybody) = match known {
            Some(state) => (state, false),
            None => (self.begin(&lease).await?, true),
        };
        let (seeds, more) = state.look(&self.store, everybody).await?;
        let writing = state.settle(seeds, &self.config, OffsetDateTime::now_utc());
        let done = writing.groups.len() as u64;
        if writing != store::Writing::default() {
            // Reading everybody may have taken longer than the lease.
            let Some(lease) = self.lead().await? else {
                return Ok(Summary::default());
            };
            let now = OffsetDateTime::now_utc();
            state.rows.generation = self.store.identities().write(&lease, &writing, now).await?;
            outbox::publish(&self.store, Self::NAME, cx).await?;
        }
        self.state = Some(state);
        Ok(Summary {
            done,
            left: u64::from(more),
        })
    }
}

// === impl State ===

impl State {
    /// Takes in what is new. Returns the addresses whose identity has to be looked at, and whether there is more.
    async fn look(&mut self, store: &Store, everybody: bool) -> Result<(Vec<String>, bool), Error> {
        let news = self.ledger.refresh(store).await?;
        let mut places = Vec::new();
        for known in news.ips.iter().filter_map(|ip| self.ledger.get(ip)) {
            places.extend(self.standing.update(&known.observation));
            places.extend(self.standing.place(&known.observation.id));
        }
        let pins = pins(store, Level::Identity).await?;
        let pinned = *self.standing.pins() != pins;
        if pinned {
            self.standing.pin(pins);
        }
        if everybody || pinned {
            places = (0..self.standing.len() as u32).collect();
        }
        places.sort_unstable();
        places.dedup();
        let names = places.into_iter().map(|place| self.standing.id(place).to_owned());
        Ok((names.collect(), news.more))
    }

    fn settle(&mut self, seeds: Vec<String>, config: &Config, now: OffsetDateTime) -> store::Writing {
        let doubted = self.rows.doubted();
        if seeds.is_empty() && doubted.is_empty() {
            return store::Writing::default();
        }
        let standing = &self.standing;
        let ring = |ip: &str| match standing.place(ip) {
            Some(place) => standing
                .identity_of(place)
                .iter()
                .map(|&place| standing.id(place).to_owned())
                .collect(),
            None => Vec::new(),
        };
        let region = region::around(&self.rows, seeds, doubted, ring);
        let ledger = &self.ledger;
        let facts = |ips: &[&str]| facts(ips.iter().filter_map(|ip| ledger.get(ip)), config);
        let mut writing = self.rows.settle(&region, config.confirm, now, facts);
        writing.notices.extend(self.suspects());
        writing
    }

    /// Clusters larger than one would believe, each told once for its size.
    fn suspects(&mut self) -> Vec<store::Notice> {
        let mut told = Vec::new();
        for suspect in self.standing.suspects() {
            let ip = self.standing.id(suspect.observation as u32);
            let Some(owner) = self.rows.owner(ip).map(|owner| self.rows.effective(owner)) else {
                continue;
            };
            let Some(group) = self.rows.group(owner) else { continue };
            let size = group.members as usize;
            if self.suspects.insert(owner, (size, suspect.demoted)) != Some((size, suspect.demoted)) {
                let payload = json!({
                    "identity_uuid": owner,
                    "size": size,
                    "cohesion": group.confidence,
                    "demoted_keys": suspect.demoted,
                });
                told.push(notices::notice(&Subject::IDENTITY_CLUSTER_SUSPECT, payload));
            }
        }
        told
    }
}

/// What these addresses make of their identity.
fn facts<'a>(members: impl Iterator<Item = &'a Known> + Clone, config: &Config) -> Facts {
    let observations = members.clone().map(|known| &known.observation);
    let Cohesion { confidence, shared } = cohesion(observations.clone(), &config.settings.commodity);
    let reasons = shared
        .into_iter()
        .take(REASONS)
        .map(|(family, value)| format!("{family}:{value}"));
    Facts {
        members: members.clone().count() as u64,
        first_seen: members.clone().map(|known| known.first_seen).min(),
        last_seen: members.map(|known| known.last_seen).max(),
        confidence,
        rollup: rollup(observations),
        reasons: reasons.collect(),
    }
}

/// Values of all of them, sorted and each once.
pub(super) fn rollup<'a>(observations: impl Iterator<Item = &'a Observation>) -> Rollup {
    let mut values: BTreeMap<Family, Vec<&str>> = BTreeMap::new();
    for (family, value) in observations.flat_map(Observation::keys) {
        values.entry(family).or_default().push(value);
    }
    let mut take = |family: Family| {
        let mut of = values.remove(&family).unwrap_or_default();
        of.sort_unstable();
        of.dedup();
        of.truncate(ROLLED_UP);
        of.into_iter().map(str::to_owned).collect()
    };
    Rollup {
        ja3_hashes: take(Family::Ja3),
        ja4_hashes: take(Family::Ja4),
        ja4h_hashes: take(Family::Ja4h),
        ja4_quic_hashes: take(Family::Ja4Quic),
        hassh_hashes: take(Family::Hassh),
        tls_cert_sha256: take(Family::TlsCert),
        ssh_pubkeys: take(Family::SshPubKey),
        payload_hashes: take(Family::Payload),
        c2_endpoints: take(Family::C2),
    }
}

impl std::fmt::Debug for Clusterer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clusterer")
            .field("leads", &self.state.is_some())
            .finish_non_exhaustive()
    }
}
