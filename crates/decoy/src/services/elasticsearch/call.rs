//! One request as the product's handlers see it, and the turn it is answered in.

use super::super::database::company::Draw;
use super::json::Json;
use super::node::Node;
use super::record::Record;
use super::reply::Refusal;
use super::wire::Request;

/// Parameters of one request that are looked at.
const MOST_PARAMS: usize = 100;

pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    /// Parts of the path, decoded.
    pub(super) path: Vec<String>,
    params: Vec<(String, String)>,
}

/// The world as it is while one request is answered.
pub(super) struct Turn<'n> {
    pub(super) node: &'n Node,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) draw: Draw,
    pub(super) records: Vec<Record>,
}

// === impl Call ===

impl<'a> Call<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let parts = path.split('/').filter(|part| !part.is_empty());
        let params = query.split('&').filter(|param| !param.is_empty()).take(MOST_PARAMS);
        Self {
            request,
            path: parts.map(|part| decode(part, false)).collect(),
            params: params
                .map(|param| {
                    let (name, value) = param.split_once('=').unwrap_or((param, ""));
                    (decode(name, true), decode(value, true))
                })
                .collect(),
        }
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is said, and not said to be false.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value != "false")
    }

    /// The body; none when there is none.
    pub(super) fn json(&self) -> Result<Option<Json>, Refusal> {
        let given = self.param("source").filter(|_| self.request.body.is_empty());
        let body = given.map_or(self.request.body.as_slice(), str::as_bytes);
        if body.trim_ascii().is_empty() {
            return Ok(None);
        }
        Json::parse(body).map(Some).map_err(|error| Refusal::no_json(&error))
    }

    /// The lines of a body that has one JSON text in each, as they came.
    pub(super) fn raw_lines(&self) -> Result<Vec<&'a str>, Refusal> {
        if self.request.body.is_empty() {
            return Err(Refusal::new(400, "parse_exception", "request body is required"));
        }
        let text = std::str::from_utf8(&self.request.body);
        let text = text.map_err(|_| Refusal::new(400, "json_parse_exception", "Invalid UTF-8 middle byte"))?;
        if !text.ends_with('\n') {
            return Err(Refusal::argument(
                "The bulk request must be terminated by a newline [\\n]",
            ));
        }
        Ok(text.lines().filter(|line| !line.trim().is_empty()).collect())
    }

    pub(super) fn lines(&self) -> Result<Vec<Json>, Refusal> {
        let lines = self.raw_lines()?.into_iter();
        let parsed = lines.map(|line| Json::parse(line.as_bytes()).map_err(|error| Refusal::no_json(&error)));
        parsed.collect()
    }
}

fn decode(text: &str, plus: bool) -> String {
    let text = text.as_bytes();
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        let digits = text
            .get(at + 1..at + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, escaped) {
            (b'%', Some(escaped)) => {
                bytes.push(escaped);
                at += 2;
            }
            (b'+', _) if plus => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// === impl Turn ===

impl Turn<'_> {
    /// Milliseconds it is said to have taken.
    pub(super) fn took(&mut self) -> u64 {
        1 + self.draw.below(4)
    }

    /// As the product draws them: 22 characters.
    pub(super) fn uuid(&mut self) -> String {
        self.draw.letters(22)
    }
}
