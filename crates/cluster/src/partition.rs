//! Who belongs together.

use std::collections::HashMap;

use crate::sets::Sets;

/// A partition of the items of a list, by their place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Cluster of each item; clusters are numbered in order of their first item.
    cluster: Vec<u32>,
    clusters: usize,
}

// === impl Partition ===

impl Partition {
    /// The sets of the first `n` members.
    pub(crate) fn of(sets: &mut Sets, n: usize) -> Self {
        let mut number = vec![u32::MAX; n];
        let mut clusters = 0;
        let mut cluster = Vec::with_capacity(n);
        for item in 0..n as u32 {
            let root = sets.find(item) as usize;
            if number[root] == u32::MAX {
                number[root] = clusters;
                clusters += 1;
            }
            cluster.push(number[root]);
        }
        Self {
            cluster,
            clusters: clusters as usize,
        }
    }

    /// Items with equal labels together.
    pub fn by_label<L: std::hash::Hash + Eq>(labels: impl IntoIterator<Item = L>) -> Self {
        let mut numbers = HashMap::new();
        let mut cluster = Vec::new();
        for label in labels {
            let next = numbers.len() as u32;
            cluster.push(*numbers.entry(label).or_insert(next));
        }
        Self {
            cluster,
            clusters: numbers.len(),
        }
    }

    /// The partition of the items below: each item's cluster here is an item there.
    pub fn then(&self, above: &Self) -> Self {
        Self::by_label(self.cluster.iter().map(|&cluster| above.cluster[cluster as usize]))
    }

    pub fn len(&self) -> usize {
        self.cluster.len()
    }

    pub fn is_empty(&self) -> bool {
        self.cluster.is_empty()
    }

    /// How many clusters there are.
    pub fn clusters(&self) -> usize {
        self.clusters
    }

    /// Cluster of each item, counted from 0 in order of first appearance.
    pub fn numbers(&self) -> &[u32] {
        &self.cluster
    }

    pub fn together(&self, a: usize, b: usize) -> bool {
        self.cluster[a] == self.cluster[b]
    }

    /// The items of each cluster, ascending.
    pub fn members(&self) -> Vec<Vec<u32>> {
        let mut members = vec![Vec::new(); self.clusters];
        for (item, &cluster) in self.cluster.iter().enumerate() {
            members[cluster as usize].push(item as u32);
        }
        members
    }

    /// Items in the largest cluster.
    pub fn largest(&self) -> usize {
        let mut sizes = vec![0; self.clusters];
        for &cluster in &self.cluster {
            sizes[cluster as usize] += 1;
        }
        sizes.into_iter().max().unwrap_or(0)
    }

    /// A name for each cluster that does not depend on the order of items: the smallest of its members' names.
    pub fn labels<'a>(&self, name: impl Fn(usize) -> &'a str) -> Vec<&'a str> {
        let mut labels: Vec<Option<&str>> = vec![None; self.clusters];
        for (item, &cluster) in self.cluster.iter().enumerate() {
            let label = &mut labels[cluster as usize];
            let name = name(item);
            *label = Some(label.map_or(name, |smallest| smallest.min(name)));
        }
        labels.into_iter().map(Option::unwrap_or_default).collect()
    }
}
