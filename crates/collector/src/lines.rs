//! Whole, sound lines out of frames. Pure; a machine may be in hostile hands, so nothing is taken on trust.

use engine::Frame;
use model::line::{Line, Said};
use time::OffsetDateTime;

/// A machine's own limit is [`Line::MAX`]; beyond this a line is thrown away unread.
pub const MAX_LINE: usize = 64 << 10;

/// Puts lines together that came in several frames.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
    /// The line so far was too long; the rest of it is skipped.
    skipping: bool,
}

/// One line, or what was there instead.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Line(Box<Heard>),
    /// Not one of ours.
    Noise,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    /// When the engine took the end of it.
    pub(crate) at: OffsetDateTime,
    pub(crate) line: Line,
    /// Its length.
    pub(crate) bytes: usize,
}

// === impl Lines ===

impl Lines {
    /// At most one line ends in a frame: the engine makes one frame of each line, or several.
    pub(crate) fn push(&mut self, frame: &Frame) -> Option<Read> {
        let ends = frame.bytes.ends_with(b"\n");
        if self.skipping || self.rest.len() + frame.bytes.len() > MAX_LINE {
            self.rest.clear();
            self.skipping = !ends;
            return ends.then_some(Read::Noise);
        }
        if self.rest.is_empty() && ends {
            return Some(read(frame.at, &frame.bytes));
        }
        self.rest.extend_from_slice(&frame.bytes);
        ends.then(|| read(frame.at, &std::mem::take(&mut self.rest)))
    }

    /// The log is opened anew: what was begun will come again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

fn read(at: OffsetDateTime, bytes: &[u8]) -> Read {
    parse(bytes).map_or(Read::Noise, |line| {
        Read::Line(Box::new(Heard {
            at,
            line,
            bytes: bytes.len(),
        }))
    })
}

/// A line as a machine writes it; none when it is anything else.
pub fn parse(bytes: &[u8]) -> Option<Line> {
    if bytes.len() > MAX_LINE {
        return None;
    }
    let line: Line = serde_json::from_slice(bytes).ok()?;
    is_sound(&line).then_some(line)
}

fn is_sound(line: &Line) -> bool {
    let said = match &line.said {
        Said::Report(report) => is_slug(&report.service) && is_slug(&report.kind),
        Said::Blob(blob) => is_hex(&blob.sha256, 64),
        Said::Ack(_) => true,
    };
    said && line.seq > 0 && is_hex(&line.boot, 8)
}

fn is_slug(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);
    const ACK: &str = r#"{"seq":3,"boot":"00aa00aa","generation":2,"ack":{"generation":2}}"#;

    fn frame(bytes: &[u8]) -> Frame {
        Frame {
            at: AT,
            bytes: Bytes::copy_from_slice(bytes),
        }
    }

    fn seq(read: Option<Read>) -> Option<u64> {
        match read? {
            Read::Line(heard) => Some(heard.line.seq),
            Read::Noise => None,
        }
    }

    #[test]
    fn a_line_in_several_frames_is_read_once_whole() {
        let (mut lines, whole) = (Lines::default(), format!("{ACK}\n"));
        assert_eq!(seq(lines.push(&frame(whole.as_bytes()))), Some(3));
        let (first, rest) = whole.split_at(10);
        let (second, third) = rest.split_at(10);
        assert_eq!(lines.push(&frame(first.as_bytes())), None);
        assert_eq!(lines.push(&frame(second.as_bytes())), None);
        assert_eq!(seq(lines.push(&frame(third.as_bytes()))), Some(3));
        assert!(lines.rest.is_empty());
    }

    #[test]
    fn what_is_not_ours_is_noise_and_does_not_harm_what_follows() {
        let mut lines = Lines::default();
        for noise in ["\n", "hello\n", "{}\n", "{\"seq\":1}\n", "\u{0}\n", "[[[[\n"] {
            assert_eq!(lines.push(&frame(noise.as_bytes())), Some(Read::Noise), "{noise:?}");
        }
        assert_eq!(seq(lines.push(&frame(format!("{ACK}\n").as_bytes()))), Some(3));
    }

    #[test]
    fn an_endless_line_takes_bounded_memory_and_is_skipped_to_its_end() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            assert_eq!(lines.push(&frame(&[b'x'; 16 << 10])), None);
            assert!(lines.rest.len() <= MAX_LINE);
        }
        assert_eq!(lines.push(&frame(b"end\n")), Some(Read::Noise));
        assert_eq!(seq(lines.push(&frame(format!("{ACK}\n").as_bytes()))), Some(3));
    }

    #[test]
    fn a_line_that_could_not_be_a_machines_is_not_believed() {
        let blob =
            r#"{"seq":1,"boot":"00aa00aa","generation":1,"blob":{"sha256":"../x","index":0,"last":true,"data":""}}"#;
        for bad in [
            &ACK.replace("00aa00aa", "00AA00AA"),
            &ACK.replace("00aa00aa", "../../etc"),
            &ACK.replace("\"seq\":3", "\"seq\":0"),
            blob,
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_frames_never_panic(pieces in proptest::collection::vec(".{0,40}\n?", 0..20)) {
            let mut lines = Lines::default();
            for piece in pieces {
                lines.push(&frame(piece.as_bytes()));
            }
        }
    }
}
