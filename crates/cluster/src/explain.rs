//! Why two observations are of one identity, or why not.

use std::collections::HashMap;

use petgraph::algo::astar;
use petgraph::graph::{NodeIndex, UnGraph};
use serde::Serialize;

use crate::identity::{Reading, read};
use crate::{Family, Observation, Pins, Settings, Tiers, tiers};

/// Everything that speaks for and against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    pub together: bool,
    /// The pair by itself, as the compatible rules see it.
    pub tiers: Tiers,
    /// What both have, and what it is worth.
    pub shared: Vec<Shared>,
    /// From the one to the other, each step by one value; empty where they are not together.
    pub path: Vec<Step>,
}

/// A value both have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shared {
    pub family: Family,
    pub value: String,
    pub holders: usize,
    pub verdict: Verdict,
}

/// Whether a value joins its holders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    Joins,
    /// Too many unlike hands have it.
    Common {
        /// What it is, where it is listed.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Different cores among the holders show different fingerprints, in these families.
    Contested {
        differ: Vec<Family>,
    },
    /// Held by so many that it joins nobody.
    TooMany,
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Places of the two observations.
    pub from: usize,
    pub to: usize,
    pub link: Link,
    /// How much the link is worth by itself, in (0, 1].
    pub weight: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    Value { family: Family, value: String },
    Pinned,
}

/// The evidence among observations: a node for each of them and for each value that joins, an edge where one has the
/// other. A pair an operator joined is an edge of its own.
#[derive(Debug)]
pub struct Evidence<'a> {
    observations: &'a [Observation],
    reading: Reading,
    settings: &'a Settings,
    graph: UnGraph<Node, f64>,
}

/// Something that joins several observations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub link: Link,
    /// Places of those it joins, ascending.
    pub holders: Vec<usize>,
}

/// What a node of the graph stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// By place.
    Observation(usize),
    Value {
        family: Family,
        value: String,
    },
}

// === impl Evidence ===

impl<'a> Evidence<'a> {
    /// Reads the observations by the strict rules.
    pub fn new(observations: &'a [Observation], pins: &Pins, settings: &'a Settings) -> Self {
        let reading = read(observations, pins, settings);
        let mut graph = UnGraph::new_undirected();
        let places: Vec<NodeIndex> = (0..observations.len())
            .map(|n| graph.add_node(Node::Observation(n)))
            .collect();
        let mut values: HashMap<(Family, &str), NodeIndex> = HashMap::new();
        for (place, observation) in observations.iter().enumerate() {
            for (family, value) in observation.keys() {
                if reading.verdict(family, value, settings) == Verdict::Joins {
                    let node = *values.entry((family, value)).or_insert_with(|| {
                        graph.add_node(Node::Value {
                            family,
                            value: value.to_owned(),
                        })
                    });
                    graph.add_edge(places[place], node, family.strength());
                }
            }
        }
        for &(a, b) in &reading.pinned {
            graph.add_edge(places[a as usize], places[b as usize], 1.0);
        }
        Self {
            observations,
            reading,
            settings,
            graph,
        }
    }

    /// The graph itself, to be drawn.
    pub fn graph(&self) -> &UnGraph<Node, f64> {
        &self.graph
    }

    /// Everything that joins at least two of the observations, in order of first appearance.
    pub fn joints(&self) -> Vec<Holding> {
        let value = |node: NodeIndex| match &self.graph[node] {
            Node::Value { family, value } => {
                let link = Link::Value {
                    family: *family,
                    value: value.clone(),
                };
                let mut holders: Vec<usize> = self.graph.neighbors(node).map(NodeIndex::index).collect();
                holders.sort_unstable();
                holders.dedup();
                (holders.len() > 1).then_some(Holding { link, holders })
            }
            Node::Observation(_) => None,
        };
        let pinned = self.reading.pinned.iter().map(|&(a, b)| Holding {
            link: Link::Pinned,
            holders: vec![a.min(b) as usize, a.max(b) as usize],
        });
        self.graph.node_indices().filter_map(value).chain(pinned).collect()
    }

    /// What links two observations, by their places, or keeps them apart.
    pub fn explain(&self, a: usize, b: usize) -> Explanation {
        let (one, other) = (&self.observations[a], &self.observations[b]);
        let shared = one
            .keys()
            .filter(|(family, value)| other.values(*family).iter().any(|theirs| theirs == value));
        let shared = shared.map(|(family, value)| Shared {
            family,
            value: value.to_owned(),
            holders: self.reading.holders(family, value),
            verdict: self.reading.verdict(family, value, self.settings),
        });
        let together = self.reading.identities.partition.together(a, b);
        Explanation {
            together,
            tiers: tiers(one, other),
            shared: shared.collect(),
            path: if together { self.path(a, b) } else { Vec::new() },
        }
    }

    /// The strongest chain: each link costs what it is not sure of.
    fn path(&self, a: usize, b: usize) -> Vec<Step> {
        let (from, to) = (NodeIndex::new(a), NodeIndex::new(b));
        let within = |node: NodeIndex| match &self.graph[node] {
            Node::Observation(place) => self.reading.identities.partition.together(a, *place),
            Node::Value { .. } => true,
        };
        let cost = |edge: petgraph::graph::EdgeReference<'_, f64>| {
            use petgraph::visit::EdgeRef as _;
            let inside = within(edge.source()) && within(edge.target());
            if inside { 1.1 - *edge.weight() } else { f64::INFINITY }
        };
        let found = astar(&self.graph, from, |node| node == to, cost, |_| 0.0);
        let nodes = found.map(|(_, nodes)| nodes).unwrap_or_default();
        let mut steps = Vec::new();
        let mut last = a;
        let mut link = Link::Pinned;
        for node in nodes.into_iter().skip(1) {
            match &self.graph[node] {
                Node::Value { family, value } => {
                    link = Link::Value {
                        family: *family,
                        value: value.clone(),
                    };
                }
                Node::Observation(place) => {
                    let by = std::mem::replace(&mut link, Link::Pinned);
                    let weight = match &by {
                        Link::Value { family, .. } => family.strength(),
                        Link::Pinned => 1.0,
                    };
                    steps.push(Step {
                        from: last,
                        to: *place,
                        link: by,
                        weight,
                    });
                    last = *place;
                }
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(id: &str, ja3: &str, hassh: &str, c2: &[&str]) -> Observation {
        let set = |value: &str| (!value.is_empty()).then(|| value.to_owned()).into_iter().collect();
        Observation {
            id: id.to_owned(),
            ja3: set(ja3),
            hassh: set(hassh),
            c2_endpoints: c2.iter().map(|&c2| c2.to_owned()).collect(),
            ..Observation::default()
        }
    }

    #[test]
    fn a_chain_is_told_step_by_step() {
        let observations = [
            with("a", "x", "", &[]),
            with("b", "x", "", &["c2.example"]),
            with("c", "", "", &["c2.example"]),
        ];
        let settings = Settings::default();
        let evidence = Evidence::new(&observations, &Pins::default(), &settings);
        let told = evidence.explain(0, 2);
        assert!(told.together && told.shared.is_empty());
        let steps: Vec<_> = told.path.iter().map(|step| (step.from, step.to, step.weight)).collect();
        assert_eq!(steps, [(0, 1, 0.7), (1, 2, 0.6)]);
        let value = |family, value: &str| Link::Value {
            family,
            value: value.to_owned(),
        };
        assert_eq!(told.path[0].link, value(Family::Ja3, "x"));
        assert_eq!(told.path[1].link, value(Family::C2, "c2.example"));
    }

    #[test]
    fn what_is_contested_says_in_what_its_holders_differ() {
        let observations = [
            with("a", "x", "s", &["c2.example"]),
            with("b", "y", "t", &["c2.example"]),
        ];
        let settings = Settings::default();
        let told = Evidence::new(&observations, &Pins::default(), &settings).explain(0, 1);
        assert!(!told.together && told.tiers.vetoed && told.path.is_empty());
        let differ = vec![Family::Ja3, Family::Hassh];
        assert_eq!(told.shared[0].verdict, Verdict::Contested { differ });
    }

    #[test]
    fn what_everybody_has_is_named() {
        let mut settings = Settings::default();
        settings.commodity.add(Family::Ja3, "x", "a stock client");
        let observations = [with("a", "x", "", &[]), with("b", "x", "", &[])];
        let told = Evidence::new(&observations, &Pins::default(), &settings).explain(0, 1);
        assert!(!told.together);
        let name = Some("a stock client".to_owned());
        assert_eq!(told.shared[0].verdict, Verdict::Common { name });
    }

    #[test]
    fn what_an_operator_joined_is_said_to_be_so() {
        let observations = [with("a", "x", "", &[]), with("b", "y", "", &[])];
        let pins = Pins {
            same: vec![("a".to_owned(), "b".to_owned())],
            apart: Vec::new(),
        };
        let settings = Settings::default();
        let told = Evidence::new(&observations, &pins, &settings).explain(0, 1);
        assert!(told.together);
        assert_eq!(told.path.len(), 1);
        assert_eq!(told.path[0].link, Link::Pinned);
    }
}
