//! What has to happen for what runs to become what is wanted (deploy.md §8.4).

use std::collections::BTreeMap;

use model::Name;
use model::fleet::{DeckySpec, FleetSpec};
use serde::Serialize;

/// A decky as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualDecky {
    pub name: Name,
    /// Of the spec in force: the one it was created with, or the last it acknowledged since.
    pub spec_hash: String,
    /// Of the spec it was created with.
    pub container_hash: String,
    pub is_running: bool,
}

/// One step for each decky, in the order of the fleet; those to be removed come first and free what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Changes(pub Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub decky: Name,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Delete,
    Create,
    /// A new container in the place of the old one: what is asked for cannot be told to a running machine.
    Recreate,
    /// A new spec for the running machine.
    Update,
    /// It is as wanted, but stopped.
    Start,
    Noop,
}

/// The steps from `actual` to `desired`.
pub fn diff(desired: &FleetSpec, actual: &[ActualDecky]) -> Changes {
    let mut left: BTreeMap<&Name, &ActualDecky> = actual.iter().map(|decky| (&decky.name, decky)).collect();
    let mut steps = Vec::with_capacity(desired.deckies.len() + actual.len());
    for decky in &desired.deckies {
        let change = left
            .remove(&decky.name)
            .map_or(Change::Create, |actual| change(decky, actual));
        steps.push(Step {
            decky: decky.name.clone(),
            change,
        });
    }
    let deletions = left.into_keys().map(|name| Step {
        decky: name.clone(),
        change: Change::Delete,
    });
    Changes(deletions.chain(steps).collect())
}

fn change(desired: &DeckySpec, actual: &ActualDecky) -> Change {
    if actual.container_hash != desired.container_hash() {
        Change::Recreate
    } else if actual.spec_hash != desired.spec_hash() {
        Change::Update
    } else if actual.is_running {
        Change::Noop
    } else {
        Change::Start
    }
}

/// What of a decky changes from one spec to the next, in words of the operator; nothing of a new generation alone.
pub fn differences(before: &DeckySpec, after: &DeckySpec) -> Vec<&'static str> {
    let (was, is) = (&before.machine, &after.machine);
    let all = [
        ("address", before.ip != after.ip),
        ("hardware address", before.mac != after.mac),
        ("image", before.image != after.image),
        ("distro", (&before.distro, &was.distro) != (&after.distro, &is.distro)),
        ("archetype", before.archetype != after.archetype),
        (
            "OS family",
            (&before.nmap_os, &before.sysctls) != (&after.nmap_os, &after.sysctls),
        ),
        ("host name", (&was.hostname, &was.domain) != (&is.hostname, &is.domain)),
        ("identity", was.seed != is.seed),
        ("accounts", was.users != is.users),
        ("keys", was.keys != is.keys),
        ("services", was.services != is.services),
        ("name servers", was.resolvers != is.resolvers),
        ("containment", before.egress != after.egress),
        ("limits", before.limits != after.limits),
        ("rotation", before.mutate_interval != after.mutate_interval),
    ];
    all.into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(what, _)| what)
        .collect()
}

// === impl Changes ===

impl Changes {
    pub fn count(&self, change: Change) -> usize {
        self.0.iter().filter(|step| step.change == change).count()
    }

    /// Everything is as it should be.
    pub fn is_noop(&self) -> bool {
        self.count(Change::Noop) == self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{World, running, wanted};
    use crate::request::Wanted;

    #[test]
    fn a_fleet_deployed_twice_is_left_alone_the_second_time() {
        let fleet = planned(vec![wanted("a"), wanted("b")]);
        let changes = diff(&fleet, &standing(&fleet.deckies));
        assert!(changes.is_noop());
        assert_eq!(changes.0.len(), 2);
    }

    #[test]
    fn each_decky_is_touched_only_as_far_as_it_has_to_be() {
        let four = ["a", "b", "c", "d"].map(|name| running(name, &["ssh"])).to_vec();
        let mut world = World::new();
        world.existing = world.plan(four).unwrap().fleet.deckies;
        let mut actual = standing(&world.existing);
        actual[3].is_running = false;
        let moved = Wanted {
            ip: Some("10.20.0.77".parse().unwrap()),
            ..running("c", &["ssh"])
        };
        let more = running("b", &["ssh", "redis"]);
        let after = world
            .plan(vec![running("n", &["ssh"]), more, moved, running("d", &["ssh"])])
            .unwrap()
            .fleet;
        let changes = diff(&after, &actual);
        let seen: Vec<_> = changes
            .0
            .iter()
            .map(|step| (step.decky.as_str(), step.change))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", Change::Delete),
                ("n", Change::Create),
                ("b", Change::Update),
                ("c", Change::Recreate),
                ("d", Change::Start)
            ]
        );
        assert!(!changes.is_noop());
        assert_eq!(serde_json::to_value(&changes).unwrap()[2]["change"], "update");
    }

    #[test]
    fn what_is_no_behaviour_is_no_difference() {
        let before = planned(vec![running("a", &["ssh"])]);
        let mut after = before.clone();
        after.deckies[0].machine.generation += 1;
        after.deckies[0].last_mutated = None;
        assert!(diff(&after, &standing(&before.deckies)).is_noop());
        assert!(differences(&before.deckies[0], &after.deckies[0]).is_empty());
    }

    #[test]
    fn every_change_of_behaviour_has_a_word() {
        let before = planned(vec![running("a", &["ssh"])]).deckies.remove(0);
        let said = |change: fn(&mut DeckySpec)| {
            let mut after = before.clone();
            change(&mut after);
            assert_ne!(after.spec_hash(), before.spec_hash());
            differences(&before, &after)
        };
        assert_eq!(said(|d| d.ip = "10.20.0.9".parse().unwrap()), ["address"]);
        assert_eq!(said(|d| d.mac.clear()), ["hardware address"]);
        assert_eq!(said(|d| d.image.clear()), ["image"]);
        assert_eq!(said(|d| d.machine.distro.clear()), ["distro"]);
        assert_eq!(said(|d| d.archetype = Some("x".into())), ["archetype"]);
        assert_eq!(said(|d| d.sysctls.clear()), ["OS family"]);
        assert_eq!(said(|d| d.machine.domain = "x".into()), ["host name"]);
        assert_eq!(said(|d| d.machine.seed.clear()), ["identity"]);
        assert_eq!(said(|d| d.machine.users.clear()), ["accounts"]);
        assert_eq!(said(|d| d.machine.keys.ssh_rsa = "x".into()), ["keys"]);
        assert_eq!(said(|d| d.machine.services.clear()), ["services"]);
        assert_eq!(said(|d| d.machine.resolvers.clear()), ["name servers"]);
        assert_eq!(said(|d| d.egress = model::fleet::Egress::Open), ["containment"]);
        assert_eq!(said(|d| d.limits.pids = 1), ["limits"]);
        assert_eq!(said(|d| d.mutate_interval = Some(1)), ["rotation"]);
    }

    fn planned(deckies: Vec<Wanted>) -> FleetSpec {
        World::new().plan(deckies).unwrap().fleet
    }

    fn standing(deckies: &[DeckySpec]) -> Vec<ActualDecky> {
        let standing = |decky: &DeckySpec| ActualDecky {
            name: decky.name.clone(),
            spec_hash: decky.spec_hash(),
            container_hash: decky.container_hash(),
            is_running: true,
        };
        deckies.iter().map(standing).collect()
    }
}
