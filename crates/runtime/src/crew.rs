//! Several workers in one process.

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::beat::Beat;
use crate::passes::Passes;
use crate::shell::{Post, supervise};
use crate::{Runner, Worker};

/// Workers that share a process and a bus, and nothing else. Dropping it ends them without grace.
#[derive(Debug)]
pub struct Crew {
    bus: Bus,
    host: Arc<str>,
    instance: Arc<str>,
    cancel: CancellationToken,
    members: JoinSet<()>,
    sick: (
        mpsc::UnboundedSender<&'static str>,
        mpsc::UnboundedReceiver<&'static str>,
    ),
}

/// Why there is nothing left to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every worker was stopped.
    All,
    /// This one failed ten times in ten minutes: somebody else should start the process again.
    Sick(&'static str),
}

// === impl Crew ===

impl Crew {
    /// `host` is the host's uuid, or `local`.
    pub fn new(bus: Bus, host: &str) -> Self {
        let instance = uuid::Uuid::new_v4().simple().to_string();
        Self {
            bus,
            host: host.into(),
            instance: instance[..8].into(),
            cancel: CancellationToken::new(),
            members: JoinSet::new(),
            sick: mpsc::unbounded_channel(),
        }
    }

    /// Starts a worker; `make` makes another one whenever the one before failed.
    pub fn worker<W: Worker>(&mut self, make: impl Fn() -> W + Send + Sync + 'static) {
        self.post(W::TICK, move || Passes(make()));
    }

    /// Starts a runner; `make` makes another one whenever the one before failed.
    pub fn runner<R: Runner>(&mut self, make: impl Fn() -> R + Send + Sync + 'static) {
        self.post(Beat::EVERY, make);
    }

    /// Cancelling it ends all workers, each in its own time.
    pub fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Waits until all have been stopped, or one keeps failing.
    pub async fn ended(&mut self) -> Ended {
        tokio::select! {
            () = async { while self.members.join_next().await.is_some() {} } => Ended::All,
            // We hold a sender, so there is always a next one.
            Some(worker) = self.sick.1.recv() => Ended::Sick(worker),
        }
    }

    /// Ends all workers and waits until they have.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        while self.members.join_next().await.is_some() {}
    }

    fn post<R: Runner>(&mut self, tick: Duration, make: impl Fn() -> R + Send + Sync + 'static) {
        let post = Post {
            bus: self.bus.clone(),
            worker: R::NAME,
            host: self.host.clone(),
            instance: self.instance.clone(),
            tick,
            cancel: self.cancel.clone(),
            sick: self.sick.0.clone(),
        };
        self.members.spawn(supervise(make, post));
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
