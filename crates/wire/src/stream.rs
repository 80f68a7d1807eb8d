//! One direction of a TCP connection put back in order, as far as a reader wants it and within limits.

use std::time::Duration;

use crate::time::Time;

/// What one direction may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes held: unread ones and those that came too early.
    pub bytes: usize,
    /// Segments with a payload, repeated ones among them.
    pub segments: u16,
    /// From the first such segment on.
    pub age: Duration,
}

/// The start of a direction. Costs no memory of its own while segments come in order and the reader takes them whole.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Of the next byte that is missing; unknown before the first segment of a connection whose SYN was not seen.
    next: Option<u32>,
    /// The SYN was seen, so the start is where it says.
    anchored: bool,
    /// Some of it was read, so nothing can come before it any more.
    begun: bool,
    segments: u16,
    since: Time,
    /// In order, not yet read; ends before `next`.
    unread: Vec<u8>,
    /// Came too early: in order, apart from each other, all after `next`.
    early: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    sequence: u32,
    bytes: Vec<u8>,
}

/// What a reader says of the bytes it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// To be asked again when more is there; so many bytes it does not need to see again.
    More { read: usize },
    /// Nothing further.
    Enough,
}

/// How a stream stands after a segment. Anything but [`State::Open`] is the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Done,
    Abandoned(Excess),
}

/// The limit that a stream went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Excess {
    Bytes,
    Segments,
    Age,
}

// === impl Limits ===

impl Limits {
    /// For a handshake (16 KiB, 64 segments, 10 s).
    pub const HANDSHAKE: Self = Self {
        bytes: 16 << 10,
        segments: 64,
        age: Duration::from_secs(10),
    };
}

// === impl Stream ===

impl Stream {
    /// A direction whose SYN was not seen: its first segment is taken for the start, unless an earlier one comes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A direction whose first byte has this sequence number, which is one after the SYN's.
    pub fn starting_at(sequence: u32) -> Self {
        Self {
            next: Some(sequence),
            anchored: true,
            ..Self::default()
        }
    }

    /// It is certain where the stream starts.
    pub fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Bytes in order that the reader left.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.unread.len() + self.early.iter().map(|piece| piece.bytes.len()).sum::<usize>()
    }

    /// Takes a segment's payload. `reader` is shown all unread bytes in order whenever there are more of them.
    /// Where segments overlap, the one that came first counts.
    pub fn push(
        &mut self,
        limits: &Limits,
        sequence: u32,
        payload: &[u8],
        at: Time,
        reader: impl FnOnce(&[u8]) -> Want,
    ) -> State {
        if payload.is_empty() {
            return State::Open;
        }
        if self.segments == 0 {
            self.since = at;
        }
        self.segments = self.segments.saturating_add(1);
        if self.segments > limits.segments {
            return State::Abandoned(Excess::Segments);
        }
        if at.since(self.since) > limits.age {
            return State::Abandoned(Excess::Age);
        }
        let next = *self.next.get_or_insert(sequence);
        // Far from where the stream is: not of it, or an attempt to make it grow.
        let ahead = distance(next, sequence);
        if ahead.unsigned_abs() as usize > limits.bytes.max(payload.len()) {
            return State::Open;
        }
        if ahead == 0 && self.early.is_empty() {
            self.next = Some(next.wrapping_add(payload.len() as u32));
            return self.in_order(limits, payload, reader);
        }
        let before = self.unread.len();
        self.out_of_order(next, sequence, payload);
        if self.held() > limits.bytes {
            return State::Abandoned(Excess::Bytes);
        }
        self.catch_up();
        if self.unread.len() == before {
            return State::Open;
        }
        let want = reader(&self.unread);
        self.settle(want)
    }

    /// The usual case: nothing is copied unless the reader wants to see it again.
    fn in_order(&mut self, limits: &Limits, payload: &[u8], reader: impl FnOnce(&[u8]) -> Want) -> State {
        if self.unread.is_empty() {
            let want = reader(payload);
            let Want::More { read } = want else {
                return State::Done;
            };
            let left = payload.get(read..).unwrap_or_default();
            if left.len() > limits.bytes {
                return State::Abandoned(Excess::Bytes);
            }
            self.begun |= read > 0;
            self.unread.extend_from_slice(left);
            return State::Open;
        }
        if self.unread.len() + payload.len() > limits.bytes {
            return State::Abandoned(Excess::Bytes);
        }
        self.unread.extend_from_slice(payload);
        let want = reader(&self.unread);
        self.settle(want)
    }

    fn settle(&mut self, want: Want) -> State {
        match want {
            Want::Enough => State::Done,
            Want::More { read } => {
                self.begun |= read > 0;
                self.unread.drain(..read.min(self.unread.len()));
                State::Open
            }
        }
    }

    fn out_of_order(&mut self, next: u32, sequence: u32, payload: &[u8]) {
        let first = next.wrapping_sub(self.unread.len() as u32);
        if !self.anchored && !self.begun && distance(first, sequence) < 0 {
            // The stream started earlier than was thought.
            if !self.unread.is_empty() {
                let bytes = std::mem::take(&mut self.unread);
                self.early.insert(0, Piece { sequence: first, bytes });
            }
            self.next = Some(sequence);
            return self.fill(sequence, payload);
        }
        let known = usize::try_from(distance(sequence, next))
            .unwrap_or(0)
            .min(payload.len());
        self.fill(sequence.wrapping_add(known as u32), &payload[known..]);
    }

    /// Puts what is not there yet among the early pieces.
    fn fill(&mut self, mut sequence: u32, mut payload: &[u8]) {
        let mut at = 0;
        while !payload.is_empty() {
            let Some(piece) = self.early.get(at) else {
                return self.early.push(Piece::new(sequence, payload));
            };
            let gap = distance(sequence, piece.sequence);
            let end = distance(sequence, piece.sequence) + piece.bytes.len() as i32;
            if gap > 0 {
                let new = payload.len().min(gap as usize);
                self.early.insert(at, Piece::new(sequence, &payload[..new]));
                at += 1;
            }
            let passed = usize::try_from(end).unwrap_or(0).min(payload.len());
            payload = &payload[passed..];
            sequence = sequence.wrapping_add(passed as u32);
            at += 1;
        }
    }

    /// Moves early pieces whose turn it is.
    fn catch_up(&mut self) {
        let Some(mut next) = self.next else { return };
        let mut taken = 0;
        for piece in &self.early {
            if piece.sequence != next {
                break;
            }
            next = next.wrapping_add(piece.bytes.len() as u32);
            self.unread.extend_from_slice(&piece.bytes);
            taken += 1;
        }
        self.early.drain(..taken);
        self.next = Some(next);
    }
}

/// From one sequence number to another, the short way round.
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

// === impl Piece ===

impl Piece {
    fn new(sequence: u32, bytes: &[u8]) -> Self {
        Self {
            sequence,
            bytes: bytes.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes segments and returns all that was shown to a reader which wants everything again each time.
    fn shown(mut stream: Stream, segments: &[(u32, &str)]) -> String {
        let mut last = Vec::new();
        for (sequence, payload) in segments {
            let state = stream.push(&Limits::HANDSHAKE, *sequence, payload.as_bytes(), Time(0), |bytes| {
                last = bytes.to_vec();
                Want::More { read: 0 }
            });
            assert_eq!(state, State::Open);
        }
        String::from_utf8(last).unwrap()
    }

    #[test]
    fn segments_are_put_in_order() {
        for segments in [
            [(10, "abc"), (13, "def"), (16, "ghi")],
            [(16, "ghi"), (13, "def"), (10, "abc")],
            [(13, "def"), (16, "ghi"), (10, "abc")],
            [(16, "ghi"), (10, "abc"), (13, "def")],
        ] {
            assert_eq!(shown(Stream::starting_at(10), &segments), "abcdefghi");
        }
    }

    #[test]
    fn of_bytes_that_come_twice_the_first_count() {
        let start = Stream::starting_at(10);
        assert_eq!(
            shown(start.clone(), &[(10, "abc"), (10, "xyz"), (11, "xydef")]),
            "abcdef"
        );
        assert_eq!(shown(start.clone(), &[(12, "cd"), (10, "xxxxxx")]), "xxcdxx");
        assert_eq!(shown(start.clone(), &[(11, "b"), (13, "d"), (10, "xxxxx")]), "xbxdx");
        assert_eq!(
            shown(start.clone(), &[(12, "cd"), (13, "xef"), (11, "b"), (10, "a")]),
            "abcdef"
        );
        assert_eq!(shown(start, &[(10, "ab"), (8, "xxxxcd")]), "abcd");
    }

    #[test]
    fn sequence_numbers_wrap_around() {
        let stream = Stream::starting_at(u32::MAX - 1);
        assert_eq!(shown(stream, &[(1, "def"), (u32::MAX - 1, "abc")]), "abcdef");
    }

    #[test]
    fn without_a_syn_an_earlier_segment_moves_the_start_until_something_was_read() {
        assert_eq!(shown(Stream::new(), &[(13, "def"), (10, "abc")]), "abcdef");
        assert_eq!(shown(Stream::new(), &[(13, "def"), (20, "x"), (10, "abc")]), "abcdef");
        let mut stream = Stream::new();
        let read_all = |bytes: &[u8]| Want::More { read: bytes.len() };
        stream.push(&Limits::HANDSHAKE, 13, b"def", Time(0), read_all);
        stream.push(&Limits::HANDSHAKE, 10, b"abc", Time(0), |_| {
            panic!("shown what is past")
        });
        assert!(!stream.is_anchored());
    }

    #[test]
    fn what_was_read_is_not_shown_again_nor_held() {
        let mut stream = Stream::starting_at(0);
        let read = |n: usize, expected: &'static [u8]| {
            move |bytes: &[u8]| {
                assert_eq!(bytes, expected);
                Want::More { read: n }
            }
        };
        stream.push(&Limits::HANDSHAKE, 0, b"abc", Time(0), read(3, b"abc"));
        assert_eq!(stream.held(), 0);
        stream.push(&Limits::HANDSHAKE, 3, b"def", Time(0), read(1, b"def"));
        assert_eq!(stream.unread(), b"ef");
        stream.push(&Limits::HANDSHAKE, 6, b"g", Time(0), read(2, b"efg"));
        let last = stream.push(&Limits::HANDSHAKE, 7, b"h", Time(0), |bytes| {
            assert_eq!(bytes, b"gh");
            Want::Enough
        });
        assert_eq!(last, State::Done);
    }

    #[test]
    fn every_limit_ends_a_stream() {
        let limits = Limits {
            bytes: 8,
            segments: 3,
            age: Duration::from_secs(1),
        };
        let more = |_: &[u8]| Want::More { read: 0 };
        let push = |stream: &mut Stream, sequence, payload: &[u8], at| {
            stream.push(&limits, sequence, payload, Time::from_millis(at), more)
        };
        let mut stream = Stream::starting_at(0);
        assert_eq!(push(&mut stream, 0, &[0; 8], 0), State::Open);
        assert_eq!(push(&mut stream, 8, &[0; 1], 0), State::Abandoned(Excess::Bytes));
        let mut stream = Stream::starting_at(0);
        assert_eq!(push(&mut stream, 1, &[0; 8], 0), State::Open);
        assert_eq!(push(&mut stream, 0, &[0; 1], 0), State::Abandoned(Excess::Bytes));
        let mut stream = Stream::starting_at(0);
        for _ in 0..3 {
            assert_eq!(push(&mut stream, 0, &[0; 1], 1_000), State::Open);
        }
        assert_eq!(push(&mut stream, 1, &[0; 1], 1_000), State::Abandoned(Excess::Segments));
        let mut stream = Stream::starting_at(0);
        assert_eq!(push(&mut stream, 0, &[0; 1], 1_000), State::Open);
        assert_eq!(push(&mut stream, 1, &[0; 1], 2_001), State::Abandoned(Excess::Age));
    }

    #[test]
    fn a_segment_far_from_the_stream_is_passed_over() {
        let far = (1 << 20, "far");
        assert_eq!(shown(Stream::starting_at(0), &[(0, "ab"), far, (2, "cd")]), "abcd");
        assert_eq!(
            shown(Stream::starting_at(1 << 20), &[(0, "far"), (1 << 20, "ab")]),
            "ab"
        );
    }
}
