//! Commands taken apart: a tag, a name, and arguments that may be lists and counted strings (RFC 3501 §9).

/// How deep lists lie in each other.
const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// A word; `plain` when it stood without quotes and count.
    Word {
        text: Vec<u8>,
        plain: bool,
    },
    List(Vec<Arg>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub tag: String,
    pub name: String,
    pub args: Result<Vec<Arg>, &'static str>,
}

/// A count at the end of a line, and whether the peer waits to be asked for what it counts.
pub(super) fn literal(line: &[u8]) -> Option<(usize, bool)> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let start = line.iter().rposition(|&byte| byte == b'{')?;
    let digits = &line[start + 1..];
    let waits = !digits.ends_with(b"+");
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let count = std::str::from_utf8(digits).ok().filter(|digits| digits.len() <= 9)?;
    Some((count.parse().ok()?, waits))
}

// === impl Command ===

impl Command {
    /// Of a whole command, what was counted in its place.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader { bytes, at: 0 };
        let tag = reader.bare();
        reader.skip(b' ');
        let name = reader.bare();
        let args = reader.rest();
        Self {
            tag,
            name: name.to_ascii_uppercase(),
            args,
        }
    }
}

// === impl Arg ===

impl Arg {
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Word { text, .. } => Some(text),
            Self::List(_) => None,
        }
    }

    pub(super) fn string(&self) -> Option<String> {
        self.text().map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// A word in capital letters.
    pub(super) fn upper(&self) -> Option<String> {
        self.string().map(|text| text.to_ascii_uppercase())
    }

    /// The words of a list, or the one word there is.
    pub(super) fn all(&self) -> &[Arg] {
        match self {
            Self::List(args) => args,
            Self::Word { .. } => std::slice::from_ref(self),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Reader ===

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        (!matches!(&self.bytes[self.at..], b"\r\n" | b"\n")).then_some(byte)
    }

    fn skip(&mut self, byte: u8) {
        while self.peek() == Some(byte) {
            self.at += 1;
        }
    }

    fn bare(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte != b' ') {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    fn rest(&mut self) -> Result<Vec<Arg>, &'static str> {
        let args = self.list(0)?;
        if self.peek().is_some() {
            Err("Unexpected ')'")
        } else {
            Ok(args)
        }
    }

    /// Up to a closing parenthesis, or the end.
    fn list(&mut self, depth: usize) -> Result<Vec<Arg>, &'static str> {
        let mut args = Vec::new();
        loop {
            self.skip(b' ');
            match self.peek() {
                None | Some(b')') => return Ok(args),
                Some(b'(') if depth >= MAX_DEPTH => return Err("Too many '('"),
                Some(b'(') => {
                    self.at += 1;
                    let inner = self.list(depth + 1)?;
                    if self.peek() != Some(b')') {
                        return Err("Missing ')'");
                    }
                    self.at += 1;
                    args.push(Arg::List(inner));
                }
                Some(b'"') => args.push(self.quoted()?),
                Some(b'{') => args.push(self.counted()?),
                Some(_) => args.push(self.atom()),
            }
        }
    }

    fn quoted(&mut self) -> Result<Arg, &'static str> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.peek().ok_or("Missing '\"'")? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    text.push(self.peek().ok_or("Missing '\"'")?);
                }
                byte => text.push(byte),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(Arg::Word { text, plain: false })
    }

    fn counted(&mut self) -> Result<Arg, &'static str> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or("Invalid literal")? + 1;
        let (count, _) = literal(&rest[..end]).ok_or("Invalid literal size")?;
        let text = rest.get(end..end + count).ok_or("Invalid literal")?.to_vec();
        self.at += end + count;
        Ok(Arg::Word { text, plain: false })
    }

    /// What stands in brackets belongs to the word, blanks and all.
    fn atom(&mut self) -> Arg {
        let (start, mut depth) = (self.at, 0_u32);
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                b' ' | b'(' | b')' | b'"' if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        Arg::Word {
            text: self.bytes[start..self.at].to_vec(),
            plain: true,
        }
    }
}

/// A set of numbers, `1:4,7,*`, as ranges; `last` is what `*` stands for.
pub(super) fn set(text: &str, last: u32) -> Option<Vec<(u32, u32)>> {
    let number = |text: &str| match text {
        "*" => Some(last),
        _ => text.parse::<u32>().ok().filter(|number| *number > 0),
    };
    let ranges = text.split(',').map(|range| match range.split_once(':') {
        Some((from, to)) => Some((number(from)?, number(to)?)).map(|(a, b)| (a.min(b), a.max(b))),
        None => number(range).map(|one| (one, one)),
    });
    ranges.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_words_and_lists_in_every_form() {
        let command =
            Command::parse(b"a1 fetch 1:* (flags body.peek[header.fields (a b)]<0.9>) \"q\\\"x\" {3}\r\na\nb (())\r\n");
        assert_eq!((&command.tag[..], &command.name[..]), ("a1", "FETCH"));
        let args = command.args.unwrap();
        assert_eq!(
            args[1].all()[1].string().unwrap(),
            "body.peek[header.fields (a b)]<0.9>"
        );
        assert_eq!(args[2].text(), Some(&b"q\"x"[..]));
        assert_eq!(args[3].text(), Some(&b"a\nb"[..]));
        assert_eq!(args[4], Arg::List(vec![Arg::List(Vec::new())]));
        for (line, error) in [
            ("a b (c\r\n", "Missing ')'"),
            ("a b \"c\r\n", "Missing '\"'"),
            ("a b )\r\n", "Unexpected ')'"),
        ] {
            assert_eq!(Command::parse(line.as_bytes()).args, Err(error));
        }
        let deep = format!("a b {}\r\n", "(".repeat(500));
        assert!(Command::parse(deep.as_bytes()).args.is_err());
    }

    #[test]
    fn counts_are_found_at_ends_of_lines() {
        assert_eq!(literal(b"a login {3}\r\n"), Some((3, true)));
        assert_eq!(literal(b"a login {3+}\r\n"), Some((3, false)));
        assert_eq!(literal(b"a login {x}\r\n"), None);
        assert_eq!(literal(b"a {99999999999}\r\n"), None);
    }

    #[test]
    fn sets_are_ranges_in_either_direction() {
        assert_eq!(set("1,4:2,*", 9), Some(vec![(1, 1), (2, 4), (9, 9)]));
        assert_eq!(set("0", 9), None);
        assert_eq!(set("x", 9), None);
        assert_eq!(set("", 9), None);
    }
}
