//! Answers, and refusals as the product words them.

use super::json::{Json, object};

/// Bytes of documents in one answer.
pub(super) const MOST_ANSWERED: usize = 48 << 20;

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Headers before those every answer has.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Json(Json),
    Text(String),
    /// Nothing, as plain text.
    Nothing,
}

/// What was not done, and why.
#[derive(Clone, Debug)]
pub(super) struct Refusal(Box<Why>);

#[derive(Clone, Debug)]
struct Why {
    status: u16,
    kind: &'static str,
    reason: String,
    /// Beside type and reason.
    more: Members,
    /// What wraps it.
    outer: Option<Outer>,
    /// What is told of what caused it.
    caused_by: Option<Json>,
    /// Told without a type.
    bare: bool,
    headers: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
struct Outer {
    kind: &'static str,
    reason: String,
    more: Members,
}

type Members = Vec<(String, Json)>;

pub(super) type Answer = Result<Reply, Refusal>;

// === impl Reply ===

impl Reply {
    pub(super) fn json(body: Json) -> Self {
        Self::with(200, body)
    }

    pub(super) fn with(status: u16, body: Json) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Json(body),
        }
    }

    pub(super) fn text(text: String) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Text(text),
        }
    }

    /// What a path is no handler of says without a type of error.
    pub(super) fn plain(status: u16, error: String) -> Self {
        Self::with(status, object! {"error": error, "status": u64::from(status)})
    }

    pub(super) fn acknowledged() -> Self {
        Self::json(object! {"acknowledged": true})
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        Self(Box::new(Why {
            status,
            kind,
            reason: reason.into(),
            more: Vec::new(),
            outer: None,
            caused_by: None,
            bare: false,
            headers: Vec::new(),
        }))
    }

    pub(super) fn status(&self) -> u16 {
        self.0.status
    }

    pub(super) fn argument(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    pub(super) fn parsing(reason: impl Into<String>) -> Self {
        Self::new(400, "parsing_exception", reason).and("line", 1).and("col", 2)
    }

    pub(super) fn no_index(name: &str) -> Self {
        Self::new(404, "index_not_found_exception", format!("no such index [{name}]"))
            .and("resource.type", "index_or_alias")
            .and("resource.id", name)
            .of_index(name, "_na_")
    }

    /// An answer that would be longer than there is room for.
    pub(super) fn too_large(bytes: usize) -> Self {
        let reason = format!(
            "[parent] Data too large, data for [<http_request>] would be [{bytes}/{}mb], which is larger than the limit of \
             [{MOST_ANSWERED}/{}mb]",
            bytes >> 20,
            MOST_ANSWERED >> 20
        );
        Self::new(429, "circuit_breaking_exception", reason)
            .and("bytes_wanted", bytes)
            .and("bytes_limit", MOST_ANSWERED)
            .and("durability", "PERMANENT")
    }

    /// Without a type, as the product refuses before it looks.
    pub(super) fn unsupported(reason: String) -> Self {
        let mut refusal = Self::new(406, "", reason);
        refusal.0.bare = true;
        refusal
    }

    /// A body that is no JSON.
    pub(super) fn no_json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line().max(1), error.column());
        let (kind, what) = if error.is_eof() {
            ("json_e_o_f_exception", "Unexpected end-of-input".to_owned())
        } else {
            let text = error.to_string();
            let what = text.split(" at line").next().unwrap_or_default().to_owned();
            ("json_parse_exception", what)
        };
        let source = "org.elasticsearch.common.bytes.AbstractBytesReference$MarkSupportingStreamInputWrapper";
        Self::new(
            400,
            kind,
            format!("{what}\n at [Source: ({source}); line: {line}, column: {column}]"),
        )
    }

    pub(super) fn and(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.more.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn of_index(self, name: &str, uuid: &str) -> Self {
        self.and("index_uuid", uuid).and("index", name)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Keeps what is told of another refusal as the reason of this one.
    pub(super) fn caused(mut self, inner: &Self) -> Self {
        self.0.caused_by = Some(inner.cause());
        self
    }

    pub(super) fn within(mut self, kind: &'static str, reason: impl Into<String>, more: Members) -> Self {
        let reason = reason.into();
        self.0.outer = Some(Outer { kind, reason, more });
        self
    }

    /// As one item of many tells of it.
    pub(super) fn cause(&self) -> Json {
        let mut cause = object! {"type": self.0.kind, "reason": &self.0.reason};
        self.0
            .more
            .iter()
            .for_each(|(name, value)| cause.set(name, value.clone()));
        cause
    }

    pub(super) fn into_reply(self) -> Reply {
        let cause = self.cause();
        let why = *self.0;
        if why.bare {
            return Reply::plain(why.status, why.reason);
        }
        let mut error = object! {"root_cause": vec![cause.clone()]};
        match why.outer {
            None => {
                cause
                    .members()
                    .iter()
                    .for_each(|(name, value)| error.set(name, value.clone()));
                why.caused_by
                    .into_iter()
                    .for_each(|inner| error.set("caused_by", inner));
            }
            Some(Outer { kind, reason, more }) => {
                error.set("type", kind);
                error.set("reason", reason);
                more.into_iter().for_each(|(name, value)| error.set(&name, value));
                error.set("caused_by", cause);
            }
        }
        let mut reply = Reply::with(why.status, object! {"error": error, "status": u64::from(why.status)});
        reply.headers = why.headers;
        reply
    }
}
