//! Words of a command and the addresses in them, as Postfix takes them apart.

/// An address, its quotes and comments taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// As answers show it.
    pub text: String,
    pub local: String,
    pub domain: Option<String>,
}

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// Every quote and bracket in it is closed.
    pub closed: bool,
}

/// Longest domain, and longest label of one.
const MAX_DOMAIN: usize = 255;
const MAX_LABEL: usize = 63;

/// The words of a line: parted by blanks, and after each colon.
pub(super) fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut letters = line.chars().peekable();
    while letters.next_if(|letter| is_blank(*letter)).is_some() || letters.peek().is_some() {
        let mut word = Word {
            text: String::new(),
            closed: true,
        };
        while let Some(letter) = letters.next_if(|letter| !is_blank(*letter)) {
            word.text.push(letter);
            match letter {
                '<' | '[' | '"' => word.closed &= quoted(letter, &mut letters, &mut word.text),
                ':' => break,
                _ => {}
            }
        }
        if !word.text.is_empty() {
            words.push(word);
        }
    }
    words
}

/// Takes what is quoted or bracketed to its end; false when it has none.
fn quoted(open: char, letters: &mut impl Iterator<Item = char>, text: &mut String) -> bool {
    let mut open = vec![close_of(open)];
    while let Some(letter) = letters.next() {
        text.push(letter);
        match letter {
            '\\' => match letters.next() {
                Some(letter) => text.push(letter),
                None => return false,
            },
            _ if Some(&letter) == open.last() => {
                open.pop();
                if open.is_empty() {
                    return true;
                }
            }
            '<' | '[' | '"' if open.last() != Some(&'"') => open.push(close_of(letter)),
            _ => {}
        }
    }
    false
}

fn close_of(open: char) -> char {
    match open {
        '<' => '>',
        '[' => ']',
        _ => '"',
    }
}

fn is_blank(letter: char) -> bool {
    letter.is_ascii_whitespace() || letter == '\u{b}'
}

// === impl Address ===

impl Address {
    /// The one address that the text is, with or without angle brackets; the empty one is an address too.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut text = text.trim_matches(is_blank);
        while let Some(inside) = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
            text = inside.trim_matches(is_blank);
        }
        let text = plain(without_route(text))?;
        let Some((local, domain)) = text.rsplit_once('@') else {
            let local = text.clone();
            return Some(Self {
                text,
                local,
                domain: None,
            });
        };
        is_domain(domain).then(|| Self {
            local: local.to_owned(),
            domain: Some(domain.to_owned()),
            text: text.clone(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// `a@b` of `@x,@y:a@b`.
fn without_route(text: &str) -> &str {
    match text.split_once(':') {
        Some((route, rest)) if route.starts_with('@') => rest,
        _ => text,
    }
}

/// Without quotes, comments and backslashes; none when it is no address or more than one.
fn plain(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut in_quotes, mut depth) = (false, 0_u32);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if depth == 0 => out.push(letters.next()?),
            '\\' => drop(letters.next()?),
            '"' if depth == 0 => in_quotes = !in_quotes,
            _ if in_quotes => out.push(letter),
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ if depth > 0 => {}
            ',' | ';' | ':' | '<' | '>' => return None,
            _ if is_blank(letter) => return None,
            _ => out.push(letter),
        }
    }
    (!in_quotes && depth == 0).then_some(out)
}

/// A name of hosts, or an address in brackets.
pub(super) fn is_domain(text: &str) -> bool {
    if let Some(literal) = text.strip_prefix('[') {
        return literal
            .strip_suffix(']')
            .is_some_and(|inside| literal_ip(inside).is_some());
    }
    let is_label = |label: &str| {
        let ends = label.starts_with('-') || label.ends_with('-');
        let whole = label
            .chars()
            .all(|letter| letter.is_alphanumeric() || "-_".contains(letter));
        !label.is_empty() && label.len() <= MAX_LABEL && !ends && whole
    };
    text.len() <= MAX_DOMAIN && text.split('.').all(is_label)
}

/// `192.0.2.1`, `IPv6:2001:db8::1`.
pub(super) fn literal_ip(inside: &str) -> Option<std::net::IpAddr> {
    match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
            inside[5..].parse::<std::net::Ipv6Addr>().ok().map(Into::into)
        }
        _ => inside.parse::<std::net::Ipv4Addr>().ok().map(Into::into),
    }
}

/// Text as ESMTP options carry it (RFC 3461 §4).
pub(super) fn is_xtext(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let Some(code) = rest.get(at + 1..at + 3) else {
            return false;
        };
        if !code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return false;
        }
        rest = &rest[at + 3..];
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_end_at_blanks_and_after_colons() {
        assert_eq!(
            texts(" MAIL  FROM:<a b@c> SIZE=1 "),
            ["MAIL", "FROM:", "<a b@c>", "SIZE=1"]
        );
        assert_eq!(texts("RCPT TO:\"a b\"@c"), ["RCPT", "TO:", "\"a b\"@c"]);
        assert_eq!(texts("NOOP\rNOOP"), ["NOOP", "NOOP"]);
        assert_eq!(texts("MAIL FROM:<<a>>x"), ["MAIL", "FROM:", "<<a>>x"]);
        assert!(texts(" \t").is_empty());
        assert!(!words("MAIL FROM:<a@b")[2].closed);
        assert!(!words("MAIL FROM:<a\\")[2].closed);
    }

    #[test]
    fn addresses_are_what_postfix_takes_for_one() {
        let sound = [
            ("<a@b.example>", "a@b.example"),
            ("<<a@b>>", "a@b"),
            ("a@b@c", "a@b@c"),
            ("<@b>", "@b"),
            ("< >", ""),
            ("<\"a b\"@c>", "a b@c"),
            ("<a\\ b@c>", "a b@c"),
            ("<(x)a@c>", "a@c"),
            ("<@x,@y:a@b>", "a@b"),
            ("<a@[192.0.2.1]>", "a@[192.0.2.1]"),
            ("<.a..b.@c_d>", ".a..b.@c_d"),
        ];
        for (given, text) in sound {
            assert_eq!(
                Address::parse(given).map(|address| address.text).as_deref(),
                Some(text),
                "{given}"
            );
        }
        for given in [
            "<a b@c>", "<a@>", "<a,b@c>", "<a;b@c>", "<a@b..c>", "<a@.b>", "<a@-b>", "<a@b>x", "\"a@b", "<a@[x]>",
        ] {
            assert_eq!(Address::parse(given), None, "{given}");
        }
        let long = format!("x@{}.example", "a".repeat(300));
        assert_eq!(Address::parse(&long), None);
    }

    #[test]
    fn xtext_has_two_digits_after_each_plus() {
        assert!(is_xtext("rfc822;a+2Bb") && is_xtext("abc"));
        assert!(!is_xtext("") && !is_xtext("a+") && !is_xtext("a+2") && !is_xtext("a+zz"));
    }
}
