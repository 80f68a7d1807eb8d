use proptest::prelude::*;

use super::*;

/// Rows as a store would keep them.
#[derive(Default)]
struct Rows {
    owners: Vec<Owner>,
    literal: BTreeMap<String, Option<Uuid>>,
    minted: u128,
}

impl Rows {
    fn tick(&mut self, clusters: &[&[&str]]) -> Vec<Change> {
        let mut members = Vec::new();
        for (cluster, names) in clusters.iter().enumerate() {
            for &name in *names {
                let owner = *self.literal.entry(name.to_owned()).or_default();
                members.push(Member {
                    id: name.to_owned(),
                    owner,
                    cluster: cluster as u32,
                });
            }
        }
        let minted = &mut self.minted;
        let changes = reconcile(&members, &self.owners, 2, || {
            *minted += 1;
            Uuid::from_u128(*minted)
        });
        changes.iter().for_each(|change| self.write(change));
        changes
    }

    fn write(&mut self, change: &Change) {
        let row = |owners: &mut Vec<Owner>, id: Uuid| owners.iter().position(|owner| owner.id == id).unwrap();
        match change {
            Change::Form { owner, members, .. } => {
                self.owners.push(Owner {
                    id: *owner,
                    merged_into: None,
                    doubts: 0,
                });
                members.iter().for_each(|member| {
                    self.literal.insert(member.clone(), Some(*owner));
                });
            }
            Change::Link { owner, member, .. } => {
                self.literal.insert(member.clone(), Some(*owner));
            }
            Change::Merge { winner, loser } => {
                assert!(winner < loser);
                let n = row(&mut self.owners, *loser);
                self.owners[n].merged_into = Some(*winner);
            }
            Change::Unmerge { owner, .. } => {
                let n = row(&mut self.owners, *owner);
                self.owners[n].merged_into = None;
            }
            Change::Doubt { owner, doubts } => {
                let n = row(&mut self.owners, *owner);
                self.owners[n].doubts = *doubts;
            }
        }
    }

    fn owner(&self, name: &str) -> Uuid {
        let merged = |id: Uuid| {
            self.owners
                .iter()
                .find(|owner| owner.id == id)
                .map(|owner| owner.merged_into)
        };
        effective(self.literal[name].unwrap(), merged)
    }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

#[test]
fn a_second_tick_without_news_writes_nothing() {
    let mut rows = Rows::default();
    assert!(rows.tick(&[]).is_empty());
    assert_eq!(rows.tick(&[&["a", "b"], &["c"]]).len(), 2);
    assert!(rows.tick(&[&["a", "b"], &["c"]]).is_empty());
    let linked = Change::Link {
        owner: id(2),
        member: "d".to_owned(),
        prior: None,
    };
    assert_eq!(rows.tick(&[&["a", "b"], &["c", "d"]]), [linked]);
    assert!(rows.tick(&[&["a", "b"], &["c", "d"]]).is_empty());
}

#[test]
fn a_merge_leaves_members_where_they_are_and_the_smaller_id_wins() {
    let mut rows = Rows::default();
    rows.tick(&[&["b"], &["a"]]);
    let changes = rows.tick(&[&["b", "a", "c"]]);
    let linked = Change::Link {
        owner: id(1),
        member: "c".to_owned(),
        prior: None,
    };
    assert_eq!(
        changes,
        [
            Change::Merge {
                winner: id(1),
                loser: id(2)
            },
            linked
        ]
    );
    assert_eq!(rows.literal["b"], Some(id(2)));
    assert_eq!(rows.owner("b"), id(1));
    assert!(rows.tick(&[&["b", "a", "c"]]).is_empty());
}

#[test]
fn a_merge_is_taken_back_only_when_twice_in_a_row_nothing_speaks_for_it() {
    let mut rows = Rows::default();
    rows.tick(&[&["a"], &["b"]]);
    rows.tick(&[&["a", "b"]]);
    assert_eq!(
        rows.tick(&[&["a"], &["b"]]),
        [Change::Doubt {
            owner: id(2),
            doubts: 1
        }]
    );
    assert_eq!(
        rows.tick(&[&["a", "b"]]),
        [Change::Doubt {
            owner: id(2),
            doubts: 0
        }]
    );
    rows.tick(&[&["a"], &["b"]]);
    let changes = rows.tick(&[&["a"], &["b"]]);
    assert_eq!(
        changes[0],
        Change::Unmerge {
            owner: id(2),
            from: id(1)
        }
    );
    assert_eq!((rows.owner("a"), rows.owner("b")), (id(1), id(2)));
    assert!(rows.tick(&[&["a"], &["b"]]).is_empty());
}

#[test]
fn what_falls_apart_is_split_and_the_larger_part_keeps_the_id() {
    let mut rows = Rows::default();
    rows.tick(&[&["a", "b", "c"]]);
    assert_eq!(
        rows.tick(&[&["a"], &["b", "c"]]),
        [Change::Doubt {
            owner: id(1),
            doubts: 1
        }]
    );
    let changes = rows.tick(&[&["a"], &["b", "c"]]);
    let formed = Change::Form {
        owner: id(2),
        members: vec!["a".to_owned()],
        split_from: Some(id(1)),
    };
    let linked = Change::Link {
        owner: id(2),
        member: "a".to_owned(),
        prior: Some(id(1)),
    };
    assert_eq!(changes[..2], [formed, linked]);
    assert_eq!(
        (rows.owner("a"), rows.owner("b"), rows.owner("c")),
        (id(2), id(1), id(1))
    );
    assert!(rows.tick(&[&["a"], &["b", "c"]]).is_empty());
}

#[test]
fn chains_are_followed_so_far_and_never_in_a_circle() {
    let rows: HashMap<Uuid, Option<Uuid>> = (0..20).map(|n| (id(n), (n > 0).then(|| id(n - 1)))).collect();
    assert_eq!(effective(id(5), |owner| rows.get(&owner).copied()), id(0));
    assert_eq!(
        effective(id(19), |owner| rows.get(&owner).copied()),
        id(19 - MAX_HOPS as u128)
    );
    let circle = HashMap::from([(id(1), Some(id(2))), (id(2), Some(id(1)))]);
    assert_eq!(effective(id(2), |owner| circle.get(&owner).copied()), id(1));
    let dangling = HashMap::from([(id(2), Some(id(1)))]);
    assert_eq!(effective(id(2), |owner| dangling.get(&owner).copied()), id(2));
}

proptest! {
    #[test]
    fn rows_come_to_agree_with_any_clusters_and_then_rest(
        history in prop::collection::vec(prop::collection::vec(0..4_u32, 8), 1..6),
    ) {
        let mut owners: Vec<Owner> = Vec::new();
        let mut literal: Vec<Option<Uuid>> = vec![None; 8];
        let mut minted = 0;
        let mut quiet = 0;
        let last = history.len() - 1;
        // The last clustering stays; a few ticks later nothing may be left to do.
        for n in 0..last + 24 {
            let clusters = &history[n.min(last)];
            let members: Vec<_> = (0..8).map(|m| Member { id: m.to_string(), owner: literal[m], cluster: clusters[m] }).collect();
            let changes = reconcile(&members, &owners, 2, || { minted += 1; Uuid::from_u128(minted) });
            quiet = if changes.is_empty() { quiet + 1 } else { 0 };
            for change in changes {
                let row = |owners: &mut Vec<Owner>, id: Uuid| owners.iter().position(|owner| owner.id == id).unwrap();
                match change {
                    Change::Form { owner, members, .. } => {
                        owners.push(Owner { id: owner, merged_into: None, doubts: 0 });
                        for member in members { literal[member.parse::<usize>().unwrap()] = Some(owner); }
                    }
                    Change::Link { owner, member, .. } => literal[member.parse::<usize>().unwrap()] = Some(owner),
                    Change::Merge { winner, loser } => {
                        prop_assert!(winner < loser);
                        let n = row(&mut owners, loser);
                        owners[n].merged_into = Some(winner);
                    }
                    Change::Unmerge { owner, .. } => {
                        let n = row(&mut owners, owner);
                        owners[n].merged_into = None;
                    }
                    Change::Doubt { owner, doubts } => {
                        let n = row(&mut owners, owner);
                        owners[n].doubts = doubts;
                    }
                }
            }
        }
        prop_assert!(quiet > 0, "still writing");
        let merged = |id: Uuid| owners.iter().find(|owner| owner.id == id).map(|owner| owner.merged_into);
        let now: Vec<Uuid> = literal.iter().map(|owner| effective(owner.unwrap(), merged)).collect();
        let clusters = &history[last];
        for a in 0..8 {
            for b in 0..8 {
                prop_assert_eq!(now[a] == now[b], clusters[a] == clusters[b], "{} {}", a, b);
            }
        }
    }
}
