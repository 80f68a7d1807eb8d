//! The only way out: reports and captured files, as JSON lines on one descriptor.

mod queue;

use std::borrow::Cow;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::event::{Endpoint, EventId, Fields, Origin, Report, SessionId};
use model::line::{Blob, Said};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::net::unix::pipe;
use tokio::sync::Notify;
use uuid::Uuid;

use self::queue::{Poured, Queue};

/// Says what happened; cheap to clone, never waits. No thread of its own: what the descriptor takes is written by the
/// caller, so that it is out before the peer sees an answer.
#[derive(Clone)]
pub struct Reporter {
    out: Arc<Out>,
}

struct Out {
    queue: Mutex<Queue>,
    way: Way,
    /// Lines wait for the pipe to take more.
    waiting: Notify,
}

enum Way {
    Writer(Mutex<Box<dyn Write + Send>>),
    Pipe(pipe::Sender),
}

/// Where a report comes from: the connection, or the service itself.
#[derive(Clone)]
pub struct Place {
    pub service: Cow<'static, str>,
    pub src: Option<Endpoint>,
    pub dst: Option<Endpoint>,
    pub session: Option<SessionId>,
}

// === impl Reporter ===

impl Reporter {
    /// Writes to something that takes all it is given.
    pub fn start(out: impl Write + Send + 'static) -> Self {
        Self::new(Way::Writer(Mutex::new(Box::new(out))))
    }

    /// Writes to a pipe whose reader may be slow. Must be called inside a runtime, and [`Reporter::pump`] must run.
    pub fn over(pipe: OwnedFd) -> std::io::Result<Self> {
        Ok(Self::new(Way::Pipe(pipe::Sender::from_owned_fd(pipe)?)))
    }

    fn new(way: Way) -> Self {
        Self {
            out: Arc::new(Out {
                queue: Mutex::default(),
                way,
                waiting: Notify::new(),
            }),
        }
    }

    /// Brings out what waits, for ever.
    pub async fn pump(self) {
        let Way::Pipe(pipe) = &self.out.way else { return };
        loop {
            self.out.waiting.notified().await;
            while pipe.writable().await.is_ok() {
                if self.lock().pour(|bytes| pipe.try_write(bytes)) == Poured::All {
                    break;
                }
            }
        }
    }

    pub fn report<D: model::Detail>(&self, place: &Place, detail: D) {
        self.report_as(place, D::KIND, detail.into_fields());
    }

    /// For kinds only one service knows; `kind` and field names as in `model::event`.
    pub fn report_as(&self, place: &Place, kind: &'static str, fields: Fields) {
        self.say(&Said::Report(fitting(place.report(kind, fields))));
    }

    /// Sends the bytes of a file, in pieces, and returns their SHA-256. Larger files are hashed but not sent.
    pub fn blob(&self, bytes: &[u8]) -> String {
        let sha256 = hex::encode(Sha256::digest(bytes));
        if bytes.len() as u64 <= Blob::MAX_FILE {
            let pieces = bytes.chunks(Blob::PIECE).count().max(1);
            for index in 0..pieces {
                let piece = bytes.chunks(Blob::PIECE).nth(index).unwrap_or_default();
                self.say(&Said::Blob(Blob {
                    sha256: sha256.clone(),
                    index: index as u32,
                    last: index + 1 == pieces,
                    data: B64.encode(piece),
                }));
            }
        }
        sha256
    }

    pub fn say(&self, said: &Said) {
        let Ok(line) = serde_json::to_vec(said) else { return };
        let mut queue = self.lock();
        queue.push(line);
        if self.pour(&mut queue) == Poured::Some {
            self.out.waiting.notify_one();
        }
    }

    /// Waits, and has the thread wait, until everything said so far is written or nobody will read it.
    pub fn close(&self) {
        let mut queue = self.lock();
        while self.pour(&mut queue) == Poured::Some {
            let Way::Pipe(pipe) = &self.out.way else { return };
            let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
            let _ = poll(&mut fds, PollTimeout::NONE);
        }
    }

    fn pour(&self, queue: &mut Queue) -> Poured {
        queue.pour(|bytes| match &self.out.way {
            // Not by tokio, which does not try before its loop has seen that the pipe takes more.
            Way::Pipe(pipe) => Ok(nix::unistd::write(pipe, bytes)?),
            Way::Writer(out) => out.lock().unwrap_or_else(PoisonError::into_inner).write(bytes),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.out.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts the longest fields until the line is no longer than a line may be (decoys.md E2).
fn fitting(mut report: Report) -> Report {
    let length = |value: &Value| serde_json::to_vec(value).map_or(0, |text| text.len());
    while serde_json::to_vec(&report).map_or(0, |text| text.len()) > Said::MAX - 32 {
        let longest = report.fields.iter_mut().max_by_key(|(_, value)| length(value));
        let Some((name, value)) = longest else { break };
        let marked = format!("{name}_trunc");
        match value {
            Value::String(text) if text.len() > 16 => text.truncate(text.floor_char_boundary(text.len() / 2)),
            other => *other = Value::Null,
        }
        report.fields.insert(marked, true.into());
    }
    report
}

// === impl Place ===

impl Place {
    pub fn service(slug: impl Into<Cow<'static, str>>) -> Self {
        Self {
            service: slug.into(),
            src: None,
            dst: None,
            session: None,
        }
    }

    /// What nobody outside did is the machine's own doing.
    fn report(&self, kind: &'static str, fields: Fields) -> Report {
        let now = OffsetDateTime::now_utc();
        Report {
            id: EventId(Uuid::now_v7()),
            at: now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now),
            service: self.service.clone(),
            kind: kind.into(),
            src: self.src,
            dst: self.dst,
            session: self.session.clone(),
            origin: if self.src.is_some() {
                Origin::Peer
            } else {
                Origin::Internal
            },
            fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn said(bytes: &[u8]) -> Vec<Said> {
        bytes
            .split(|&b| b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect()
    }

    fn place(peer: Option<&str>) -> Place {
        let src = peer.map(|peer| peer.parse::<std::net::SocketAddr>().unwrap().into());
        Place {
            src,
            ..Place::service("ftp")
        }
    }

    #[test]
    fn a_report_is_written_before_the_call_returns() {
        let paper = Paper::default();
        let reporter = Reporter::start(paper.clone());
        reporter.report_as(&place(Some("192.0.2.7:999")), "retr", Fields::new());
        reporter.report_as(&place(None), "startup", Fields::new());
        let origins = said(&paper.0.lock().unwrap()).into_iter().map(|said| match said {
            Said::Report(report) => (report.kind.into_owned(), report.origin),
            other => panic!("{other:?}"),
        });
        assert_eq!(
            origins.collect::<Vec<_>>(),
            [
                ("retr".to_owned(), Origin::Peer),
                ("startup".to_owned(), Origin::Internal)
            ]
        );
    }

    #[test]
    fn a_report_too_long_loses_the_ends_of_its_longest_fields_and_says_so() {
        let paper = Paper::default();
        let reporter = Reporter::start(paper.clone());
        let fields = serde_json::json!({
            "command": "\u{1}".repeat(40_000), "pile": vec!["x"; 9_000], "user": "root",
        });
        let Value::Object(fields) = fields else { panic!() };
        reporter.report_as(&place(None), "command", fields);
        let bytes = paper.0.lock().unwrap().clone();
        assert!(bytes.len() <= Said::MAX, "{}", bytes.len());
        let Said::Report(report) = said(&bytes).remove(0) else {
            panic!()
        };
        assert!(report.text("command").unwrap().len() > 500);
        assert_eq!(report.fields["command_trunc"], true);
        assert_eq!(report.fields["pile"], Value::Null);
        assert_eq!(report.fields["user"], "root");
    }

    #[test]
    fn a_file_goes_in_pieces_that_fit_and_come_together_again() {
        let paper = Paper::default();
        let bytes: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
        let sha256 = Reporter::start(paper.clone()).blob(&bytes);
        let mut whole = Vec::new();
        for (index, said) in said(&paper.0.lock().unwrap()).into_iter().enumerate() {
            let Said::Blob(blob) = said else { panic!() };
            assert_eq!(
                (blob.index as usize, &blob.sha256, blob.last),
                (index, &sha256, index == 2)
            );
            whole.extend(B64.decode(blob.data).unwrap());
        }
        assert_eq!(whole, bytes);
    }

    #[test]
    fn a_slow_reader_holds_nobody_up_and_gets_everything_in_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let lines = tokio::task::LocalSet::new().block_on(&runtime, async {
            let (theirs, ours) = nix::unistd::pipe().unwrap();
            let reporter = Reporter::over(ours).unwrap();
            let pump = tokio::task::spawn_local(reporter.clone().pump());
            let fields = Fields::from_iter([("text".to_owned(), "x".repeat(5_000).into())]);
            for _ in 0..100 {
                reporter.report_as(&place(None), "write", fields.clone());
            }
            let reading = tokio::task::spawn_blocking(move || {
                std::io::BufRead::lines(std::io::BufReader::new(std::fs::File::from(theirs)))
                    .take(101)
                    .count()
            });
            tokio::task::yield_now().await;
            while !reporter.lock().is_empty() {
                tokio::task::yield_now().await;
            }
            reporter.report_as(&place(None), "last", Fields::new());
            reporter.close();
            pump.abort();
            reading.await.unwrap()
        });
        assert_eq!(lines, 101);
    }
}
