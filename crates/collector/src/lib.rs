//! Follows what every machine says, and puts it on the bus: each line once, in order, from where it stopped.
//!
//! One task a machine, no thread, no limit on their number. A machine's lines carry its own numbers, so what was read
//! before is known whatever clocks and engines do, and what is missing is reported (`log_gap`). The cursor of a
//! machine moves only when the bus has given its receipts; after a crash some lines are sent again, and the store
//! keeps each event once.
#![forbid(unsafe_code)]

mod batch;
mod blobs;
mod follow;
mod lines;
mod position;
mod reader;
mod source;
mod stats;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use engine::Speaker;
use futures_util::stream::{BoxStream, StreamExt as _};
use model::Name;
use runtime::{Backoff, Cx, Runner};
use store::Store;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

pub use blobs::DAILY;
pub use lines::{MAX_LINE, parse};
pub use position::Position;
pub use source::Source;

use crate::follow::Follower;
use crate::stats::Stats;

/// Machines are listed at least this often, whatever the engine reports.
const LIST_EVERY: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct Config {
    /// This host's uuid, or `store::LOCAL`.
    pub host: String,
    /// Where captured files are kept: `<first two digits>/<sha256>`.
    pub artifacts: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bus(#[from] bus::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("cannot keep captured files in {}: {source}", dir.display())]
    Artifacts { dir: PathBuf, source: std::io::Error },
    #[error("following `{decky}` failed: {reason}")]
    Follower { decky: Name, reason: String },
}

/// The worker `collector`.
#[derive(Debug)]
pub struct Collector<S> {
    source: S,
    store: Store,
    config: Config,
    stats: Stats,
}

/// How far a machine of this very host was read, all that it told until there being safe; none when it never was.
pub async fn position(store: &Store, decky: &Name) -> Result<Option<Position>, store::Error> {
    let name = cursor_name(store::LOCAL, decky);
    let cursor: Option<reader::Cursor> = store.cursors().get(&name).await?;
    Ok(cursor.map(|cursor| cursor.position))
}

fn cursor_name(host: &str, decky: &Name) -> String {
    format!("collector/{host}/{decky}")
}

/// Those who follow, while they run.
#[derive(Default)]
struct Followers {
    tasks: JoinSet<Result<(), Error>>,
    names: HashMap<Id, Name>,
    /// None when the machine has gone and its follower is about to.
    speakers: HashMap<Name, Option<watch::Sender<Speaker>>>,
}

// === impl Collector ===

impl<S: Source> Collector<S> {
    /// The store keeps its cursors.
    pub fn new(source: S, store: Store, config: Config) -> Self {
        Self {
            source,
            store,
            config,
            stats: Stats::default(),
        }
    }
}

impl<S: Source> Runner for Collector<S> {
    const NAME: &'static str = "collector";
    type Error = Error;

    async fn run(&mut self, cx: &Cx) -> Result<(), Error> {
        let dir = self.config.artifacts.clone();
        blobs::prepare(&dir)
            .await
            .map_err(|source| Error::Artifacts { dir, source })?;
        let mut followers = Followers::default();
        let mut changes = None;
        let mut backoff = Backoff::new(Duration::from_millis(250), LIST_EVERY);
        let mut list_at = Instant::now();
        while !cx.is_cancelled() {
            tokio::select! {
                () = cx.cancelled() => {}
                () = cx.pressed() => list_at = Instant::now(),
                change = next(&mut changes) => match change {
                    Some(Ok(())) => {
                        backoff.reset();
                        list_at = Instant::now();
                    }
                    // Some may have been missed, and while the engine is away none come.
                    Some(Err(_)) | None => {
                        changes = None;
                        list_at = Instant::now() + backoff.failed_after(Duration::ZERO);
                    }
                },
                Some(ended) = followers.tasks.join_next_with_id() => {
                    list_at = Instant::now();
                    if let Err(error) = followers.ended(ended) {
                        cx.fault(&error);
                        list_at += backoff.failed_after(Duration::ZERO);
                    }
                }
                () = sleep_until(list_at) => {
                    list_at = Instant::now() + LIST_EVERY;
                    changes.get_or_insert_with(|| self.source.changes());
                    match self.source.speakers().await {
                        Ok(speakers) => self.attend(&mut followers, speakers, cx),
                        Err(error) => cx.fault(&error),
                    }
                    self.stats.tell(cx, followers.speakers.len());
                    cx.alive();
                }
            }
        }
        while let Some(ended) = followers.tasks.join_next_with_id().await {
            followers.ended(ended)?;
        }
        Ok(())
    }
}

impl<S: Source> Collector<S> {
    /// Sees to it that every machine listed has a follower that knows how it stands, and no other has.
    fn attend(&self, followers: &mut Followers, speakers: Vec<Speaker>, cx: &Cx) {
        let here: HashSet<Name> = speakers.iter().map(|speaker| speaker.decky.clone()).collect();
        for (name, speaker) in &mut followers.speakers {
            if !here.contains(name) {
                *speaker = None;
            }
        }
        for speaker in speakers {
            match followers.speakers.get(&speaker.decky) {
                Some(Some(sender)) => drop(sender.send_replace(speaker)),
                // Of the machine that had this name before: its end brings us here again.
                Some(None) => {}
                None => self.follow(followers, speaker, cx),
            }
        }
    }

    fn follow(&self, followers: &mut Followers, speaker: Speaker, cx: &Cx) {
        let decky = speaker.decky.clone();
        let (sender, receiver) = watch::channel(speaker);
        let follower = Follower {
            source: self.source.clone(),
            bus: cx.bus().clone(),
            store: self.store.clone(),
            config: self.config.clone(),
            stats: self.stats.clone(),
            cancel: cx.token(),
            decky: decky.clone(),
            speaker: receiver,
        };
        let task = followers.tasks.spawn(follower.run());
        followers.names.insert(task.id(), decky.clone());
        followers.speakers.insert(decky, Some(sender));
    }
}

// === impl Followers ===

impl Followers {
    fn ended(&mut self, ended: Result<(Id, Result<(), Error>), JoinError>) -> Result<(), Error> {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome.map_err(|error| error.to_string())),
            Err(error) => (error.id(), Err(error.to_string())),
        };
        let Some(decky) = self.names.remove(&id) else {
            return Ok(());
        };
        self.speakers.remove(&decky);
        outcome.map_err(|reason| Error::Follower { decky, reason })
    }
}

/// The next change; never, while nobody watches.
async fn next<E>(changes: &mut Option<BoxStream<'static, Result<(), E>>>) -> Option<Result<(), E>> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}
