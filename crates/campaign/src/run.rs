//! Clustering a corpus and comparing with the truth, where it is known.

use cluster::{Features, Observation, Partition, Pins, Settings, campaigns, identities};

use crate::record::Record;
use crate::score::Score;

/// Both levels of one corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub identity: Level,
    pub campaign: Level,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Cluster of each row.
    pub partition: Partition,
    /// Name of each cluster: the smallest observation in it.
    pub labels: Vec<String>,
    /// Rows whose truth is known on this level.
    pub known: usize,
    /// Over those; none when there are none.
    pub score: Option<Score>,
}

/// Observations to identities, these to campaigns, both compared with the truth.
pub fn run(records: &[Record], settings: &Settings) -> Outcome {
    let observations: Vec<Observation> = records.iter().map(|record| record.observation.clone()).collect();
    let identity = identities(&observations, &Pins::default(), settings).partition;
    let features = features(records, &identity, settings);
    let campaign = campaigns(&features, &Pins::default(), settings).partition;
    let campaign = identity.then(&campaign);
    Outcome {
        identity: Level::of(records, identity, |record| record.truth.identity.as_deref()),
        campaign: Level::of(records, campaign, |record| record.truth.campaign.as_deref()),
    }
}

/// What each identity brings to campaigns, in the order of the partition's clusters.
pub fn features(records: &[Record], identity: &Partition, settings: &Settings) -> Vec<Features> {
    let labels = identity.labels(|row| &records[row].observation.id);
    let members = identity.members();
    let of = |(label, rows): (&str, Vec<u32>)| {
        let rows = rows.iter().map(|&row| &records[row as usize]);
        Features::of(
            label,
            rows.map(|row| (&row.observation, &row.activity)),
            settings.profile,
        )
    };
    labels.into_iter().zip(members).map(of).collect()
}

// === impl Level ===

impl Level {
    fn of<'r>(records: &'r [Record], partition: Partition, truth: impl Fn(&'r Record) -> Option<&'r str>) -> Self {
        let labels = partition.labels(|row| &records[row].observation.id);
        let labels = labels.into_iter().map(str::to_owned).collect();
        let rows = records.iter().zip(partition.numbers());
        let known: Vec<_> = rows
            .filter_map(|(record, &cluster)| Some((truth(record)?, cluster)))
            .collect();
        Self {
            labels,
            known: known.len(),
            score: (!known.is_empty()).then(|| Score::of(known)),
            partition,
        }
    }

    /// Name of a row's cluster.
    pub fn label(&self, row: usize) -> &str {
        &self.labels[self.partition.numbers()[row] as usize]
    }
}
