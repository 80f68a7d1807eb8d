//! What is told of a client, as the conversation sees it; `session` makes events of it.

use model::event::Fields;
use serde_json::json;
use sql::Act;

use crate::services::database::fields;

#[derive(Debug, PartialEq)]
pub(super) enum Record {
    /// The first packet of a client that wants in.
    Startup {
        user: String,
        database: String,
        params: Vec<(String, String)>,
    },
    Login {
        user: String,
        database: String,
        method: &'static str,
        secret: Secret,
        accepted: bool,
    },
    Query {
        sql: String,
        code: &'static str,
        rows: usize,
    },
    Act(Act),
    Cancel,
    Broken {
        reason: String,
        data: Vec<u8>,
    },
}

/// What was shown to get in.
#[derive(Debug, PartialEq)]
pub(super) enum Secret {
    Plain(Vec<u8>),
    /// The answer as it was sent, and the salt.
    Md5 {
        answer: String,
        salt: [u8; 4],
    },
    Scram {
        proof: Vec<u8>,
        client_first: String,
        server_first: String,
        without_proof: String,
    },
}

// === impl Secret ===

impl Secret {
    /// Kind and bytes (decoys.md §2.5), and what a guess is checked with.
    pub(super) fn told(&self) -> (&'static str, Vec<u8>, Fields) {
        let (kind, bytes, more) = match self {
            Self::Plain(password) => ("plaintext", password.clone(), json!({})),
            Self::Md5 { answer, salt } => {
                let digits = answer.strip_prefix("md5").unwrap_or(answer);
                let bytes = hex::decode(digits).unwrap_or_else(|_| answer.clone().into_bytes());
                let more = json!({"salt_hex": hex::encode(salt), "pw_hash": answer});
                ("postgres_md5_challenge", bytes, more)
            }
            Self::Scram {
                proof,
                client_first,
                server_first,
                without_proof,
            } => {
                let more = json!({
                    "client_first": client_first, "server_first": server_first, "client_final_nopf": without_proof,
                });
                ("scram_sha256", proof.clone(), more)
            }
        };
        (kind, bytes, fields(more))
    }
}
