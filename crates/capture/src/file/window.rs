//! A window over a stream of bytes: what is in it is lent, what was used moves out.

use std::io::{self, Read};

/// Read at once. Large enough that the kernel's copy is all that a byte costs.
const ROOM: usize = 1 << 20;

pub(crate) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the stream before `start`.
    before: u64,
    ended: bool,
}

// === impl Window ===

impl Window {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            buffer: vec![0; ROOM],
            start: 0,
            end: 0,
            before: 0,
            ended: false,
        }
    }

    /// Where in the stream the window begins.
    pub(crate) fn offset(&self) -> u64 {
        self.before
    }

    pub(crate) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Sees to it that `count` bytes are in the window; false when the stream ends before.
    #[inline]
    pub(crate) fn fill(&mut self, count: usize) -> io::Result<bool> {
        if self.end - self.start >= count {
            return Ok(true);
        }
        self.refill(count)
    }

    #[cold]
    fn refill(&mut self, count: usize) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < count {
            self.buffer.resize(count.next_power_of_two(), 0);
        }
        while self.end < count && !self.ended {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end >= count)
    }

    /// Moves `count` bytes that are in the window out of it, and lends them.
    #[inline]
    pub(crate) fn lend(&mut self, count: usize) -> &[u8] {
        let start = self.start;
        self.start += count;
        self.before += count as u64;
        &self.buffer[start..self.start]
    }

    /// Passes over `count` bytes, however many; false when the stream ends before.
    pub(crate) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        while count > 0 {
            let here = count.min((self.end - self.start) as u64);
            self.lend(usize::try_from(here).unwrap_or_default());
            count -= here;
            if count > 0 && !self.fill(1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
