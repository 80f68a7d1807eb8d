//! What machines say on their stdout, as the engine kept it.

use bollard::container::LogOutput;
use bollard::query_parameters::{EventsOptions, LogsOptions};
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt as _};
use model::Name;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::containers::Containers;
use crate::docker::Docker;
use crate::error::Error;
use crate::labels::Scope;

/// The logs of one scope's machines.
#[derive(Clone, Debug)]
pub struct Logs {
    docker: Docker,
    scope: Scope,
}

/// A machine that has, or had, something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub decky: Name,
    /// A recreated machine has another.
    pub container: String,
    pub is_running: bool,
}

/// A piece of stdout, in order. A line beyond the engine's 16 KiB comes in several; only the last ends in a newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When the engine took it, to the nanosecond.
    pub at: OffsetDateTime,
    pub bytes: Bytes,
}

// === impl Logs ===

impl Logs {
    pub fn new(docker: Docker, scope: Scope) -> Self {
        Self { docker, scope }
    }

    /// One container a machine: the one in its place, else the one made to replace it.
    pub async fn speakers(&self) -> Result<Vec<Speaker>, Error> {
        let mut containers = Containers::new(self.docker.clone(), self.scope.clone()).list().await?;
        containers.sort_by(|a, b| a.decky.cmp(&b.decky).then(a.is_next.cmp(&b.is_next)));
        containers.dedup_by(|later, first| later.decky == first.decky);
        let speaker = |container: crate::containers::Container| Speaker {
            decky: container.decky,
            container: container.id,
            is_running: container.is_running,
        };
        Ok(containers.into_iter().map(speaker).collect())
    }

    /// An item whenever a machine was started, ended, renamed or removed. After an error, or an end, changes may have
    /// been missed: list, and ask for another stream.
    pub fn changes(&self) -> BoxStream<'static, Result<(), Error>> {
        let mut filters = self.scope.filter();
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        let actions = ["start", "die", "rename", "destroy"].map(str::to_owned);
        filters.insert("event".to_owned(), actions.into());
        let options = EventsOptions {
            filters: Some(filters),
            ..EventsOptions::default()
        };
        let docker = self.docker.clone();
        let events = self.docker.api.events(Some(options));
        events
            .map(move |event| {
                event
                    .map(drop)
                    .map_err(|raw| docker.explain("watching the deckies", raw))
            })
            .boxed()
    }

    /// Everything the container wrote from the second of `since` on, then what it writes, until it stops.
    pub fn follow(&self, container: &str, since: Option<OffsetDateTime>) -> BoxStream<'static, Result<Frame, Error>> {
        let options = LogsOptions {
            follow: true,
            stdout: true,
            timestamps: true,
            // Older and later times than the engine can be asked for mean all of it.
            since: since.map_or(0, |at| i32::try_from(at.unix_timestamp()).unwrap_or(0)),
            ..LogsOptions::default()
        };
        let docker = self.docker.clone();
        let doing = format!(
            "following the log of container {}",
            container.get(..12).unwrap_or(container)
        );
        let outputs = self.docker.api.logs(container, Some(options));
        outputs
            .filter_map(move |output| {
                ready(match output {
                    Ok(LogOutput::StdOut { message }) => frame(message).map(Ok),
                    Ok(_) => None,
                    Err(raw) => Some(Err(docker.explain(&doing, raw))),
                })
            })
            .boxed()
    }
}

/// Takes the engine's timestamp off. None for what has none: the engine itself speaks so when a log is damaged.
fn frame(mut message: Bytes) -> Option<Frame> {
    let end = message.iter().take(40).position(|&byte| byte == b' ')?;
    let stamp = message.split_to(end + 1);
    let at = OffsetDateTime::parse(std::str::from_utf8(&stamp[..end]).ok()?, &Rfc3339).ok()?;
    Some(Frame { at, bytes: message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_frame_is_told_from_its_timestamp() {
        let read = frame(Bytes::from_static(b"2026-01-31T12:00:00.123456789Z {\"a\": 1}\n")).unwrap();
        assert_eq!(read.at, datetime!(2026-01-31 12:00:00.123456789 UTC));
        assert_eq!(&read.bytes[..], b"{\"a\": 1}\n");
        let empty = frame(Bytes::from_static(b"2026-01-31T12:00:00Z \n")).unwrap();
        assert_eq!(&empty.bytes[..], b"\n");
    }

    #[test]
    fn what_has_no_timestamp_is_no_frame() {
        for bad in [
            &b""[..],
            b"no stamp",
            b"2026-13-31T12:00:00Z x",
            b"\xff\xff x",
            b"                  ",
        ] {
            assert_eq!(frame(Bytes::copy_from_slice(bad)), None);
        }
    }
}
