//! What a worker has of the world around it.

use std::fmt::Display;
use std::sync::Arc;
use tokio::time::Instant;

use bus::Bus;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::beat::Gauge;

#[derive(Clone, Debug)]
pub struct Cx {
    pub(crate) bus: Bus,
    pub(crate) cancel: CancellationToken,
    pub(crate) gauge: Gauge,
    pub(crate) pressed: Arc<Notify>,
}

// === impl Cx ===

impl Cx {
    /// Outside a crew: for a single run by hand, or a test.
    pub fn alone(bus: Bus, cancel: CancellationToken) -> Self {
        Self {
            bus,
            cancel,
            gauge: Gauge::default(),
            pressed: Arc::default(),
        }
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Completes when the worker is to end.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Ends with the worker; for tasks it starts.
    pub fn token(&self) -> CancellationToken {
        self.cancel.child_token()
    }

    /// Completes when somebody orders a pass now.
    pub async fn pressed(&self) {
        self.pressed.notified().await;
    }

    /// Says that the loop goes round.
    pub fn alive(&self) {
        self.gauge.tick(OffsetDateTime::now_utc());
    }

    /// Things that wait for this worker.
    pub fn backlog(&self, things: u64) {
        self.gauge.backlog(things);
    }

    /// A number only this kind of worker has, for its beats.
    pub fn count(&self, name: &str, value: u64) {
        self.gauge.count(name, value);
    }

    /// Something went wrong that the worker gets over by itself.
    pub fn fault(&self, error: &impl Display) {
        tracing::warn!(%error, "a fault");
        self.gauge.error(error.to_string(), Instant::now().into_std());
    }
}
