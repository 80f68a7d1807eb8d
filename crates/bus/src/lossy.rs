//! A subscription: a ring that drops its oldest message rather than make a publisher wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::message::Message;

/// Messages a subscriber may lag behind before it loses the oldest.
pub(crate) const RING: usize = 1024;

/// The receiving end. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    /// Runs when the subscription goes.
    _guard: Option<Guard>,
}

/// The sending end.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    ring: Mutex<Ring>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    messages: VecDeque<Message>,
    dropped: u64,
    closed: bool,
}

/// Aborts the task that moves messages into the ring.
#[derive(Debug)]
pub(crate) struct Guard(pub(crate) tokio::task::AbortHandle);

pub(crate) fn channel() -> (Feed, Subscription) {
    let shared = Arc::new(Shared::default());
    (Feed { shared: shared.clone() }, Subscription { shared, _guard: None })
}

// === impl Subscription ===

impl Subscription {
    /// The next message; none once the bus is closed and everything before that was read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let arrived = self.shared.arrived.notified();
            {
                let mut ring = self.shared.lock();
                if let Some(message) = ring.messages.pop_front() {
                    return Some(message);
                }
                if ring.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// How many messages were lost because they were not read in time.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }

    pub(crate) fn guarded(mut self, guard: Guard) -> Self {
        self._guard = Some(guard);
        self
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut ring = self.shared.lock();
        ring.closed = true;
        ring.messages.clear();
    }
}

// === impl Feed ===

impl Feed {
    /// False when nobody reads any more.
    pub(crate) fn push(&self, message: Message) -> bool {
        let mut ring = self.shared.lock();
        if ring.closed {
            return false;
        }
        if ring.messages.len() == RING {
            ring.messages.pop_front();
            ring.dropped += 1;
        }
        ring.messages.push_back(message);
        drop(ring);
        self.shared.arrived.notify_one();
        true
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    pub(crate) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
