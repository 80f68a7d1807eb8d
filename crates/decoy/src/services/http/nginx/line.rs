//! The request line, byte by byte, as nginx reads it.

use std::ops::Range;

/// Minor version numbers beyond this are refused before another digit is read.
const MAX_MINOR: u32 = 99;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Bad,
    Version,
}

/// Places within the head, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Line {
    state: State,
    start: usize,
    pub method: Range<usize>,
    pub schema: Range<usize>,
    pub host: Option<Range<usize>>,
    pub uri: Range<usize>,
    /// The request named a host and a query, and no path between.
    pub no_path: bool,
    major: u32,
    minor: u32,
    /// `major * 1000 + minor` once the line is whole.
    pub version: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Method,
    BeforeUri,
    Schema,
    SchemaSlash,
    SchemaSlashSlash,
    HostStart,
    Host,
    HostEnd,
    HostLiteral,
    Port,
    Uri,
    AfterUri,
    Http(u8),
    FirstMajor,
    Major,
    FirstMinor,
    Minor,
    AfterVersion,
    AlmostDone,
}

// === impl Line ===

impl Line {
    /// Where the line began: what empty lines came before are behind it.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Whether bytes of a request, and not only of empty lines before it, were seen.
    pub(super) fn has_begun(&self) -> bool {
        self.state != State::Start
    }

    /// Takes the byte at `at`; true when it ends the line.
    pub(super) fn push(&mut self, at: usize, byte: u8) -> Result<bool, Refusal> {
        use State::*;
        self.state = match self.state {
            Start => {
                self.start = at;
                match byte {
                    b'\r' | b'\n' => Start,
                    b'A'..=b'Z' | b'_' | b'-' => Method,
                    _ => return Err(Refusal::Bad),
                }
            }
            Method => match byte {
                b' ' => {
                    self.method = self.start..at;
                    BeforeUri
                }
                b'A'..=b'Z' | b'_' | b'-' => Method,
                _ => return Err(Refusal::Bad),
            },
            BeforeUri => match byte {
                b'/' => self.uri_from(at),
                b'a'..=b'z' | b'A'..=b'Z' => {
                    self.schema = at..at;
                    Schema
                }
                b' ' => BeforeUri,
                _ => return Err(Refusal::Bad),
            },
            Schema | SchemaSlash | SchemaSlashSlash | HostStart | Host | HostEnd | HostLiteral | Port => {
                self.absolute(at, byte)?
            }
            Uri => match byte {
                b' ' | b'\r' | b'\n' => {
                    self.uri.end = at;
                    return self.after_uri(byte);
                }
                0..0x20 | 0x7f => return Err(Refusal::Bad),
                _ => Uri,
            },
            AfterUri => return self.after_uri(byte),
            Http(n) => match b"HTTP/".get(n as usize) {
                Some(wanted) if *wanted == byte && n == 4 => FirstMajor,
                Some(wanted) if *wanted == byte => Http(n + 1),
                _ => return Err(Refusal::Bad),
            },
            _ => return self.version_or_end(byte),
        };
        Ok(false)
    }

    fn uri_from(&mut self, at: usize) -> State {
        self.uri = at..at;
        State::Uri
    }

    /// `scheme://host:port` before the path.
    fn absolute(&mut self, at: usize, byte: u8) -> Result<State, Refusal> {
        use State::*;
        Ok(match (self.state, byte) {
            (Schema, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') => Schema,
            (Schema, b':') => {
                self.schema.end = at;
                SchemaSlash
            }
            (SchemaSlash, b'/') => SchemaSlashSlash,
            (SchemaSlashSlash, b'/') => HostStart,
            (HostStart, b'[') => {
                self.host = Some(at..at);
                HostLiteral
            }
            (HostStart, _) => {
                self.host = Some(at..at);
                self.state = Host;
                return self.absolute(at, byte);
            }
            (Host, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-') => Host,
            (HostLiteral, b']') => HostEnd,
            (HostLiteral, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') => HostLiteral,
            (HostLiteral, b':' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$'..=b',' | b';' | b'=') if byte != b'%' => {
                HostLiteral
            }
            (Host | HostEnd, _) => {
                if let Some(host) = &mut self.host {
                    host.end = at;
                }
                if byte == b':' {
                    Port
                } else {
                    self.path_after_host(at, byte)?
                }
            }
            (Port, b'0'..=b'9') => Port,
            (Port, _) => self.path_after_host(at, byte)?,
            _ => return Err(Refusal::Bad),
        })
    }

    fn path_after_host(&mut self, at: usize, byte: u8) -> Result<State, Refusal> {
        match byte {
            b'/' => Ok(self.uri_from(at)),
            b'?' => {
                self.no_path = true;
                Ok(self.uri_from(at))
            }
            b' ' => {
                // The first slash of `://` stands for the path.
                self.uri = self.schema.end + 1..self.schema.end + 2;
                Ok(State::AfterUri)
            }
            _ => Err(Refusal::Bad),
        }
    }

    fn after_uri(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.state = match byte {
            b' ' => State::AfterUri,
            b'\r' | b'\n' => {
                self.minor = 9;
                if byte == b'\n' {
                    return self.done();
                }
                State::AlmostDone
            }
            b'H' if self.state == State::AfterUri => State::Http(1),
            _ => return Err(Refusal::Bad),
        };
        Ok(false)
    }

    fn version_or_end(&mut self, byte: u8) -> Result<bool, Refusal> {
        use State::*;
        let digit = u32::from(byte.wrapping_sub(b'0'));
        self.state = match (self.state, byte) {
            (FirstMajor, b'1'..=b'9') | (Major, b'0'..=b'9') => {
                self.major = self.major * 10 + digit;
                if self.major > 1 {
                    return Err(Refusal::Version);
                }
                Major
            }
            (Major, b'.') => FirstMinor,
            (FirstMinor, b'0'..=b'9') => {
                self.minor = digit;
                Minor
            }
            (Minor, b'0'..=b'9') if self.minor <= MAX_MINOR => {
                self.minor = self.minor * 10 + digit;
                Minor
            }
            (Minor | AfterVersion, b'\r') => AlmostDone,
            (Minor | AfterVersion | AlmostDone, b'\n') => return self.done(),
            (Minor | AfterVersion, b' ') => AfterVersion,
            _ => return Err(Refusal::Bad),
        };
        Ok(false)
    }

    fn done(&mut self) -> Result<bool, Refusal> {
        self.version = Some(self.major * 1000 + self.minor);
        Ok(true)
    }
}
