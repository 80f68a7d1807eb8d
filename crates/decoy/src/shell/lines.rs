//! The lines a person had a shell execute, from what was typed and what was shown. Pure.
//!
//! Plain typing is followed key by key, which no delay can confuse. Once a key has been used whose effect only the
//! line editor knows (completion, history, moving about), the line is read off the screen when it is sent.

/// A longer line is cut.
const MAX: usize = 4096;

#[derive(Default)]
pub struct Lines {
    typed: Vec<u8>,
    keys: Keys,
    /// Where the line begins on the screen, once a key was pressed.
    mark: Option<usize>,
    edited: bool,
    /// Sent after editing; the screen shows it until the next line feed.
    sent: Option<usize>,
    screen: Screen,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Keys {
    #[default]
    Plain,
    Escape,
    Sequence,
}

// === impl Lines ===

impl Lines {
    /// `cols` of the terminal, 0 where unknown.
    pub fn resize(&mut self, cols: u16) {
        self.screen.cols = match cols {
            0 => 80,
            cols => usize::from(cols),
        };
    }

    /// Takes keys; returns the lines they completed.
    pub fn typed(&mut self, bytes: &[u8]) -> Vec<String> {
        bytes.iter().filter_map(|&key| self.key(key)).collect()
    }

    /// Takes output; returns the lines that could only be read off it.
    pub fn shown(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                lines.extend(
                    self.sent
                        .take()
                        .and_then(|mark| line(self.screen.text_from(mark).as_bytes())),
                );
            }
            self.screen.show(byte);
        }
        lines
    }

    /// Forgets what was typed of an unfinished line: it went to something that is not a shell.
    pub fn reset(&mut self) {
        self.typed.clear();
        self.edited = false;
        self.mark = None;
    }

    fn key(&mut self, key: u8) -> Option<String> {
        match self.keys {
            Keys::Escape => {
                self.keys = if matches!(key, b'[' | b'O') {
                    Keys::Sequence
                } else {
                    Keys::Plain
                };
                self.edited |= self.keys == Keys::Plain;
                return None;
            }
            Keys::Sequence => {
                if (0x40..0x7f).contains(&key) {
                    self.keys = Keys::Plain;
                    // Marks of a paste end in `~` like other keys, and change nothing.
                    self.edited |= key != b'~';
                }
                return None;
            }
            Keys::Plain => {}
        }
        self.mark.get_or_insert(self.screen.at());
        match key {
            b'\r' | b'\n' => return self.send(),
            0x1b => self.keys = Keys::Escape,
            0x08 | 0x7f => drop_character(&mut self.typed),
            0x03 | 0x15 if !self.edited => self.typed.clear(),
            0x03 => self.reset(),
            0x17 => drop_word(&mut self.typed),
            0x0c | 0x04 => {}
            0..0x20 => self.edited = true,
            _ if self.typed.len() < MAX => self.typed.push(key),
            _ => {}
        }
        None
    }

    fn send(&mut self) -> Option<String> {
        let typed = std::mem::take(&mut self.typed);
        let mark = self.mark.take();
        if std::mem::take(&mut self.edited) {
            self.sent = mark;
            return None;
        }
        line(&typed)
    }
}

fn line(bytes: &[u8]) -> Option<String> {
    let text = super::recorder::text(&bytes[..bytes.len().min(MAX)]);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn drop_character(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| (0x80..0xc0).contains(&byte)) {}
}

fn drop_word(typed: &mut Vec<u8>) {
    while typed.pop_if(|byte| *byte == b' ').is_some() {}
    while typed.pop_if(|byte| *byte != b' ').is_some() {}
}

/// The line of the screen the cursor is in, which may fold over several rows.
struct Screen {
    cols: usize,
    cells: Vec<u8>,
    row: usize,
    col: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Escape,
    /// A control sequence and its first number.
    Control(Option<usize>),
    /// A title or the like, up to BEL or ST.
    Title,
}

// === impl Screen ===

impl Default for Screen {
    fn default() -> Self {
        Self {
            cols: 80,
            cells: Vec::new(),
            row: 0,
            col: 0,
            state: State::Text,
        }
    }
}

impl Screen {
    fn at(&self) -> usize {
        self.row * self.cols + self.col
    }

    fn text_from(&self, mark: usize) -> String {
        super::recorder::text(self.cells.get(mark..).unwrap_or_default())
    }

    fn show(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::Text, 0x1b) => self.state = State::Escape,
            (State::Text, b'\n') => self.clear(),
            (State::Text, b'\r') => self.col = 0,
            (State::Text, 0x08) => self.col = self.col.saturating_sub(1),
            (State::Text, 0x20..) => self.put(byte),
            (State::Text, _) => {}
            (State::Escape, b'[') => self.state = State::Control(None),
            (State::Escape, b']') => self.state = State::Title,
            (State::Escape, _) => self.state = State::Text,
            (State::Control(number), b'0'..=b'9') => {
                let number = number.unwrap_or(0).saturating_mul(10) + usize::from(byte - b'0');
                self.state = State::Control(Some(number.min(MAX)));
            }
            (State::Control(number), 0x40..0x7f) => {
                self.state = State::Text;
                self.control(byte, number);
            }
            (State::Control(_), 0x1b) => self.state = State::Escape,
            (State::Control(_), _) => {}
            (State::Title, 0x07) => self.state = State::Text,
            (State::Title, 0x1b) => self.state = State::Escape,
            (State::Title, _) => {}
        }
    }

    fn put(&mut self, byte: u8) {
        // The rest of a character takes no column; keeping it in the cells keeps the text whole.
        if self.col == self.cols {
            self.row += 1;
            self.col = 0;
        }
        let at = self.at();
        if at >= MAX {
            return;
        }
        if self.cells.len() <= at {
            self.cells.resize(at + 1, b' ');
        }
        self.cells[at] = byte;
        self.col += 1;
    }

    fn control(&mut self, command: u8, number: Option<usize>) {
        let count = number.unwrap_or(1).max(1);
        let at = self.at().min(self.cells.len());
        match command {
            b'A' => self.row = self.row.saturating_sub(count),
            b'B' => self.row = (self.row + count).min(MAX / self.cols.max(1)),
            b'C' => self.col = (self.col + count).min(self.cols),
            b'D' => self.col = self.col.saturating_sub(count),
            b'G' => self.col = (count - 1).min(self.cols),
            b'K' if number.unwrap_or(0) == 0 => self.cells.truncate(at),
            b'J' if number.unwrap_or(0) == 0 => self.cells.truncate(at),
            b'J' => self.clear(),
            b'P' => drop(self.cells.drain(at..(at + count).min(self.cells.len()))),
            b'@' if self.cells.len() + count <= MAX => {
                self.cells.splice(at..at, std::iter::repeat_n(b' ', count));
            }
            _ => {}
        }
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.row = 0;
        self.col = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &[u8] = b"\x1b[?2004h\x1b]0;root@h: ~\x07root@h:~# ";

    fn at_prompt() -> Lines {
        let mut lines = Lines::default();
        lines.shown(PROMPT);
        lines
    }

    #[test]
    fn plain_typing_is_the_line_even_before_anything_is_shown() {
        let mut lines = Lines::default();
        assert_eq!(lines.typed(b"id\runame -a\nexit 3\r"), ["id", "uname -a", "exit 3"]);
    }

    #[test]
    fn rubbed_out_keys_are_not_in_the_line() {
        let mut lines = at_prompt();
        assert_eq!(
            lines.typed("lsé\x7f\x7f\x7fcat  /etc/passwx\x08d\r".as_bytes()),
            ["cat  /etc/passwd"]
        );
        assert_eq!(
            lines.typed(b"wrong\x15right\rnot this\x03date\rcat a b\x17c\r"),
            ["right", "date", "cat a c"]
        );
        assert!(lines.typed(b"   \r\r").is_empty());
    }

    #[test]
    fn a_pasted_line_is_taken_without_the_marks_of_the_paste() {
        assert_eq!(
            at_prompt().typed(b"\x1b[200~wget http://a/x\x1b[201~\r"),
            ["wget http://a/x"]
        );
    }

    #[test]
    fn a_completed_word_is_read_off_the_screen() {
        let mut lines = at_prompt();
        lines.typed(b"cat /etc/pass");
        lines.shown(b"cat /etc/pass");
        lines.typed(b"\t");
        lines.shown(b"wd ");
        assert!(lines.typed(b"\r").is_empty());
        assert_eq!(lines.shown(b"\r\n\x1b[?2004l\rroot:x:0:0"), ["cat /etc/passwd"]);
    }

    #[test]
    fn a_line_of_the_history_is_read_off_the_screen() {
        let mut lines = at_prompt();
        lines.typed(b"\x1b[A");
        lines.shown(b"history -c");
        lines.typed(b"\x1b[A");
        lines.shown(b"\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08id\x1b[K");
        lines.typed(b"\r");
        assert_eq!(lines.shown(b"\r\n"), ["id"]);
    }

    #[test]
    fn a_letter_set_into_the_middle_is_in_its_place() {
        let mut lines = at_prompt();
        lines.typed(b"ct x");
        lines.shown(b"ct x");
        lines.typed(b"\x1b[D\x1b[D\x1b[D");
        lines.shown(b"\x08\x08\x08");
        lines.typed(b"a");
        lines.shown(b"\x1b[1@a");
        lines.typed(b"\r");
        assert_eq!(lines.shown(b"\r\n"), ["cat x"]);
    }

    #[test]
    fn a_long_line_folded_by_the_editor_is_whole() {
        let mut lines = Lines::default();
        lines.resize(20);
        lines.shown(b"root@h:~# ");
        lines.typed(b"\x1b[A");
        lines.shown(b"echo 45678 \r90abcdef");
        lines.typed(b"\r");
        assert_eq!(lines.shown(b"\r\n"), ["echo 4567890abcdef"]);
    }

    #[test]
    fn no_bytes_make_it_grow_or_panic() {
        let mut lines = Lines::default();
        for cols in [0, 1, 7, u16::MAX] {
            lines.resize(cols);
            for seed in 0u32..20_000 {
                let bytes = seed.wrapping_mul(2_654_435_761).to_le_bytes();
                lines.typed(&bytes);
                lines.shown(&bytes);
                lines.shown(b"\x1b[9999999999999@\x1b[99C\x1b[7P\x1b[55A");
            }
        }
        assert!(lines.screen.cells.len() <= MAX && lines.typed.len() <= MAX);
    }
}
