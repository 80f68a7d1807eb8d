//! What waits to be said to the host: bounded, numbered as it leaves.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};

use model::detail::Detail;
use model::event::{EventId, Origin, Report};
use model::line::Said;
use time::OffsetDateTime;
use uuid::Uuid;

/// Bytes waiting beyond which the services are no longer listened to: they keep what they say, and drop it, themselves.
const FULL: usize = 256 << 10;
/// Bytes waiting beyond which the oldest lines go.
const MAX: usize = 2 << 20;

pub struct Outbox {
    boot: String,
    seq: u64,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// The line being written, and how much of it is.
    current: Vec<u8>,
    written: usize,
    dropped: u64,
    gone: bool,
}

struct Waiting {
    generation: u64,
    said: Vec<u8>,
}

// === impl Outbox ===

impl Outbox {
    /// `boot`: 8 hex digits of this start of the machine.
    pub fn new(boot: String) -> Self {
        Self {
            boot,
            seq: 0,
            waiting: VecDeque::new(),
            bytes: 0,
            current: Vec::new(),
            written: 0,
            dropped: 0,
            gone: false,
        }
    }

    /// Passes on what a service said: the text of one JSON object. Anything else is dropped and counted.
    pub fn pass(&mut self, generation: u64, said: &[u8]) {
        if said.len() > Said::MAX || self.gone || !(said.starts_with(b"{\"") && said.ends_with(b"}")) {
            self.dropped += 1;
            return;
        }
        self.bytes += said.len();
        self.waiting.push_back(Waiting {
            generation,
            said: said.to_vec(),
        });
        while self.bytes > MAX {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.bytes -= oldest.said.len();
            self.dropped += 1;
        }
    }

    pub fn say(&mut self, generation: u64, said: &Said) {
        match serde_json::to_vec(said) {
            Ok(text) => self.pass(generation, &text),
            Err(_) => self.dropped += 1,
        }
    }

    /// Says something of the machine itself.
    pub fn report<D: Detail>(&mut self, generation: u64, service: &str, origin: Origin, detail: D) {
        self.say(
            generation,
            &Said::Report(report(service, D::KIND, origin, detail.into_fields())),
        );
    }

    pub fn count_dropped(&mut self, count: u64) {
        self.dropped += count;
    }

    pub fn is_full(&self) -> bool {
        self.bytes > FULL
    }

    /// Nothing waits, or nobody will ever read it.
    pub fn is_empty(&self) -> bool {
        self.gone || (self.waiting.is_empty() && self.current.is_empty() && self.dropped == 0)
    }

    /// Writes until nothing waits or `out` would block.
    pub fn pour(&mut self, out: &mut impl Write) {
        while !self.gone && self.fill() {
            match out.write(&self.current[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.lose_reader(),
            }
            if self.written == self.current.len() {
                self.current.clear();
                self.written = 0;
            }
        }
    }

    /// Whether there is something to write, having made it the current line.
    fn fill(&mut self) -> bool {
        if !self.current.is_empty() {
            return true;
        }
        let generation = self.waiting.front().map_or(0, |next| next.generation);
        let said = if self.dropped > 0 {
            let count = std::mem::take(&mut self.dropped);
            let fields = [("count".to_owned(), count.into())].into_iter().collect();
            let dropped = Said::Report(report("system", "log_dropped", Origin::Internal, fields));
            serde_json::to_vec(&dropped).unwrap_or_default()
        } else if let Some(next) = self.waiting.pop_front() {
            self.bytes -= next.said.len();
            next.said
        } else {
            return false;
        };
        self.seq += 1;
        let head = format!(
            r#"{{"seq":{},"boot":"{}","generation":{generation},"#,
            self.seq, self.boot
        );
        self.current.extend_from_slice(head.as_bytes());
        self.current.extend_from_slice(said.get(1..).unwrap_or_default());
        self.current.push(b'\n');
        true
    }

    fn lose_reader(&mut self) {
        self.gone = true;
        self.dropped += self.waiting.len() as u64;
        self.waiting = VecDeque::new();
        self.bytes = 0;
        self.current = Vec::new();
        self.written = 0;
    }
}

fn report(service: &str, kind: &'static str, origin: Origin, fields: model::Fields) -> Report {
    let now = OffsetDateTime::now_utc();
    Report {
        id: EventId(Uuid::now_v7()),
        at: now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now),
        service: service.to_owned().into(),
        kind: kind.into(),
        src: None,
        dst: None,
        session: None,
        origin,
        fields,
    }
}

#[cfg(test)]
mod tests {
    use model::detail::Shutdown;
    use model::line::Line;

    use super::*;

    /// Takes `room` bytes, then blocks; `None` is a reader gone.
    struct Pipe {
        room: Option<usize>,
        taken: Vec<u8>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = self.room.as_mut().ok_or(ErrorKind::BrokenPipe)?;
            if *room == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let n = bytes.len().min(*room);
            *room -= n;
            self.taken.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn pipe(room: usize) -> Pipe {
        Pipe {
            room: Some(room),
            taken: Vec::new(),
        }
    }

    fn lines(pipe: &Pipe) -> Vec<Line> {
        let text = String::from_utf8(pipe.taken.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn ack(generation: u64) -> Said {
        Said::Ack(model::line::Ack {
            generation,
            error: None,
        })
    }

    #[test]
    fn what_a_service_says_leaves_as_a_numbered_line() {
        let (mut outbox, mut out) = (Outbox::new("0badcafe".into()), pipe(1 << 20));
        outbox.pass(7, &serde_json::to_vec(&ack(7)).unwrap());
        outbox.report(8, "ssh", Origin::Internal, Shutdown {});
        outbox.pour(&mut out);
        let lines = lines(&out);
        assert_eq!(
            lines
                .iter()
                .map(|l| (l.seq, l.generation, l.boot.as_str()))
                .collect::<Vec<_>>(),
            [(1, 7, "0badcafe"), (2, 8, "0badcafe")]
        );
        assert_eq!(lines[0].said, ack(7));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_reader_that_stops_and_goes_on_gets_every_line_once() {
        let (mut outbox, mut out) = (Outbox::new("0badcafe".into()), pipe(0));
        for n in 0..20 {
            outbox.say(n, &ack(n));
            out.room = Some(13);
            outbox.pour(&mut out);
        }
        out.room = Some(1 << 20);
        outbox.pour(&mut out);
        assert_eq!(
            lines(&out).iter().map(|line| line.seq).collect::<Vec<_>>(),
            (1..=20).collect::<Vec<_>>()
        );
    }

    #[test]
    fn beyond_the_bound_the_oldest_go_and_their_number_is_told() {
        let (mut outbox, mut out) = (Outbox::new("0badcafe".into()), pipe(0));
        let text = format!(
            r#"{{"blob":{{"sha256":"","index":0,"last":true,"data":"{}"}}}}"#,
            "A".repeat(8000)
        );
        for _ in 0..400 {
            outbox.pass(1, text.as_bytes());
            outbox.pour(&mut out);
        }
        assert!(outbox.is_full());
        out.room = Some(usize::MAX);
        outbox.pour(&mut out);
        let lines = lines(&out);
        let told = lines.iter().find_map(|line| match &line.said {
            Said::Report(report) if report.kind == "log_dropped" => report.fields["count"].as_u64(),
            _ => None,
        });
        assert_eq!(told.unwrap() + lines.len() as u64 - 1, 400);
        assert_eq!(
            lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
            (1..=lines.len() as u64).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_no_object_or_too_long_is_dropped_and_counted() {
        let (mut outbox, mut out) = (Outbox::new("0badcafe".into()), pipe(1 << 20));
        for bad in [&b""[..], b"x", b"[1]", b"{\"cut\":", &[b'{'; Said::MAX + 1]] {
            outbox.pass(1, bad);
        }
        outbox.pour(&mut out);
        let said = lines(&out).remove(0).said;
        assert!(matches!(said, Said::Report(report) if report.fields["count"] == 5));
    }

    #[test]
    fn with_the_reader_gone_nothing_is_kept() {
        let (mut outbox, mut out) = (
            Outbox::new("0badcafe".into()),
            Pipe {
                room: None,
                taken: Vec::new(),
            },
        );
        outbox.say(1, &ack(1));
        outbox.pour(&mut out);
        outbox.say(1, &ack(1));
        outbox.pour(&mut out);
        assert!(outbox.is_empty());
        assert!(!outbox.is_full());
    }
}
