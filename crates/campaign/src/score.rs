//! How well a clustering agrees with the truth (clustering.md §14).
//!
//! Adjusted Rand index after Hubert and Arabie (1985); homogeneity and completeness after Rosenberg and Hirschberg
//! (2007). No single one of the four says enough.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use serde::Serialize;

/// The four measures, each 1 for a perfect clustering.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// From -1 to 1; about 0 for a clustering by chance.
    pub ari: f64,
    /// 1 when no cluster holds two classes.
    pub homogeneity: f64,
    /// 1 when no class is in two clusters.
    pub completeness: f64,
    /// Share of the items alone in truth that are alone in the clustering.
    pub singleton_recall: f64,
}

/// Two maps that speak of different items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("truth and prediction are of different items: {}", differences(.only_truth, .only_predicted))]
pub struct Mismatch {
    pub only_truth: Vec<String>,
    pub only_predicted: Vec<String>,
}

/// Counts of what fell together.
struct Table {
    items: u64,
    classes: Vec<u64>,
    clusters: Vec<u64>,
    /// Class, cluster, how many are in both.
    cells: Vec<(usize, usize, u64)>,
}

// === impl Score ===

impl Score {
    /// Compares labels by the items they are given to.
    ///
    /// # Errors
    /// When the items are not the same.
    pub fn of_maps<T, P>(truth: &BTreeMap<String, T>, predicted: &BTreeMap<String, P>) -> Result<Self, Mismatch>
    where
        T: Hash + Eq,
        P: Hash + Eq,
    {
        let items: BTreeSet<_> = truth.keys().collect();
        let others: BTreeSet<_> = predicted.keys().collect();
        if items != others {
            let names = |set: BTreeSet<&&String>| set.into_iter().map(|name| (*name).clone()).collect();
            return Err(Mismatch {
                only_truth: names(items.difference(&others).collect()),
                only_predicted: names(others.difference(&items).collect()),
            });
        }
        Ok(Self::of(truth.values().zip(predicted.values())))
    }

    /// Compares the two labels of each item.
    pub fn of<T: Hash + Eq, P: Hash + Eq>(items: impl IntoIterator<Item = (T, P)>) -> Self {
        let table = Table::of(items);
        let truth_given = table.conditional_entropy(&table.clusters, |&(_, cluster, _)| cluster);
        let predicted_given = table.conditional_entropy(&table.classes, |&(class, _, _)| class);
        Self {
            ari: table.ari(),
            homogeneity: one_less(truth_given, table.entropy(&table.classes)),
            completeness: one_less(predicted_given, table.entropy(&table.clusters)),
            singleton_recall: table.singleton_recall(),
        }
    }

    /// Whether nothing is left to be desired.
    pub fn is_perfect(&self) -> bool {
        [self.ari, self.homogeneity, self.completeness, self.singleton_recall]
            .iter()
            .all(|&measure| measure >= 1.0 - 1e-9)
    }
}

fn one_less(part: f64, whole: f64) -> f64 {
    if whole <= 0.0 { 1.0 } else { 1.0 - part / whole }
}

fn differences(only_truth: &[String], only_predicted: &[String]) -> String {
    let said =
        |names: &[String], side: &str| (!names.is_empty()).then(|| format!("only {side} has {}", names.join(", ")));
    let parts = [said(only_truth, "truth"), said(only_predicted, "the prediction")];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

// === impl Table ===

impl Table {
    fn of<T: Hash + Eq, P: Hash + Eq>(items: impl IntoIterator<Item = (T, P)>) -> Self {
        let (mut classes, mut clusters) = (HashMap::new(), HashMap::new());
        let mut cells: HashMap<(usize, usize), u64> = HashMap::new();
        let mut total = 0;
        for (truth, predicted) in items {
            let next = classes.len();
            let class = *classes.entry(truth).or_insert(next);
            let next = clusters.len();
            let cluster = *clusters.entry(predicted).or_insert(next);
            *cells.entry((class, cluster)).or_default() += 1;
            total += 1;
        }
        let mut table = Self {
            items: total,
            classes: vec![0; classes.len()],
            clusters: vec![0; clusters.len()],
            cells: cells
                .into_iter()
                .map(|((class, cluster), n)| (class, cluster, n))
                .collect(),
        };
        table.cells.sort_unstable();
        for &(class, cluster, n) in &table.cells {
            table.classes[class] += n;
            table.clusters[cluster] += n;
        }
        table
    }

    fn ari(&self) -> f64 {
        if self.items < 2 {
            return 1.0;
        }
        let pairs = |n: u64| n as f64 * (n as f64 - 1.0) / 2.0;
        let both: f64 = self.cells.iter().map(|&(_, _, n)| pairs(n)).sum();
        let predicted: f64 = self.clusters.iter().map(|&n| pairs(n)).sum();
        let true_pairs: f64 = self.classes.iter().map(|&n| pairs(n)).sum();
        let expected = predicted * true_pairs / pairs(self.items);
        let most = (predicted + true_pairs) / 2.0;
        if most == expected {
            return 1.0;
        }
        (both - expected) / (most - expected)
    }

    fn entropy(&self, counts: &[u64]) -> f64 {
        let items = self.items as f64;
        let share = |&n: &u64| n as f64 / items;
        -counts.iter().map(|n| share(n) * share(n).ln()).sum::<f64>()
    }

    /// Entropy of one side where the other is known: `counts` of the known side, `known` its place in a cell.
    fn conditional_entropy(&self, counts: &[u64], known: impl Fn(&(usize, usize, u64)) -> usize) -> f64 {
        let items = self.items as f64;
        let of = |cell: &(usize, usize, u64)| {
            let n = cell.2 as f64;
            n / items * (n / counts[known(cell)] as f64).ln()
        };
        -self.cells.iter().map(of).sum::<f64>()
    }

    fn singleton_recall(&self) -> f64 {
        let alone = self.cells.iter().filter(|(class, _, _)| self.classes[*class] == 1);
        let total = alone.clone().count();
        let found = alone.filter(|(_, cluster, _)| self.clusters[*cluster] == 1).count();
        if total == 0 { 1.0 } else { found as f64 / total as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(truth: &[i32], predicted: &[i32]) -> Score {
        Score::of(truth.iter().zip(predicted))
    }

    fn assert_near(score: Score, expected: [f64; 4]) {
        let found = [score.ari, score.homogeneity, score.completeness, score.singleton_recall];
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{score:?} instead of {expected}");
        }
    }

    #[test]
    fn the_worked_examples_come_out() {
        let truth = [0, 0, 0, 1, 1, 2];
        for (predicted, expected) in [
            ([0, 0, 0, 1, 1, 2], [1.0, 1.0, 1.0, 1.0]),
            ([0, 0, 1, 1, 1, 2], [0.318182, 0.685331, 0.685331, 1.0]),
            ([0, 0, 0, 1, 1, 1], [0.705882, 0.685331, 1.0, 0.0]),
            ([0, 0, 1, 2, 2, 3], [0.594595, 1.0, 0.760648, 1.0]),
            ([0, 0, 0, 0, 0, 0], [0.0, 0.0, 1.0, 0.0]),
            ([0, 1, 2, 3, 4, 5], [0.0, 1.0, 0.564475, 1.0]),
        ] {
            assert_near(scored(&truth, &predicted), expected);
        }
        assert_near(scored(&[0, 1, 2, 3, 3], &[0; 5]), [0.0, 0.0, 1.0, 0.0]);
        assert_near(scored(&[0, 1], &[0, 0]), [0.0, 0.0, 1.0, 0.0]);
        assert_near(scored(&[0, 0], &[0, 1]), [0.0, 1.0, 0.0, 1.0]);
        let truth: Vec<_> = (0..20).map(|i| i / 4).collect();
        let predicted: Vec<_> = (0..20).map(|i| 7 * i % 5).collect();
        assert_near(scored(&truth, &predicted), [-0.1875, 0.138647, 0.138647, 1.0]);
    }

    #[test]
    fn nothing_to_tell_apart_is_told_apart_perfectly() {
        for (truth, predicted) in [
            (&[][..], &[][..]),
            (&[7], &[1]),
            (&[0, 1, 2], &[5, 6, 7]),
            (&[0, 0], &[3, 3]),
        ] {
            assert!(scored(truth, predicted).is_perfect());
        }
    }

    #[test]
    fn different_items_are_no_score_but_an_error_that_names_them() {
        let truth = BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 0)]);
        let predicted = BTreeMap::from([("b".to_owned(), 0), ("c".to_owned(), 0)]);
        let wrong = Score::of_maps(&truth, &predicted).unwrap_err();
        assert!(
            wrong
                .to_string()
                .ends_with("only truth has a; only the prediction has c"),
            "{wrong}"
        );
        assert!(Score::of_maps(&truth, &truth).unwrap().is_perfect());
    }
}
