//! Command lines out of a stream of bytes.

/// Bytes of a line, its end included, that the product reads.
pub const MAX_LINE: usize = 4096;

/// Bytes of the peer not yet taken as lines.
#[derive(Default)]
pub struct Lines {
    buffer: Vec<u8>,
}

/// A line without end.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Upper case.
    pub verb: Vec<u8>,
    pub arg: Vec<u8>,
}

// === impl Lines ===

impl Lines {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole command, if it is there. After [`TooLong`] nothing more can be read.
    pub fn take_next(&mut self) -> Result<Option<Command>, TooLong> {
        let end = self.buffer.iter().take(MAX_LINE).position(|&b| b == b'\n');
        match end {
            Some(end) => {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                Ok(Some(Command::parse(&line)))
            }
            None if self.buffer.len() >= MAX_LINE => Err(TooLong),
            None => Ok(None),
        }
    }
}

// === impl Command ===

impl Command {
    /// Takes any bytes. A NUL stands for a newline (RFC 959 by way of RFC 854).
    pub fn parse(line: &[u8]) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let kept = line.iter().rposition(|&b| b != b'\r').map_or(0, |at| at + 1);
        let line: Vec<u8> = line[..kept].iter().map(|&b| if b == 0 { b'\n' } else { b }).collect();
        if line == b" " {
            return Self {
                verb: line,
                arg: Vec::new(),
            };
        }
        let (verb, arg) = split(&line, b' ');
        Self {
            verb: verb.to_ascii_uppercase(),
            arg: arg.to_vec(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.verb.is_empty() && self.arg.is_empty()
    }
}

/// What is before and after the first `mark`; nothing is after when there is none.
pub fn split(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == mark) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(verb: &str, arg: &str) -> Command {
        Command {
            verb: verb.into(),
            arg: arg.into(),
        }
    }

    #[test]
    fn lines_are_taken_whole_however_they_come() {
        let mut lines = Lines::default();
        lines.feed(b"us");
        assert_eq!(lines.take_next(), Ok(None));
        lines.feed(b"er kim x\r\nPASS\0\r\r\nquit\n");
        assert_eq!(lines.take_next(), Ok(Some(command("USER", "kim x"))));
        assert_eq!(lines.take_next(), Ok(Some(command("PASS\n", ""))));
        assert_eq!(lines.take_next(), Ok(Some(command("QUIT", ""))));
        assert_eq!(lines.take_next(), Ok(None));
    }

    #[test]
    fn a_line_of_4096_bytes_is_the_longest() {
        for (length, fits) in [(4094, true), (4095, false), (9000, false)] {
            let mut lines = Lines::default();
            lines.feed(&[&vec![b'A'; length][..], b"\r\n"].concat());
            assert_eq!(lines.take_next().is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn an_empty_line_is_not_a_blank_one() {
        assert!(Command::parse(b"\r\n").is_empty());
        assert!(!Command::parse(b" \r\n").is_empty());
        assert!(!Command::parse(b"  \r\n").is_empty());
    }
}
