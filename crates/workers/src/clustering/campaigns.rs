//! Identities to campaigns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bus::Pattern;
use cluster::{Campaigns, Features, Observation, Pins, campaigns};
use runtime::{Cx, Summary, Worker};
use store::{Lease, Level, Store, Writing};
use time::OffsetDateTime;
use uuid::Uuid;

use super::identities::rollup;
use super::ledger::Ledger;
use super::project::Known;
use super::rows::{Facts, Rows};
use super::{Config, PAGE, TICK, lead, outbox, pins, region};
use crate::Error;

/// The worker `campaign-clusterer`: groups identities into campaigns.
pub struct CampaignClusterer {
    store: Store,
    config: Config,
    /// None while another leads.
    state: Option<State>,
}

struct State {
    ledger: Ledger,
    identities: Identities,
    pins: Pins,
    rows: Rows,
}

/// Identities as the other clusterer wrote them, and what each brings along.
#[derive(Default)]
struct Identities {
    /// The row that counts, of each row; and the other way round.
    canonical: HashMap<Uuid, Uuid>,
    rows_of: HashMap<Uuid, BTreeSet<Uuid>>,
    /// As written.
    owner_of: HashMap<String, Uuid>,
    addresses: HashMap<Uuid, BTreeSet<String>>,
    /// Of those that count and have members.
    features: BTreeMap<Uuid, Features>,
    /// The row up to which they were read.
    read_up_to: (i64, Option<Uuid>),
}

// === impl CampaignClusterer ===

impl CampaignClusterer {
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
        Ok(State {
            rows: Rows::load(&self.store, Level::Campaign, lease.generation).await?,
            ledger: Ledger::load(&self.store, self.config.asns.clone()).await?,
            identities: Identities {
                read_up_to: (-1, None),
                ..Identities::default()
            },
            pins: Pins::default(),
        })
    }
}

impl Worker for CampaignClusterer {
    const NAME: &'static str = "campaign-clusterer";
    /// Identities that changed, and anything new they did. What this worker itself tells under `identity` wakes nobody.
    const WAKE: &'static [Pattern] = &[
        Pattern::fixed("identity.formed"),
        Pattern::fixed("identity.observation.linked"),
        Pattern::fixed("identity.merged"),
        Pattern::fixed("identity.unmerged"),
        Pattern::fixed("logs.ingested"),
    ];
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
        let mut state = match known {
            Some(state) => state,
            None => self.begin(&lease).await?,
        };
        let (changed, more) = state.look(&self.store, &self.config).await?;
        let mut done = 0;
        if changed || !state.rows.doubted().is_empty() {
            let writing = state.settle(&self.config, OffsetDateTime::now_utc());
            done = writing.groups.len() as u64;
            if writing != Writing::default() {
                let Some(lease) = self.lead().await? else {
                    return Ok(Summary::default());
                };
                let now = OffsetDateTime::now_utc();
                state.rows.generation = self.store.campaigns().write(&lease, &writing, now).await?;
                outbox::publish(&self.store, Self::NAME, cx).await?;
            }
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
    /// Takes in what is new. Returns whether campaigns may have changed, and whether there is more.
    async fn look(&mut self, store: &Store, config: &Config) -> Result<(bool, bool), Error> {
        let news = self.ledger.refresh(store).await?;
        let mut touched = self.identities.refresh(store).await?;
        touched.extend(news.ips.iter().filter_map(|ip| self.identities.of(ip)));
        for &identity in &touched {
            self.identities.restate(identity, &self.ledger, config);
        }
        let pins = pins(store, Level::Campaign).await?;
        let pinned = pins != self.pins;
        self.pins = pins;
        Ok((pinned || !touched.is_empty(), news.more))
    }

    fn settle(&mut self, config: &Config, now: OffsetDateTime) -> Writing {
        let Self {
            ledger,
            identities,
            pins,
            rows,
        } = self;
        let features: Vec<Features> = identities.features.values().cloned().collect();
        let Campaigns { partition, .. } = campaigns(&features, &identities.those_that_count(pins), &config.settings);
        let mut cluster_of: HashMap<Uuid, u32> = HashMap::new();
        for (&identity, &cluster) in identities.features.keys().zip(partition.numbers()) {
            cluster_of.insert(identity, cluster);
        }
        // Who was merged goes where the one he was merged into goes.
        let mut rings: HashMap<u32, Vec<String>> = HashMap::new();
        for (row, canonical) in &identities.canonical {
            if let Some(&cluster) = cluster_of.get(canonical) {
                rings.entry(cluster).or_default().push(row.to_string());
            }
        }
        let ring = |identity: &str| {
            let canonical = identity.parse().ok().and_then(|id: Uuid| identities.canonical.get(&id));
            let cluster = canonical.and_then(|canonical| cluster_of.get(canonical));
            cluster
                .and_then(|cluster| rings.get(cluster))
                .cloned()
                .unwrap_or_default()
        };
        let all: Vec<String> = rings.values().flatten().cloned().collect();
        let doubted = rows.doubted();
        let region = region::around(rows, all, doubted, ring);
        let facts = |members: &[&str]| identities.facts(members, ledger);
        rows.settle(&region, config.confirm, now, facts)
    }
}

// === impl Identities ===

impl Identities {
    /// Reads the rows written since. Returns those that count of all it concerns.
    async fn refresh(&mut self, store: &Store) -> Result<BTreeSet<Uuid>, Error> {
        let mut touched = BTreeSet::new();
        loop {
            let (generation, after) = self.read_up_to;
            let page = store.identities().since(generation, after, PAGE).await?;
            let ids: Vec<Uuid> = page.iter().map(|group| group.id).collect();
            for (ip, owner) in store.identities().members(&ids).await? {
                touched.extend(self.put_in(ip, owner));
                touched.insert(owner);
            }
            for group in &page {
                let before = self.canonical.insert(group.id, group.canonical);
                if let Some(rows) = before.and_then(|before| self.rows_of.get_mut(&before)) {
                    rows.remove(&group.id);
                }
                self.rows_of.entry(group.canonical).or_default().insert(group.id);
                touched.extend(before);
                touched.extend([group.id, group.canonical]);
                self.read_up_to = (group.generation, Some(group.id));
            }
            if (page.len() as u64) < PAGE {
                return Ok(touched);
            }
        }
    }

    /// Returns whom the address was with before.
    fn put_in(&mut self, ip: String, owner: Uuid) -> Option<Uuid> {
        let before = self
            .owner_of
            .insert(ip.clone(), owner)
            .filter(|&before| before != owner);
        if let Some(addresses) = before.and_then(|before| self.addresses.get_mut(&before)) {
            addresses.remove(&ip);
        }
        self.addresses.entry(owner).or_default().insert(ip);
        before.and_then(|before| self.canonical.get(&before).copied())
    }

    /// The identity that counts for an address.
    fn of(&self, ip: &str) -> Option<Uuid> {
        self.owner_of
            .get(ip)
            .and_then(|owner| self.canonical.get(owner))
            .copied()
    }

    /// The same said of the rows that count for those named.
    fn those_that_count(&self, pins: &Pins) -> Pins {
        let name = |id: &String| {
            let canonical = id.parse().ok().and_then(|id: Uuid| self.canonical.get(&id));
            canonical.map_or_else(|| id.clone(), Uuid::to_string)
        };
        let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(a, b)| (name(a), name(b))).collect();
        Pins {
            same: pairs(&pins.same),
            apart: pairs(&pins.apart),
        }
    }

    /// Says anew what an identity brings along: nothing, when another counts for it.
    fn restate(&mut self, identity: Uuid, ledger: &Ledger, config: &Config) {
        let rows = self.rows_of.get(&identity).into_iter().flatten();
        let known: Vec<&Known> = rows
            .filter_map(|row| self.addresses.get(row))
            .flatten()
            .filter_map(|ip| ledger.get(ip))
            .collect();
        if known.is_empty() {
            self.features.remove(&identity);
            return;
        }
        let members = known.into_iter().map(|known| (&known.observation, &known.activity));
        let features = Features::of(identity.to_string(), members, config.settings.profile);
        self.features.insert(identity, features);
    }

    /// What these identities make of their campaign.
    fn facts(&self, members: &[&str], ledger: &Ledger) -> Facts {
        let ids: Vec<Uuid> = members.iter().filter_map(|id| id.parse().ok()).collect();
        let active = ids.iter().filter(|id| self.features.contains_key(id)).count();
        let addresses = ids.iter().filter_map(|id| self.addresses.get(id)).flatten();
        let known: Vec<&Known> = addresses.filter_map(|ip| ledger.get(ip)).collect();
        let observations = known.iter().map(|known| &known.observation);
        Facts {
            members: active as u64,
            first_seen: known.iter().map(|known| known.first_seen).min(),
            last_seen: known.iter().map(|known| known.last_seen).max(),
            // Edges hold from 1 on, and 1 is the most a confidence can be.
            confidence: (active > 1).then_some(1.0),
            rollup: rollup(observations.collect::<Vec<&Observation>>().into_iter()),
            reasons: Vec::new(),
        }
    }
}

impl std::fmt::Debug for CampaignClusterer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CampaignClusterer")
            .field("leads", &self.state.is_some())
            .finish_non_exhaustive()
    }
}
