//! What hangs together and has to be compared with the rows anew; the rest is as it was.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::rows::Rows;

/// Members and rows of which none is tied to anything outside.
#[derive(Debug, Default)]
pub(super) struct Region {
    /// With the number of the cluster each is in.
    pub(super) members: Vec<(String, u32)>,
    pub(super) owners: Vec<Uuid>,
}

struct Walk<'r, R> {
    rows: &'r Rows,
    /// All of the cluster a member is in, itself included.
    ring: R,
    clusters: HashMap<String, u32>,
    next_cluster: u32,
    open: Vec<String>,
    owners: HashSet<Uuid>,
}

/// Everything tied to these members and owners, by a cluster or by a row.
pub(super) fn around(
    rows: &Rows,
    members: impl IntoIterator<Item = String>,
    owners: impl IntoIterator<Item = Uuid>,
    ring: impl Fn(&str) -> Vec<String>,
) -> Region {
    let mut walk = Walk {
        rows,
        ring,
        clusters: HashMap::new(),
        next_cluster: 0,
        open: Vec::new(),
        owners: HashSet::new(),
    };
    for owner in owners {
        walk.reach_owner(owner);
    }
    for member in members {
        walk.reach(member);
    }
    while let Some(member) = walk.open.pop() {
        if let Some(owner) = rows.owner(&member) {
            walk.reach_owner(owner);
        }
    }
    let mut region = Region {
        members: walk.clusters.into_iter().collect(),
        owners: walk.owners.into_iter().collect(),
    };
    region.members.sort_unstable();
    region.owners.sort_unstable();
    region
}

// === impl Walk ===

impl<R: Fn(&str) -> Vec<String>> Walk<'_, R> {
    fn reach(&mut self, member: String) {
        if self.clusters.contains_key(&member) {
            return;
        }
        let cluster = self.next_cluster;
        self.next_cluster += 1;
        for other in (self.ring)(&member) {
            self.clusters.insert(other.clone(), cluster);
            self.open.push(other);
        }
        if !self.clusters.contains_key(&member) {
            self.clusters.insert(member.clone(), cluster);
            self.open.push(member);
        }
    }

    /// A row, what it was merged into, what was merged into it, and the members of all.
    fn reach_owner(&mut self, owner: Uuid) {
        let mut open = vec![owner];
        while let Some(owner) = open.pop() {
            if !self.owners.insert(owner) {
                continue;
            }
            open.extend(self.rows.beside(owner));
            let members: Vec<String> = self.rows.members_of(owner).cloned().collect();
            members.into_iter().for_each(|member| self.reach(member));
        }
    }
}
