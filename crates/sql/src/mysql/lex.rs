//! Words, numbers, strings and signs as MySQL writes them, in the tokens all dialects share.

use crate::lex::{Kind, Token};

const SIGNS: [&str; 6] = ["(", ")", ",", ";", ".", ":="];
const OPERATORS: [&str; 20] = [
    "<=>", "->>", "<>", "!=", "<=", ">=", "<<", ">>", "->", "+", "-", "*", "/", "%", "<", ">", "=", "&", "|", "^",
];
/// Words that are operators wherever they stand.
const WORDS: [(&str, &str); 4] = [("div", "div"), ("regexp", "~*"), ("rlike", "~*"), ("xor", "xor")];
/// Versions comments of MySQL's own speak of, which MariaDB does not heed.
const OF_MYSQL: std::ops::RangeInclusive<u32> = 50_700..=99_999;

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Within a comment whose text counts.
    counting: bool,
    params: usize,
    version: u32,
    mariadb: bool,
}

/// The tokens of a text; what is no token at all is one no statement has room for. `version` is that of the server,
/// for comments whose text counts from a version on.
pub(crate) fn tokens(text: &str, version: u32, mariadb: bool) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        counting: false,
        params: 0,
        version,
        mariadb,
    };
    let mut all = Vec::new();
    loop {
        let sound = lexer.skip();
        let from = lexer.at;
        let kind = if sound { lexer.token() } else { Some(Kind::End) };
        let Some(kind) = kind else {
            all.push(Token {
                kind: Kind::Sign("\0"),
                from,
                to: text.len(),
            });
            lexer.at = text.len();
            continue;
        };
        let end = kind == Kind::End;
        let to = lexer.at;
        all.push(Token { kind, from, to });
        if end {
            return all;
        }
    }
}

/// How many parameters the first statement of a text has.
pub(crate) fn params(text: &str, dialect: crate::dialect::Dialect) -> usize {
    let crate::dialect::Dialect::Mysql { version, mariadb } = dialect else {
        return 0;
    };
    let all = tokens(text, version, mariadb);
    let first = all.split(|token| token.kind == Kind::Sign(";")).next().unwrap_or(&[]);
    first
        .iter()
        .filter(|token| matches!(token.kind, Kind::Param(_)))
        .count()
}

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

// === impl Lexer ===

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let from = self.at;
        let rest = self.text.get(from..).unwrap_or("");
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        &self.text[from..self.at]
    }

    /// Blanks and comments; false when the rest is one comment without end.
    fn skip(&mut self) -> bool {
        loop {
            self.take_while(|c| c.is_ascii_whitespace() || c == '\x0b');
            let rest = self.rest();
            let dashes = rest.starts_with("--")
                && rest[2..]
                    .chars()
                    .next()
                    .is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control());
            if dashes || rest.starts_with('#') {
                self.take_while(|c| c != '\n');
            } else if rest.starts_with("/*!") || (self.mariadb && rest.starts_with("/*M!")) {
                self.at += if rest.starts_with("/*!") { 3 } else { 4 };
                let digits = self.rest().bytes().take(6).take_while(u8::is_ascii_digit).count();
                let digits = if digits < 5 { 0 } else { digits };
                let version: u32 = self.rest()[..digits].parse().unwrap_or(0);
                self.at += digits;
                if version > self.version || (self.mariadb && OF_MYSQL.contains(&version)) {
                    self.over();
                } else {
                    self.counting = true;
                }
            } else if rest.starts_with("/*") {
                self.at += 2;
                if !self.over() {
                    return false;
                }
            } else if self.counting && rest.starts_with("*/") {
                self.at += 2;
                self.counting = false;
            } else {
                return true;
            }
        }
    }

    /// Past the end of a comment.
    fn over(&mut self) -> bool {
        let end = self.rest().find("*/");
        self.at += end.map_or(self.rest().len(), |end| end + 2);
        end.is_some()
    }

    fn token(&mut self) -> Option<Kind> {
        let Some(first) = self.peek() else {
            return Some(Kind::End);
        };
        let second = self.rest().chars().nth(1).unwrap_or('\0');
        match first {
            '\'' | '"' => self.strings(first),
            '`' => self.quoted(),
            'x' | 'X' if second == '\'' => {
                self.at += 1;
                let digits = self.string('\'')?;
                hex::decode(digits).ok().map(Kind::Bytes)
            }
            'b' | 'B' if second == '\'' => {
                self.at += 1;
                self.string('\'').and_then(|digits| bits(&digits))
            }
            'n' | 'N' if second == '\'' => {
                self.at += 1;
                self.strings('\'')
            }
            '0' if second == 'x' || second == 'b' => self.prefixed(second),
            '0'..='9' => Some(self.number()),
            '.' if second.is_ascii_digit() => Some(self.number()),
            '@' => self.variable(),
            '?' => {
                self.at += 1;
                self.params += 1;
                Some(Kind::Param(self.params))
            }
            c if is_word(c) => self.word(),
            _ => self.operator(),
        }
    }

    fn word(&mut self) -> Option<Kind> {
        let word = self.take_while(is_word).to_ascii_lowercase();
        // `_utf8mb4'text'`.
        if word.starts_with('_') && self.rest().starts_with(['\'', '"']) {
            let quote = self.peek()?;
            return self.strings(quote);
        }
        let called = self.rest().starts_with('(');
        if let Some((_, op)) = WORDS.iter().find(|(known, _)| *known == word && !called) {
            return Some(Kind::Op((*op).to_owned()));
        }
        Some(Kind::Word {
            text: word,
            quoted: false,
        })
    }

    fn operator(&mut self) -> Option<Kind> {
        let rest = self.rest();
        let word = |text: &str| Kind::Word {
            text: text.into(),
            quoted: false,
        };
        for (sign, meant) in [("||", "or"), ("&&", "and")] {
            if rest.starts_with(sign) {
                self.at += 2;
                return Some(word(meant));
            }
        }
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            return Some(Kind::Sign(sign));
        }
        if let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) {
            self.at += op.len();
            let op = match op {
                "!=" => "<>",
                // As the engine calls it.
                "^" => "#",
                op => op,
            };
            return Some(Kind::Op(op.to_owned()));
        }
        match rest.chars().next()? {
            '!' => {
                self.at += 1;
                Some(word("not"))
            }
            '~' => {
                self.at += 1;
                Some(Kind::Op("~".into()))
            }
            '{' | '}' | ':' | '[' | ']' | '\\' => None,
            _ => None,
        }
    }

    fn number(&mut self) -> Kind {
        let from = self.at;
        self.take_while(|c| c.is_ascii_digit());
        // A name may begin with digits.
        if self.peek().is_some_and(|c| is_word(c) && c != 'e' && c != 'E') {
            self.take_while(is_word);
            let text = self.text[from..self.at].to_ascii_lowercase();
            return Kind::Word { text, quoted: false };
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        let exponent = self.rest().starts_with(['e', 'E']);
        let digits = self.rest().get(1..).unwrap_or("").trim_start_matches(['+', '-']);
        if exponent && digits.starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| matches!(c, '+' | '-'));
            self.take_while(|c| c.is_ascii_digit());
        }
        Kind::Number(self.text[from..self.at].to_ascii_lowercase())
    }

    fn prefixed(&mut self, base: char) -> Option<Kind> {
        let from = self.at;
        self.at += 2;
        let digits = self.take_while(is_word).to_owned();
        if base == 'b' {
            return bits(&digits);
        }
        let even = if digits.len() % 2 == 1 {
            format!("0{digits}")
        } else {
            digits
        };
        match hex::decode(&even) {
            Ok(bytes) if !bytes.is_empty() => Some(Kind::Bytes(bytes)),
            _ => Some(Kind::Word {
                text: self.text[from..self.at].to_ascii_lowercase(),
                quoted: false,
            }),
        }
    }

    /// Strings beside each other are one.
    fn strings(&mut self, quote: char) -> Option<Kind> {
        let mut text = self.string(quote)?;
        loop {
            let after = self.at;
            self.take_while(|c| c.is_ascii_whitespace());
            match self.peek() {
                Some(quote @ ('\'' | '"')) => text.push_str(&self.string(quote)?),
                _ => {
                    self.at = after;
                    return Some(Kind::String(text));
                }
            }
        }
    }

    fn string(&mut self, quote: char) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self.take_while(|c| c != quote && c != '\\').to_owned();
            text.push_str(&plain);
            let c = self.peek()?;
            self.at += c.len_utf8();
            if c == quote {
                if self.peek() != Some(quote) {
                    return Some(text);
                }
                self.at += 1;
                text.push(quote);
                continue;
            }
            let escaped = self.peek()?;
            self.at += escaped.len_utf8();
            match escaped {
                '0' => text.push('\0'),
                'b' => text.push('\x08'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'Z' => text.push('\x1a'),
                // These stay escaped for LIKE.
                '%' | '_' => text.extend(['\\', escaped]),
                other => text.push(other),
            }
        }
    }

    fn quoted(&mut self) -> Option<Kind> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self.take_while(|c| c != '`').to_owned();
            text.push_str(&plain);
            self.peek()?;
            self.at += 1;
            if self.peek() != Some('`') {
                return (!text.is_empty()).then_some(Kind::Word { text, quoted: true });
            }
            self.at += 1;
            text.push('`');
        }
    }

    /// `@name` and `@@scope.name`, the signs kept.
    fn variable(&mut self) -> Option<Kind> {
        let from = self.at;
        self.at += 1;
        if self.rest().starts_with('@') {
            self.at += 1;
            self.take_while(|c| is_word(c) || c == '.');
            return Some(Kind::Variable(self.text[from..self.at].to_ascii_lowercase()));
        }
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.string(quote).map(|name| Kind::Variable(format!("@{name}"))),
            Some('`') => match self.quoted()? {
                Kind::Word { text, .. } => Some(Kind::Variable(format!("@{text}"))),
                _ => None,
            },
            _ => {
                self.take_while(|c| is_word(c) || c == '.');
                Some(Kind::Variable(self.text[from..self.at].to_owned()))
            }
        }
    }
}

fn bits(digits: &str) -> Option<Kind> {
    let number = u64::from_str_radix(digits, 2).ok()?;
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    Some(Kind::Bytes(bytes[first..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let mut kinds: Vec<_> = tokens(text, 101_119, true)
            .into_iter()
            .map(|token| token.kind)
            .collect();
        kinds.pop();
        kinds
    }

    fn string(text: &str) -> Kind {
        Kind::String(text.into())
    }

    fn number(text: &str) -> Kind {
        Kind::Number(text.into())
    }

    #[test]
    fn strings_are_read_in_every_way_they_are_written() {
        for (text, wanted) in [
            (r"'a\'b'", "a'b"),
            ("\"it''s\"", "it''s"),
            ("'it''s'", "it's"),
            (r"'a\n\0\%'", "a\n\0\\%"),
            ("'a' \"b\"", "ab"),
            ("_utf8mb4'x'", "x"),
            ("N'x'", "x"),
        ] {
            assert_eq!(kinds(text), [string(wanted)], "{text}");
        }
        assert_eq!(kinds("0x4142"), [Kind::Bytes(b"AB".to_vec())]);
        assert_eq!(kinds("x'41'"), [Kind::Bytes(b"A".to_vec())]);
    }

    #[test]
    fn comments_count_by_their_version() {
        assert_eq!(kinds("1 -- x\n# y\n/* z */ 2"), [number("1"), number("2")]);
        assert_eq!(kinds("/*!40101 1 */ 2"), [number("1"), number("2")]);
        assert_eq!(kinds("/*!50701 1 */ 2"), [number("2")], "MariaDB heeds none of these");
        assert_eq!(kinds("/*!999999 1 */ 2"), [number("2")]);
        assert_eq!(
            kinds("1--2"),
            [number("1"), Kind::Op("-".into()), Kind::Op("-".into()), number("2")]
        );
    }

    #[test]
    fn what_has_no_end_ends_in_a_token_that_fits_nowhere() {
        for text in ["'x", "`x", "\"x", "x'4", "{"] {
            assert_eq!(kinds(text), [Kind::Sign("\0")], "{text}");
        }
    }

    #[test]
    fn variables_keep_their_signs() {
        let variable = |text: &str| Kind::Variable(text.into());
        assert_eq!(
            kinds("@X @@GLOBAL.a @'b c'"),
            [variable("@X"), variable("@@global.a"), variable("@b c")]
        );
    }
}
