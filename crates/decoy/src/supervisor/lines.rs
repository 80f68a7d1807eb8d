//! Bytes in, whole lines out, none longer than told.

/// What has been read of a stream of lines.
pub struct Lines {
    rest: Vec<u8>,
    max: usize,
    /// The line being read is too long already: its end is awaited.
    skipping: bool,
    lost: u64,
}

// === impl Lines ===

impl Lines {
    /// `max` is the length of the longest line kept, without its end.
    pub fn new(max: usize) -> Self {
        Self {
            rest: Vec::new(),
            max,
            skipping: false,
            lost: 0,
        }
    }

    /// Takes bytes as they come and hands over each line they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            let (head, tail) = (&bytes[..end], &bytes[end + 1..]);
            bytes = tail;
            if self.skipping || self.rest.len() + head.len() > self.max {
                self.lost += 1;
            } else if self.rest.is_empty() {
                line(head);
            } else {
                self.rest.extend_from_slice(head);
                line(&self.rest);
            }
            self.skipping = false;
            self.rest.clear();
        }
        if self.skipping || self.rest.len() + bytes.len() > self.max {
            self.skipping = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// Lines too long to be kept, since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// The stream ended. A line it broke off in counts as lost.
    pub fn end(&mut self) -> u64 {
        let broken = self.skipping || !self.rest.is_empty();
        self.rest.clear();
        self.skipping = false;
        self.take_lost() + u64::from(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &mut Lines, chunks: &[&[u8]]) -> Vec<String> {
        let mut out = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line| out.push(String::from_utf8_lossy(line).into_owned()));
        }
        out
    }

    #[test]
    fn lines_come_out_whole_however_the_bytes_are_cut() {
        assert_eq!(
            read(&mut Lines::new(9), &[b"on", b"e\ntwo\n", b"", b"thr", b"ee", b"\n"]),
            ["one", "two", "three"]
        );
    }

    #[test]
    fn a_line_too_long_is_counted_and_the_next_one_read() {
        let mut lines = Lines::new(3);
        assert_eq!(
            read(&mut lines, &[b"abcd\nabc\n", b"ab", b"cdef", b"gh\nx\n"]),
            ["abc", "x"]
        );
        assert_eq!(lines.take_lost(), 2);
        assert_eq!(lines.take_lost(), 0);
    }

    #[test]
    fn a_line_the_stream_broke_off_in_is_lost() {
        let mut lines = Lines::new(9);
        assert_eq!(read(&mut lines, &[b"whole\nbro"]), ["whole"]);
        assert_eq!(lines.end(), 1);
        assert_eq!(lines.end(), 0);
    }
}
