//! Orders to workers, over the bus.

use std::time::Duration;

use bus::{Bus, Envelope, Subject};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::beat::Phase;

/// Sent to `system.<worker>.control`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub action: Action,
    /// Who wants it, for the record.
    #[serde(default)]
    pub requested_by: String,
    /// Only the worker there; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// End this worker for good; others in its process live on.
    Stop,
    Pause,
    Resume,
    /// Do not wait for a wake or the tick.
    TickNow,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub accepted: bool,
    pub state: Phase,
    pub detail: String,
    pub host: String,
    pub instance: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("no worker `{worker}` answers")]
    Silent { worker: String },
    #[error(transparent)]
    Bus(#[from] bus::Error),
}

/// Within this a worker answers.
const ANSWER: Duration = Duration::from_secs(2);
/// An order that was under way longer is refused: who gave it has given up on it.
const STALE: Duration = Duration::from_secs(30);

/// Gives an order and returns the first answer.
pub async fn order(bus: &Bus, worker: &str, order: &Order) -> Result<Answer, ControlError> {
    let subject = Subject::control(worker).map_err(bus::Error::from)?;
    let question = Envelope::fresh("control", order).map_err(bus::Error::from)?;
    match bus.request(&subject, &question, ANSWER).await {
        Ok(answer) => Ok(answer.payload().map_err(bus::Error::from)?),
        Err(bus::Error::NoResponders(_) | bus::Error::TimedOut(_)) => Err(ControlError::Silent {
            worker: worker.to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// An order as it came, or why it is not one.
pub(crate) fn read(envelope: &Envelope, now: OffsetDateTime) -> Result<Order, String> {
    let order = envelope
        .payload::<Order>()
        .map_err(|error| format!("not an order: {error}"))?;
    if now - envelope.at > STALE {
        return Err(format!("given {} s ago", (now - envelope.at).whole_seconds()));
    }
    Ok(order)
}

// === impl Order ===

impl Order {
    pub fn new(action: Action, requested_by: impl Into<String>) -> Self {
        Self {
            action,
            requested_by: requested_by.into(),
            host: None,
            instance: None,
        }
    }

    pub(crate) fn is_for(&self, host: &str, instance: &str) -> bool {
        self.host.as_deref().is_none_or(|named| named == host)
            && self.instance.as_deref().is_none_or(|named| named == instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);

    fn given(at: OffsetDateTime, payload: &serde_json::Value) -> Result<Order, String> {
        read(&Envelope::new(uuid::Uuid::nil(), at, "control", payload).unwrap(), NOW)
    }

    #[test]
    fn an_old_order_is_refused() {
        let stop = serde_json::json!({"action": "stop", "requested_by": "me", "unknown": 1});
        assert_eq!(given(NOW - STALE, &stop).unwrap(), Order::new(Action::Stop, "me"));
        assert!(
            given(NOW - STALE - Duration::from_millis(1), &stop)
                .unwrap_err()
                .contains("30 s ago")
        );
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for bad in [
            serde_json::json!({}),
            serde_json::json!({"action": "explode"}),
            serde_json::json!({"action": 1}),
        ] {
            assert!(given(NOW, &bad).is_err());
        }
    }

    #[test]
    fn an_order_can_name_whom_it_is_for() {
        let to_all = Order::new(Action::Stop, "me");
        let to_one = Order {
            host: Some("a".into()),
            instance: Some("1".into()),
            ..to_all.clone()
        };
        assert!(to_all.is_for("a", "1") && to_one.is_for("a", "1"));
        assert!(!to_one.is_for("b", "1") && !to_one.is_for("a", "2"));
    }
}
