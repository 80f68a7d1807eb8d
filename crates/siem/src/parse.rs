//! RFC 5424 read strictly: what is not by the letter is refused, with the place and the reason.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Bytes of a message that are looked at; longer ones are refused.
pub const LONGEST: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// 0 to 23.
    pub facility: u8,
    /// 0 (emergency) to 7 (debug).
    pub severity: u8,
    pub timestamp: Option<OffsetDateTime>,
    pub hostname: Option<String>,
    pub app_name: Option<String>,
    pub procid: Option<String>,
    pub msgid: Option<String>,
    pub elements: Vec<Element>,
    /// Without the mark of UTF-8.
    pub text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub id: String,
    /// In order; names may repeat.
    pub params: Vec<(String, String)>,
}

/// Why and where (in bytes) it is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not RFC 5424 at byte {at}: {reason}")]
pub struct ParseError {
    pub at: usize,
    pub reason: &'static str,
}

/// Reads one message, without a frame around it or a line's end after it.
pub fn message(bytes: &[u8]) -> Result<Message, ParseError> {
    if bytes.len() > LONGEST {
        return Err(ParseError {
            at: LONGEST,
            reason: "longer than any message we take",
        });
    }
    let mut reader = Reader { bytes, at: 0 };
    let (facility, severity) = reader.priority()?;
    reader.expect(b'1', "only version 1 is known")?;
    reader.space()?;
    let timestamp = reader.timestamp()?;
    reader.space()?;
    let hostname = reader.header(255)?;
    reader.space()?;
    let app_name = reader.header(48)?;
    reader.space()?;
    let procid = reader.header(128)?;
    reader.space()?;
    let msgid = reader.header(32)?;
    reader.space()?;
    let elements = reader.elements()?;
    let text = reader.text()?;
    Ok(Message {
        facility,
        severity,
        timestamp,
        hostname,
        app_name,
        procid,
        msgid,
        elements,
        text,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Element ===

impl Element {
    /// The first param of that name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn priority(&mut self) -> Result<(u8, u8), ParseError> {
        self.expect(b'<', "a priority begins with `<`")?;
        let digits = self.take_while(3, |byte| byte.is_ascii_digit());
        let wrong = self.error("a priority is a number from 0 to 191 without leading zeros");
        if digits.len() > 1 && digits.starts_with(b"0") {
            return Err(wrong);
        }
        let priority = str(digits)
            .parse::<u8>()
            .ok()
            .filter(|&priority| priority <= 191)
            .ok_or(wrong)?;
        self.expect(b'>', "a priority ends with `>`")?;
        Ok((priority / 8, priority % 8))
    }

    fn timestamp(&mut self) -> Result<Option<OffsetDateTime>, ParseError> {
        let wrong = self.error("a time is `-` or as in 2026-01-31T12:00:00.123456+00:00");
        let given = self.take_while(32, |byte| byte.is_ascii_graphic());
        if given == b"-" {
            return Ok(None);
        }
        // RFC 3339 also knows lower case, leap seconds and longer fractions; RFC 5424 does not.
        let fraction = given.iter().skip(20).take_while(|byte| byte.is_ascii_digit()).count();
        let second = given.get(17..19);
        if given.iter().any(u8::is_ascii_lowercase)
            || fraction > 6
            || second == Some(b"60")
            || given.get(10) != Some(&b'T')
        {
            return Err(wrong);
        }
        let at = OffsetDateTime::parse(str(given), &Rfc3339).map_err(|_| wrong)?;
        Ok(Some(at.to_offset(UtcOffset::UTC)))
    }

    fn header(&mut self, max: usize) -> Result<Option<String>, ParseError> {
        let field = self.take_while(max, |byte| byte.is_ascii_graphic());
        match field {
            [] => Err(self.error("a header field is `-` or printable ASCII")),
            b"-" => Ok(None),
            field => Ok(Some(str(field).to_owned())),
        }
    }

    fn elements(&mut self) -> Result<Vec<Element>, ParseError> {
        if self.skip(b'-') {
            return Ok(Vec::new());
        }
        let mut elements: Vec<Element> = Vec::new();
        while self.skip(b'[') {
            let element = self.element()?;
            if elements.iter().any(|known| known.id == element.id) {
                return Err(self.error("an element may stand there once"));
            }
            elements.push(element);
        }
        if elements.is_empty() {
            return Err(self.error("structured data is `-` or begins with `[`"));
        }
        Ok(elements)
    }

    fn element(&mut self) -> Result<Element, ParseError> {
        let id = self.name()?;
        let mut params = Vec::new();
        while self.skip(b' ') {
            let name = self.name()?;
            self.expect(b'=', "a param's name is followed by `=`")?;
            self.expect(b'"', "a param's value begins with a quote")?;
            params.push((name, self.value()?));
        }
        self.expect(b']', "an element ends with `]`")?;
        Ok(Element { id, params })
    }

    fn name(&mut self) -> Result<String, ParseError> {
        let name = self.take_while(32, |byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"')
        });
        if name.is_empty() {
            return Err(self.error("a name is 1 to 32 printable characters without `=`, `]` and quotes"));
        }
        Ok(str(name).to_owned())
    }

    fn value(&mut self) -> Result<String, ParseError> {
        let mut value = Vec::new();
        loop {
            match (self.peek(), self.bytes.get(self.at + 1)) {
                (Some(b'"'), _) => break,
                (Some(b'\\'), Some(&escaped @ (b'"' | b'\\' | b']'))) => {
                    value.push(escaped);
                    self.at += 2;
                }
                (Some(b']'), _) => return Err(self.error("a bracket in a value is escaped")),
                (Some(byte), _) => {
                    value.push(byte);
                    self.at += 1;
                }
                (None, _) => return Err(self.error("a value ends with a quote")),
            }
        }
        self.at += 1;
        String::from_utf8(value).map_err(|_| self.error("a value is UTF-8"))
    }

    fn text(&mut self) -> Result<Option<String>, ParseError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        self.space()?;
        let rest = &self.bytes[self.at..];
        let text = match rest.strip_prefix(b"\xef\xbb\xbf") {
            Some(marked) => std::str::from_utf8(marked)
                .map_err(|_| self.error("a marked text is UTF-8"))?
                .to_owned(),
            None => String::from_utf8_lossy(rest).into_owned(),
        };
        self.at = self.bytes.len();
        Ok(Some(text))
    }

    fn space(&mut self) -> Result<(), ParseError> {
        self.expect(b' ', "one space stands here")
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), ParseError> {
        if self.skip(byte) {
            Ok(())
        } else {
            Err(self.error(reason))
        }
    }

    fn skip(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take_while(&mut self, max: usize, of: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take(max).take_while(|byte| of(**byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn error(&self, reason: &'static str) -> ParseError {
        ParseError { at: self.at, reason }
    }
}

/// Of bytes known to be ASCII.
fn str(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let first = b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed";
        let first = message(first).unwrap();
        assert_eq!(
            (first.facility, first.severity, first.app_name.as_deref()),
            (4, 2, Some("su"))
        );
        assert_eq!((first.procid, first.text.as_deref()), (None, Some("'su root' failed")));

        let second = br#"<165>1 2003-10-11T22:14:15.003-07:00 - evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]"#;
        let second = message(second).unwrap();
        assert_eq!(second.elements[0].param("eventSource"), Some("Application"));
        assert_eq!(second.elements[1].params, [("class".to_owned(), "high".to_owned())]);
        assert_eq!(second.timestamp.unwrap().hour(), 5);
        assert_eq!(second.text, None);
    }

    #[test]
    fn escapes_are_read_in_one_pass() {
        let read = message(br#"<0>1 - - - - - [a b="\\\"\]\n\\]"]"#);
        assert!(read.is_err());
        let read = message(br#"<0>1 - - - - - [a b="\\\"\]\n\\"]"#).unwrap();
        assert_eq!(read.elements[0].param("b"), Some(r#"\"]\n\"#));
    }

    #[test]
    fn what_is_not_by_the_letter_is_refused() {
        for bad in [
            "",
            "<34>",
            "<034>1 - - - - - -",
            "<192>1 - - - - - -",
            "<34>2 - - - - - -",
            "<34>1  - - - - -",
            "<34>1 2003-10-11T22:14:15.0031234Z - - - - -",
            "<34>1 2003-10-11t22:14:15Z - - - - -",
            "<34>1 2003-10-11 22:14:15Z - - - - -",
            "<34>1 - - - - - [",
            "<34>1 - - - - - []",
            "<34>1 - - - - - [a]x",
            "<34>1 - - - - - [a][a]",
            "<34>1 - - - - - [a b=\"]\"]",
            "<34>1 - - - - - [a b=c]",
            "<34>1 - - - - -x",
            "<34>1 - - - - ",
            "<34>1 - - - - abcdefghijklmnopqrstuvwxyz0123456 -",
        ] {
            assert!(message(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(message(&[b'x'; LONGEST + 1]).unwrap_err().at, LONGEST);
        assert_eq!(
            message(b"<34>1 - - - - - [a b=\"\xff\"]").unwrap_err().reason,
            "a value is UTF-8"
        );
    }
}
