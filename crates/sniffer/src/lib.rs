//! The worker `sniffer`: captures what passes between deckies and their peers, and tells what it shows.
//!
//! On a bridge network all of it passes the bridge. With macvlan and ipvlan the parent link does not see what
//! neighbours of one parent send each other, so there the capture is inside each decky's network namespace. Threads
//! that capture share nothing: all packets of a peer go to one of them.
#![forbid(unsafe_code)]

mod event;
mod eye;
mod loss;
mod outlet;
mod post;
mod scene;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bus::Pattern;
use engine::Docker;
use model::Name;
use runtime::{Cx, Runner};
use store::Store;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::eye::Eyes;
use crate::loss::{Loss, Lost};
use crate::post::{Post, Posts};
use crate::scene::Scene;

/// The fleet is looked at this often, whatever is told of it.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After a failure, and while there is nothing to watch yet.
const SOON: Duration = Duration::from_secs(5);
/// Counters are read this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);
const STATES: Pattern = Pattern::fixed("decky.*.state");

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bus(#[from] bus::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error(transparent)]
    Capture(#[from] capture::Error),
    #[error("a thread for capturing could not be started: {0}")]
    Thread(std::io::Error),
    #[error("the task that sends fell over: {0}")]
    Post(#[from] tokio::task::JoinError),
}

/// The worker `sniffer`.
#[derive(Debug)]
pub struct Sniffer {
    docker: Docker,
    store: Store,
    host: String,
}

// === impl Sniffer ===

impl Sniffer {
    /// `host` is this host's uuid, or `local`.
    pub fn new(docker: Docker, store: Store, host: impl Into<String>) -> Self {
        Self {
            docker,
            store,
            host: host.into(),
        }
    }
}

impl Runner for Sniffer {
    const NAME: &'static str = "sniffer";
    type Error = Error;

    async fn run(&mut self, cx: &Cx) -> Result<(), Error> {
        let (mut eyes, seen) = Eyes::new();
        let (tell_lost, lost) = mpsc::channel(1);
        let pending = Arc::new(AtomicU64::new(0));
        let post = Post::new(cx.bus().clone(), self.host.clone(), Arc::clone(&pending));
        let mut post = tokio::spawn(post.run(Posts { seen, lost }));
        let watched = tokio::select! {
            watched = self.watch(&mut eyes, &tell_lost, &pending, cx) => watched,
            ended = &mut post => return ended?,
        };
        // What is still open is told before the end.
        eyes.close();
        drop(tell_lost);
        post.await??;
        watched
    }
}

impl Sniffer {
    async fn watch(
        &self,
        eyes: &mut Eyes,
        tell_lost: &mpsc::Sender<(Lost, Vec<Name>)>,
        pending: &AtomicU64,
        cx: &Cx,
    ) -> Result<(), Error> {
        let mut states = cx.bus().subscribe(&STATES).await?;
        let mut loss = Loss::default();
        let (mut look_at, mut count_at) = (Instant::now(), Instant::now());
        while !cx.is_cancelled() {
            tokio::select! {
                () = cx.cancelled() => {}
                () = cx.pressed() => look_at = Instant::now(),
                changed = states.next() => match changed {
                    Some(_) => look_at = Instant::now(),
                    None => sleep_until(look_at).await,
                },
                () = sleep_until(look_at) => {
                    let pause = self.look(eyes, cx).await;
                    look_at = Instant::now() + pause;
                }
                () = sleep_until(count_at) => {
                    count_at = Instant::now() + COUNT_EVERY;
                    let tally = eyes.tally();
                    tally.tell(cx);
                    cx.backlog(pending.load(Relaxed));
                    if let Some(lost) = loss.of(&tally) {
                        // While the bus takes nothing the counters tell it.
                        let _ = tell_lost.try_send((lost, eyes.deckies().cloned().collect()));
                    }
                    if let Some(error) = eyes.fallen() {
                        cx.fault(&error);
                        look_at = look_at.min(Instant::now() + SOON);
                    }
                    cx.alive();
                }
            }
        }
        Ok(())
    }

    /// Sees to it that what stands is watched; when to look again.
    async fn look(&self, eyes: &mut Eyes, cx: &Cx) -> Duration {
        let looked = async {
            let scene = Scene::look(&self.docker, &self.store).await?;
            let is_empty = scene.is_empty();
            eyes.turn_to(scene, &self.docker).await?;
            Ok::<_, Error>(is_empty)
        };
        match looked.await {
            Ok(false) => LOOK_EVERY,
            Ok(true) => SOON,
            Err(error) => {
                cx.fault(&error);
                SOON
            }
        }
    }
}
