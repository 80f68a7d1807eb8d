//! What a client sends: RESP arrays of bulk strings, or words on a line.

use super::number;
use super::reply::Bytes;

/// Longest line of a header or an inline command.
const LINE_MAX: usize = 64 << 10;
/// What a client that has not proved itself may send.
const STRANGER_ARGS: i64 = 10;
const STRANGER_BULK: i64 = 16384;

/// Reads commands from pieces of a stream.
#[derive(Default)]
pub(super) struct Parser {
    buffer: Bytes,
    start: usize,
    /// Arguments still to come, when inside an array.
    missing: i64,
    args: Vec<Bytes>,
    /// Bytes of memory the arguments take.
    weight: usize,
    /// Length of the argument being read.
    length: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Never empty.
    Command(Vec<Bytes>),
    /// More bytes are needed.
    Pending,
    /// `Protocol error: ` and this; the conversation is over.
    Broken(Bytes),
}

#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// `proto-max-bulk-len`.
    pub(super) bulk: u64,
    /// The client has yet to authenticate.
    pub(super) stranger: bool,
}

// === impl Parser ===

impl Parser {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of memory held for what is not yet a command. Arguments cost something even when they are empty.
    pub(super) fn held(&self) -> usize {
        self.buffer.len() - self.start + self.weight
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(super) fn parse(&mut self, limits: Limits) -> Parsed {
        loop {
            let step = match (self.missing, self.unread().first()) {
                (0, None) => Ok(None),
                (0, Some(b'*')) => self.array(limits),
                (0, Some(_)) => self.inline(),
                _ => self.argument(limits),
            };
            let parsed = match step {
                Ok(Some(Step::Command(args))) if args.is_empty() => continue,
                Ok(Some(Step::Command(args))) => Parsed::Command(args),
                Ok(Some(Step::Again)) => continue,
                Ok(None) => Parsed::Pending,
                Err(reason) => Parsed::Broken(reason),
            };
            self.compact();
            return parsed;
        }
    }

    fn array(&mut self, limits: Limits) -> Result<Option<Step>, Bytes> {
        let Some(line) = self.header("too big mbulk count string")? else {
            return Ok(None);
        };
        let count = number::integer(&line[1..]).filter(|n| *n <= i64::from(i32::MAX));
        let count = count.ok_or("invalid multibulk length")?;
        if limits.stranger && count > STRANGER_ARGS {
            return Err("unauthenticated multibulk length".into());
        }
        self.missing = count.max(0);
        (self.args, self.weight) = (Vec::new(), 0);
        Ok(Some(Step::Again))
    }

    fn argument(&mut self, limits: Limits) -> Result<Option<Step>, Bytes> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(line) = self.header("too big bulk count string")? else {
                    return Ok(None);
                };
                if line[0] != b'$' {
                    return Err([b"expected '$', got '", &line[..1], b"'"].concat());
                }
                let length = number::integer(&line[1..]).filter(|n| *n >= 0 && *n as u64 <= limits.bulk);
                let length = length.ok_or("invalid bulk length")?;
                if limits.stranger && length > STRANGER_BULK {
                    return Err("unauthenticated bulk length".into());
                }
                *self.length.insert(length as usize)
            }
        };
        if self.unread().len() < length + 2 {
            return Ok(None);
        }
        self.args.push(self.unread()[..length].to_vec());
        self.weight += length + size_of::<Bytes>();
        self.start += length + 2;
        self.length = None;
        self.missing -= 1;
        Ok(Some(match self.missing {
            0 => {
                self.weight = 0;
                Step::Command(std::mem::take(&mut self.args))
            }
            _ => Step::Again,
        }))
    }

    /// A line that must end in two bytes; its end is sought, as in C, only up to the first NUL.
    fn header(&mut self, overlong: &str) -> Result<Option<Bytes>, Bytes> {
        let unread = self.unread();
        let Some(end) = find(unread, b'\r') else {
            return if unread.len() > LINE_MAX {
                Err(overlong.into())
            } else {
                Ok(None)
            };
        };
        if unread.len() < end + 2 {
            return Ok(None);
        }
        let line = unread[..end].to_vec();
        self.start += end + 2;
        // An empty line in place of a header is told by its first byte, the line end.
        Ok(Some(if line.is_empty() { b"\r".to_vec() } else { line }))
    }

    fn inline(&mut self) -> Result<Option<Step>, Bytes> {
        let unread = self.unread();
        let Some(end) = find(unread, b'\n') else {
            return if unread.len() > LINE_MAX {
                Err("too big inline request".into())
            } else {
                Ok(None)
            };
        };
        let line = &unread[..end];
        let words = words(line.strip_suffix(b"\r").unwrap_or(line)).ok_or("unbalanced quotes in request")?;
        self.start += end + 1;
        Ok(Some(Step::Command(words)))
    }

    fn compact(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        } else if self.start > LINE_MAX {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Bytes of memory that a command's words take.
pub(super) fn weight(args: &[Bytes]) -> usize {
    args.iter().map(|arg| arg.len() + size_of::<Bytes>()).sum()
}

/// Where the byte is, unless a NUL comes before it.
fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes
        .iter()
        .position(|&b| b == wanted || b == 0)
        .filter(|&at| bytes[at] == wanted)
}

enum Step {
    Command(Vec<Bytes>),
    Again,
}

/// Words of a line, with the quoting of redis-cli; none when a quote is never closed.
pub(super) fn words(line: &[u8]) -> Option<Vec<Bytes>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = &rest[rest
            .iter()
            .take_while(|b| b.is_ascii_whitespace() || **b == 0x0b)
            .count()..];
        if rest.is_empty() {
            return Some(words);
        }
        let (word, left) = word(rest)?;
        words.push(word);
        rest = left;
    }
}

fn word(mut rest: &[u8]) -> Option<(Bytes, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] => return Some((word, rest)),
            [b, ..] if b.is_ascii_whitespace() => return Some((word, rest)),
            [quote @ (b'"' | b'\''), inner @ ..] => {
                let left = if *quote == b'"' {
                    double(inner, &mut word)?
                } else {
                    single(inner, &mut word)?
                };
                // A closing quote ends the word.
                return match left.first() {
                    Some(b) if !b.is_ascii_whitespace() => None,
                    _ => Some((word, left)),
                };
            }
            [b, left @ ..] => {
                word.push(*b);
                rest = left;
            }
        }
    }
}

fn double<'a>(mut rest: &'a [u8], word: &mut Bytes) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\\', b'x', high, low, left @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
                word.push(digit(*high) << 4 | digit(*low));
                rest = left;
            }
            [b'\\', escaped, left @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = left;
            }
            [b'"', left @ ..] => return Some(left),
            [b, left @ ..] => {
                word.push(*b);
                rest = left;
            }
        }
    }
}

fn single<'a>(mut rest: &'a [u8], word: &mut Bytes) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\\', b'\'', left @ ..] => {
                word.push(b'\'');
                rest = left;
            }
            [b'\'', left @ ..] => return Some(left),
            [b, left @ ..] => {
                word.push(*b);
                rest = left;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bulk: 512 << 20,
        stranger: false,
    };

    fn parsed(pieces: &[&[u8]]) -> Vec<Parsed> {
        let mut parser = Parser::default();
        let mut all = Vec::new();
        for piece in pieces {
            parser.push(piece);
            loop {
                let parsed = parser.parse(LIMITS);
                let over = !matches!(parsed, Parsed::Command(_));
                if parsed != Parsed::Pending {
                    all.push(parsed);
                }
                if over {
                    break;
                }
            }
        }
        all
    }

    fn command(words: &[&str]) -> Parsed {
        Parsed::Command(words.iter().map(|word| word.as_bytes().to_vec()).collect())
    }

    #[test]
    fn a_command_in_pieces_and_two_in_one_are_read() {
        assert_eq!(
            parsed(&[b"*2\r\n$3\r", b"\nGET\r\n$1\r\n", b"a\r\nPING\r\n"]),
            [command(&["GET", "a"]), command(&["PING"])]
        );
        assert_eq!(
            parsed(&[b"*0\r\n*-1\r\n\r\n set \"a\\x41\" 'b c'\n"]),
            [command(&["set", "aA", "b c"])]
        );
    }

    #[test]
    fn what_is_no_request_is_named() {
        let cases: [(&[u8], &str); 6] = [
            (b"*abc\r\n", "invalid multibulk length"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$536870913\r\n", "invalid bulk length"),
            (b"set \"a\r\n", "unbalanced quotes in request"),
            (b"*1\r\n\r\n", "expected '$', got '\r'"),
        ];
        for (bytes, reason) in cases {
            assert_eq!(
                parsed(&[bytes]),
                [Parsed::Broken(reason.as_bytes().to_vec())],
                "{reason}"
            );
        }
    }

    #[test]
    fn arguments_without_bytes_are_held_against_their_sender_too() {
        let mut parser = Parser::default();
        parser.push(b"*2000\r\n");
        parser.push(&b"$0\r\n\r\n".repeat(1000));
        assert_eq!(parser.parse(LIMITS), Parsed::Pending);
        assert!(parser.held() >= 1000 * size_of::<Bytes>());
    }

    #[test]
    fn a_stranger_may_send_little() {
        let mut parser = Parser::default();
        parser.push(b"*1\r\n$16385\r\n");
        let parsed = parser.parse(Limits {
            stranger: true,
            ..LIMITS
        });
        assert_eq!(parsed, Parsed::Broken(b"unauthenticated bulk length".to_vec()));
    }
}
