//! All addresses as rules see them, kept up to date from the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use intel::Asns;
use store::Store;

use super::project::{Known, project};
use super::{EVENTS, PAGE};
use crate::Error;

/// What is known of every address.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    asns: Arc<Asns>,
    known: HashMap<String, Known>,
    /// The event up to which it was read.
    read_up_to: i64,
}

/// Whose rows were read anew.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) ips: BTreeSet<String>,
    /// There is more already.
    pub(super) more: bool,
}

// === impl Ledger ===

impl Ledger {
    /// Reads everybody.
    pub(super) async fn load(store: &Store, asns: Arc<Asns>) -> Result<Self, Error> {
        // What comes while reading is read again afterwards.
        let mut ledger = Self {
            asns,
            read_up_to: store.events().last().await?,
            ..Self::default()
        };
        let mut last: Option<String> = None;
        loop {
            let page = store.traces().addresses(last.as_deref(), PAGE).await?;
            ledger.read(store, &page).await?;
            match page.last() {
                Some(ip) if page.len() as u64 == PAGE => last = Some(ip.clone()),
                _ => return Ok(ledger),
            }
        }
    }

    /// Reads those of whom something was stored since.
    pub(super) async fn refresh(&mut self, store: &Store) -> Result<News, Error> {
        let changed = store.traces().changed(self.read_up_to, EVENTS).await?;
        let ips: Vec<String> = changed.ips.into_iter().collect();
        let mut read = BTreeSet::new();
        for page in ips.chunks(PAGE as usize) {
            read.extend(self.read(store, page).await?);
        }
        self.read_up_to = changed.last;
        Ok(News {
            ips: read,
            more: changed.more,
        })
    }

    pub(super) fn get(&self, ip: &str) -> Option<&Known> {
        self.known.get(ip)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// Returns those of them of whom something new is known.
    async fn read(&mut self, store: &Store, ips: &[String]) -> Result<Vec<String>, Error> {
        let mut changed = Vec::new();
        for trace in store.traces().of(ips).await? {
            let known = project(&trace, &self.asns);
            if self.known.get(&trace.ip) != Some(&known) {
                changed.push(trace.ip.clone());
                self.known.insert(trace.ip, known);
            }
        }
        Ok(changed)
    }
}
