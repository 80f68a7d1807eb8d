//! One worker's shell: starts it, restarts it, beats its heart, obeys orders for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Envelope, Message, Pattern, State, Subject, Subscription};
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Runner;
use crate::backoff::Backoff;
use crate::beat::{Beat, Gauge, Phase};
use crate::control::{Action, Answer, read};
use crate::cx::Cx;

/// A worker that was told to end and has not is aborted after this.
const GRACE: Duration = Duration::from_secs(10);
/// This many failures in this time make a worker sick.
const SICK: (usize, Duration) = (10, Duration::from_secs(10 * 60));

/// What all workers of a process have in common, and what tells this one.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) bus: Bus,
    pub(crate) worker: &'static str,
    pub(crate) host: Arc<str>,
    pub(crate) instance: Arc<str>,
    /// Seconds that may lie between ticks.
    pub(crate) tick: Duration,
    pub(crate) cancel: CancellationToken,
    /// Names workers that fail again and again.
    pub(crate) sick: mpsc::UnboundedSender<&'static str>,
}

struct Shell<M> {
    make: M,
    post: Post,
    cx: Cx,
    doing: Doing,
    backoff: Backoff,
    failures: VecDeque<Instant>,
    restarts: u64,
    started_at: OffsetDateTime,
}

enum Doing {
    Running {
        task: JoinHandle<Result<(), String>>,
        since: Instant,
    },
    /// Until the next try.
    Waiting(Instant),
    Paused,
    Ended,
}

/// Ends when the worker was stopped, or ended by itself.
pub(crate) async fn supervise<R: Runner>(make: impl Fn() -> R + Send + Sync, post: Post) {
    let control = Subject::control(post.worker).map(|subject| Pattern::from(&subject));
    let mut control = match control {
        Ok(pattern) => post.bus.subscribe(&pattern).await.ok(),
        Err(_) => None,
    };
    let mut state = post.bus.watch();
    let mut shell = Shell::new(make, post);
    shell.start();
    let mut next_beat = Instant::now();
    while !matches!(shell.doing, Doing::Ended) {
        if next_beat <= Instant::now() {
            shell.beat(shell.phase()).await;
            next_beat = Instant::now() + spread(Beat::EVERY);
        }
        let cancel = shell.post.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => shell.stop().await,
            ended = shell.turn() => shell.turned(ended),
            order = next(&mut control) => {
                shell.obey(order).await;
                next_beat = Instant::now();
            }
            () = tokio::time::sleep_until(next_beat) => {}
            () = returned(&mut state) => next_beat = Instant::now(),
        }
    }
    shell.beat(Phase::Stopping).await;
}

// === impl Shell ===

impl<R: Runner, M: Fn() -> R> Shell<M> {
    fn new(make: M, post: Post) -> Self {
        let cx = Cx {
            bus: post.bus.clone(),
            cancel: CancellationToken::new(),
            gauge: Gauge::default(),
            pressed: Arc::new(Notify::new()),
        };
        Self {
            make,
            post,
            cx,
            doing: Doing::Ended,
            backoff: Backoff::of_workers(),
            failures: VecDeque::new(),
            restarts: 0,
            started_at: OffsetDateTime::now_utc(),
        }
    }

    fn start(&mut self) {
        self.cx.cancel = self.post.cancel.child_token();
        let (mut runner, cx) = ((self.make)(), self.cx.clone());
        let span = tracing::info_span!("worker", name = self.post.worker);
        let run = async move { runner.run(&cx).await.map_err(|error| error.to_string()) };
        let task = tokio::spawn(tracing::Instrument::instrument(run, span));
        self.doing = Doing::Running {
            task,
            since: Instant::now(),
        };
    }

    /// Completes when what it is doing is over: none when it is time for another try.
    async fn turn(&mut self) -> Option<Result<(), String>> {
        match &mut self.doing {
            Doing::Running { task, .. } => Some(match task.await {
                Ok(ended) => ended,
                Err(error) => Err(panic_text(error)),
            }),
            Doing::Waiting(until) => {
                tokio::time::sleep_until(*until).await;
                None
            }
            Doing::Paused | Doing::Ended => std::future::pending().await,
        }
    }

    fn turned(&mut self, ended: Option<Result<(), String>>) {
        match ended {
            None => {
                self.restarts += 1;
                self.start();
            }
            Some(Ok(())) => self.doing = Doing::Ended,
            Some(Err(error)) => self.failed(error),
        }
    }

    fn failed(&mut self, error: String) {
        let now = Instant::now();
        let lasted = match &self.doing {
            Doing::Running { since, .. } => now.duration_since(*since),
            _ => Duration::ZERO,
        };
        let wait = self.backoff.failed_after(lasted);
        tracing::error!(worker = self.post.worker, %error, "failed; starting it again in {} s", wait.as_secs());
        self.cx.gauge.error(error, now.into_std());
        self.failures.push_back(now);
        self.failures.retain(|at| now.duration_since(*at) < SICK.1);
        if self.failures.len() >= SICK.0 {
            // Nobody may be interested.
            let _ = self.post.sick.send(self.post.worker);
        }
        self.doing = Doing::Waiting(now + wait);
    }

    /// Asks it to end, and sees to it that it does.
    async fn stop(&mut self) {
        self.halt().await;
        self.doing = Doing::Ended;
    }

    async fn halt(&mut self) {
        self.cx.cancel.cancel();
        if let Doing::Running { task, .. } = &mut self.doing
            && tokio::time::timeout(GRACE, &mut *task).await.is_err()
        {
            tracing::warn!(
                worker = self.post.worker,
                "did not end within {} s; ended for it",
                GRACE.as_secs()
            );
            task.abort();
        }
    }

    async fn obey(&mut self, message: Message) {
        let Ok(envelope) = message.envelope() else { return };
        let order = match read(&envelope, OffsetDateTime::now_utc()) {
            Ok(order) if !order.is_for(&self.post.host, &self.post.instance) => return,
            Ok(order) => order,
            Err(refused) => {
                tracing::warn!(worker = self.post.worker, %refused, "an order was refused");
                return self.answer(&message, false, self.phase(), &refused).await;
            }
        };
        let (worker, by) = (self.post.worker, &order.requested_by);
        tracing::info!(worker, action = ?order.action, requested_by = by, "an order");
        // The answer comes first: ending may take longer than it may.
        match (order.action, &self.doing) {
            (Action::Stop, _) => {
                self.answer(&message, true, Phase::Stopping, "ends").await;
                self.stop().await;
            }
            (Action::Pause, Doing::Paused) => self.answer(&message, true, Phase::Paused, "was paused already").await,
            (Action::Pause, _) => {
                self.answer(&message, true, Phase::Paused, "pauses").await;
                self.halt().await;
                self.doing = Doing::Paused;
            }
            (Action::Resume, Doing::Running { .. }) => self.answer(&message, true, Phase::Running, "was running").await,
            (Action::Resume, _) => {
                self.start();
                self.answer(&message, true, Phase::Running, "runs").await;
            }
            (Action::TickNow, Doing::Running { .. }) => {
                self.cx.pressed.notify_one();
                self.answer(&message, true, Phase::Running, "a pass follows").await;
            }
            (Action::TickNow, _) => self.answer(&message, false, self.phase(), "is not running").await,
        }
    }

    async fn answer(&self, message: &Message, accepted: bool, state: Phase, detail: &str) {
        let (host, instance) = (self.post.host.to_string(), self.post.instance.to_string());
        let answer = Answer {
            accepted,
            state,
            detail: detail.to_owned(),
            host,
            instance,
        };
        let sent = match Envelope::fresh("answer", &answer) {
            Ok(envelope) => message.respond(&envelope).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = sent {
            tracing::warn!(worker = self.post.worker, %error, "an order went unanswered");
        }
    }

    fn phase(&self) -> Phase {
        match &self.doing {
            Doing::Running { .. } if self.cx.gauge.notes().last_tick_at.is_none() => Phase::Starting,
            Doing::Running { .. } => Phase::Running,
            Doing::Waiting(_) => Phase::Degraded,
            Doing::Paused => Phase::Paused,
            Doing::Ended => Phase::Stopping,
        }
    }

    async fn beat(&self, state: Phase) {
        let beat = self.measure(state);
        if let Ok(subject) = Subject::health(self.post.worker) {
            self.post.bus.tell(&subject, "health", &beat).await;
        }
        if let Err(error) = self.post.bus.announce(&beat.key(), &beat).await {
            tracing::debug!(worker = self.post.worker, %error, "presence was not renewed");
        }
    }

    fn measure(&self, state: Phase) -> Beat {
        let errors_5m = self.cx.gauge.recent_errors(Instant::now().into_std());
        let notes = self.cx.gauge.notes();
        Beat {
            worker: self.post.worker.to_owned(),
            host: self.post.host.to_string(),
            instance: self.post.instance.to_string(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: OffsetDateTime::now_utc(),
            started_at: self.started_at,
            state,
            last_tick_at: notes.last_tick_at,
            tick_s: self.post.tick.as_secs(),
            backlog: notes.backlog,
            errors_5m,
            restarts: self.restarts,
            last_error: notes.last_error.clone(),
            bus: self.post.bus.state(),
            extra: notes.extra.clone(),
        }
    }
}

impl<M> Drop for Shell<M> {
    /// The shell itself may be aborted; the worker must not outlive it unseen.
    fn drop(&mut self) {
        self.cx.cancel.cancel();
    }
}

/// The next order; never, where there is no control any more.
async fn next(control: &mut Option<Subscription>) -> Message {
    if let Some(subscription) = control
        && let Some(message) = subscription.next().await
    {
        return message;
    }
    *control = None;
    std::future::pending().await
}

/// Completes each time the bus comes back.
async fn returned(state: &mut watch::Receiver<State>) {
    if state.changed().await.is_err() {
        return std::future::pending().await;
    }
    if *state.borrow() != State::Up {
        let _ = state.wait_for(|state| *state == State::Up).await;
    }
}

/// Spread by a tenth, so that workers do not beat in step.
fn spread(every: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    every * 19 / 20 + every / 10 * u32::from(random) / 256
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("panicked: {}", text.unwrap_or_else(|| "without a word".to_owned()))
        }
        Err(error) => error.to_string(),
    }
}
