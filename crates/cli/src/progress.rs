//! Progress of long work on stderr: bars on a terminal, now and then a line elsewhere, nothing when quiet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::progress::{Phase, Step};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{Output, tell};

/// Where there is no terminal: until work is long enough to be told of, and between two lines.
const SILENT: Duration = Duration::from_secs(3);
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// One piece of long work. Cheap to clone; the last copy clears the bar.
#[derive(Clone)]
pub struct Bar {
    inner: Arc<Inner>,
}

struct Inner {
    bar: Option<ProgressBar>,
    /// When the next line may be written, if lines are.
    next_line: Option<Mutex<Instant>>,
    started: Instant,
    phases: Mutex<BTreeMap<String, Phase>>,
}

// === impl Bar ===

impl Bar {
    pub fn start(out: Output) -> Self {
        let bar = out.bars.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
                    .unwrap_or(ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let started = Instant::now();
        Self {
            inner: Arc::new(Inner {
                next_line: out.lines.then(|| Mutex::new(started + SILENT)),
                bar,
                started,
                phases: Mutex::default(),
            }),
        }
    }

    /// For the engine to tell its steps to.
    pub fn progress(&self) -> engine::Progress {
        let bar = self.clone();
        engine::Progress::new(move |step| bar.told(step))
    }

    pub fn say(&self, text: impl Into<String>) {
        if let Some(bar) = &self.inner.bar {
            bar.set_message(text.into());
        } else if let Some(next) = &self.inner.next_line {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            if Instant::now() >= *next {
                *next = Instant::now() + BETWEEN_LINES;
                tell(format_args!("{}\n", text.into()));
            }
        }
    }

    /// Takes the bar away while somebody is asked something.
    pub fn hide<T>(&self, ask: impl FnOnce() -> T) -> T {
        match &self.inner.bar {
            Some(bar) => bar.suspend(ask),
            None => ask(),
        }
    }

    pub fn seconds(&self) -> f64 {
        self.inner.started.elapsed().as_secs_f64()
    }

    fn told(&self, step: Step) {
        match step {
            Step::Image { image, doing } => self.say(format!("{image}: {doing}")),
            Step::ImageReady { image } => self.say(format!("{image}: ready")),
            Step::NetworkReady { network, is_new } => {
                self.say(format!("network {network} {}", if is_new { "made" } else { "stands" }));
            }
            Step::Decky { name, phase } => {
                let mut phases = self.inner.phases.lock().unwrap_or_else(PoisonError::into_inner);
                let said = doing(&phase);
                phases.insert(name.to_string(), phase);
                let ended = phases.values().filter(|phase| is_end(phase)).count();
                let all = phases.len();
                drop(phases);
                self.say(format!("{ended}/{all}  {name} {said}"));
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn is_end(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Done | Phase::Degraded { .. } | Phase::Failed { .. } | Phase::RolledBack | Phase::Removed
    )
}

fn doing(phase: &Phase) -> String {
    match phase {
        Phase::Creating => "is being made".into(),
        Phase::Starting => "starts".into(),
        Phase::Walling => "gets its wall".into(),
        Phase::Waiting => "opens its ports".into(),
        Phase::Updating => "takes its new plan".into(),
        Phase::Removing => "is being removed".into(),
        Phase::Done => "is up".into(),
        Phase::Degraded { closed } => format!("is up without port {}", closed.first().map_or(0, |port| port.port)),
        Phase::Failed { reason } => format!("failed: {reason}"),
        Phase::RolledBack => "is as it was before".into(),
        Phase::Removed => "is gone".into(),
    }
}
