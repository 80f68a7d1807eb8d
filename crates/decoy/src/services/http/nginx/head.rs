//! The head of a request as nginx reads it, within the buffers nginx has for it.

use super::field::{Field, Fields};
use super::line::{Line, Refusal};
use super::request::Request;

/// `client_header_buffer_size`, and `large_client_header_buffers`.
const FIRST_BUFFER: usize = 1024;
const LARGE_BUFFER: usize = 8192;
const LARGE_BUFFERS: usize = 4;

/// What ends the reading of a head: a whole request, or the status it is refused with.
pub(super) type Outcome = Result<(), u16>;

/// 494 is what nginx itself calls a head too large; it tells the peer 400.
pub(super) const HEAD_TOO_LARGE: u16 = 494;

pub(super) struct Head {
    max_headers: usize,
    raw: Vec<u8>,
    line: Line,
    in_fields: bool,
    fields: Fields,
    buffers: Buffers,
    pub request: Request,
}

/// How full the buffer being read into is.
struct Buffers {
    size: usize,
    used: usize,
    large: usize,
    /// Where the line being read began.
    line_start: usize,
}

// === impl Head ===

impl Head {
    pub(super) fn new(max_headers: usize) -> Self {
        Self {
            max_headers,
            raw: Vec::new(),
            line: Line::default(),
            in_fields: false,
            fields: Fields::default(),
            buffers: Buffers::default(),
            request: Request::default(),
        }
    }

    /// What came, without the empty lines before it.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw[self.line.start().min(self.raw.len())..]
    }

    pub(super) fn has_begun(&self) -> bool {
        self.line.has_begun()
    }

    /// Takes one byte; something when it decides the matter.
    pub(super) fn push(&mut self, byte: u8) -> Option<Outcome> {
        let at = self.raw.len();
        self.raw.push(byte);
        self.buffers.used += 1;
        let outcome = if self.in_fields {
            self.field(at, byte)
        } else {
            self.request_line(at, byte)
        };
        outcome.or_else(|| self.make_room().err().map(Err))
    }

    fn request_line(&mut self, at: usize, byte: u8) -> Option<Outcome> {
        let pushed = self.line.push(at, byte);
        self.request.method = self.raw[self.line.method.clone()].to_vec();
        match pushed {
            Ok(false) => {
                self.buffers.line_start = self.line.start();
                None
            }
            Ok(true) => self
                .line_done()
                .map_or_else(|status| Some(Err(status)), |whole| whole.then_some(Ok(()))),
            Err(Refusal::Bad) => Some(Err(400)),
            Err(Refusal::Version) => Some(Err(505)),
        }
    }

    /// True when nothing more belongs to the head.
    fn line_done(&mut self) -> Result<bool, u16> {
        let (raw, line) = (&self.raw, &self.line);
        self.request.version = line.version.unwrap_or(1000);
        if self.request.version == 9 && self.request.method != b"GET" {
            return Err(400);
        }
        self.request.target(&raw[line.uri.clone()]).ok_or(400_u16)?;
        if let Some(host) = &line.host {
            self.request.server = Some(super::request::valid_host(&raw[host.clone()]).ok_or(400_u16)?);
        }
        self.in_fields = true;
        self.buffers.line_start = self.raw.len();
        Ok(self.request.version < 1000)
    }

    fn field(&mut self, at: usize, byte: u8) -> Option<Outcome> {
        match self.fields.push(at, byte) {
            Ok(Field::More) => None,
            Ok(Field::Line { name, value, valid }) => {
                self.buffers.line_start = self.raw.len();
                if !valid {
                    return None;
                }
                if self.request.headers() == self.max_headers {
                    return Some(Err(HEAD_TOO_LARGE));
                }
                let (name, value) = (self.raw[name].to_vec(), self.raw[value].to_vec());
                self.request.take(name, value).err().map(Err)
            }
            Ok(Field::End) => Some(self.request.check()),
            Err(()) => Some(Err(400)),
        }
    }

    /// Another buffer when this one is full; what was read of the line moves with it.
    fn make_room(&mut self) -> Outcome {
        let buffers = &mut self.buffers;
        if buffers.used < buffers.size {
            return Ok(());
        }
        if !self.in_fields && !self.line.has_begun() {
            // Empty lines before a request cost nothing, however many come.
            self.raw.clear();
            buffers.used = 0;
            return Ok(());
        }
        let partial = self.raw.len() - buffers.line_start;
        if partial >= LARGE_BUFFER || buffers.large == LARGE_BUFFERS {
            return Err(if self.in_fields { HEAD_TOO_LARGE } else { 414 });
        }
        buffers.large += 1;
        buffers.size = LARGE_BUFFER;
        buffers.used = partial;
        Ok(())
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            size: FIRST_BUFFER,
            used: 0,
            large: 0,
            line_start: 0,
        }
    }
}
