//! What has to be done so that what runs becomes what is wanted: the difference of specs is the fleet's, and to it
//! comes what only the engine knows (images, networks, rows). Decisions only.

use std::collections::{BTreeMap, BTreeSet};

use fleet::diff::{ActualDecky, Change};
use model::Name;
use model::fleet::{DeckySpec, FleetSpec};
use store::DeckyRow;

use crate::containers::Container;

/// One decky's part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub name: Name,
    pub change: Change,
    /// In words, for people.
    pub why: &'static str,
    /// As wanted, with the generation it is to have; none when it is to go.
    pub spec: Option<DeckySpec>,
    pub container: Option<Container>,
    pub row: Option<DeckyRow>,
}

/// What is known when the difference is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) rows: &'a [DeckyRow],
    pub(crate) containers: &'a [Container],
    /// Machine image by distro; a distro without one is not compared by image.
    pub(crate) images: &'a BTreeMap<String, String>,
    /// The network was made anew: nothing runs on it yet.
    pub(crate) is_new_network: bool,
    /// Deckies that run and listen on nothing.
    pub(crate) silent: &'a BTreeSet<Name>,
}

/// The plan, in the order of `desired`, then what is to go by name. `prune`: whether deckies not desired go.
pub(crate) fn diff(desired: &FleetSpec, known: &Known<'_>, prune: bool) -> Vec<Item> {
    let actual: Vec<ActualDecky> = known
        .containers
        .iter()
        .filter(|c| !c.is_next)
        .map(|c| known.actual(c))
        .collect();
    let changes: BTreeMap<Name, Change> = fleet::diff::diff(desired, &actual)
        .0
        .into_iter()
        .map(|step| (step.decky, step.change))
        .collect();
    let wanted = desired.deckies.iter().map(|spec| {
        let change = changes.get(&spec.name).copied().unwrap_or(Change::Create);
        item(spec, change, known)
    });
    let is_wanted = |name: &Name| desired.deckies.iter().any(|spec| spec.name == *name);
    let gone = names(known)
        .into_iter()
        .filter(|name| prune && !is_wanted(name))
        .map(|name| Item {
            change: Change::Delete,
            why: "not wanted any more",
            spec: None,
            container: known.container(&name).cloned(),
            row: known.row(&name).cloned(),
            name,
        });
    wanted.chain(gone).collect()
}

fn item(spec: &DeckySpec, change: Change, known: &Known<'_>) -> Item {
    let (container, row) = (known.container(&spec.name), known.row(&spec.name));
    let (change, why) = container.map_or((change, "not there"), |container| known.beyond(change, spec, container));
    let of_row = row.map_or(0, |row| row.spec.machine.generation);
    let before = of_row.max(container.map_or(0, |container| container.generation));
    let mut spec = spec.clone();
    spec.machine.generation = match change {
        Change::Start | Change::Noop => before,
        _ => before + 1,
    };
    Item {
        name: spec.name.clone(),
        change,
        why,
        spec: Some(spec),
        container: container.cloned(),
        row: row.cloned(),
    }
}

fn names(known: &Known<'_>) -> BTreeSet<Name> {
    let of_rows = known.rows.iter().map(|row| row.spec.name.clone());
    of_rows
        .chain(known.containers.iter().map(|container| container.decky.clone()))
        .collect()
}

// === impl Known ===

impl Known<'_> {
    fn actual(&self, container: &Container) -> ActualDecky {
        // The container's label is of its creation; what it was told since, the row knows.
        let row = self
            .row(&container.decky)
            .filter(|row| row.spec.container_hash() == container.container_hash);
        let told = row.and_then(|row| row.spec_hash.clone());
        ActualDecky {
            name: container.decky.clone(),
            spec_hash: told.unwrap_or_else(|| container.spec_hash.clone()),
            container_hash: container.container_hash.clone(),
            is_running: container.is_running,
        }
    }

    /// The change, when what is beyond the spec is looked at too; and why.
    fn beyond(&self, change: Change, spec: &DeckySpec, container: &Container) -> (Change, &'static str) {
        let has_other_image = self
            .images
            .get(&spec.distro)
            .is_some_and(|image| *image != container.image);
        match change {
            _ if self.is_new_network => (Change::Recreate, "its network changed"),
            Change::Recreate => (change, "what only a new container can have changed"),
            _ if has_other_image => (Change::Recreate, "its image changed"),
            Change::Update if container.is_running => (change, "its services changed"),
            Change::Update => (Change::Recreate, "stopped, and its services changed"),
            Change::Noop if self.silent.contains(&spec.name) => (Change::Start, "listens on nothing"),
            Change::Noop => (change, "as wanted"),
            _ => (change, "stopped"),
        }
    }

    fn container(&self, name: &Name) -> Option<&Container> {
        self.containers
            .iter()
            .find(|container| container.decky == *name && !container.is_next)
    }

    fn row(&self, name: &Name) -> Option<&DeckyRow> {
        self.rows.iter().find(|row| row.spec.name == *name)
    }
}

// === impl Item ===

impl Item {
    /// Whether something is done at all.
    pub fn is_change(&self) -> bool {
        self.change != Change::Noop
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fleet, spec};

    fn running(spec: &DeckySpec) -> Container {
        Container {
            id: format!("id-{}", spec.name),
            decky: spec.name.clone(),
            is_next: false,
            spec_hash: spec.spec_hash(),
            container_hash: spec.container_hash(),
            generation: 1,
            image: "machine:1".to_owned(),
            ip: Some(spec.ip),
            is_running: true,
            state: "running".to_owned(),
        }
    }

    fn row(spec: &DeckySpec) -> DeckyRow {
        DeckyRow {
            spec_hash: Some(spec.spec_hash()),
            ..DeckyRow::pending(spec.clone())
        }
    }

    fn plan(
        desired: &[DeckySpec],
        rows: &[DeckyRow],
        containers: &[Container],
        prune: bool,
    ) -> Vec<(String, Change, u64)> {
        let images = BTreeMap::from([("debian".to_owned(), "machine:1".to_owned())]);
        let silent = BTreeSet::from([Name::new("mute").unwrap()]);
        let known = Known {
            rows,
            containers,
            images: &images,
            is_new_network: false,
            silent: &silent,
        };
        let generation = |item: &Item| item.spec.as_ref().map_or(0, |spec| spec.machine.generation);
        let items = diff(&fleet(desired), &known, prune);
        items
            .iter()
            .map(|i| (i.name.to_string(), i.change, generation(i)))
            .collect()
    }

    #[test]
    fn what_is_as_wanted_is_kept_and_only_the_rest_is_touched() {
        let (a, b, c) = (spec("a", 5), spec("b", 6), spec("c", 7));
        let mut updated = b.clone();
        updated.machine.services[0].ports[0].port = 8080;
        let rows = [row(&a), row(&b), row(&c)];
        let containers = [running(&a), running(&b), running(&c)];
        let new = spec("d", 8);
        assert_eq!(
            plan(&[a.clone(), updated, new], &rows, &containers, true),
            [
                ("a".to_owned(), Change::Noop, 1),
                ("b".to_owned(), Change::Update, 2),
                ("d".to_owned(), Change::Create, 1),
                ("c".to_owned(), Change::Delete, 0),
            ]
        );
        assert_eq!(
            plan(&[a], &rows, &containers, false),
            [("a".to_owned(), Change::Noop, 1)],
            "additive keeps the others"
        );
    }

    #[test]
    fn a_new_address_limit_or_image_needs_a_new_container() {
        let a = spec("a", 5);
        let mut moved = a.clone();
        moved.ip = "10.1.0.9".parse().unwrap();
        let mut wider = a.clone();
        wider.limits.memory_mib += 1;
        let other_image = Container {
            image: "machine:0".to_owned(),
            ..running(&a)
        };
        assert_eq!(plan(&[moved], &[row(&a)], &[running(&a)], true)[0].1, Change::Recreate);
        assert_eq!(plan(&[wider], &[row(&a)], &[running(&a)], true)[0].1, Change::Recreate);
        assert_eq!(
            plan(std::slice::from_ref(&a), &[row(&a)], &[other_image], true)[0].1,
            Change::Recreate
        );
    }

    #[test]
    fn what_a_machine_was_told_since_its_creation_counts() {
        let a = spec("a", 5);
        let mut told = a.clone();
        told.machine.services[0].ports[0].port = 8080;
        told.machine.generation = 4;
        let container = running(&a);
        assert_eq!(
            plan(&[told.clone()], &[row(&told)], std::slice::from_ref(&container), true)[0],
            ("a".to_owned(), Change::Noop, 4)
        );
        assert_eq!(
            plan(&[a], &[row(&told)], &[container], true)[0],
            ("a".to_owned(), Change::Update, 5)
        );
    }

    #[test]
    fn a_stopped_one_is_started_and_a_lost_row_or_container_is_no_obstacle() {
        let a = spec("a", 5);
        let stopped = Container {
            is_running: false,
            ..running(&a)
        };
        assert_eq!(
            plan(std::slice::from_ref(&a), &[row(&a)], &[stopped], true)[0].1,
            Change::Start
        );
        assert_eq!(
            plan(std::slice::from_ref(&a), &[], &[running(&a)], true)[0].1,
            Change::Noop
        );
        assert_eq!(
            plan(std::slice::from_ref(&a), &[row(&a)], &[], true)[0].1,
            Change::Create
        );
        let mute = spec("mute", 9);
        assert_eq!(
            plan(std::slice::from_ref(&mute), &[row(&mute)], &[running(&mute)], true)[0].1,
            Change::Start
        );
        let replacing = Container {
            is_next: true,
            ..running(&a)
        };
        assert_eq!(
            plan(&[a], &[], &[replacing], true)[0].1,
            Change::Create,
            "one not in its place does not count"
        );
    }
}
