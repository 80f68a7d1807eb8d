//! Identities that grow with what comes in: the same result as from all observations at once, for a fraction of the
//! work (clustering.md §6.1).
//!
//! A change reaches as far as values that join. What is contested, or so common that it joins nobody, ends the region
//! that has to be settled anew; everything outside it stays as it was.

use std::collections::HashMap;

use super::buckets::Buckets;
use super::settle::{Large, Region, is_contested, join_cores, settle};
use super::{Identities, Suspect, common};
use crate::key::PlainHash;
use crate::pins::Places;
use crate::rings::Rings;
use crate::sets::Sets;
use crate::{Class, Family, KeyHash, Observation, Partition, Pins, Settings};

/// Observations and who they are, kept up to date. Strict rules only.
pub struct Standing {
    settings: Settings,
    holdings: Holdings,
    places: HashMap<String, u32>,
    pins: Pins,
    pinned: Places,
    /// Sets by strong values and fingerprints alone, and the members of each.
    cores: Sets,
    core_rings: Rings,
    /// Identities, and the members of each.
    groups: Sets,
    group_rings: Rings,
    /// Clusters that were, or may have to be, looked at again.
    large: Vec<Large>,
    guard: usize,
    marks: Marks,
}

/// Observations and values as far as they were told.
#[derive(Default)]
struct Holdings {
    ids: Vec<String>,
    /// Values of each observation, composites last.
    keys_of: Vec<Vec<u32>>,
    keys: Vec<Key>,
    numbers: HashMap<KeyHash, u32, PlainHash>,
}

struct Key {
    hash: KeyHash,
    family: Family,
    holders: Vec<u32>,
    stack: bool,
    common: bool,
    /// Joins nobody: contested, or held by too many.
    contested: bool,
}

/// What was seen in one pass.
#[derive(Default)]
struct Marks {
    round: u32,
    observations: Vec<u32>,
    keys: Vec<u32>,
}

// === impl Standing ===

impl Standing {
    pub fn new(observations: &[Observation], pins: &Pins, settings: &Settings) -> Self {
        let mut standing = Self {
            settings: settings.clone(),
            holdings: Holdings::default(),
            places: HashMap::new(),
            pins: pins.clone(),
            pinned: Places::default(),
            cores: Sets::default(),
            core_rings: Rings::default(),
            groups: Sets::default(),
            group_rings: Rings::default(),
            large: Vec::new(),
            guard: settings.limits.guard(observations.len()),
            marks: Marks::default(),
        };
        for observation in observations {
            let place = standing.place_of(&observation.id);
            standing.holdings.replace(place, observation);
        }
        standing.rebuild();
        standing
    }

    /// Takes in a new observation, or what has become of one. Returns the observations whose identity may have changed,
    /// by place.
    pub fn update(&mut self, observation: &Observation) -> Vec<u32> {
        let known = self.places.len();
        let place = self.place_of(&observation.id);
        if known < self.places.len() {
            self.place_pins();
        }
        let mut gone = self.holdings.replace(place, observation);
        let before = std::mem::replace(&mut self.guard, self.settings.limits.guard(self.places.len()));
        let mut seeds = vec![place];
        let touched: Vec<u32> = gone
            .iter()
            .chain(&self.holdings.keys_of[place as usize])
            .copied()
            .collect();
        gone.extend(self.reclassify(&touched, &mut seeds));
        if before != self.guard {
            // What is too large depends on how many there are.
            let others = self
                .large
                .iter()
                .filter(|large| large.judged || large.size > self.guard);
            seeds.extend(others.map(|large| large.member));
        }
        self.refresh(seeds, &gone)
    }

    /// Settles everything anew.
    pub fn rebuild(&mut self) {
        self.place_pins();
        let keys: Vec<u32> = (0..self.holdings.keys.len() as u32).collect();
        let mut seeds: Vec<u32> = (0..self.holdings.ids.len() as u32).collect();
        self.reclassify(&keys, &mut seeds);
        seeds.truncate(self.holdings.ids.len());
        self.refresh(seeds, &[]);
    }

    /// Replaces what the operator said, and settles everything anew.
    pub fn pin(&mut self, pins: Pins) {
        self.pins = pins;
        self.rebuild();
    }

    /// The identities as they stand, in the order observations came.
    pub fn identities(&mut self) -> Identities {
        Identities {
            suspects: self.suspects().collect(),
            partition: Partition::of(&mut self.groups, self.holdings.ids.len()),
        }
    }

    /// Clusters larger than one would believe.
    pub fn suspects(&self) -> impl Iterator<Item = Suspect> {
        let judged = self.large.iter().filter(|large| large.judged);
        judged.map(|large| Suspect {
            observation: large.member as usize,
            demoted: large.demoted,
        })
    }

    /// Those of the same identity as the observation at this place.
    pub fn identity_of(&self, place: u32) -> Vec<u32> {
        self.group_rings.of(place).collect()
    }

    /// Where the observation of this name is; none before it was taken in.
    pub fn place(&self, id: &str) -> Option<u32> {
        self.places.get(id).copied()
    }

    /// What the operator said, as far as it was told.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    pub fn id(&self, place: u32) -> &str {
        &self.holdings.ids[place as usize]
    }

    pub fn len(&self) -> usize {
        self.holdings.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.holdings.ids.is_empty()
    }

    fn place_of(&mut self, id: &str) -> u32 {
        if let Some(&place) = self.places.get(id) {
            return place;
        }
        let place = self.holdings.ids.len() as u32;
        self.places.insert(id.to_owned(), place);
        self.holdings.ids.push(id.to_owned());
        self.holdings.keys_of.push(Vec::new());
        let n = place as usize + 1;
        self.cores.grow(n);
        self.groups.grow(n);
        self.core_rings.grow(n);
        self.group_rings.grow(n);
        self.marks.observations.resize(n, 0);
        place
    }

    fn place_pins(&mut self) {
        if !self.pins.is_empty() {
            let place = |(a, b): &(String, String)| Some((*self.places.get(a)?, *self.places.get(b)?));
            self.pinned = Places {
                same: self.pins.same.iter().filter_map(place).collect(),
                apart: self.pins.apart.iter().filter_map(place).collect(),
            };
        }
    }

    /// Finds out which values became common or ceased to be; whoever holds one is a seed. Returns the composites that
    /// somebody lost by it.
    fn reclassify(&mut self, touched: &[u32], seeds: &mut Vec<u32>) -> Vec<u32> {
        let Settings { commodity, limits, .. } = &self.settings;
        let holdings = &mut self.holdings;
        let mut ask = touched.to_vec();
        for &key in touched {
            let stack = common::is_stack(holdings, key, commodity, limits);
            if holdings.keys[key as usize].stack != stack {
                holdings.keys[key as usize].stack = stack;
                ask.push(key);
                // Whoever it was a witness for may have lost it.
                let holders = holdings.holders(key).iter();
                let beside = holders.flat_map(|&holder| &holdings.keys_of[holder as usize]);
                ask.extend(
                    beside
                        .copied()
                        .filter(|&key| holdings.holders(key).len() > limits.lone_holders),
                );
            }
        }
        ask.sort_unstable();
        ask.dedup();
        for key in ask {
            let is_stack = |key: u32| holdings.keys[key as usize].stack;
            let now = is_stack(key) || common::is_crowd(holdings, key, is_stack, limits);
            if holdings.keys[key as usize].common != now {
                holdings.keys[key as usize].common = now;
                seeds.extend_from_slice(holdings.holders(key));
            }
        }
        let mut changed = seeds.clone();
        changed.sort_unstable();
        changed.dedup();
        let mut gone = Vec::new();
        for place in changed {
            let is_common = |key: u32| holdings.keys[key as usize].common;
            let made = common::composites_of(holdings, place, is_common, commodity);
            gone.extend(holdings.replace_composites(place, made));
        }
        gone
    }

    /// Settles the region the seeds lie in. `gone` are values somebody no longer holds.
    fn refresh(&mut self, seeds: Vec<u32>, gone: &[u32]) -> Vec<u32> {
        let mut affected = self.affected_cores(&seeds);
        self.join_affected_cores(&affected.observations);
        affected.keys.extend_from_slice(gone);
        let mut region_seeds = affected.observations;
        for key in affected.keys {
            self.weigh(key, &mut region_seeds);
        }
        let region = self.region(&region_seeds);
        self.settle(region)
    }

    /// Everybody whose core may change, and the infrastructure they hold.
    fn affected_cores(&mut self, seeds: &[u32]) -> Reach {
        let Self {
            holdings,
            marks,
            core_rings,
            pinned,
            ..
        } = self;
        let mut reach = Reach::new(marks, holdings.keys.len());
        reach.push_all(marks, seeds.iter().copied());
        while let Some(observation) = reach.next() {
            reach.push_all(marks, core_rings.of(observation));
            reach.push_all(marks, pinned.beside(observation));
            for &key in &holdings.keys_of[observation as usize] {
                if holdings.links(key) && reach.is_new_key(marks, key) {
                    reach.push_all(marks, holdings.holders(key).iter().copied());
                } else if holdings.family(key).class() == Class::Infra && reach.is_new_key(marks, key) {
                    reach.keys.push(key);
                }
            }
        }
        reach
    }

    fn join_affected_cores(&mut self, members: &[u32]) {
        let Self {
            holdings,
            cores,
            core_rings,
            pinned,
            ..
        } = self;
        let mut linking: Vec<u32> = members
            .iter()
            .flat_map(|&member| &holdings.keys_of[member as usize])
            .copied()
            .filter(|&key| holdings.links(key))
            .collect();
        linking.sort_unstable();
        linking.dedup();
        for &member in members {
            cores.reset(member, holdings.claims(member));
        }
        let pinned = pinned.within(members);
        let mut region = Region {
            members,
            linking,
            bridging: Vec::new(),
            same: &pinned.same,
            apart: &pinned.apart,
            guard: usize::MAX,
        };
        region.sort(holdings);
        join_cores(holdings, &region, |_| true, cores);
        core_rings.rebuild(members, cores);
    }

    /// Finds out anew whether a value joins anybody. Where that changes, all its holders are of the region.
    fn weigh(&mut self, key: u32, region: &mut Vec<u32>) {
        let most = self.settings.limits.infra_holders;
        let holdings = &mut self.holdings;
        if holdings.family(key).class() != Class::Infra {
            return;
        }
        let holders = holdings.holders(key);
        let contested = holders.len() > most || is_contested(holders, &mut self.cores);
        let before = std::mem::replace(&mut holdings.keys[key as usize].contested, contested);
        if !(before && contested) {
            region.extend_from_slice(holdings.holders(key));
        }
    }

    /// Everybody who may be joined to or parted from the seeds.
    fn region(&mut self, seeds: &[u32]) -> Reach {
        let Self {
            holdings,
            marks,
            group_rings,
            core_rings,
            pinned,
            ..
        } = self;
        let mut reach = Reach::new(marks, holdings.keys.len());
        reach.push_all(marks, seeds.iter().copied());
        while let Some(observation) = reach.next() {
            reach.push_all(marks, group_rings.of(observation));
            reach.push_all(marks, core_rings.of(observation));
            reach.push_all(marks, pinned.beside(observation));
            for &key in &holdings.keys_of[observation as usize] {
                if (holdings.links(key) || holdings.bridges(key)) && reach.is_new_key(marks, key) {
                    reach.push_all(marks, holdings.holders(key).iter().copied());
                    reach.keys.push(key);
                }
            }
        }
        reach
    }

    fn settle(&mut self, reach: Reach) -> Vec<u32> {
        let Self {
            holdings,
            groups,
            group_rings,
            pinned,
            ..
        } = self;
        let members = reach.observations;
        let (linking, bridging) = reach.keys.into_iter().partition(|&key| holdings.links(key));
        let pinned = pinned.within(&members);
        let region = Region {
            members: &members,
            linking,
            bridging,
            same: &pinned.same,
            apart: &pinned.apart,
            guard: self.guard,
        };
        let large = settle(
            holdings,
            region,
            |member| holdings.claims(member),
            &self.settings.limits,
            groups,
        );
        group_rings.rebuild(&members, groups);
        let marks = &self.marks;
        self.large.retain(|known| !marks.has(known.member));
        self.large.extend(large);
        members
    }
}

// === impl Holdings ===

impl Holdings {
    /// Gives an observation its values in place of those it had. Returns the values it lost.
    fn replace(&mut self, place: u32, observation: &Observation) -> Vec<u32> {
        let hashed = observation
            .keys()
            .map(|(family, value)| (KeyHash::of(family, value), family));
        let mut new: Vec<u32> = hashed.map(|(hash, family)| self.number(hash, family)).collect();
        new.sort_unstable();
        new.dedup();
        let old = std::mem::take(&mut self.keys_of[place as usize]);
        let (composites, old): (Vec<u32>, Vec<u32>) =
            old.into_iter().partition(|&key| self.family(key) == Family::Composite);
        let gone: Vec<u32> = old
            .iter()
            .copied()
            .filter(|key| new.binary_search(key).is_err())
            .collect();
        let won: Vec<u32> = new.iter().copied().filter(|key| !old.contains(key)).collect();
        for &key in &gone {
            self.drop_holder(key, place);
        }
        for &key in &won {
            self.keys[key as usize].holders.push(place);
        }
        new.extend(composites);
        self.keys_of[place as usize] = new;
        gone
    }

    fn replace_composites(&mut self, place: u32, made: Vec<KeyHash>) -> Vec<u32> {
        let mut new: Vec<u32> = made
            .into_iter()
            .map(|hash| self.number(hash, Family::Composite))
            .collect();
        new.sort_unstable();
        new.dedup();
        let all = std::mem::take(&mut self.keys_of[place as usize]);
        let (old, mut kept): (Vec<u32>, Vec<u32>) =
            all.into_iter().partition(|&key| self.family(key) == Family::Composite);
        for &key in new.iter().filter(|key| !old.contains(key)) {
            self.keys[key as usize].holders.push(place);
        }
        let gone: Vec<u32> = old.into_iter().filter(|key| new.binary_search(key).is_err()).collect();
        for &key in &gone {
            self.drop_holder(key, place);
        }
        kept.extend(new);
        self.keys_of[place as usize] = kept;
        gone
    }

    fn number(&mut self, hash: KeyHash, family: Family) -> u32 {
        let next = self.keys.len() as u32;
        let number = *self.numbers.entry(hash).or_insert(next);
        if number == next {
            self.keys.push(Key {
                hash,
                family,
                holders: Vec::new(),
                stack: false,
                common: false,
                contested: false,
            });
        }
        number
    }

    fn drop_holder(&mut self, key: u32, place: u32) {
        let holders = &mut self.keys[key as usize].holders;
        if let Some(at) = holders.iter().position(|&holder| holder == place) {
            holders.swap_remove(at);
        }
    }

    /// Whether the value alone makes its holders one.
    fn links(&self, key: u32) -> bool {
        let key = &self.keys[key as usize];
        key.family.class() != Class::Infra && !key.common
    }

    /// Whether the value joins those of its holders that do not disagree.
    fn bridges(&self, key: u32) -> bool {
        let key = &self.keys[key as usize];
        key.family.class() == Class::Infra && !key.common && !key.contested
    }

    /// Slots in which the observation can disagree with others.
    fn claims(&self, place: u32) -> u8 {
        let keys = self.keys_of[place as usize].iter().map(|&key| &self.keys[key as usize]);
        keys.filter(|key| !key.common)
            .fold(0, |claims, key| claims | key.family.slot())
    }
}

impl Buckets for Holdings {
    fn holders(&self, key: u32) -> &[u32] {
        &self.keys[key as usize].holders
    }

    fn keys_of(&self, observation: u32) -> &[u32] {
        &self.keys_of[observation as usize]
    }

    fn family(&self, key: u32) -> Family {
        self.keys[key as usize].family
    }

    fn hash(&self, key: u32) -> KeyHash {
        self.keys[key as usize].hash
    }

    fn id(&self, observation: u32) -> &str {
        &self.ids[observation as usize]
    }
}

// === Passes over what hangs together ===

/// Everybody reached so far, those before `done` with all they lead to.
struct Reach {
    observations: Vec<u32>,
    done: usize,
    keys: Vec<u32>,
}

impl Reach {
    fn new(marks: &mut Marks, keys: usize) -> Self {
        marks.round += 1;
        marks.keys.resize(keys, 0);
        Self {
            observations: Vec::new(),
            done: 0,
            keys: Vec::new(),
        }
    }

    fn next(&mut self) -> Option<u32> {
        let next = self.observations.get(self.done).copied();
        self.done += usize::from(next.is_some());
        next
    }

    fn push_all(&mut self, marks: &mut Marks, observations: impl IntoIterator<Item = u32>) {
        for observation in observations {
            let mark = &mut marks.observations[observation as usize];
            if *mark != marks.round {
                *mark = marks.round;
                self.observations.push(observation);
            }
        }
    }

    fn is_new_key(&self, marks: &mut Marks, key: u32) -> bool {
        std::mem::replace(&mut marks.keys[key as usize], marks.round) != marks.round
    }
}

impl Marks {
    /// Whether the last pass reached it.
    fn has(&self, observation: u32) -> bool {
        self.observations[observation as usize] == self.round
    }
}
