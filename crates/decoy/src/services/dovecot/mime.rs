//! A message's parts, and what IMAP says of them (RFC 3501 §7.4.2), as Dovecot says it.

use std::ops::Range;

/// Parts of one message, and how deep they lie in each other.
const MAX_PARTS: usize = 200;
const MAX_DEPTH: usize = 20;
/// Addresses of one head that are shown.
const MAX_ADDRESSES: usize = 200;

/// A part: where its head and body lie in the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub head: Range<usize>,
    pub body: Range<usize>,
    kind: String,
    subkind: String,
    params: Vec<(String, String)>,
    pub children: Vec<Part>,
    /// What a part that is a message holds.
    pub message: Option<Box<Part>>,
}

/// The value of a head, its lines made one.
pub(super) fn header(text: &[u8], name: &str) -> Option<String> {
    let value = fields(text)
        .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?
        .1;
    Some(unfolded(value))
}

/// The fields of a head, and its raw lines.
pub(super) fn fields(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(text).filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((line[..colon].trim_ascii_end(), &line[colon + 1..]))
    })
}

/// The lines of a head with what they are continued by, up to the empty one.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() || rest.starts_with(b"\r\n") || rest.starts_with(b"\n") {
            return None;
        }
        let mut end = 0;
        loop {
            end += rest[end..]
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(rest.len() - end, |at| at + 1);
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, later) = rest.split_at(end);
        rest = later;
        Some(line)
    })
}

fn unfolded(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let text: String = text.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
    text.trim().to_owned()
}

/// Where the body begins.
fn body_start(text: &[u8]) -> usize {
    let lines_end: usize = lines(text).map(<[u8]>::len).sum();
    match &text[lines_end..] {
        [b'\r', b'\n', ..] => lines_end + 2,
        [b'\n', ..] => lines_end + 1,
        _ => lines_end,
    }
}

// === impl Part ===

impl Part {
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut room = MAX_PARTS;
        Self::within(text, 0..text.len(), false, 0, &mut room)
    }

    fn within(text: &[u8], range: Range<usize>, in_digest: bool, depth: usize, room: &mut usize) -> Self {
        let start = range.start + body_start(&text[range.clone()]);
        let head = range.start..start;
        let fallback = if in_digest { "message/rfc822" } else { "text/plain" };
        let named = header(&text[head.clone()], "Content-Type").filter(|value| value.contains('/'));
        let (kind, params) = parameters(named.as_deref().unwrap_or(fallback));
        let (kind, subkind) = kind
            .split_once('/')
            .map_or((kind.clone(), String::new()), |(kind, subkind)| {
                (kind.trim().to_owned(), subkind.trim().to_owned())
            });
        let mut part = Self {
            head,
            body: start..range.end,
            kind,
            subkind,
            params,
            ..Self::default()
        };
        if depth >= MAX_DEPTH {
            return part;
        }
        if part.kind.eq_ignore_ascii_case("multipart") {
            let boundary = part.params.iter().find(|(name, _)| name == "boundary");
            let boundary = boundary.map(|(_, value)| value.clone()).unwrap_or_default();
            let digest = part.subkind.eq_ignore_ascii_case("digest");
            for range in pieces(text, part.body.clone(), &boundary) {
                if *room == 0 {
                    break;
                }
                *room -= 1;
                part.children.push(Self::within(text, range, digest, depth + 1, room));
            }
        } else if part.is_message() && *room > 0 {
            *room -= 1;
            let inner = Self::within(text, part.body.clone(), false, depth + 1, room);
            part.message = Some(Box::new(inner));
        }
        part
    }

    fn is_message(&self) -> bool {
        self.kind.eq_ignore_ascii_case("message") && self.subkind.eq_ignore_ascii_case("rfc822")
    }

    fn is_multipart(&self) -> bool {
        self.kind.eq_ignore_ascii_case("multipart")
    }

    /// The part of that number, `[2, 1]`.
    pub(super) fn at(&self, path: &[usize]) -> Option<&Self> {
        let Some((&number, rest)) = path.split_first() else {
            return Some(self);
        };
        let holder = match &self.message {
            Some(inner) => inner,
            None => self,
        };
        if holder.is_multipart() {
            holder.children.get(number.checked_sub(1)?)?.at(rest)
        } else if number == 1 && rest.is_empty() {
            Some(holder)
        } else {
            None
        }
    }

    /// `BODYSTRUCTURE`, or with `extended` false `BODY`.
    pub(super) fn structure(&self, text: &[u8], extended: bool) -> Vec<u8> {
        let head = &text[self.head.clone()];
        let mut out = b"(".to_vec();
        if self.is_multipart() && !self.children.is_empty() {
            for child in &self.children {
                out.extend(child.structure(text, extended));
            }
            out.push(b' ');
            out.extend(string(self.subkind.as_bytes()));
            if extended {
                out.push(b' ');
                out.extend(list(&self.params));
                out.extend(disposition(head));
                out.extend(b" NIL NIL");
            }
            out.push(b')');
            return out;
        }
        out.extend(string(self.kind.as_bytes()));
        out.push(b' ');
        out.extend(string(self.subkind.as_bytes()));
        out.push(b' ');
        let mut params = self.params.clone();
        let is_text = self.kind.eq_ignore_ascii_case("text");
        if is_text && !params.iter().any(|(name, _)| name == "charset") {
            params.push(("charset".into(), "us-ascii".into()));
        }
        out.extend(list(&params));
        for name in ["Content-ID", "Content-Description"] {
            out.push(b' ');
            out.extend(nstring(header(head, name).as_deref()));
        }
        out.push(b' ');
        let encoding = header(head, "Content-Transfer-Encoding").filter(|value| !value.is_empty());
        out.extend(string(encoding.as_deref().unwrap_or("7bit").as_bytes()));
        let body = &text[self.body.clone()];
        out.extend(format!(" {}", body.len()).bytes());
        let lines = body.iter().filter(|&&byte| byte == b'\n').count();
        if let Some(inner) = &self.message {
            out.push(b' ');
            out.extend(envelope(&text[inner.head.clone()]));
            out.push(b' ');
            out.extend(inner.structure(text, extended));
        }
        if is_text || self.message.is_some() {
            out.extend(format!(" {lines}").bytes());
        }
        if extended {
            out.push(b' ');
            out.extend(nstring(header(head, "Content-MD5").as_deref()));
            out.extend(disposition(head));
            out.extend(b" NIL NIL");
        }
        out.push(b')');
        out
    }
}

/// What lies between the boundaries.
fn pieces(text: &[u8], body: Range<usize>, boundary: &str) -> Vec<Range<usize>> {
    let mark = format!("--{boundary}");
    let (mut pieces, mut begun, mut at) = (Vec::new(), None, body.start);
    if boundary.is_empty() {
        return pieces;
    }
    while at < body.end && pieces.len() < MAX_PARTS {
        let end = text[at..body.end]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(body.end, |end| at + end + 1);
        let line = text[at..end].trim_ascii_end();
        if let Some(rest) = line.strip_prefix(mark.as_bytes())
            && (rest.is_empty() || rest == b"--")
        {
            if let Some(start) = begun.take() {
                // The line end before the boundary is the boundary's.
                let stop = text[start..at]
                    .strip_suffix(b"\r\n")
                    .map_or(at, |piece| start + piece.len());
                pieces.push(start..stop.max(start));
            }
            if rest == b"--" {
                return pieces;
            }
            begun = Some(end);
        }
        at = end;
    }
    pieces.extend(begun.map(|start| start..body.end));
    pieces
}

/// `text/plain; charset="utf-8"` in two; names of parameters in small letters.
fn parameters(value: &str) -> (String, Vec<(String, String)>) {
    let (mut words, mut word, mut in_quotes) = (Vec::new(), String::new(), false);
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if in_quotes => word.extend(letters.next()),
            '"' => in_quotes = !in_quotes,
            ';' if !in_quotes => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    let mut words = words.into_iter();
    let first = words.next().unwrap_or_default().trim().to_owned();
    let params = words.filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    });
    (first, params.take(32).collect())
}

fn disposition(head: &[u8]) -> Vec<u8> {
    let Some(value) = header(head, "Content-Disposition").filter(|value| !value.is_empty()) else {
        return b" NIL".to_vec();
    };
    let (kind, params) = parameters(&value);
    [b" (", &string(kind.as_bytes())[..], b" ", &list(&params), b")"].concat()
}

fn list(params: &[(String, String)]) -> Vec<u8> {
    if params.is_empty() {
        return b"NIL".to_vec();
    }
    let words = params
        .iter()
        .flat_map(|(name, value)| [string(name.as_bytes()), string(value.as_bytes())]);
    let words: Vec<Vec<u8>> = words.collect();
    [b"(", &words.join(&b' ')[..], b")"].concat()
}

/// Quoted, or counted where quotes will not do.
pub(super) fn string(text: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| (32..127).contains(byte) && !matches!(byte, b'"' | b'\\');
    if text.iter().all(plain) {
        return [b"\"", text, b"\""].concat();
    }
    [format!("{{{}}}\r\n", text.len()).as_bytes(), text].concat()
}

fn nstring(text: Option<&str>) -> Vec<u8> {
    text.map_or(b"NIL".to_vec(), |text| string(text.as_bytes()))
}

/// What a head says of sender, recipients and subject.
pub(super) fn envelope(head: &[u8]) -> Vec<u8> {
    let of = |name: &str| header(head, name);
    let addresses = |name: &str| of(name).map(|value| address_list(&value)).filter(|list| list != b"NIL");
    let from = addresses("From");
    let or_from = |name: &str| addresses(name).or_else(|| from.clone());
    let nil = || b"NIL".to_vec();
    let parts = [
        nstring(of("Date").as_deref()),
        nstring(of("Subject").as_deref()),
        from.clone().unwrap_or_else(nil),
        or_from("Sender").unwrap_or_else(nil),
        or_from("Reply-To").unwrap_or_else(nil),
        addresses("To").unwrap_or_else(nil),
        addresses("Cc").unwrap_or_else(nil),
        addresses("Bcc").unwrap_or_else(nil),
        nstring(of("In-Reply-To").as_deref()),
        nstring(of("Message-ID").as_deref()),
    ];
    [b"(", &parts.join(&b' ')[..], b")"].concat()
}

/// `(("Kim" NIL "kim" "a.example"))`.
fn address_list(value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for text in split(value).into_iter().take(MAX_ADDRESSES) {
        let (name, address) = match text.rsplit_once('<') {
            Some((name, rest)) => (unquoted(name), rest.trim_end().trim_end_matches('>').trim().to_owned()),
            None => (String::new(), text.trim().to_owned()),
        };
        let (mailbox, host) = match address.rsplit_once('@') {
            Some((mailbox, host)) => (mailbox.to_owned(), host.to_owned()),
            None => (address.clone(), String::new()),
        };
        if mailbox.is_empty() && host.is_empty() {
            continue;
        }
        out.push(b'(');
        out.extend(if name.is_empty() {
            b"NIL".to_vec()
        } else {
            string(name.as_bytes())
        });
        out.extend(b" NIL ");
        out.extend(string(unquoted(&mailbox).as_bytes()));
        out.push(b' ');
        out.extend(if host.is_empty() {
            b"NIL".to_vec()
        } else {
            string(host.as_bytes())
        });
        out.push(b')');
    }
    if out.is_empty() {
        b"NIL".to_vec()
    } else {
        [b"(", &out[..], b")"].concat()
    }
}

/// At the commas that part addresses.
fn split(value: &str) -> Vec<String> {
    let (mut all, mut word, mut in_quotes, mut depth) = (Vec::new(), String::new(), false, 0);
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                word.push(letter);
                word.extend(letters.next());
                continue;
            }
            '"' => in_quotes = !in_quotes,
            '<' if !in_quotes => depth += 1,
            '>' if !in_quotes => depth -= 1,
            ',' if !in_quotes && depth <= 0 => {
                all.push(std::mem::take(&mut word));
                continue;
            }
            _ => {}
        }
        word.push(letter);
    }
    all.push(word);
    all
}

fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next()),
            '"' => {}
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "From: \"Q, \\\"X\\\"\" <q@x.example>\r\nSubject: with \"quotes\"\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"bb\"\r\n\r\npre\r\n--bb\r\nContent-Type: text/plain\r\n\r\nbody\r\n--bb\r\n\
        Content-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--bb--\r\n";

    fn shown(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn structures_and_envelopes_are_those_of_the_product() {
        let part = Part::parse(MIXED.as_bytes());
        assert_eq!(
            shown(part.structure(MIXED.as_bytes(), true)),
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0 NIL NIL NIL NIL)\
             (\"application\" \"pdf\" (\"name\" \"a.pdf\") NIL NIL \"base64\" 4 NIL (\"attachment\" (\"filename\" \"a.pdf\")) NIL NIL) \
             \"mixed\" (\"boundary\" \"bb\") NIL NIL NIL)"
        );
        assert_eq!(
            shown(part.structure(MIXED.as_bytes(), false)),
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0)\
             (\"application\" \"pdf\" (\"name\" \"a.pdf\") NIL NIL \"base64\" 4) \"mixed\")"
        );
        let from = "(({6}\r\nQ, \"X\" NIL \"q\" \"x.example\"))";
        assert_eq!(
            shown(envelope(MIXED.as_bytes())),
            format!("(NIL {{13}}\r\nwith \"quotes\" {from} {from} {from} NIL NIL NIL NIL NIL)")
        );
    }

    #[test]
    fn parts_are_found_by_their_numbers() {
        let part = Part::parse(MIXED.as_bytes());
        let body = |path: &[usize]| part.at(path).map(|part| &MIXED[part.body.clone()]);
        assert_eq!(body(&[1]), Some("body"));
        assert_eq!(body(&[2]), Some("QUJD"));
        assert_eq!(body(&[3]), None);
        let plain = Part::parse(b"Subject: x\r\n\r\nhello");
        assert_eq!(plain.at(&[1]).map(|part| part.body.clone()), Some(14..19));
        assert_eq!(plain.at(&[2]), None);
    }

    #[test]
    fn a_message_without_anything_has_a_structure() {
        for text in [
            &b""[..],
            b"\r\n",
            b"x",
            b"Content-Type: multipart/mixed\r\n\r\nx",
            b"Content-Type: message/rfc822\r\n\r\n",
        ] {
            let structure = Part::parse(text).structure(text, true);
            assert!(
                structure.starts_with(b"(") && structure.ends_with(b")"),
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn several_addresses_stand_side_by_side() {
        let list = "\"Bo Ray\" <bo@b.example>, c@d.example";
        assert_eq!(
            shown(address_list(list)),
            "((\"Bo Ray\" NIL \"bo\" \"b.example\")(NIL NIL \"c\" \"d.example\"))"
        );
        assert_eq!(address_list(""), b"NIL");
    }
}
