//! What is told of a client; `session` makes events of it.

use serde_json::Value;

#[derive(Debug, PartialEq)]
pub(super) enum Record {
    /// What a driver says of itself.
    Meta(Value),
    Query {
        op: &'static str,
        place: String,
        filter: String,
        found: usize,
    },
    Write {
        op: &'static str,
        place: String,
        count: usize,
    },
    /// A note of those who ask money.
    Ransom { place: String, text: String },
    /// A command that is not there, or code that was to be run.
    Command { name: String, text: String },
    Login {
        user: String,
        database: String,
        mechanism: &'static str,
        secret: Secret,
        accepted: bool,
    },
}

/// What was shown to get in.
#[derive(Debug, PartialEq)]
pub(super) enum Secret {
    Plain(Vec<u8>),
    /// MD5, in hexadecimal, of the nonce, the name, and MD5 of name and password.
    Digest {
        key: String,
        nonce: String,
    },
    Scram {
        kind: &'static str,
        proof: Vec<u8>,
        client_first: String,
        server_first: String,
        without_proof: String,
        speculative: bool,
    },
}
