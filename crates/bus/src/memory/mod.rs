//! The bus inside one process.

mod log;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) use self::log::Handed;
use self::log::{Appended, Log};
use crate::bus::State;
use crate::error::Error;
use crate::lossy::{self, Feed, Subscription};
use crate::message::{Message, Reply};
use crate::pattern::Pattern;
use crate::presence::Shelf;
use crate::receipt::{Receipt, Safe};
use crate::registry::{Durable, STREAMS};
use crate::subject::Subject;

#[derive(Debug)]
pub(crate) struct Memory {
    listeners: Mutex<Vec<(Pattern, Feed)>>,
    journals: HashMap<&'static str, Arc<Journal>>,
    state: watch::Sender<State>,
    pub(crate) shelf: Mutex<Shelf>,
}

/// A stream with those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    kept: Mutex<Kept>,
    /// Something may be there to fetch.
    arrived: Notify,
    /// Something was settled.
    room: Notify,
}

type Waiting = oneshot::Sender<Result<Safe, Error>>;

#[derive(Debug, Default)]
struct Kept {
    log: Log,
    /// Producers' receipts by sequence number, each with whether it was a duplicate.
    waiting: HashMap<u64, Vec<(Waiting, bool)>>,
    closed: bool,
}

// === impl Memory ===

impl Memory {
    pub(crate) fn new(durables: &[&Durable]) -> Self {
        let journals: HashMap<_, _> = STREAMS
            .iter()
            .map(|stream| (stream.name, Arc::<Journal>::default()))
            .collect();
        for durable in durables {
            if let Some(journal) = journals.get(durable.stream) {
                journal.lock().log.declare(durable);
            }
        }
        Self {
            listeners: Mutex::default(),
            journals,
            state: watch::Sender::new(State::Up),
            shelf: Mutex::default(),
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Gives the message to all who listen; how many that were.
    pub(crate) fn publish(&self, message: &Message) -> Result<usize, Error> {
        if *self.state.borrow() == State::Closed {
            return Err(Error::Closed);
        }
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reached = 0;
        listeners.retain(|(pattern, feed)| {
            if !pattern.matches(&message.subject) {
                return !feed.is_closed();
            }
            let taken = feed.push(message.clone());
            reached += usize::from(taken);
            taken
        });
        Ok(reached)
    }

    pub(crate) fn subscribe(&self, pattern: &Pattern) -> Subscription {
        let (feed, subscription) = lossy::channel();
        if *self.state.borrow() == State::Closed {
            feed.close();
        } else {
            self.listeners
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((pattern.clone(), feed));
        }
        subscription
    }

    pub(crate) async fn request(&self, subject: &Subject, body: Bytes, within: Duration) -> Result<Message, Error> {
        let (sender, receiver) = oneshot::channel();
        let reply = Some(Reply::Memory(Arc::new(Mutex::new(Some(sender)))));
        let reached = self.publish(&Message {
            subject: subject.clone(),
            body,
            reply,
        })?;
        if reached == 0 {
            return Err(Error::NoResponders(subject.clone()));
        }
        match tokio::time::timeout(within, receiver).await {
            Ok(Ok(body)) => Ok(Message {
                subject: subject.clone(),
                body,
                reply: None,
            }),
            // Dropped unanswered: as silent as not answering.
            Ok(Err(_)) | Err(_) => Err(Error::TimedOut(subject.clone())),
        }
    }

    pub(crate) fn journal(&self, stream: &str) -> Result<&Arc<Journal>, Error> {
        self.journals
            .get(stream)
            .ok_or_else(|| Error::UnknownStream(stream.to_owned()))
    }

    pub(crate) fn close(&self) {
        self.state.send_replace(State::Closed);
        for (_, feed) in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            feed.close();
        }
        for journal in self.journals.values() {
            let mut kept = journal.lock();
            kept.closed = true;
            kept.waiting.clear();
            drop(kept);
            journal.arrived.notify_waiters();
            journal.room.notify_waiters();
        }
    }
}

// === impl Journal ===

impl Journal {
    /// Waits while the stream is full.
    pub(crate) async fn append(&self, id: Uuid, subject: &Subject, body: &Bytes) -> Result<Receipt, Error> {
        let (sender, receipt) = Receipt::pending();
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut kept = self.lock();
                if kept.closed {
                    return Err(Error::Closed);
                }
                if !kept.log.is_full() {
                    kept.append(id, subject.clone(), body.clone(), sender);
                    break;
                }
            }
            room.await;
        }
        self.arrived.notify_waiters();
        Ok(receipt)
    }

    pub(crate) fn declare(&self, durable: &Durable) {
        self.lock().log.declare(durable);
    }

    /// Waits at most `wait` for a first message, then takes what is there. Cancel-safe.
    pub(crate) async fn fetch(&self, consumer: &str, max: usize, wait: Duration) -> Result<Vec<Handed>, Error> {
        let deadline = Instant::now() + wait;
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            let now = Instant::now();
            let due = {
                let mut kept = self.lock();
                if kept.closed {
                    return Err(Error::Closed);
                }
                let handed = kept.log.fetch(consumer, max, now.into_std());
                if !handed.is_empty() || now >= deadline {
                    return Ok(handed);
                }
                kept.log.next_due(consumer)
            };
            let until = due.map_or(deadline, |due| deadline.min(Instant::from_std(due)));
            // Either way the log is asked again.
            let _ = tokio::time::timeout_at(until, arrived).await;
        }
    }

    pub(crate) fn ack(&self, consumer: &str, seq: u64) {
        let mut kept = self.lock();
        if kept.log.ack(consumer, seq) {
            for (waiting, duplicate) in kept.waiting.remove(&seq).unwrap_or_default() {
                let _ = waiting.send(Ok(Safe { duplicate }));
            }
        }
        drop(kept);
        self.room.notify_waiters();
        // A place in flight became free.
        self.arrived.notify_waiters();
    }

    pub(crate) fn nak(&self, consumer: &str, seq: u64, delay: Duration) {
        self.lock()
            .log
            .postpone(consumer, seq, Instant::now().into_std() + delay);
        self.arrived.notify_waiters();
    }

    /// The ack wait begins anew.
    pub(crate) fn prolong(&self, consumer: &str, seq: u64) {
        let mut kept = self.lock();
        let due = Instant::now().into_std() + kept.log.ack_wait(consumer);
        kept.log.postpone(consumer, seq, due);
    }

    pub(crate) fn backlog(&self, consumer: &str) -> u64 {
        self.lock().log.backlog(consumer)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Kept ===

impl Kept {
    fn append(&mut self, id: Uuid, subject: Subject, body: Bytes, waiting: Waiting) {
        match self.log.append(id, subject, body) {
            Appended::Kept { seq, duplicate } => self.waiting.entry(seq).or_default().push((waiting, duplicate)),
            Appended::Settled { duplicate } => {
                let _ = waiting.send(Ok(Safe { duplicate }));
            }
        }
    }
}
