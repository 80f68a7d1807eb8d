//! The rules. Differences are taken modulo the width of the field, so that wrapping round is no break.

use super::samples::Sample;

/// The five labels that consumers of `ipid_class` and `isn_class` know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Legacy {
    #[default]
    Unknown,
    Zero,
    Constant,
    Incremental,
    Random,
}

/// How IP identifications follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IdClass {
    /// Fewer than four samples.
    #[default]
    Unknown,
    Zero,
    Constant,
    /// Steps of 1 to 20 by a counter sent in the wrong byte order.
    IncrementalBe,
    /// Steps of 1 to 4096.
    Incremental,
    /// Steps below 2^15 at a steady rate: a counter that much else draws from.
    IncrementalLoose,
    /// Two values, or mostly repeats.
    Mixed,
    Random,
}

/// How initial sequence numbers follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IsnClass {
    /// Fewer than four samples.
    #[default]
    Unknown,
    Zero,
    Constant,
    /// Steps that are multiples of 64 000, as of BSD once.
    Incremental64k,
    /// Steps of 1 to 4096.
    Incremental,
    /// A clock of 250 000 a second (RFC 793).
    TimeBased,
    Random,
}

/// What was found of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict<C> {
    pub class: C,
    pub legacy: Legacy,
    /// Samples judged, 0 to 32.
    pub samples: usize,
    /// Greatest common divisor of the steps; from six samples on.
    pub gcd: Option<u32>,
    /// Mean steps per second; from six samples on.
    pub rate: Option<f64>,
    /// Binary logarithm of the standard deviation of the rate; from six samples on.
    pub entropy_bits: Option<f64>,
    /// Mean step, of incremental classes.
    pub step_mean: Option<f64>,
}

const MIN_SAMPLES: usize = 4;
/// From here on there is enough for statistics.
const MIN_FOR_STATISTICS: usize = 6;
const MAX_STEP: u32 = 4096;
/// Up to here a swapped step is likelier than a plain one of 256 times as much.
const SMALL_SWAPPED_STEP: u32 = 10;
const MAX_SWAPPED_STEP: u32 = 20;
const MAX_LOOSE_STEP: u32 = 1 << 15;
/// Coefficient of variation below which a rate is steady.
const STEADY: f64 = 0.3;
const MOSTLY: f64 = 0.6;
const BSD_STEP: u32 = 64_000;
const CLOCK_RATE: f64 = 250_000.0;
const CLOCK_TOLERANCE: f64 = 0.1;

/// Judges IP identifications, oldest first.
pub fn classify_ids(samples: &[Sample]) -> Verdict<IdClass> {
    let steps = Steps::of(samples, |sample| sample.id.into(), 0xffff);
    let class = id_class(samples, &steps);
    let stepping = matches!(
        class,
        IdClass::IncrementalBe | IdClass::Incremental | IdClass::IncrementalLoose
    );
    let legacy = match class {
        IdClass::Unknown => Legacy::Unknown,
        IdClass::Zero => Legacy::Zero,
        IdClass::Constant => Legacy::Constant,
        IdClass::Incremental => Legacy::Incremental,
        IdClass::IncrementalBe if steps.all(|step| step <= MAX_STEP) => Legacy::Incremental,
        IdClass::IncrementalBe | IdClass::IncrementalLoose | IdClass::Mixed | IdClass::Random => Legacy::Random,
    };
    steps.verdict(samples, class, legacy, stepping)
}

fn id_class(samples: &[Sample], steps: &Steps) -> IdClass {
    if samples.len() < MIN_SAMPLES {
        return IdClass::Unknown;
    }
    let all = |test: fn(u32) -> bool| steps.all(test);
    if samples.iter().all(|sample| sample.id == 0) {
        IdClass::Zero
    } else if all(|step| step == 0) {
        IdClass::Constant
    } else if all(|step| swapped(step).is_some_and(|step| step <= SMALL_SWAPPED_STEP)) {
        IdClass::IncrementalBe
    } else if all(|step| (1..=MAX_STEP).contains(&step)) {
        IdClass::Incremental
    } else if all(|step| swapped(step).is_some_and(|step| step <= MAX_SWAPPED_STEP)) {
        IdClass::IncrementalBe
    } else if all(|step| (1..MAX_LOOSE_STEP).contains(&step)) && steps.variation().is_some_and(|cv| cv < STEADY) {
        IdClass::IncrementalLoose
    } else if mostly_repeats(samples) {
        IdClass::Mixed
    } else {
        IdClass::Random
    }
}

/// The step of a counter sent in the wrong byte order.
fn swapped(step: u32) -> Option<u32> {
    (step != 0 && step.is_multiple_of(256)).then_some(step / 256)
}

fn mostly_repeats(samples: &[Sample]) -> bool {
    let repeats = samples
        .iter()
        .enumerate()
        .filter(|(at, sample)| samples[..*at].iter().any(|s| s.id == sample.id))
        .count();
    samples.len() - repeats == 2 || repeats as f64 >= MOSTLY * samples.len() as f64
}

/// Judges initial sequence numbers, oldest first.
pub fn classify_isns(samples: &[Sample]) -> Verdict<IsnClass> {
    let steps = Steps::of(samples, |sample| sample.isn, u32::MAX);
    let class = isn_class(samples, &steps);
    let stepping = matches!(
        class,
        IsnClass::Incremental64k | IsnClass::Incremental | IsnClass::TimeBased
    );
    let legacy = match class {
        IsnClass::Unknown => Legacy::Unknown,
        IsnClass::Zero => Legacy::Zero,
        IsnClass::Constant => Legacy::Constant,
        IsnClass::Incremental => Legacy::Incremental,
        IsnClass::Incremental64k | IsnClass::TimeBased | IsnClass::Random => Legacy::Random,
    };
    steps.verdict(samples, class, legacy, stepping)
}

fn isn_class(samples: &[Sample], steps: &Steps) -> IsnClass {
    if samples.len() < MIN_SAMPLES {
        return IsnClass::Unknown;
    }
    if samples.iter().all(|sample| sample.isn == 0) {
        IsnClass::Zero
    } else if steps.all(|step| step == 0) {
        IsnClass::Constant
    } else if steps.all(|step| step != 0 && step % BSD_STEP == 0) {
        IsnClass::Incremental64k
    } else if steps.all(|step| (1..=MAX_STEP).contains(&step)) {
        IsnClass::Incremental
    } else if steps.follow_clock() {
        IsnClass::TimeBased
    } else {
        IsnClass::Random
    }
}

/// Steps between neighbours of a series, with the seconds between.
struct Steps {
    steps: [(u32, f64); super::MAX_SAMPLES],
    len: usize,
}

// === impl Steps ===

impl Steps {
    fn of(samples: &[Sample], value: impl Fn(&Sample) -> u32, mask: u32) -> Self {
        let mut steps = Self {
            steps: [(0, 0.0); super::MAX_SAMPLES],
            len: 0,
        };
        for (slot, pair) in steps.steps.iter_mut().zip(samples.windows(2)) {
            let step = value(&pair[1]).wrapping_sub(value(&pair[0])) & mask;
            *slot = (step, pair[1].at.since(pair[0].at).as_secs_f64());
            steps.len += 1;
        }
        steps
    }

    fn as_slice(&self) -> &[(u32, f64)] {
        &self.steps[..self.len]
    }

    fn all(&self, test: impl Fn(u32) -> bool) -> bool {
        self.as_slice().iter().all(|&(step, _)| test(step))
    }

    /// Steps per second of those with time between.
    fn rates(&self) -> impl Iterator<Item = f64> + Clone {
        self.as_slice()
            .iter()
            .filter(|(_, seconds)| *seconds > 0.0)
            .map(|&(step, seconds)| f64::from(step) / seconds)
    }

    fn mean_and_deviation(&self) -> Option<(f64, f64)> {
        let rates = self.rates();
        let count = rates.clone().count() as f64;
        let mean = rates.clone().sum::<f64>() / count;
        let variance = rates.map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        (count > 0.0).then(|| (mean, variance.sqrt()))
    }

    fn variation(&self) -> Option<f64> {
        self.mean_and_deviation()
            .filter(|(mean, _)| *mean > 0.0)
            .map(|(mean, deviation)| deviation / mean)
    }

    fn follow_clock(&self) -> bool {
        let near = |rate: f64| (rate - CLOCK_RATE).abs() <= CLOCK_RATE * CLOCK_TOLERANCE;
        self.as_slice().iter().all(|(_, seconds)| *seconds > 0.0) && self.rates().all(near)
    }

    fn verdict<C>(&self, samples: &[Sample], class: C, legacy: Legacy, stepping: bool) -> Verdict<C> {
        let enough = samples.len() >= MIN_FOR_STATISTICS;
        let statistics = self.mean_and_deviation().filter(|_| enough);
        let steps = self.as_slice().iter().map(|&(step, _)| step);
        let mean = steps.clone().map(f64::from).sum::<f64>() / self.len as f64;
        Verdict {
            class,
            legacy,
            samples: samples.len(),
            gcd: enough.then(|| steps.fold(0, gcd)),
            rate: statistics.map(|(mean, _)| mean),
            entropy_bits: statistics.map(|(_, deviation)| deviation.max(1.0).log2()),
            step_mean: stepping.then_some(mean),
        }
    }
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

// === impl Verdict ===

impl<C> Verdict<C> {
    /// 0 to 1, by the number of samples.
    pub fn confidence(&self) -> f64 {
        (self.samples.saturating_sub(3) as f64 / 8.0).min(1.0)
    }
}

// === impl Legacy ===

impl Legacy {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Zero => "zero",
            Self::Constant => "constant",
            Self::Incremental => "incremental",
            Self::Random => "random",
        }
    }
}

// === impl IdClass ===

impl IdClass {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Zero => "zero",
            Self::Constant => "constant",
            Self::IncrementalBe => "incremental_be",
            Self::Incremental => "incremental",
            Self::IncrementalLoose => "incremental_loose",
            Self::Mixed => "mixed",
            Self::Random => "random",
        }
    }

    /// There is a rule to it.
    pub const fn is_structured(self) -> bool {
        !matches!(self, Self::Unknown | Self::Mixed | Self::Random)
    }
}

// === impl IsnClass ===

impl IsnClass {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Zero => "zero",
            Self::Constant => "constant",
            Self::Incremental64k => "incremental_64k",
            Self::Incremental => "incremental",
            Self::TimeBased => "time_based",
            Self::Random => "random",
        }
    }

    /// There is a rule to it, which no stack of today has.
    pub const fn is_structured(self) -> bool {
        !matches!(self, Self::Unknown | Self::Random)
    }
}
