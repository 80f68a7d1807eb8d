//! Follows one machine: reads its log, sends what it tells, and remembers how far that is safe.

use std::time::Duration;

use bus::{Bus, Envelope, Receipt, Subject};
use engine::{Frame, Speaker};
use futures_util::future::{BoxFuture, FutureExt as _, try_join_all};
use futures_util::stream::{BoxStream, FuturesOrdered, StreamExt as _};
use model::{Event, Name};
use runtime::Backoff;
use serde::Serialize;
use store::Store;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::batch::message_id;
use crate::lines::{Lines, Read};
use crate::reader::{Cursor, Reader, Then};
use crate::source::Source;
use crate::stats::Stats;
use crate::{Config, Error};

/// Events wait this long for company.
const LINGER: Duration = Duration::from_millis(50);
/// Batches sent and not yet safe, before the log is left to wait.
const WINDOW: usize = 32;
/// Between two writings of the cursor; what was read since is read again after a crash, and stored once all the same.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// When told to end, for what was sent to become safe.
const FAREWELL: Duration = Duration::from_secs(1);
/// For the log of a machine that is gone to end.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Frames taken in one go.
const BURST: usize = 256;

pub(crate) struct Follower<S: Source> {
    pub(crate) source: S,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) stats: Stats,
    pub(crate) cancel: CancellationToken,
    pub(crate) decky: Name,
    /// Renewed whenever anything may have changed; closed when the machine is gone.
    pub(crate) speaker: watch::Receiver<Speaker>,
}

/// Whether there is a log to read.
enum Log<E> {
    Open(BoxStream<'static, Result<Frame, E>>),
    /// Ended or failed, though the machine runs: tried again then.
    Broken(Instant),
    /// Read to its end; until the machine is started again.
    Ended,
}

/// One batch under way.
type UnderWay = BoxFuture<'static, Result<(Cursor, u64), bus::Error>>;

struct Work<S: Source> {
    me: Follower<S>,
    reader: Reader,
    lines: Lines,
    log: Log<S::Error>,
    backoff: Backoff,
    under_way: FuturesOrdered<UnderWay>,
    /// When the batch begun is to go.
    send_at: Option<Instant>,
    /// Safe, and whether that was written.
    cursor: Cursor,
    is_saved: bool,
    save_at: Instant,
    /// Events under way.
    pending: u64,
}

/// The payload of a message.
#[derive(Serialize)]
struct Payload<'a> {
    events: &'a [Event],
}

// === impl Follower ===

impl<S: Source> Follower<S> {
    /// Until cancelled, or the machine is gone and all it told is safe.
    pub(crate) async fn run(self) -> Result<(), Error> {
        let cursor: Cursor = self.store.cursors().get(&self.cursor_name()).await?.unwrap_or_default();
        let (config, stats) = (&self.config, self.stats.clone());
        let reader = Reader::new(&config.host, &self.decky, &config.artifacts, cursor.clone(), stats);
        let mut work = Work {
            me: self,
            reader,
            lines: Lines::default(),
            log: Log::Ended,
            backoff: Backoff::new(Duration::from_millis(250), Duration::from_secs(30)),
            under_way: FuturesOrdered::new(),
            send_at: None,
            cursor,
            is_saved: true,
            save_at: Instant::now() + SAVE_EVERY,
            pending: 0,
        };
        work.open();
        let cancel = work.me.cancel.clone();
        let outcome = tokio::select! {
            () = cancel.cancelled() => Ok(()),
            outcome = work.follow() => outcome,
        };
        work.farewell().await;
        outcome
    }

    fn cursor_name(&self) -> String {
        crate::cursor_name(&self.config.host, &self.decky)
    }
}

// === impl Work ===

impl<S: Source> Work<S> {
    /// Until the machine is gone.
    async fn follow(&mut self) -> Result<(), Error> {
        loop {
            let has_room = self.under_way.len() < WINDOW;
            let mut retry = None;
            let log = match &mut self.log {
                Log::Open(frames) if has_room => Some(frames),
                Log::Broken(at) => {
                    retry = Some(*at);
                    None
                }
                _ => None,
            };
            tokio::select! {
                frame = next(log) => self.read(frame).await?,
                Some(settled) = self.under_way.next() => self.settle(settled?),
                () = at(self.send_at) => self.send().await?,
                () = at(retry) => self.open(),
                changed = self.me.speaker.changed() => match changed {
                    Ok(()) => self.look(),
                    Err(_) => return self.leave().await,
                },
                () = sleep_until(self.save_at) => {
                    self.rest();
                    self.save().await;
                }
            }
        }
    }

    fn open(&mut self) {
        self.open_from(Then::OpenAnew);
    }

    fn open_from(&mut self, from: Then) {
        let speaker = self.me.speaker.borrow_and_update().clone();
        let since = self.reader.enter(&speaker.container);
        // With a clock that is behind what was read, nothing new would be new enough.
        let since = since.filter(|at| from != Then::OpenAll && *at <= OffsetDateTime::now_utc());
        self.lines.reset();
        self.log = Log::Open(self.me.source.follow(&speaker.container, since));
    }

    /// Something may have changed.
    fn look(&mut self) {
        let speaker = self.me.speaker.borrow_and_update().clone();
        let is_open = matches!(self.log, Log::Open(_));
        if !is_open && (speaker.is_running || speaker.container != self.reader.container()) {
            self.open();
        }
    }

    /// A frame, and those right behind it.
    async fn read(&mut self, mut frame: Option<Result<Frame, S::Error>>) -> Result<(), Error> {
        for _ in 0..BURST {
            match frame {
                Some(Ok(ref frame)) => {
                    self.backoff.reset();
                    let then = self.hear(frame).await;
                    if then != Then::GoOn {
                        self.open_from(then);
                        break;
                    }
                }
                ended => {
                    self.ended(ended.and_then(Result::err));
                    return self.send().await;
                }
            }
            if self.reader.batch.is_full() {
                return self.send().await;
            }
            let Log::Open(frames) = &mut self.log else {
                return Ok(());
            };
            let Some(next) = frames.next().now_or_never() else {
                break;
            };
            frame = next;
        }
        if self.send_at.is_none() && self.reader.batch.len() > 0 {
            self.send_at = Some(Instant::now() + LINGER);
        }
        Ok(())
    }

    async fn hear(&mut self, frame: &Frame) -> Then {
        match self.lines.push(frame) {
            Some(Read::Line(heard)) => self.reader.hear(*heard).await,
            Some(Read::Noise) => {
                self.me.stats.noise();
                Then::GoOn
            }
            None => Then::GoOn,
        }
    }

    fn ended(&mut self, error: Option<S::Error>) {
        if let Some(error) = error {
            tracing::warn!(decky = %self.me.decky, %error, "its log broke off; opening it again");
        }
        let is_running = self.me.speaker.borrow().is_running;
        self.log = match is_running {
            true => Log::Broken(Instant::now() + self.backoff.failed_after(Duration::ZERO)),
            false => Log::Ended,
        };
    }

    /// Puts the batch on the bus, waiting while the bus is full or away.
    async fn send(&mut self) -> Result<(), Error> {
        self.send_at = None;
        let mut receipts: Vec<Receipt> = Vec::new();
        let mut count = 0;
        for (service, events) in self.reader.batch.take() {
            count += events.len() as u64;
            let subject = Subject::event(&self.me.config.host, self.me.decky.as_str(), &service);
            let subject = subject.map_err(bus::Error::from)?;
            let payload = Payload { events: &events };
            let envelope = Envelope::new(message_id(&events), OffsetDateTime::now_utc(), "events", &payload);
            let envelope = envelope.map_err(bus::Error::from)?;
            receipts.push(self.me.bus.append(&subject, &envelope).await?);
        }
        self.pending += count;
        self.me.stats.sent(count);
        let cursor = self.reader.cursor();
        self.under_way.push_back(
            try_join_all(receipts)
                .map(move |all| all.map(|_| (cursor, count)))
                .boxed(),
        );
        Ok(())
    }

    fn settle(&mut self, (cursor, count): (Cursor, u64)) {
        self.pending -= count;
        self.me.stats.settled(count);
        self.is_saved &= self.cursor == cursor;
        self.cursor = cursor;
    }

    /// With nothing on its way, all that was read is done with: also lines that told no event.
    fn rest(&mut self) {
        if self.under_way.is_empty() && self.reader.batch.len() == 0 {
            let cursor = self.reader.cursor();
            self.settle((cursor, 0));
        }
    }

    async fn save(&mut self) {
        self.save_at = Instant::now() + SAVE_EVERY;
        if self.is_saved {
            return;
        }
        match self.me.store.cursors().set(&self.me.cursor_name(), &self.cursor).await {
            Ok(()) => self.is_saved = true,
            Err(error) => tracing::warn!(decky = %self.me.decky, %error, "the cursor was not written; it will be"),
        }
    }

    /// The machine is gone: its log comes to an end, and all that it told must be safe.
    async fn leave(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + LAST_WORDS;
        while let Log::Open(frames) = &mut self.log {
            let Ok(frame) = timeout_at(deadline, frames.next()).await else {
                break;
            };
            self.read(frame).await?;
        }
        self.send().await?;
        while let Some(settled) = self.under_way.next().await {
            self.settle(settled?);
        }
        self.rest();
        Ok(())
    }

    /// What can still be made safe in short time, and the cursor. What was interrupted halfway counts as not read.
    async fn farewell(&mut self) {
        let rest = async {
            while let Some(Ok(settled)) = self.under_way.next().await {
                self.settle(settled);
            }
        };
        // The rest will be read again.
        let _ = timeout(FAREWELL, rest).await;
        self.save().await;
    }
}

impl<S: Source> Drop for Work<S> {
    fn drop(&mut self) {
        self.me.stats.settled(self.pending);
    }
}

/// The log's next frame; never, without a log to read.
async fn next<E>(log: Option<&mut BoxStream<'static, Result<Frame, E>>>) -> Option<Result<Frame, E>> {
    match log {
        Some(frames) => frames.next().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
