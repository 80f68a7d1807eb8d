//! From a partition to what is written down: forms, links, merges, splits, each of them once and each revocable
//! (clustering.md §7).
//!
//! The same rules serve both levels: members are observations and owners identities, or members are identities and owners
//! campaigns. An owner is merged by a pointer to the winner; its members keep their row, so that a merge can be taken
//! back. Nothing is decided on one look alone where it would undo something: a counter on the row says for how many
//! ticks in a row the evidence has been against it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

/// Merges that are followed from one owner to the one that counts.
pub const MAX_HOPS: usize = 8;
/// Of the rules by which rows were made.
pub const SCHEMA_VERSION: i32 = 1;

/// One that is grouped: an observation or an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    /// As its row says; none before the first tick that sees it.
    pub owner: Option<Uuid>,
    /// Members with equal numbers belong together.
    pub cluster: u32,
}

/// A row of what members are grouped into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub id: Uuid,
    pub merged_into: Option<Uuid>,
    /// Ticks in a row that spoke for parting it.
    pub doubts: u32,
}

/// Something to be written, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new owner with these members, split from another or from none.
    Form {
        owner: Uuid,
        members: Vec<String>,
        split_from: Option<Uuid>,
    },
    Link {
        owner: Uuid,
        member: String,
        prior: Option<Uuid>,
    },
    /// `loser` is merged into `winner`, which is smaller.
    Merge { winner: Uuid, loser: Uuid },
    /// A merge taken back.
    Unmerge { owner: Uuid, from: Uuid },
    /// The counter of a row.
    Doubt { owner: Uuid, doubts: u32 },
}

/// What a tick has to write to make the rows agree with the clusters; nothing when they do. `mint` gives new ids, in
/// ascending order; `confirm` is how many ticks in a row must speak for a split or an unmerge.
pub fn reconcile(members: &[Member], owners: &[Owner], confirm: u32, mint: impl FnMut() -> Uuid) -> Vec<Change> {
    let mut tick = Tick {
        rows: owners.iter().map(|owner| (owner.id, owner.clone())).collect(),
        clusters: BTreeMap::new(),
        confirm: confirm.max(1),
        doubted: HashSet::new(),
        mint,
        changes: Vec::new(),
    };
    for member in members {
        tick.clusters.entry(member.cluster).or_default().push(member);
    }
    tick.clusters
        .values_mut()
        .for_each(|cluster| cluster.sort_by(|a, b| a.id.cmp(&b.id)));
    let moved = tick.part(members);
    tick.join(&moved);
    tick.forget_doubts();
    tick.changes
}

/// The owner that counts: the end of the chain of merges, or where it stops making sense.
pub fn effective(owner: Uuid, merged_into: impl Fn(Uuid) -> Option<Option<Uuid>>) -> Uuid {
    let mut at = owner;
    for _ in 0..MAX_HOPS {
        match merged_into(at) {
            // Every merge points to a smaller id, so there are no circles among sound rows.
            Some(Some(next)) if next < at && merged_into(next).is_some() => at = next,
            _ => break,
        }
    }
    at
}

struct Tick<'m, M> {
    rows: HashMap<Uuid, Owner>,
    /// Members of each cluster, by name.
    clusters: BTreeMap<u32, Vec<&'m Member>>,
    confirm: u32,
    /// Owners against which something spoke in this tick.
    doubted: HashSet<Uuid>,
    mint: M,
    changes: Vec<Change>,
}

// === impl Tick ===

impl<M: FnMut() -> Uuid> Tick<'_, M> {
    fn effective(&self, owner: Uuid) -> Uuid {
        effective(owner, |id| self.rows.get(&id).map(|row| row.merged_into))
    }

    /// Takes back merges the evidence no longer bears, and splits owners whose own members fell apart. Returns the
    /// new owners of members that moved.
    fn part(&mut self, members: &[Member]) -> HashMap<String, Uuid> {
        let mut literal: BTreeMap<Uuid, BTreeMap<u32, Vec<&Member>>> = BTreeMap::new();
        for member in members {
            if let Some(owner) = member.owner.filter(|owner| self.rows.contains_key(owner)) {
                literal
                    .entry(owner)
                    .or_default()
                    .entry(member.cluster)
                    .or_default()
                    .push(member);
            }
        }
        let merged: BTreeSet<Uuid> = self
            .rows
            .values()
            .filter(|row| row.merged_into.is_some())
            .map(|row| row.id)
            .collect();
        for loser in merged {
            self.take_back(loser, &literal);
        }
        let mut moved = HashMap::new();
        for (owner, clusters) in &literal {
            if clusters.len() > 1 && self.is_confirmed(*owner) {
                self.split(*owner, clusters, &mut moved);
            }
        }
        moved
    }

    fn take_back(&mut self, loser: Uuid, literal: &BTreeMap<Uuid, BTreeMap<u32, Vec<&Member>>>) {
        let winner = self.effective(loser);
        let (Some(lost), Some(won)) = (literal.get(&loser), literal.get(&winner)) else {
            return;
        };
        let apart = winner != loser && lost.keys().all(|cluster| !won.contains_key(cluster));
        if apart && self.is_confirmed(loser) {
            if let Some(row) = self.rows.get_mut(&loser) {
                row.merged_into = None;
            }
            self.changes.push(Change::Unmerge {
                owner: loser,
                from: winner,
            });
        }
    }

    /// The largest part keeps the id; of parts alike, the one with the first member by name.
    fn split(&mut self, owner: Uuid, clusters: &BTreeMap<u32, Vec<&Member>>, moved: &mut HashMap<String, Uuid>) {
        let mut parts: Vec<Vec<&str>> = clusters
            .values()
            .map(|part| {
                let mut names: Vec<&str> = part.iter().map(|member| member.id.as_str()).collect();
                names.sort_unstable();
                names
            })
            .collect();
        parts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a[0].cmp(b[0])));
        for part in &parts[1..] {
            let new = self.form(part, Some(owner));
            for &member in part {
                moved.insert(member.to_owned(), new);
                self.changes.push(Change::Link {
                    owner: new,
                    member: member.to_owned(),
                    prior: Some(owner),
                });
            }
        }
    }

    /// Gives every cluster one owner: a new one, the one it has, or the smallest of those it has.
    fn join(&mut self, moved: &HashMap<String, Uuid>) {
        let clusters = std::mem::take(&mut self.clusters);
        // An owner whose members have just been seen to differ joins nothing before that is settled.
        let mut clusters: Vec<Vec<&Member>> = clusters.into_values().collect();
        clusters.sort_by(|a, b| a[0].id.cmp(&b[0].id));
        for cluster in clusters {
            let literal = |member: &Member| moved.get(&member.id).copied().or(member.owner);
            let known = cluster.iter().filter_map(|member| literal(member));
            let known: BTreeSet<Uuid> = known.filter(|owner| self.rows.contains_key(owner)).collect();
            let settled = known
                .iter()
                .copied()
                .filter(|owner| !self.doubted.contains(owner) || known.len() == 1);
            let effective: BTreeSet<Uuid> = settled.map(|owner| self.effective(owner)).collect();
            let is_new = |member: &&Member| literal(member).is_none_or(|owner| !self.rows.contains_key(&owner));
            let new: Vec<&str> = cluster
                .iter()
                .copied()
                .filter(|member| is_new(member))
                .map(|member| member.id.as_str())
                .collect();
            let Some(&winner) = effective.first().or(known.first()) else {
                self.form(&new, None);
                continue;
            };
            for &loser in effective.iter().skip(1) {
                if let Some(row) = self.rows.get_mut(&loser) {
                    row.merged_into = Some(winner);
                }
                self.changes.push(Change::Merge { winner, loser });
            }
            let link = |member: &str| Change::Link {
                owner: winner,
                member: member.to_owned(),
                prior: None,
            };
            self.changes.extend(new.into_iter().map(link));
        }
    }

    fn form(&mut self, members: &[&str], split_from: Option<Uuid>) -> Uuid {
        let owner = (self.mint)();
        let row = Owner {
            id: owner,
            merged_into: None,
            doubts: 0,
        };
        self.rows.insert(owner, row);
        self.changes.push(Change::Form {
            owner,
            members: members.iter().map(|&member| member.to_owned()).collect(),
            split_from,
        });
        owner
    }

    /// Counts a doubt, and says whether it was the last that was needed.
    fn is_confirmed(&mut self, owner: Uuid) -> bool {
        let Some(row) = self.rows.get_mut(&owner) else {
            return false;
        };
        let doubts = row.doubts + 1;
        if doubts >= self.confirm {
            // What was doubted is settled now; `forget_doubts` writes the counter.
            return true;
        }
        row.doubts = doubts;
        self.doubted.insert(owner);
        self.changes.push(Change::Doubt { owner, doubts });
        false
    }

    /// Counters of owners nothing speaks against any more.
    fn forget_doubts(&mut self) {
        let mut forgiven: Vec<Uuid> = self
            .rows
            .values()
            .filter(|row| row.doubts > 0 && !self.doubted.contains(&row.id))
            .map(|row| row.id)
            .collect();
        forgiven.sort_unstable();
        self.changes
            .extend(forgiven.into_iter().map(|owner| Change::Doubt { owner, doubts: 0 }));
    }
}

#[cfg(test)]
mod tests;
