//! What was typed and shown, in pieces with their times (decoys.md §5.1.1). Pure: time is passed in.

use model::detail::Tty;

/// Bytes of one session that are recorded; what follows is counted only.
pub const LIMIT: u64 = 10 << 20;
/// A piece ends at this many bytes, or at this many in the encoded line.
const PIECE: usize = 4096;
const ENCODED: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Typed,
    Shown,
}

/// Collects neighbouring bytes of one side into a piece; the caller flushes what has waited long enough.
pub struct Recorder {
    sid: String,
    n: u64,
    bytes: u64,
    recorded: u64,
    truncated: bool,
    open: Option<Piece>,
    /// The beginning of a character whose rest has not come yet, of each side.
    halves: [Vec<u8>; 2],
}

struct Piece {
    side: Side,
    hidden: bool,
    t_us: u64,
    data: Vec<u8>,
    encoded: usize,
}

// === impl Recorder ===

impl Recorder {
    pub fn new(sid: String) -> Self {
        Self {
            sid,
            n: 0,
            bytes: 0,
            recorded: 0,
            truncated: false,
            open: None,
            halves: Default::default(),
        }
    }

    /// Takes bytes in the order they passed; `t_us` is microseconds since the session began.
    pub fn push(&mut self, t_us: u64, side: Side, hidden: bool, bytes: &[u8]) -> Vec<Tty> {
        self.bytes += bytes.len() as u64;
        let room = usize::try_from(LIMIT - self.recorded).unwrap_or(usize::MAX);
        self.truncated |= bytes.len() > room;
        let bytes = &bytes[..bytes.len().min(room)];
        self.recorded += bytes.len() as u64;
        let mut done = Vec::new();
        for &byte in bytes {
            if self.open.as_ref().is_some_and(|piece| !piece.takes(side, hidden)) {
                done.extend(self.flush());
            }
            let half = &mut self.halves[side as usize];
            let piece = self
                .open
                .get_or_insert_with(|| Piece::new(side, hidden, t_us, std::mem::take(half)));
            piece.push(byte);
        }
        done
    }

    /// Counts bytes that are not to be recorded.
    pub fn pass(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub fn resize(&mut self, t_us: u64, cols: u16, rows: u16) -> Vec<Tty> {
        let mut done: Vec<Tty> = self.flush().into_iter().collect();
        if self.recorded < LIMIT {
            done.push(self.numbered("r", t_us, format!("{cols}x{rows}"), false));
        }
        done
    }

    /// Ends the piece being collected.
    pub fn flush(&mut self) -> Option<Tty> {
        let piece = self.open.take()?;
        let whole = whole_characters(&piece.data);
        self.halves[piece.side as usize] = piece.data[whole..].to_vec();
        (whole > 0).then(|| self.numbered(piece.side.mark(), piece.t_us, text(&piece.data[..whole]), piece.hidden))
    }

    /// The last pieces, half characters and all.
    pub fn finish(&mut self, t_us: u64) -> Vec<Tty> {
        let mut done: Vec<Tty> = self.flush().into_iter().collect();
        for side in [Side::Typed, Side::Shown] {
            let half = std::mem::take(&mut self.halves[side as usize]);
            if !half.is_empty() {
                done.push(self.numbered(side.mark(), t_us, text(&half), false));
            }
        }
        done
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// All bytes that passed, recorded or not.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn truncated(&self) -> bool {
        self.truncated
    }

    pub fn sid(&self) -> &str {
        &self.sid
    }

    fn numbered(&mut self, ch: &'static str, t_us: u64, data: String, hidden: bool) -> Tty {
        let n = self.n;
        self.n += 1;
        Tty {
            sid: self.sid.clone(),
            n,
            t_us,
            ch: ch.into(),
            data,
            hidden,
        }
    }
}

impl Piece {
    fn new(side: Side, hidden: bool, t_us: u64, half: Vec<u8>) -> Self {
        Self {
            side,
            hidden,
            t_us,
            encoded: half.len() * 2,
            data: half,
        }
    }

    fn takes(&self, side: Side, hidden: bool) -> bool {
        self.side == side && self.hidden == hidden && self.data.len() < PIECE && self.encoded < ENCODED
    }

    fn push(&mut self, byte: u8) {
        self.data.push(byte);
        // What the byte takes in a line of JSON.
        self.encoded += match byte {
            0..0x20 => 6,
            b'"' | b'\\' | 0x80.. => 2,
            _ => 1,
        };
    }
}

impl Side {
    fn mark(self) -> &'static str {
        match self {
            Self::Typed => "i",
            Self::Shown => "o",
        }
    }
}

/// UTF-8 as it is, every other byte as the character of its value.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
    }
    text
}

/// How much of the bytes does not end inside a character.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let Some(start) = bytes[tail..].iter().rposition(|&byte| byte >= 0xc0).map(|at| tail + at) else {
        return bytes.len();
    };
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder() -> Recorder {
        Recorder::new("00112233445566aa:1".into())
    }

    #[test]
    fn neighbouring_bytes_of_one_side_are_one_piece_at_the_time_of_the_first() {
        let mut recorder = recorder();
        assert!(recorder.push(10, Side::Shown, false, b"ro").is_empty());
        assert!(recorder.push(20, Side::Shown, false, b"ot# ").is_empty());
        let done = recorder.push(30, Side::Typed, false, b"i");
        assert_eq!(done.len(), 1);
        assert_eq!(
            (done[0].n, done[0].t_us, done[0].data.as_str(), done[0].ch.as_ref()),
            (0, 10, "root# ", "o")
        );
        let done = recorder.finish(40);
        assert_eq!(
            (done[0].n, done[0].t_us, done[0].data.as_str(), done[0].ch.as_ref()),
            (1, 30, "i", "i")
        );
    }

    #[test]
    fn a_password_is_a_piece_of_its_own_and_marked() {
        let mut recorder = recorder();
        recorder.push(1, Side::Typed, false, b"sudo id\r");
        assert!(!recorder.push(2, Side::Typed, true, b"secret\r")[0].hidden);
        assert!(recorder.flush().unwrap().hidden);
    }

    #[test]
    fn a_character_cut_in_two_by_the_network_is_whole_in_the_record() {
        let mut recorder = recorder();
        recorder.push(1, Side::Shown, false, "aé".as_bytes().split_last().unwrap().1);
        assert_eq!(recorder.flush().unwrap().data, "a");
        recorder.push(2, Side::Shown, false, b"\xa9");
        assert_eq!(recorder.flush().unwrap().data, "é");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_the_characters_of_their_value() {
        let mut recorder = recorder();
        recorder.push(1, Side::Shown, false, b"\x7fELF\xff\xfe\xc3");
        let mut done: String = recorder.flush().unwrap().data;
        done.extend(recorder.finish(2).into_iter().map(|tty| tty.data));
        assert_eq!(done, "\u{7f}ELF\u{ff}\u{fe}\u{c3}");
    }

    #[test]
    fn no_piece_makes_a_line_too_long_for_the_channel() {
        let mut recorder = recorder();
        let mut done = recorder.push(1, Side::Shown, false, &[0x1b; 20_000]);
        done.extend(recorder.push(1, Side::Shown, false, &[0xff; 20_000]));
        done.extend(recorder.finish(2));
        assert_eq!(done.iter().map(|tty| tty.data.chars().count()).sum::<usize>(), 40_000);
        for tty in done {
            assert!(serde_json::to_string(&tty).unwrap().len() < model::line::Line::MAX - 1024);
        }
    }

    #[test]
    fn recording_stops_at_its_limit_and_says_so() {
        let mut recorder = recorder();
        for _ in 0..(LIMIT / 65_536) {
            recorder.push(1, Side::Shown, false, &[b'a'; 65_536]);
        }
        assert!(!recorder.truncated());
        recorder.flush();
        assert!(recorder.push(2, Side::Shown, false, b"more").is_empty());
        assert!(recorder.flush().is_none());
        assert!(recorder.truncated());
        assert_eq!(recorder.bytes(), LIMIT + 4);
    }
}
