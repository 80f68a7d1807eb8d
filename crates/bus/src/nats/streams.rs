//! Streams, consumers and the presence bucket, as the registry declares them.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::kv;
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::{ANSWER_WAIT, Nats, OLDEST};
use crate::error::Error;
use crate::presence::TTL;
use crate::registry::{Durable, STREAMS, Stream};

const PRESENCE: &str = "presence";
/// A stream smaller than this is of no use; the server is then out of room.
const LEAST_BYTES: i64 = 16 << 20;

// === impl Nats: what must be there ===

impl Nats {
    /// Makes sure, once a connection is there, that streams and declared consumers exist.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        let mut prepared = self.prepared.lock().await;
        if *prepared {
            return Ok(());
        }
        self.up().await?;
        self.check_version()?;
        for stream in STREAMS {
            self.create(stream).await?;
        }
        for durable in &self.config.durables {
            self.declare(durable).await?;
        }
        self.create_presence().await?;
        *prepared = true;
        Ok(())
    }

    /// The server has lost a stream: look again before the next use.
    pub(super) async fn unprepare(&self) {
        *self.prepared.lock().await = false;
    }

    pub(super) async fn declare(&self, durable: &Durable) -> Result<PullConsumer, Error> {
        let config = pull::Config {
            durable_name: Some(durable.name.to_owned()),
            filter_subject: self.wire(durable.filter.as_str()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: durable.ack_wait,
            max_deliver: -1,
            max_ack_pending: durable.in_flight as i64,
            ..pull::Config::default()
        };
        let wanted = config.filter_subject.clone();
        let consumer = self
            .jetstream
            .create_consumer_on_stream(config, self.stream_name(durable.stream))
            .await;
        let consumer = consumer.map_err(Error::nats)?;
        // Servers have been seen to accept what they then do not do.
        if consumer.cached_info().config.filter_subject != wanted {
            return Err(Error::Nats(format!(
                "consumer `{}` did not get its filter `{wanted}`",
                durable.name
            )));
        }
        Ok(consumer)
    }

    async fn create(&self, stream: &Stream) -> Result<(), Error> {
        let mut config = stream::Config {
            name: self.stream_name(stream.name),
            subjects: stream.subjects.iter().map(|subject| self.wire(subject)).collect(),
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            storage: StorageType::File,
            max_age: stream.max_age,
            max_bytes: i64::try_from(stream.max_bytes).unwrap_or(i64::MAX),
            duplicate_window: stream.duplicate_window,
            num_replicas: 1,
            ..stream::Config::default()
        };
        loop {
            match self.jetstream.create_or_update_stream(config.clone()).await {
                Ok(_) => return Ok(()),
                // The server reserves the whole size at once, and has less.
                Err(error) if is_out_of_room(&error.kind()) && config.max_bytes > LEAST_BYTES => {
                    config.max_bytes /= 2;
                    tracing::warn!(
                        stream = stream.name,
                        max_bytes = config.max_bytes,
                        "nats-server has little room"
                    );
                }
                Err(error) => return Err(Error::nats(format!("stream `{}`: {error}", stream.name))),
            }
        }
    }

    /// By hand: the client's own call needs an answer that nats-server 2.9 does not give.
    async fn create_presence(&self) -> Result<(), Error> {
        let bucket = self.stream_name(PRESENCE);
        let config = stream::Config {
            name: format!("KV_{bucket}"),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: 1,
            max_age: TTL,
            max_bytes: 16 << 20,
            duplicate_window: TTL,
            discard: DiscardPolicy::New,
            storage: StorageType::Memory,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: 1,
            ..stream::Config::default()
        };
        self.jetstream
            .create_or_update_stream(config)
            .await
            .map_err(Error::nats)
            .map(drop)
    }

    fn check_version(&self) -> Result<(), Error> {
        let version = self.client.server_info().version;
        if !self.client.is_server_compatible(2, 9, 0) {
            return Err(Error::ServerTooOld { found: version });
        }
        if !self.client.is_server_compatible(2, 10, 2) {
            tracing::debug!(%version, least = OLDEST, "this nats-server works; 2.11 or newer is recommended");
        }
        Ok(())
    }

    /// Streams share one name space in an account, so the prefix keeps two grids apart there too.
    pub(super) fn stream_name(&self, name: &str) -> String {
        match self.config.prefix.as_str() {
            "" | "decnet" => name.to_owned(),
            other => format!("{}_{name}", other.replace('.', "_")),
        }
    }
}

fn is_out_of_room(kind: &CreateStreamErrorKind) -> bool {
    let CreateStreamErrorKind::JetStream(error) = kind else {
        return false;
    };
    [ErrorCode::STORAGE_RESOURCES_EXCEEDED, ErrorCode::INSUFFICIENT_RESOURCES].contains(&error.error_code())
}

// === impl Nats: presence ===

impl Nats {
    pub(crate) async fn announce(&self, key: &str, record: Bytes) -> Result<(), Error> {
        let put = async {
            self.bucket()
                .await?
                .put(bucket_key(key), record)
                .await
                .map_err(Error::nats)
        };
        tokio::time::timeout(ANSWER_WAIT, put)
            .await
            .unwrap_or_else(|_| Err(self.away()))
            .map(drop)
    }

    pub(crate) async fn announced(&self) -> Result<Vec<Bytes>, Error> {
        let list = async {
            let bucket = self.bucket().await?;
            let mut keys = bucket.keys().await.map_err(Error::nats)?;
            let mut records = Vec::new();
            while let Some(key) = keys.next().await {
                let record = bucket.get(key.map_err(Error::nats)?).await.map_err(Error::nats)?;
                records.extend(record);
            }
            Ok(records)
        };
        tokio::time::timeout(ANSWER_WAIT, list)
            .await
            .unwrap_or_else(|_| Err(self.away()))
    }

    async fn bucket(&self) -> Result<kv::Store, Error> {
        self.at_hand()?;
        self.prepare().await?;
        self.jetstream
            .get_key_value(self.stream_name(PRESENCE))
            .await
            .map_err(Error::nats)
    }
}

/// Bucket keys are stricter than subjects: what does not fit becomes `=HH`.
fn bucket_key(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'/' => (byte as char).to_string(),
            other => format!("={other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_a_bucket_key() {
        assert_eq!(bucket_key("local/collector/a.b:c"), "local/collector/a=2Eb=3Ac");
    }
}
