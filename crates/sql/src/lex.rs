//! Words, numbers, strings and signs of a statement.

use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Folded to lower case unless it was quoted.
    Word {
        text: String,
        quoted: bool,
    },
    Number(String),
    String(String),
    /// `0x41`, in MySQL.
    Bytes(Vec<u8>),
    /// `@x`, `@@x`, in MySQL.
    Variable(String),
    /// `$1`.
    Param(usize),
    Op(String),
    /// One of `( ) [ ] , ; .` and `::`, `:=`, `:`.
    Sign(&'static str),
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Bytes of the text it spans.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Longer names are cut.
const NAME: usize = 63;
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { text, at: 0 };
    let mut all = Vec::new();
    loop {
        lexer.skip()?;
        let from = lexer.at;
        let kind = lexer.token()?;
        let end = kind == Kind::End;
        all.push(Token {
            kind,
            from,
            to: lexer.at,
        });
        if end {
            return Ok(all);
        }
    }
}

/// The place of a byte as clients count: characters, from one.
pub(crate) fn place(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.chars().count()) + 1
}

// === impl Lexer ===

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let taken: String = self.rest().chars().take_while(|&c| wanted(c)).collect();
        self.at += taken.len();
        taken
    }

    /// Blanks and comments.
    fn skip(&mut self) -> Result<(), Error> {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c' | '\x0b'));
            if self.rest().starts_with("--") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn comment(&mut self) -> Result<(), Error> {
        let (from, mut depth) = (self.at, 0);
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(c) = self.peek() {
                self.at += c.len_utf8();
            } else {
                return Err(self.broken("unterminated /* comment", from));
            }
        }
    }

    fn broken(&self, what: &str, from: usize) -> Error {
        let near = self.text.get(from..).unwrap_or("");
        Error::syntax(format!("{what} at or near \"{near}\"")).at(place(self.text, from))
    }

    fn token(&mut self) -> Result<Kind, Error> {
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        let from = self.at;
        let second = self.rest().chars().nth(1).unwrap_or('\0');
        match first {
            '\'' => self.string(from).map(Kind::String),
            'e' | 'E' if second == '\'' => {
                self.at += 1;
                self.escaped(from).map(Kind::String)
            }
            'b' | 'B' | 'x' | 'X' | 'n' | 'N' if second == '\'' => {
                self.at += 1;
                self.string(from).map(Kind::String)
            }
            '"' => self.quoted(from),
            '$' if second.is_ascii_digit() => {
                self.at += 1;
                let digits = self.take_while(|c| c.is_ascii_digit());
                Ok(Kind::Param(digits.parse().unwrap_or(usize::MAX)))
            }
            '$' => self.dollar(from),
            '0'..='9' => self.number(from),
            '.' if second.is_ascii_digit() => self.number(from),
            c if c == '_' || c.is_alphabetic() => {
                let word = self.take_while(|c| c == '_' || c == '$' || c.is_alphanumeric());
                let mut text = word.to_ascii_lowercase();
                text.truncate(text.floor_char_boundary(NAME));
                Ok(Kind::Word { text, quoted: false })
            }
            c if OPERATOR.contains(c) => Ok(self.operator()),
            _ => self.sign(from),
        }
    }

    fn sign(&mut self, from: usize) -> Result<Kind, Error> {
        for sign in ["::", ":=", "..", "(", ")", "[", "]", ",", ";", ".", ":"] {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                return Ok(Kind::Sign(sign));
            }
        }
        let near = self.peek().map(String::from).unwrap_or_default();
        Err(Error::syntax(format!("syntax error at or near \"{near}\"")).at(place(self.text, from)))
    }

    /// `+` and `-` end an operator unless a sign that no arithmetic has is in it.
    fn operator(&mut self) -> Kind {
        let mut run: String = self.rest().chars().take_while(|c| OPERATOR.contains(*c)).collect();
        for comment in ["--", "/*"] {
            if let Some(at) = run.find(comment).filter(|at| *at > 0) {
                run.truncate(at);
            }
        }
        let odd = run.contains(['~', '!', '@', '#', '%', '^', '&', '|', '`', '?']);
        while run.len() > 1 && run.ends_with(['+', '-']) && !odd {
            run.pop();
        }
        self.at += run.len();
        Kind::Op(if run == "!=" { "<>".into() } else { run })
    }

    fn number(&mut self, from: usize) -> Result<Kind, Error> {
        let mut text = self.take_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') && !self.rest().starts_with("..") {
            self.at += 1;
            text.push('.');
            text.push_str(&self.take_while(|c| c.is_ascii_digit()));
        }
        let exponent = self.rest().starts_with(['e', 'E']);
        let digits = self.rest().get(1..).unwrap_or("").trim_start_matches(['+', '-']);
        if exponent && digits.starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            text.push('e');
            text.push_str(&self.take_while(|c| matches!(c, '+' | '-')));
            text.push_str(&self.take_while(|c| c.is_ascii_digit()));
        }
        if self.peek().is_some_and(|c| c == '_' || c.is_alphabetic()) {
            self.take_while(|c| c == '_' || c.is_alphanumeric());
            let near = &self.text[from..self.at];
            let what = format!("trailing junk after numeric literal at or near \"{near}\"");
            return Err(Error::syntax(what).at(place(self.text, from)));
        }
        Ok(Kind::Number(text))
    }

    fn string(&mut self, from: usize) -> Result<String, Error> {
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(&self.take_while(|c| c != '\''));
            if self.rest().starts_with("''") {
                text.push('\'');
                self.at += 2;
            } else if self.peek().is_some() {
                self.at += 1;
                return Ok(text);
            } else {
                return Err(self.broken("unterminated quoted string", from));
            }
        }
    }

    fn escaped(&mut self, from: usize) -> Result<String, Error> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            bytes.extend(self.take_while(|c| c != '\'' && c != '\\').into_bytes());
            if self.rest().starts_with("''") {
                bytes.push(b'\'');
                self.at += 2;
            } else if self.peek() == Some('\'') {
                self.at += 1;
                return String::from_utf8(bytes).map_err(|error| {
                    let bad = error.as_bytes()[error.utf8_error().valid_up_to()];
                    Error::new(
                        "22021",
                        format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}"),
                    )
                });
            } else if self.peek() == Some('\\') {
                self.at += 1;
                self.escape(&mut bytes);
            } else {
                return Err(self.broken("unterminated quoted string", from));
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let Some(c) = self.peek() else { return };
        self.at += c.len_utf8();
        let (base, most) = match c {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => (8, 3),
            _ => (0, 0),
        };
        if base == 8 {
            self.at -= 1;
        }
        if base > 0 {
            let digits: String = self
                .rest()
                .chars()
                .take(most)
                .take_while(|c| c.is_digit(base))
                .collect();
            self.at += digits.len();
            let number = u32::from_str_radix(&digits, base).unwrap_or(0);
            match c {
                'u' | 'U' => bytes.extend(char::from_u32(number).unwrap_or('?').to_string().into_bytes()),
                _ => bytes.push(number as u8),
            }
            return;
        }
        match c {
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            other => bytes.extend(other.to_string().into_bytes()),
        }
    }

    fn quoted(&mut self, from: usize) -> Result<Kind, Error> {
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(&self.take_while(|c| c != '"'));
            if self.rest().starts_with("\"\"") {
                text.push('"');
                self.at += 2;
            } else if self.peek().is_some() {
                self.at += 1;
                break;
            } else {
                return Err(self.broken("unterminated quoted identifier", from));
            }
        }
        if text.is_empty() {
            return Err(self.broken("zero-length delimited identifier", from));
        }
        text.truncate(text.floor_char_boundary(NAME));
        Ok(Kind::Word { text, quoted: true })
    }

    /// `$$text$$` and `$tag$text$tag$`.
    fn dollar(&mut self, from: usize) -> Result<Kind, Error> {
        let tag_end = self.rest()[1..].find('$').map(|at| at + 2);
        let tag = tag_end.and_then(|end| self.rest().get(..end)).map(str::to_owned);
        let inner = tag.as_deref().map(|tag| &tag[1..tag.len() - 1]);
        let sound = inner.is_some_and(|tag| tag.chars().all(|c| c == '_' || c.is_alphanumeric()));
        let Some(tag) = tag.filter(|_| sound) else {
            return self.sign(from);
        };
        self.at += tag.len();
        let Some(end) = self.rest().find(&tag) else {
            return Err(self.broken("unterminated dollar-quoted string", from));
        };
        let text = self.rest()[..end].to_owned();
        self.at += end + tag.len();
        Ok(Kind::String(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let mut kinds: Vec<_> = tokens(text).unwrap().into_iter().map(|token| token.kind).collect();
        kinds.pop();
        kinds
    }

    #[test]
    fn strings_are_read_in_every_way_they_are_written() {
        for (text, wanted) in [
            ("'it''s'", "it's"),
            (r"E'a\n\x41\101\u0042'", "a\nAAB"),
            ("$$a'b$$", "a'b"),
            ("$f$a$$b$f$", "a$$b"),
        ] {
            assert_eq!(kinds(text), [Kind::String(wanted.into())], "{text}");
        }
    }

    #[test]
    fn operators_end_where_the_product_ends_them() {
        let op = |text: &str| Kind::Op(text.into());
        let n = |text: &str| Kind::Number(text.into());
        assert_eq!(kinds("1*-2"), [n("1"), op("*"), op("-"), n("2")]);
        assert_eq!(kinds("1!=2--x\n"), [n("1"), op("<>"), n("2")]);
        assert_eq!(kinds("1<=/* a /* b */ c */2"), [n("1"), op("<="), n("2")]);
        assert_eq!(kinds("!~*"), [op("!~*")]);
    }

    #[test]
    fn what_has_no_end_is_told_with_its_place() {
        for (text, message, at) in [
            ("select 'x", "unterminated quoted string at or near \"'x\"", 8),
            ("sel \"x", "unterminated quoted identifier at or near \"\"x\"", 5),
            ("1 /* a", "unterminated /* comment at or near \"/* a\"", 3),
            (
                "select 12ab",
                "trailing junk after numeric literal at or near \"12ab\"",
                8,
            ),
        ] {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.place), (message, Some(at)));
        }
    }
}
