//! Several workers in one process.

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

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
    members: Vec<Member>,
    sick: (
        mpsc::UnboundedSender<&'static str>,
        mpsc::UnboundedReceiver<&'static str>,
    ),
}

#[derive(Debug)]
struct Member {
    cancel: CancellationToken,
    task: AbortOnDropHandle<()>,
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
            members: Vec::new(),
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
            () = async { for member in &mut self.members { member.ended().await } } => Ended::All,
            // We hold a sender, so there is always a next one.
            Some(worker) = self.sick.1.recv() => Ended::Sick(worker),
        }
    }

    /// Ends the workers one after the other, in the order they were started: whoever takes what another tells is
    /// still there while that one tells the last of it.
    pub async fn stop(mut self) {
        for member in &mut self.members {
            member.cancel.cancel();
            member.ended().await;
        }
    }

    fn post<R: Runner>(&mut self, tick: Duration, make: impl Fn() -> R + Send + Sync + 'static) {
        let cancel = self.cancel.child_token();
        let post = Post {
            bus: self.bus.clone(),
            worker: R::NAME,
            host: self.host.clone(),
            instance: self.instance.clone(),
            tick,
            cancel: cancel.clone(),
            sick: self.sick.0.clone(),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(supervise(make, post)));
        self.members.push(Member { cancel, task });
    }
}

// === impl Member ===

impl Member {
    async fn ended(&mut self) {
        if !self.task.is_finished() {
            // Its shell's panic, if any, has been printed.
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
