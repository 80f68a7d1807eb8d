//! The rows of one level, as the store has them, and what has to be written to make them agree with the clusters.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cluster::reconcile::{Change, Member, Owner, SCHEMA_VERSION, effective, reconcile};
use store::{Group, Level, Rollup, Store, Writing};
use time::OffsetDateTime;
use uuid::Uuid;

use super::region::Region;
use super::{PAGE, notices};
use crate::Error;

/// Rows and who belongs to them, as written.
#[derive(Debug)]
pub(super) struct Rows {
    level: Level,
    groups: HashMap<Uuid, Group>,
    owner_of: HashMap<String, Uuid>,
    members_of: HashMap<Uuid, BTreeSet<String>>,
    /// Rows merged into a row, directly.
    merged_into: HashMap<Uuid, BTreeSet<Uuid>>,
    /// Of the last writing these rows know of.
    pub(super) generation: i64,
}

/// What members make of their row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) members: u64,
    pub(super) first_seen: Option<OffsetDateTime>,
    pub(super) last_seen: Option<OffsetDateTime>,
    pub(super) confidence: Option<f64>,
    pub(super) rollup: Rollup,
    /// Values they share, for people.
    pub(super) reasons: Vec<String>,
}

// === impl Rows ===

impl Rows {
    /// All rows of the level. `generation` is the lease's.
    pub(super) async fn load(store: &Store, level: Level, generation: i64) -> Result<Self, Error> {
        let mut rows = Self {
            level,
            groups: HashMap::new(),
            owner_of: HashMap::new(),
            members_of: HashMap::new(),
            merged_into: HashMap::new(),
            generation,
        };
        let (mut seen, mut after) = (-1, None);
        loop {
            let page = store.groups(level).since(seen, after, PAGE).await?;
            let ids: Vec<Uuid> = page.iter().map(|group| group.id).collect();
            for (member, owner) in store.groups(level).members(&ids).await? {
                rows.put_in(member, owner);
            }
            let full = page.len() as u64 == PAGE;
            for group in page {
                (seen, after) = (group.generation, Some(group.id));
                rows.point(group.id, group.merged_into);
                rows.groups.insert(group.id, group);
            }
            if !full {
                return Ok(rows);
            }
        }
    }

    pub(super) fn owner(&self, member: &str) -> Option<Uuid> {
        self.owner_of.get(member).copied()
    }

    pub(super) fn members_of(&self, owner: Uuid) -> impl Iterator<Item = &String> {
        self.members_of.get(&owner).into_iter().flatten()
    }

    /// What the row was merged into, and what was merged into it.
    pub(super) fn beside(&self, owner: Uuid) -> impl Iterator<Item = Uuid> {
        let above = self.groups.get(&owner).and_then(|group| group.merged_into);
        let below = self.merged_into.get(&owner).into_iter().flatten().copied();
        above.into_iter().chain(below)
    }

    /// Rows against which something spoke at the last pass.
    pub(super) fn doubted(&self) -> Vec<Uuid> {
        let doubted = self.groups.values().filter(|group| group.doubts > 0);
        doubted.map(|group| group.id).collect()
    }

    pub(super) fn group(&self, id: Uuid) -> Option<&Group> {
        self.groups.get(&id)
    }

    /// The row that counts for this one.
    pub(super) fn effective(&self, owner: Uuid) -> Uuid {
        effective(owner, |id| self.groups.get(&id).map(|group| group.merged_into))
    }

    /// Makes the rows of a region agree with its clusters, and says what of it has to be written. `facts` tells what the
    /// members of a row make of it.
    pub(super) fn settle(
        &mut self,
        region: &Region,
        confirm: u32,
        now: OffsetDateTime,
        facts: impl Fn(&[&str]) -> Facts,
    ) -> Writing {
        let changes = self.changes(region, confirm);
        let mut owners: BTreeSet<Uuid> = region.owners.iter().copied().collect();
        owners.extend(changes.iter().filter_map(|change| match change {
            Change::Form { owner, .. } => Some(*owner),
            _ => None,
        }));
        let before: BTreeMap<Uuid, Group> = owners
            .iter()
            .filter_map(|owner| self.groups.get(owner).cloned())
            .map(|group| (group.id, group))
            .collect();
        let mut members = BTreeMap::new();
        for change in &changes {
            self.carry_out(change, now, &mut members);
        }
        let reasons = self.restate(&owners, facts);
        let mut writing = Writing {
            notices: notices::of(self.level, &changes, self, &reasons),
            members: members.into_iter().collect(),
            groups: Vec::new(),
        };
        for owner in owners {
            let Some(group) = self.groups.get_mut(&owner) else {
                continue;
            };
            if before.get(&owner) != Some(group) {
                group.updated_at = now;
                writing.groups.push(group.clone());
            }
        }
        writing
    }

    fn changes(&self, region: &Region, confirm: u32) -> Vec<Change> {
        let members: Vec<Member> = region
            .members
            .iter()
            .map(|(id, cluster)| Member {
                id: id.clone(),
                owner: self.owner(id),
                cluster: *cluster,
            })
            .collect();
        let owner = |id: &Uuid| {
            self.groups.get(id).map(|group| Owner {
                id: group.id,
                merged_into: group.merged_into,
                doubts: group.doubts,
            })
        };
        let owners: Vec<Owner> = region.owners.iter().filter_map(owner).collect();
        reconcile(&members, &owners, confirm, Uuid::now_v7)
    }

    fn carry_out(&mut self, change: &Change, now: OffsetDateTime, moved: &mut BTreeMap<String, Uuid>) {
        match change {
            Change::Form { owner, members, .. } => {
                self.groups.insert(*owner, new_group(*owner, now));
                for member in members {
                    self.put_in(member.clone(), *owner);
                    moved.insert(member.clone(), *owner);
                }
            }
            Change::Link { owner, member, .. } => {
                self.put_in(member.clone(), *owner);
                moved.insert(member.clone(), *owner);
            }
            Change::Merge { winner, loser } => self.point(*loser, Some(*winner)),
            Change::Unmerge { owner, .. } => self.point(*owner, None),
            Change::Doubt { owner, doubts } => {
                if let Some(group) = self.groups.get_mut(owner) {
                    group.doubts = *doubts;
                }
            }
        }
    }

    /// Says anew what follows from members and merges.
    fn restate(&mut self, owners: &BTreeSet<Uuid>, facts: impl Fn(&[&str]) -> Facts) -> HashMap<Uuid, Vec<String>> {
        let mut under: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for &owner in owners {
            under.entry(self.effective(owner)).or_default().push(owner);
        }
        let mut reasons = HashMap::new();
        for (canonical, rows) in under {
            let members: BTreeSet<&str> = rows
                .iter()
                .flat_map(|&row| self.members_of(row))
                .map(String::as_str)
                .collect();
            let members: Vec<&str> = members.into_iter().collect();
            let facts = facts(&members);
            for row in rows {
                if let Some(group) = self.groups.get_mut(&row) {
                    group.canonical = canonical;
                }
            }
            if let Some(group) = self.groups.get_mut(&canonical) {
                group.members = facts.members;
                group.first_seen = facts.first_seen;
                group.last_seen = facts.last_seen;
                group.confidence = facts.confidence;
                group.rollup = facts.rollup;
                group.schema_version = SCHEMA_VERSION;
            }
            reasons.insert(canonical, facts.reasons);
        }
        reasons
    }

    fn put_in(&mut self, member: String, owner: Uuid) {
        if let Some(prior) = self.owner_of.insert(member.clone(), owner)
            && let Some(members) = self.members_of.get_mut(&prior)
        {
            members.remove(&member);
        }
        self.members_of.entry(owner).or_default().insert(member);
    }

    fn point(&mut self, loser: Uuid, winner: Option<Uuid>) {
        let before = self
            .groups
            .get_mut(&loser)
            .and_then(|group| std::mem::replace(&mut group.merged_into, winner));
        if let Some(merged) = before.and_then(|before| self.merged_into.get_mut(&before)) {
            merged.remove(&loser);
        }
        if let Some(winner) = winner {
            self.merged_into.entry(winner).or_default().insert(loser);
        }
    }
}

fn new_group(id: Uuid, now: OffsetDateTime) -> Group {
    Group {
        id,
        schema_version: SCHEMA_VERSION,
        merged_into: None,
        canonical: id,
        campaign: None,
        doubts: 0,
        generation: 0,
        first_seen: None,
        last_seen: None,
        created_at: now,
        updated_at: now,
        confidence: None,
        members: 0,
        notes: None,
        rollup: Rollup::default(),
    }
}
