//! The bus over NATS; JetStream keeps what is durable. Everything used here exists in nats-server 2.9.

mod config;
mod durable;
mod pull;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::jetstream;
use async_nats::{Client, ConnectOptions, Event, Request, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{Mutex, Semaphore, watch};

pub use self::config::NatsConfig;
pub(crate) use self::pull::{Acker, Puller};
use crate::bus::State;
use crate::error::Error;
use crate::lossy::{self, Feed, Guard, Subscription};
use crate::message::{Message, Reply};
use crate::pattern::Pattern;
use crate::subject::Subject;

pub(crate) const OLDEST: &str = "2.9";

/// A publish that cannot be handed to the client in this time is given up: the client's buffer is full.
const PUBLISH_WAIT: Duration = Duration::from_millis(50);
/// How long to wait for word of the server in calls that need one.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Messages the client may hold for one subscription before our ring has taken them over. The client drops the
/// newest, our ring the oldest, so this is large.
const CLIENT_BUFFER: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Nats {
    client: Client,
    jetstream: jetstream::Context,
    config: NatsConfig,
    state: watch::Sender<State>,
    /// Durable messages handed over and not yet acknowledged.
    window: Arc<Semaphore>,
    /// Whether the streams are known to be there.
    prepared: Mutex<bool>,
}

// === impl Nats: the connection ===

impl Nats {
    pub(crate) async fn connect(config: NatsConfig) -> Result<Arc<Self>, Error> {
        let state = watch::Sender::new(State::Reconnecting);
        let client = options(&config, &state)
            .await?
            .connect(&config.url)
            .await
            .map_err(|error| {
                Error::Config(format!(
                    "`{}` is not an address of a NATS server: {error}",
                    config.shown_url()
                ))
            })?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(ANSWER_WAIT)
            .ack_timeout(ANSWER_WAIT)
            .build(client.clone());
        let window = Arc::new(Semaphore::new(durable::WINDOW));
        Ok(Arc::new(Self {
            client,
            jetstream,
            config,
            state,
            window,
            prepared: Mutex::new(false),
        }))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(crate) async fn close(&self) {
        if self.state.send_replace(State::Closed) == State::Up {
            let _ = tokio::time::timeout(ANSWER_WAIT, self.client.flush()).await;
        }
        // Fails only where the connection has ended already.
        let _ = self.client.drain().await;
    }

    /// Waits for the connection.
    async fn up(&self) -> Result<(), Error> {
        let mut watch = self.state.subscribe();
        let state = watch
            .wait_for(|state| *state != State::Reconnecting)
            .await
            .map_err(|_| Error::Closed)?;
        if *state == State::Up {
            Ok(())
        } else {
            Err(Error::Closed)
        }
    }

    /// An error unless connected.
    fn at_hand(&self) -> Result<(), Error> {
        match *self.state.borrow() {
            State::Up => Ok(()),
            State::Reconnecting => Err(self.away()),
            State::Closed => Err(Error::Closed),
        }
    }

    pub(crate) fn away(&self) -> Error {
        Error::Away(self.config.shown_url())
    }
}

async fn options(config: &NatsConfig, state: &watch::Sender<State>) -> Result<ConnectOptions, Error> {
    let mut options = ConnectOptions::new();
    if let Some(path) = &config.credentials {
        options = options.credentials_file(path).await.map_err(|error| {
            Error::Config(format!(
                "the NATS credentials file {} is not readable: {error}",
                path.display()
            ))
        })?;
    }
    let (state, url) = (state.clone(), config.shown_url());
    Ok(options
        .name(&config.name)
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(retry_delay)
        .ping_interval(Duration::from_secs(20))
        .subscription_capacity(CLIENT_BUFFER)
        .event_callback(move |event| {
            note(&state, &url, &event);
            std::future::ready(())
        }))
}

fn note(state: &watch::Sender<State>, url: &str, event: &Event) {
    let next = match event {
        Event::Connected => State::Up,
        Event::Disconnected => State::Reconnecting,
        Event::Closed => State::Closed,
        other => return tracing::debug!(%url, event = %other, "nats"),
    };
    let changed = state.send_if_modified(|state| {
        let changes = *state != next && *state != State::Closed;
        if changes {
            *state = next;
        }
        changes
    });
    match next {
        _ if !changed => {}
        State::Up => tracing::info!(%url, "the bus is up"),
        _ => tracing::warn!(%url, "the bus is away; trying again until it is back"),
    }
}

/// 0.25 s doubling to 10 s, spread by a quarter so that many clients do not return in step.
fn retry_delay(attempt: usize) -> Duration {
    let base = Duration::from_millis(250 << attempt.min(6)).min(Duration::from_secs(10));
    let spread = uuid::Uuid::new_v4().as_bytes()[0];
    base - base / 4 * u32::from(spread) / 256
}

// === impl Nats: core ===

impl Nats {
    pub(crate) async fn publish(&self, subject: &Subject, body: Bytes) -> Result<(), Error> {
        self.at_hand()?;
        let sent = self.client.publish(self.wire(subject.as_str()), body);
        match tokio::time::timeout(PUBLISH_WAIT, sent).await {
            Ok(sent) => sent.map_err(Error::nats),
            Err(_) => Err(self.away()),
        }
    }

    pub(crate) async fn subscribe(&self, pattern: &Pattern) -> Result<Subscription, Error> {
        if *self.state.borrow() == State::Closed {
            return Ok(ended());
        }
        let subscriber = self
            .client
            .subscribe(self.wire(pattern.as_str()))
            .await
            .map_err(Error::nats)?;
        if self.at_hand().is_ok() {
            // Only then are messages published from now on sure to arrive. While away, reconnecting does it.
            let _ = tokio::time::timeout(ANSWER_WAIT, self.client.flush()).await;
        }
        let (feed, subscription) = lossy::channel();
        let pump = pump(subscriber, feed, self.client.clone(), self.config.wire_prefix());
        Ok(subscription.guarded(Guard(tokio::spawn(pump).abort_handle())))
    }

    pub(crate) async fn request(&self, subject: &Subject, body: Bytes, within: Duration) -> Result<Message, Error> {
        self.at_hand()?;
        let request = Request::new().payload(body).timeout(Some(within));
        match self.client.send_request(self.wire(subject.as_str()), request).await {
            Ok(answer) => Ok(Message {
                subject: subject.clone(),
                body: answer.payload,
                reply: None,
            }),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => Error::NoResponders(subject.clone()),
                RequestErrorKind::TimedOut => Error::TimedOut(subject.clone()),
                _ => Error::nats(error),
            }),
        }
    }

    fn wire(&self, subject: &str) -> String {
        self.config.wire_prefix() + subject
    }
}

/// Moves messages from the client's buffer, which would drop the newest, into the ring, which drops the oldest.
async fn pump(mut subscriber: Subscriber, feed: Feed, client: Client, prefix: String) {
    while let Some(message) = subscriber.next().await {
        let Some(subject) = logical(&message.subject, &prefix) else {
            continue;
        };
        let reply = message.reply.map(|inbox| Reply::Nats {
            client: client.clone(),
            inbox,
        });
        if !feed.push(Message {
            subject,
            body: message.payload,
            reply,
        }) {
            return;
        }
    }
    feed.close();
}

/// The subject without the prefix of the wire; none for what we could not have sent.
fn logical(wire: &str, prefix: &str) -> Option<Subject> {
    Subject::parse(wire.strip_prefix(prefix)?).ok()
}

fn ended() -> Subscription {
    let (feed, subscription) = lossy::channel();
    feed.close();
    subscription
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_slow_down_to_ten_seconds_and_never_stop() {
        for attempt in [0, 1, 5, 6, 7, 1000, usize::MAX] {
            let delay = retry_delay(attempt);
            assert!(
                delay > Duration::from_millis(180) && delay <= Duration::from_secs(10),
                "{attempt}: {delay:?}"
            );
        }
        assert!(retry_delay(6) > Duration::from_secs(7));
    }

    #[test]
    fn the_wire_prefix_comes_off() {
        assert_eq!(logical("decnet.system.log", "decnet."), Some(Subject::SYSTEM_LOG));
        assert_eq!(logical("system.log", "decnet."), None);
        assert_eq!(logical("system.log", ""), Some(Subject::SYSTEM_LOG));
    }
}
