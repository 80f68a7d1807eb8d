//! One machine's lines, made into events.

use std::path::Path;

use model::line::{Line, Said};
use model::{Event, EventId, Fields, Name, Origin, Report};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::batch::{Batch, place_id};
use crate::blobs::{Blobs, Quota, Refused};
use crate::lines::Heard;
use crate::position::{Position, Verdict};
use crate::stats::Stats;

/// Kept durably for each machine: where to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) position: Position,
    #[serde(default)]
    pub(crate) quota: Quota,
}

#[derive(Debug)]
pub(crate) struct Reader {
    decky: Name,
    host: String,
    position: Position,
    blobs: Blobs,
    pub(crate) batch: Batch,
    stats: Stats,
    /// The gap for which the log was opened anew, and from where. Still there after both, it is real.
    doubted: Option<(String, u64, Then)>,
}

/// What to do after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    /// Lines are missing that may still be in the log: the engine loses the thread when it rotates a file under a
    /// reader. Open it anew, from where we are.
    OpenAnew,
    /// They are still missing: the clock may have been set back, and the engine thinks them older than they are. Open
    /// it from its beginning.
    OpenAll,
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(host: &str, decky: &Name, artifacts: &Path, cursor: Cursor, stats: Stats) -> Self {
        Self {
            decky: decky.clone(),
            host: host.to_owned(),
            position: cursor.position,
            blobs: Blobs::new(artifacts, decky, cursor.quota),
            batch: Batch::default(),
            stats,
            doubted: None,
        }
    }

    /// From when on the container's log is wanted; none for all of it.
    pub(crate) fn enter(&mut self, container: &str) -> Option<OffsetDateTime> {
        self.position.enter(container);
        self.position.at
    }

    pub(crate) fn container(&self) -> &str {
        &self.position.container
    }

    /// Where to go on once everything read so far is safe.
    pub(crate) fn cursor(&self) -> Cursor {
        let position = self.blobs.oldest().unwrap_or(&self.position);
        Cursor {
            position: position.clone(),
            quota: self.blobs.quota,
        }
    }

    pub(crate) async fn hear(&mut self, heard: Heard) -> Then {
        let Heard { at, line, bytes } = heard;
        match self.position.judge(&line.boot, line.seq) {
            Verdict::Next => {}
            Verdict::Old => {
                self.stats.again();
                return Then::GoOn;
            }
            Verdict::Forged => {
                self.stats.noise();
                return Then::GoOn;
            }
            Verdict::Gap { from, to } => {
                if let Some(again) = self.doubt(&line.boot, from) {
                    return again;
                }
                self.report_gap(&line, from, to, at);
            }
        }
        self.stats.line();
        let is_new_boot = self.position.boots.last().is_some_and(|(boot, _)| *boot != line.boot);
        if is_new_boot {
            self.blobs.give_up().await;
        }
        self.blobs.lose_patience(line.seq).await;
        self.take(line, bytes, at).await;
        Then::GoOn
    }

    async fn take(&mut self, line: Line, bytes: usize, at: OffsetDateTime) {
        let Line { seq, boot, said, .. } = line;
        match said {
            Said::Report(report) => {
                self.position.advance(&boot, seq, at);
                self.batch.push(self.event(boot, seq, report), bytes);
            }
            Said::Blob(blob) => {
                let before = self.position.clone();
                self.position.advance(&boot, seq, at);
                if let Some(refused) = self.blobs.piece(&blob, seq, before, at.date()).await {
                    self.report_refused(&boot, seq, &refused, at);
                }
            }
            // Whoever gave the order hears it too.
            Said::Ack(_) => self.position.advance(&boot, seq, at),
        }
    }

    /// Where to look again for what is missing; none when there is nowhere left.
    fn doubt(&mut self, boot: &str, from: u64) -> Option<Then> {
        let then = match &self.doubted {
            Some((b, f, Then::OpenAll)) if b == boot && *f == from => return None,
            Some((b, f, _)) if b == boot && *f == from => Then::OpenAll,
            _ => Then::OpenAnew,
        };
        self.doubted = Some((boot.to_owned(), from, then));
        Some(then)
    }

    fn report_gap(&mut self, line: &Line, from: u64, to: u64, at: OffsetDateTime) {
        let lost = to - from + 1;
        tracing::warn!(decky = %self.decky, boot = line.boot, from, to, "lines were lost before they could be read");
        self.stats.lost(lost);
        let fields = [("from", from.into()), ("to", to.into()), ("lost", lost.into())];
        self.say("log_gap", &line.boot, from, fields, at);
    }

    fn report_refused(&mut self, boot: &str, seq: u64, refused: &Refused, at: OffsetDateTime) {
        tracing::warn!(decky = %self.decky, sha256 = refused.sha256, reason = refused.reason, "a file was not kept");
        let Refused { sha256, size, reason } = refused;
        let fields = [
            ("sha256", sha256.as_str().into()),
            ("size", (*size).into()),
            ("reason", reason.as_str().into()),
        ];
        self.say("artifact_dropped", boot, seq, fields, at);
    }

    /// An event of our own about a place in the machine's lines. Reading the place again makes the same event.
    fn say<const N: usize>(
        &mut self,
        kind: &'static str,
        boot: &str,
        seq: u64,
        fields: [(&str, serde_json::Value); N],
        at: OffsetDateTime,
    ) {
        let report = Report {
            id: EventId(place_id(kind, self.decky.as_str(), boot, seq)),
            at: at.replace_nanosecond(at.microsecond() * 1000).unwrap_or(at),
            service: "system".into(),
            kind: kind.into(),
            src: None,
            dst: None,
            session: None,
            origin: Origin::Internal,
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Fields>(),
        };
        self.batch.push(self.event(boot.to_owned(), seq, report), 0);
    }

    fn event(&self, boot: String, seq: u64, report: Report) -> Event {
        Event {
            decky: self.decky.clone(),
            host: self.host.clone(),
            boot,
            seq,
            report,
        }
    }
}
