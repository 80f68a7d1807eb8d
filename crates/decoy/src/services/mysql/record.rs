//! What is told of a client, as the conversation sees it; `session` makes events of it.

use model::event::Fields;
use serde_json::json;
use sql::Act;

use crate::services::database::fields;

#[derive(Debug, PartialEq)]
pub(super) enum Record {
    Login {
        user: String,
        database: String,
        method: &'static str,
        secret: Secret,
        accepted: bool,
        /// What the client told of itself.
        attributes: Vec<(String, String)>,
    },
    Query {
        sql: String,
        /// The number of the refusal; 0 where there is none.
        code: u16,
        rows: usize,
    },
    Act(Act),
    /// A file of the client's own that it was asked for, or sent unasked.
    Sent {
        path: String,
        bytes: Vec<u8>,
    },
    Broken {
        reason: String,
        data: Vec<u8>,
    },
}

/// What was shown to get in.
#[derive(Debug, PartialEq)]
pub(super) enum Secret {
    Plain(Vec<u8>),
    Native { answer: Vec<u8>, scramble: Vec<u8> },
    Sha2 { answer: Vec<u8>, scramble: Vec<u8> },
}

// === impl Secret ===

impl Secret {
    /// Kind and bytes (decoys.md §2.5), and what a guess is checked with.
    pub(super) fn told(&self) -> (&'static str, Vec<u8>, Fields) {
        match self {
            Self::Plain(password) => ("plaintext", password.clone(), Fields::new()),
            Self::Native { answer, scramble } => (
                "mysql_native_password",
                answer.clone(),
                fields(json!({"scramble_hex": hex::encode(scramble)})),
            ),
            Self::Sha2 { answer, scramble } => (
                "mysql_caching_sha2",
                answer.clone(),
                fields(json!({"scramble_hex": hex::encode(scramble)})),
            ),
        }
    }
}
