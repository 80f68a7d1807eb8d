//! How the work of clustering grows with what there is to cluster, on one core: `cargo bench -p cluster`.

#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use campaign::mixed::{Mix, mixed};
use campaign::{Record, features};
use cluster::{Features, Observation, Partition, Pins, Settings, Standing, campaigns, identities, tiers};

/// As `decnet` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Share of actors with a popular client.
const POPULAR: f64 = 0.1;
/// Observations of the comparison with all pairs.
const PAIRS: u32 = 3_000;
/// New observations whose taking in is timed one by one.
const NEW: usize = 1_000;

fn main() {
    let settings = Settings::default();
    all_pairs(&settings);
    let sizes: Vec<u32> = match std::env::var("ROWS") {
        Ok(rows) => rows.split(',').filter_map(|rows| rows.parse().ok()).collect(),
        Err(_) => vec![10_000, 100_000, 1_000_000],
    };
    let mut taken = Vec::new();
    for rows in sizes {
        let (identity, campaign) = at_once(rows, &settings);
        taken.push((f64::from(rows), identity, campaign));
    }
    if let [first, .., last] = taken[..] {
        let exponent = |a: Duration, b: Duration| (b.as_secs_f64() / a.as_secs_f64()).ln() / (last.0 / first.0).ln();
        println!("growth exponent, identities   {:>10.3}", exponent(first.1, last.1));
        println!("growth exponent, campaigns    {:>10.3}", exponent(first.2, last.2));
    }
}

fn corpus(rows: u32) -> Vec<Record> {
    let popular_ja3 = POPULAR;
    mixed(&Mix { rows, popular_ja3 }, 1)
}

fn observations(records: &[Record]) -> Vec<Observation> {
    records.iter().map(|record| record.observation.clone()).collect()
}

/// The best of three.
fn timed<T>(mut work: impl FnMut() -> T) -> (T, Duration) {
    let mut best = Duration::MAX;
    let mut last = None;
    for _ in 0..3 {
        let begin = Instant::now();
        let done = black_box(work());
        best = best.min(begin.elapsed());
        last = Some(done);
    }
    (last.unwrap_or_else(work), best)
}

/// What looking at every pair takes, beside what is done instead.
fn all_pairs(settings: &Settings) {
    let records = corpus(PAIRS);
    let observations = observations(&records);
    let begin = Instant::now();
    let mut joined = 0_u64;
    for (n, a) in observations.iter().enumerate() {
        joined += observations[n + 1..].iter().filter(|b| tiers(a, b).joins()).count() as u64;
    }
    let pairs = begin.elapsed();
    let (_, ours) = timed(|| identities(&observations, &Pins::default(), settings));
    println!("all pairs of {PAIRS}: {joined} of them joined   {pairs:>12.2?}");
    println!(
        "identities of {PAIRS}                {ours:>12.2?}   {:.0} times less",
        pairs.as_secs_f64() / ours.as_secs_f64()
    );
}

fn at_once(rows: u32, settings: &Settings) -> (Duration, Duration) {
    let records = corpus(rows);
    let observations = observations(&records);
    let (found, identity) = timed(|| identities(&observations, &Pins::default(), settings));
    println!("identities of {rows:>9} observations   {identity:>12.2?}");
    let brought: Vec<Features> = features(&records, &found.partition, settings);
    let (_, campaign) = timed(|| campaigns(&brought, &Pins::default(), settings));
    println!("campaigns of {:>10} identities     {campaign:>12.2?}", brought.len());
    drop(brought);
    one_by_one(&observations, &found.partition, settings);
    (identity, campaign)
}

/// New observations into all the others.
fn one_by_one(observations: &[Observation], at_once: &Partition, settings: &Settings) {
    let new = NEW.min(observations.len() / 10);
    let (standing, coming) = observations.split_at(observations.len() - new);
    let mut standing = Standing::new(standing, &Pins::default(), settings);
    let mut taken: Vec<Duration> = coming
        .iter()
        .map(|observation| {
            let begin = Instant::now();
            black_box(standing.update(observation));
            begin.elapsed()
        })
        .collect();
    assert_eq!(
        standing.identities().partition,
        *at_once,
        "what grew is what all at once is"
    );
    taken.sort_unstable();
    let (middle, p99) = (taken[taken.len() / 2], taken[taken.len() * 99 / 100]);
    println!(
        "one more of {:>11}: median {middle:.2?}, p99 {p99:.2?}",
        observations.len()
    );
}
