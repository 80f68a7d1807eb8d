//! One comparison: `field|modifier...` and its values.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};
use serde_yaml::Value as Yaml;

use super::field::{Fields, Value, is_known};
use crate::addr::Addr;

/// A field compared with values.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(super) field: String,
    /// Every value must fit, not any.
    all: bool,
    negated: bool,
    cased: bool,
    values: Vec<Pattern>,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// `*` and `?` are wild.
    Glob(Vec<Piece>),
    Regex(Regex),
    Cidr(IpNet),
    Addr(Addr),
    Compare(Order, f64),
    Exists(bool),
    Same(String),
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    One,
    Any,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// How a value is to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Whole,
    Contains,
    Starts,
    Ends,
    Regex,
    Cidr,
}

/// What modifiers ask for.
#[derive(Default)]
struct Modified {
    way: Way,
    all: bool,
    cased: bool,
    negated: bool,
    order: Option<Order>,
    exists: bool,
    same: bool,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    encodings: Vec<Encoding>,
    windash: bool,
    expand: bool,
}

#[derive(Clone, Copy)]
enum Encoding {
    Base64,
    Base64Offset,
    Utf16Le,
    Utf16Be,
    Utf16,
}

const MAX_REGEX: usize = 1024;
const REGEX_MEMORY: usize = 1 << 20;
const DASHES: [&str; 5] = ["-", "/", "–", "—", "―"];

// === impl Test ===

impl Test {
    /// Reads `field|modifiers` with its value or list of values.
    pub(super) fn read(key: &str, values: &Yaml, lists: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<Self, String> {
        let mut parts = key.split('|');
        let field = parts.next().unwrap_or_default().trim().to_owned();
        if !is_known(&field) {
            return Err(format!("there is no field `{field}`"));
        }
        let modified = Modified::read(parts)?;
        let values: Vec<&Yaml> = match values {
            Yaml::Sequence(items) => items.iter().collect(),
            one => vec![one],
        };
        let mut patterns = Vec::new();
        for value in values {
            modified.patterns(&field, value, lists, &mut patterns)?;
        }
        Ok(Self {
            field,
            all: modified.all,
            negated: modified.negated,
            cased: modified.cased,
            values: patterns,
        })
    }

    pub(super) fn holds(&self, fields: &dyn Fields) -> bool {
        let value = fields.get(&self.field);
        let fits = |pattern: &Pattern| pattern.fits(value.as_ref(), self.cased, fields);
        let found = if self.all {
            self.values.iter().all(fits)
        } else {
            self.values.iter().any(fits)
        };
        found != self.negated
    }
}

/// A keyword that any text of an event may hold.
pub(super) fn keyword_fits(keyword: &str, fields: &dyn Fields) -> bool {
    let pattern = Pattern::Glob(Way::Contains.wrap(pieces(&keyword.to_lowercase())));
    fields
        .texts()
        .into_iter()
        .any(|text| pattern.fits(Some(&Value::Text(text)), false, fields))
}

// === impl Modified ===

impl Modified {
    fn read<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut all = Self::default();
        for name in names {
            match name.trim() {
                "contains" => all.way = Way::Contains,
                "startswith" => all.way = Way::Starts,
                "endswith" => all.way = Way::Ends,
                "re" => all.way = Way::Regex,
                "cidr" => all.way = Way::Cidr,
                "i" if all.way == Way::Regex => all.ignore_case = true,
                "m" if all.way == Way::Regex => all.multi_line = true,
                "s" if all.way == Way::Regex => all.dot_all = true,
                "exists" => all.exists = true,
                "cased" => all.cased = true,
                "all" => all.all = true,
                "lt" => all.order = Some(Order::Less),
                "lte" => all.order = Some(Order::AtMost),
                "gt" => all.order = Some(Order::Greater),
                "gte" => all.order = Some(Order::AtLeast),
                "neq" => all.negated = true,
                "base64" => all.encodings.push(Encoding::Base64),
                "base64offset" => all.encodings.push(Encoding::Base64Offset),
                "wide" | "utf16le" => all.encodings.push(Encoding::Utf16Le),
                "utf16be" => all.encodings.push(Encoding::Utf16Be),
                "utf16" => all.encodings.push(Encoding::Utf16),
                "windash" => all.windash = true,
                "fieldref" => all.same = true,
                "expand" => all.expand = true,
                other => return Err(format!("modifier `{other}` is not supported")),
            }
        }
        Ok(all)
    }

    fn patterns(
        &self,
        field: &str,
        value: &Yaml,
        lists: &dyn Fn(&str) -> Option<Vec<String>>,
        patterns: &mut Vec<Pattern>,
    ) -> Result<(), String> {
        if self.exists {
            let wanted = value
                .as_bool()
                .ok_or_else(|| format!("`{field}|exists` wants true or false"))?;
            patterns.push(Pattern::Exists(wanted));
            return Ok(());
        }
        let Some(text) = scalar(value) else {
            if value.is_null() {
                patterns.push(Pattern::Nothing);
                return Ok(());
            }
            return Err(format!("`{field}`: a value must be text or a number"));
        };
        if let Some(order) = self.order {
            let number = text.parse().map_err(|_| format!("`{field}`: `{text}` is no number"))?;
            patterns.push(Pattern::Compare(order, number));
            return Ok(());
        }
        let expanded = if self.expand {
            expanded(&text, lists)?
        } else {
            vec![text]
        };
        for text in expanded {
            self.text(field, &text, patterns)?;
        }
        Ok(())
    }

    fn text(&self, field: &str, text: &str, patterns: &mut Vec<Pattern>) -> Result<(), String> {
        let is_addr = matches!(field, "src.ip" | "dst.ip");
        match self.way {
            _ if self.same => {
                if !is_known(text) {
                    return Err(format!("there is no field `{text}`"));
                }
                patterns.push(Pattern::Same(text.to_owned()));
            }
            Way::Regex => patterns.push(Pattern::Regex(self.regex(text)?)),
            Way::Cidr => {
                let net = text
                    .parse::<IpNet>()
                    .map_err(|_| format!("`{field}`: `{text}` is no net"))?;
                patterns.push(Pattern::Cidr(net));
            }
            Way::Whole if is_addr && !text.contains(['*', '?']) => {
                let addr = text
                    .parse::<Addr>()
                    .map_err(|_| format!("`{field}`: `{text}` is no address"))?;
                patterns.push(Pattern::Addr(addr));
            }
            way => {
                let dashed = if self.windash {
                    dashed(text)
                } else {
                    vec![text.to_owned()]
                };
                for text in dashed {
                    let encoded = encoded(&text, &self.encodings)?;
                    patterns.extend(encoded.into_iter().map(|text| {
                        let text = if self.cased { text } else { text.to_lowercase() };
                        let pieces = if self.encodings.is_empty() {
                            pieces(&text)
                        } else {
                            vec![Piece::Text(text)]
                        };
                        Pattern::Glob(way.wrap(pieces))
                    }));
                }
            }
        }
        Ok(())
    }

    fn regex(&self, text: &str) -> Result<Regex, String> {
        if text.len() > MAX_REGEX {
            return Err(format!("a regular expression of more than {MAX_REGEX} bytes"));
        }
        RegexBuilder::new(text)
            .case_insensitive(self.ignore_case)
            .multi_line(self.multi_line)
            .dot_matches_new_line(self.dot_all)
            .size_limit(REGEX_MEMORY)
            .build()
            .map_err(|error| format!("`{text}` is no regular expression: {error}"))
    }
}

// === impl Way ===

impl Way {
    fn wrap(self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        if matches!(self, Self::Contains | Self::Ends) {
            pieces.insert(0, Piece::Any);
        }
        if matches!(self, Self::Contains | Self::Starts) {
            pieces.push(Piece::Any);
        }
        pieces
    }
}

// === impl Pattern ===

impl Pattern {
    fn fits(&self, value: Option<&Value<'_>>, cased: bool, fields: &dyn Fields) -> bool {
        let Some(value) = value else {
            return matches!(self, Self::Exists(false) | Self::Nothing);
        };
        match self {
            Self::Exists(wanted) => *wanted,
            Self::Nothing => false,
            Self::Glob(pieces) => {
                let text = value.text();
                let text: Cow<'_, str> = if cased { text } else { text.to_lowercase().into() };
                glob(pieces, &text)
            }
            Self::Regex(regex) => regex.is_match(&value.text()),
            Self::Cidr(net) => match value {
                Value::Addr(addr) => net.contains(&addr.ip()),
                other => other.text().parse::<Addr>().is_ok_and(|addr| net.contains(&addr.ip())),
            },
            Self::Addr(wanted) => match value {
                Value::Addr(addr) => addr == wanted,
                other => other.text().parse::<Addr>().is_ok_and(|addr| addr == *wanted),
            },
            Self::Compare(order, wanted) => value.number().is_some_and(|number| order.holds(number, *wanted)),
            Self::Same(other) => fields.get(other).is_some_and(|other| {
                let (a, b) = (value.text(), other.text());
                if cased {
                    a == b
                } else {
                    a.to_lowercase() == b.to_lowercase()
                }
            }),
        }
    }
}

// === impl Order ===

impl Order {
    fn holds(self, number: f64, wanted: f64) -> bool {
        match self {
            Self::Less => number < wanted,
            Self::AtMost => number <= wanted,
            Self::Greater => number > wanted,
            Self::AtLeast => number >= wanted,
        }
    }
}

pub(super) fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// `\*`, `\?` and `\\` stand for themselves.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(|next| matches!(next, '*' | '?' | '\\')) => plain.extend(letters.next()),
            '*' | '?' => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(if letter == '*' { Piece::Any } else { Piece::One });
            }
            _ => plain.push(letter),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// Greedy with one place to come back to, so that no pattern takes more than quadratic time.
fn glob(pieces: &[Piece], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut back: Option<(usize, &str)> = None;
    loop {
        let step = match pieces.get(at) {
            Some(Piece::Any) => {
                back = Some((at + 1, rest));
                Some(rest)
            }
            Some(Piece::One) => rest.chars().next().map(|letter| &rest[letter.len_utf8()..]),
            Some(Piece::Text(wanted)) => rest.strip_prefix(wanted.as_str()),
            None if rest.is_empty() => return true,
            None => None,
        };
        match (step, back) {
            (Some(next), _) => (at, rest) = (at + 1, next),
            (None, Some((place, from))) => {
                let Some(letter) = from.chars().next() else {
                    return false;
                };
                let from = &from[letter.len_utf8()..];
                back = Some((place, from));
                (at, rest) = (place, from);
            }
            (None, None) => return false,
        }
    }
}

fn expanded(text: &str, lists: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<Vec<String>, String> {
    let Some(from) = text.find('%') else {
        return Ok(vec![text.to_owned()]);
    };
    let Some(length) = text[from + 1..].find('%') else {
        return Ok(vec![text.to_owned()]);
    };
    let name = &text[from + 1..from + 1 + length];
    let values = lists(name).ok_or_else(|| format!("there is no list `{name}` to expand"))?;
    Ok(values
        .iter()
        .map(|value| text.replace(&format!("%{name}%"), value))
        .collect())
}

fn dashed(text: &str) -> Vec<String> {
    let Some(at) = text.find('-') else {
        return vec![text.to_owned()];
    };
    DASHES
        .iter()
        .map(|dash| format!("{}{dash}{}", &text[..at], &text[at + 1..]))
        .collect()
}

fn encoded(text: &str, encodings: &[Encoding]) -> Result<Vec<String>, String> {
    let mut forms: Vec<Vec<u8>> = vec![text.as_bytes().to_vec()];
    for encoding in encodings {
        let mut next = Vec::new();
        for form in forms {
            next.extend(encoding.apply(&form)?);
        }
        forms = next;
    }
    forms
        .into_iter()
        .map(|form| String::from_utf8(form).map_err(|_| "encoded text must end as base64".to_owned()))
        .collect()
}

// === impl Encoding ===

impl Encoding {
    fn apply(self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let text = || std::str::from_utf8(bytes).map_err(|_| "text can be widened only once".to_owned());
        Ok(match self {
            Self::Base64 => vec![STANDARD.encode(bytes).into_bytes()],
            Self::Base64Offset => (0..3).map(|offset| shifted(bytes, offset)).collect(),
            Self::Utf16Le => vec![text()?.encode_utf16().flat_map(u16::to_le_bytes).collect()],
            Self::Utf16Be => vec![text()?.encode_utf16().flat_map(u16::to_be_bytes).collect()],
            Self::Utf16 => {
                let body: Vec<u8> = text()?.encode_utf16().flat_map(u16::to_le_bytes).collect();
                vec![[&[0xff, 0xfe][..], &body].concat()]
            }
        })
    }
}

/// What is the same of the base64 of any text that holds these bytes after `offset` others (modulo three).
fn shifted(bytes: &[u8], offset: usize) -> Vec<u8> {
    const SKIP: [usize; 3] = [0, 2, 3];
    let padded = [&vec![0; offset][..], bytes].concat();
    let code = STANDARD.encode(&padded).into_bytes();
    let drop = match padded.len() % 3 {
        0 => 0,
        1 => 3,
        _ => 2,
    };
    code[SKIP[offset]..code.len() - drop].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str);
    impl Fields for One {
        fn get(&self, _: &str) -> Option<Value<'_>> {
            (!self.0.is_empty()).then_some(Value::Text(Cow::Borrowed(self.0)))
        }
        fn texts(&self) -> Vec<Cow<'_, str>> {
            vec![Cow::Borrowed(self.0)]
        }
    }

    fn holds(key: &str, yaml: &str, value: &'static str) -> bool {
        let values = serde_yaml::from_str(yaml).expect("yaml");
        let lists = |name: &str| (name == "admins").then(|| vec!["root".to_owned(), "admin".to_owned()]);
        Test::read(key, &values, &lists).expect(key).holds(&One(value))
    }

    #[test]
    fn modifiers_compare_as_they_say() {
        for (key, yaml, value, wanted) in [
            ("http.path", "/Admin", "/admin", true),
            ("http.path|cased", "/Admin", "/admin", false),
            ("http.path", "/a*n", "/admin", true),
            ("http.path", "/a?min", "/admin", true),
            ("http.path", r"/a\*n", "/admin", false),
            ("http.path|contains", "dmi", "/admin", true),
            ("http.path|startswith", "/ad", "/admin", true),
            ("http.path|endswith", "/ad", "/admin", false),
            ("http.path|contains|all", "[ad, in]", "/admin", true),
            ("http.path|contains|all", "[ad, xx]", "/admin", false),
            ("http.path|re", "^/ad.in$", "/admin", true),
            ("http.path|re|i", "^/AD", "/admin", true),
            ("http.status|gte", "400", "400", true),
            ("http.status|gt", "400", "400", false),
            ("http.status|lt", "400", "399", true),
            ("http.status|lte", "400", "401", false),
            ("http.status|neq", "200", "200", false),
            ("src.ip|cidr", "10.0.0.0/8", "10.1.2.3", true),
            ("src.ip|cidr", "fd00::/8", "10.1.2.3", false),
            ("src.ip", "2001:0db8::1", "2001:db8:0::1", true),
            ("http.user|exists", "false", "", true),
            ("http.user|exists", "true", "", false),
            ("http.user", "null", "", true),
            ("http.user|expand", "'%admins%'", "root", true),
            ("tool.args|windash|contains", "' -enc'", "x /enc y", true),
            ("tool.args|base64offset|contains", "foobar", "x AGZvb2Jhcg== y", true),
            ("tool.args|wide|base64offset|contains", "ping", "cABpAG4AZwAx", true),
            ("tool.args|base64", "foo", "Zm9v", true),
            ("http.user|fieldref", "http.path", "x", true),
        ] {
            assert_eq!(holds(key, yaml, value), wanted, "{key}: {yaml} against {value}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let none = |_: &str| None;
        for (key, yaml, word) in [
            ("http.path|sounds", "x", "sounds"),
            ("http.nothing", "x", "http.nothing"),
            ("http.path|re", "'('", "regular"),
            ("src.ip", "x", "address"),
            ("src.ip|cidr", "10.0.0.1/99", "net"),
            ("http.status|gt", "x", "number"),
            ("http.user|expand", "'%nobody%'", "nobody"),
            ("http.path|i", "x", "`i`"),
        ] {
            let error = Test::read(key, &serde_yaml::from_str(yaml).expect("yaml"), &none).expect_err(key);
            assert!(error.contains(word), "{key}: {error}");
        }
    }
}
