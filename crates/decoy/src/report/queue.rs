//! Lines that wait for a slow reader: bounded, the oldest go first.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use model::event::Fields;
use model::line::Said;

use super::Place;

/// Beyond so many lines, or bytes, the oldest go, and are counted (decoys.md E5). The bytes are room for the largest
/// file that is sent, in base64.
const MAX_LINES: usize = 10_000;
const MAX_BYTES: usize = 24 << 20;

#[derive(Default)]
pub(super) struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How much of the first line is written.
    written: usize,
    dropped: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Poured {
    All,
    /// The rest waits until more is taken.
    Some,
}

// === impl Queue ===

impl Queue {
    pub(super) fn push(&mut self, mut line: Vec<u8>) {
        line.push(b'\n');
        self.bytes += line.len();
        self.lines.push_back(line);
        // One that is half written must be finished, or the next would be glued to it.
        let first = usize::from(self.written > 0);
        while (self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES) && self.lines.len() > first {
            self.bytes -= self.lines.remove(first).map_or(0, |line| line.len());
            self.dropped += 1;
        }
    }

    /// Gives `write` what waits, for as long as it takes it. Without a reader nothing is kept.
    pub(super) fn pour(&mut self, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> Poured {
        while self.fill() {
            let Some(first) = self.lines.front() else { break };
            match write(&first[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poured::Some,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => *self = Self::default(),
            }
            if self.lines.front().is_some_and(|first| first.len() == self.written) {
                self.bytes -= self.written;
                self.written = 0;
                self.lines.pop_front();
            }
        }
        Poured::All
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether there is something to write, the number of lost lines first.
    fn fill(&mut self) -> bool {
        if self.dropped > 0 && self.written == 0 {
            let count = Fields::from_iter([("count".to_owned(), std::mem::take(&mut self.dropped).into())]);
            let dropped = Said::Report(Place::service("system").report("log_dropped", count));
            if let Ok(mut line) = serde_json::to_vec(&dropped) {
                line.push(b'\n');
                self.bytes += line.len();
                self.lines.push_front(line);
            }
        }
        !self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_nobody_reading_the_oldest_lines_go_and_are_counted() {
        let mut queue = Queue::default();
        for n in 0..MAX_LINES + 5 {
            queue.push(format!("{{\"n\":{n}}}").into_bytes());
        }
        assert_eq!(queue.pour(|_| Err(ErrorKind::WouldBlock.into())), Poured::Some);
        let mut out = Vec::new();
        assert_eq!(queue.pour(|bytes| io::Write::write(&mut out, bytes)), Poured::All);
        let text = String::from_utf8(out).unwrap();
        let mut lines = text.lines();
        assert!(
            lines
                .next()
                .unwrap()
                .contains(r#""kind":"log_dropped","origin":"internal","fields":{"count":5}"#)
        );
        assert_eq!(lines.next(), Some("{\"n\":5}"));
        assert_eq!(lines.count(), MAX_LINES - 1);
    }

    #[test]
    fn a_half_written_line_is_finished_before_others_are_dropped() {
        let (mut queue, mut out) = (Queue::default(), Vec::new());
        queue.push(b"{\"first\":1}".to_vec());
        let mut room = 5;
        queue.pour(|bytes| {
            let n = bytes.len().min(std::mem::take(&mut room));
            out.extend_from_slice(&bytes[..n]);
            if n == 0 {
                Err(ErrorKind::WouldBlock.into())
            } else {
                Ok(n)
            }
        });
        for _ in 0..3 {
            queue.push(vec![b'x'; MAX_BYTES / 2]);
        }
        queue.pour(|bytes| io::Write::write(&mut out, bytes));
        assert!(out.starts_with(b"{\"first\":1}\n{\"report\""));
    }

    #[test]
    fn without_a_reader_nothing_is_kept() {
        let mut queue = Queue::default();
        queue.push(b"{}".to_vec());
        assert_eq!(queue.pour(|_| Err(ErrorKind::BrokenPipe.into())), Poured::All);
        assert!(queue.is_empty());
    }
}
