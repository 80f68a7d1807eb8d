//! The only way out: reports and captured files, as JSON lines on one descriptor.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::event::{Endpoint, EventId, Fields, Origin, Report, SessionId};
use model::line::{Blob, Said};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

/// Lines waiting for the writer; beyond it the oldest go, and are counted (decoys.md E5).
const QUEUE: usize = 10_000;

/// Handle to the writer; cheap to clone, never blocks the caller.
#[derive(Clone)]
pub struct Reporter {
    queue: Arc<(Mutex<Queue>, Condvar)>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    dropped: u64,
    writing: bool,
    closed: bool,
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
    /// Starts the writer thread. It ends, having written everything, after [`Reporter::close`].
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let queue = Arc::new((Mutex::new(Queue::default()), Condvar::new()));
        let reporter = Self { queue: queue.clone() };
        std::thread::spawn(move || write_all(&queue, out));
        reporter
    }

    pub fn report<D: model::Detail>(&self, place: &Place, detail: D) {
        self.report_as(place, D::KIND, detail.into_fields());
    }

    /// For kinds only one service knows; `kind` and field names as in `model::event`.
    pub fn report_as(&self, place: &Place, kind: &'static str, fields: Fields) {
        let now = OffsetDateTime::now_utc();
        let report = Report {
            id: EventId(Uuid::now_v7()),
            at: now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now),
            service: place.service.clone(),
            kind: kind.into(),
            src: place.src,
            dst: place.dst,
            session: place.session.clone(),
            origin: Origin::Peer,
            fields,
        };
        self.say(&Said::Report(report));
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
        let Ok(mut line) = serde_json::to_vec(said) else { return };
        line.push(b'\n');
        let mut queue = self.lock();
        if queue.lines.len() == QUEUE {
            queue.lines.pop_front();
            queue.dropped += 1;
        }
        queue.lines.push_back(line);
        self.queue.1.notify_all();
    }

    /// Waits until everything said so far is written.
    pub fn flush(&self) {
        let mut queue = self.lock();
        while !queue.lines.is_empty() || queue.writing {
            queue = self.queue.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn close(&self) {
        self.flush();
        self.lock().closed = true;
        self.queue.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all((queue, changed): &(Mutex<Queue>, Condvar), mut out: impl Write) {
    let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut waiting = lock();
        while waiting.lines.is_empty() && !waiting.closed {
            waiting = changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.lines.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut waiting.lines);
        let dropped = std::mem::take(&mut waiting.dropped);
        waiting.writing = true;
        drop(waiting);
        if dropped > 0 {
            let _ = out.write_all(&dropped_line(dropped));
        }
        for line in lines {
            let _ = out.write_all(&line);
        }
        let _ = out.flush();
        lock().writing = false;
        changed.notify_all();
    }
}

fn dropped_line(count: u64) -> Vec<u8> {
    let report = Report {
        id: EventId(Uuid::now_v7()),
        at: OffsetDateTime::now_utc(),
        service: "system".into(),
        kind: "log_dropped".into(),
        src: None,
        dst: None,
        session: None,
        origin: Origin::Internal,
        fields: Fields::from_iter([("count".to_owned(), count.into())]),
    };
    let mut line = serde_json::to_vec(&Said::Report(report)).unwrap_or_default();
    line.push(b'\n');
    line
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
}
