//! One client's connection, request after request.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::record::Record;
use super::{Budget, Next, Reader, Request};
use crate::conn::Log;
use crate::services::http::Recorder;

const READ: usize = 16 << 10;
/// A quiet connection is kept so long; the products would keep it for ever.
const IDLE: Duration = Duration::from_secs(1800);

pub(in crate::services) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Io for S {}

pub(in crate::services) struct Talk {
    pub stream: Box<dyn Io>,
    pub reader: Reader,
    pub log: Log,
    sessions: Cell<u32>,
}

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::services) enum Then {
    On,
    Over,
}

// === impl Talk ===

impl Talk {
    pub(in crate::services) fn new(stream: Box<dyn Io>, budget: Budget, log: Log) -> Self {
        Self {
            stream,
            reader: Reader::new(budget),
            log,
            sessions: Cell::new(0),
        }
    }

    /// Has every request answered until the client or the server has had enough.
    pub(in crate::services) async fn converse(
        mut self,
        mut recorder: Recorder,
        mut answer: impl AsyncFnMut(&mut Talk, &Request, &mut Recorder) -> Then,
    ) {
        loop {
            let next = match self.reader.next() {
                Next::More => match self.read().await {
                    0 => self.reader.ended().unwrap_or(Next::More),
                    _ => continue,
                },
                next => next,
            };
            let then = match next {
                Next::More => Then::Over,
                Next::Continue => self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await,
                Next::Refused(reply, raw) => {
                    recorder.unanswered("no request", &raw);
                    self.send(&reply).await;
                    Then::Over
                }
                Next::Request(request) => match answer(&mut self, &request, &mut recorder).await {
                    Then::On if request.closes() => Then::Over,
                    then => then,
                },
            };
            if then == Then::Over {
                let _ = self.stream.shutdown().await;
                return;
            }
        }
    }

    /// How many bytes came; none when no more will.
    pub(in crate::services) async fn read(&mut self) -> usize {
        let mut buffer = [0; READ];
        let read = timeout(IDLE, self.stream.read(&mut buffer)).await;
        let n = read.ok().and_then(Result::ok).unwrap_or(0);
        self.reader.push(&buffer[..n]);
        n
    }

    pub(in crate::services) async fn send(&mut self, bytes: &[u8]) -> Then {
        let sent = timeout(IDLE, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => Then::On,
            _ => Then::Over,
        }
    }

    pub(in crate::services) fn tell(&self, records: Vec<Record>) {
        records
            .into_iter()
            .for_each(|record| self.log.report_as(record.kind, record.fields));
    }

    /// The id of the next session of this connection.
    pub(in crate::services) fn sid(&self) -> String {
        self.sessions.set(self.sessions.get() + 1);
        format!("{}:{}", self.log.session(), self.sessions.get())
    }
}
