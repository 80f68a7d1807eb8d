//! Telling a machine what to do, over its stdin, and hearing on its stdout that it did.

use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::query_parameters::AttachContainerOptions;
use futures_util::StreamExt as _;
use model::line::{Ack, Line, Order, Said};
use model::machine::MachineSpec;
use tokio::io::AsyncWriteExt as _;

use crate::docker::{Docker, limit};
use crate::error::Error;

/// How long a machine may take to put a new spec into force.
const CONFIRM: Duration = Duration::from_secs(30);
/// A line that grows beyond this is not one of ours; it is skipped.
const MAX_LINE: usize = 4 * Line::MAX;

/// Hands `order` to the machine; it is on its own with it.
pub(crate) async fn give(docker: &Docker, container: &str, decky: &str, order: &Order) -> Result<(), Error> {
    let mut attached = attach(docker, container, decky, false).await?;
    write(&mut attached, decky, order).await
}

/// Puts `spec` into force without a restart and waits until the machine says so.
pub(crate) async fn sync(docker: &Docker, container: &str, decky: &str, spec: &MachineSpec) -> Result<(), Error> {
    let mut attached = attach(docker, container, decky, true).await?;
    write(&mut attached, decky, &Order::Sync(Box::new(spec.clone()))).await?;
    let generation = spec.generation;
    let unconfirmed = || Error::Unconfirmed {
        decky: decky.to_owned(),
        generation,
        limit: CONFIRM,
    };
    let ack = tokio::time::timeout(CONFIRM, acknowledged(&mut attached, generation)).await;
    match ack.map_err(|_| unconfirmed())?.ok_or_else(unconfirmed)?.error {
        None => Ok(()),
        Some(reason) => Err(Error::Refused {
            decky: decky.to_owned(),
            reason,
        }),
    }
}

async fn attach(docker: &Docker, container: &str, decky: &str, hear: bool) -> Result<AttachContainerResults, Error> {
    let options = AttachContainerOptions {
        stdin: true,
        stdout: hear,
        stream: true,
        ..AttachContainerOptions::default()
    };
    let doing = format!("talking to `{decky}`");
    docker
        .call(doing, limit::LOOK, || {
            docker.api.attach_container(container, Some(options.clone()))
        })
        .await
}

async fn write(attached: &mut AttachContainerResults, decky: &str, order: &Order) -> Result<(), Error> {
    let doing = || format!("sending an order to `{decky}`");
    let mut line = serde_json::to_vec(order).map_err(|e| Error::Answer {
        doing: doing(),
        reason: e.to_string(),
    })?;
    line.push(b'\n');
    let written = async {
        attached.input.write_all(&line).await?;
        attached.input.flush().await
    };
    tokio::time::timeout(limit::LOOK, written)
        .await
        .map_err(|_| Error::TimedOut {
            doing: doing(),
            limit: limit::LOOK,
        })?
        .map_err(Error::io(doing()))
}

/// The machine's answer to the spec of `generation`; none when its stdout ended first.
async fn acknowledged(attached: &mut AttachContainerResults, generation: u64) -> Option<Ack> {
    let mut lines = Lines::default();
    while let Some(Ok(output)) = attached.output.next().await {
        let LogOutput::StdOut { message } = output else {
            continue;
        };
        for line in lines.push(&message) {
            match line.said {
                Said::Ack(ack) if ack.generation == generation => return Some(ack),
                _ => {}
            }
        }
    }
    None
}

/// Whole lines out of pieces of them.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
}

// === impl Lines ===

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        self.rest.extend_from_slice(bytes);
        let end = self.rest.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        if self.rest.len() > MAX_LINE {
            self.rest.clear();
        }
        whole
            .split(|&b| b == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: &str = r#"{"seq":3,"boot":"00aa00aa","generation":2,"ack":{"generation":2}}"#;

    #[test]
    fn a_line_in_pieces_is_read_once_whole_and_noise_is_skipped() {
        let mut lines = Lines::default();
        let (first, second) = ACK.split_at(20);
        assert!(lines.push(b"noise\n").is_empty());
        assert!(lines.push(first.as_bytes()).is_empty());
        let read = lines.push(format!("{second}\n{{").as_bytes());
        assert_eq!(read.len(), 1);
        assert_eq!(
            read[0].said,
            Said::Ack(Ack {
                generation: 2,
                error: None
            })
        );
    }

    #[test]
    fn an_endless_line_takes_bounded_memory() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.push(&[b'x'; 8192]);
        }
        assert!(lines.rest.len() <= MAX_LINE);
    }
}
