//! SCRAM-SHA-256 as PostgreSQL words it, and the other ways a password is kept and shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use md5::{Digest, Md5};
use sql::Error;

use super::super::scram::{Ended, Exchange, Fault, Hash, Verifier};

pub(super) const ROUNDS: u32 = 4096;

/// What is kept of a password.
pub(super) fn verifier(password: &[u8], salt: &[u8]) -> Verifier {
    Verifier::new(Hash::Sha256, password, salt, ROUNDS)
}

/// For a name nobody has.
pub(super) fn mock(secret: &[u8; 32], user: &str) -> Verifier {
    Verifier::mock(Hash::Sha256, secret, user, 16, ROUNDS)
}

/// As it stands in `pg_authid`.
pub(super) fn text(verifier: &Verifier) -> String {
    format!(
        "SCRAM-SHA-256${}:{}${}:{}",
        verifier.rounds,
        B64.encode(&verifier.salt),
        B64.encode(&verifier.stored),
        B64.encode(&verifier.server)
    )
}

pub(super) fn parse(text: &str) -> Option<Verifier> {
    let rest = text.strip_prefix("SCRAM-SHA-256$")?;
    let (rounds, rest) = rest.split_once(':')?;
    let (salt, keys) = rest.split_once('$')?;
    let (stored, server) = keys.split_once(':')?;
    let key = |text: &str| B64.decode(text).ok().filter(|key| key.len() == 32);
    Some(Verifier {
        hash: Hash::Sha256,
        rounds: rounds.parse().ok()?,
        salt: B64.decode(salt).ok()?,
        stored: key(stored)?,
        server: key(server)?,
    })
}

/// Reads the first message of the client, of a mechanism with or without channel binding.
pub(super) fn begin(message: &str, plus: bool, nonce: &[u8; 18], verifier: Verifier) -> Result<Exchange, Error> {
    Exchange::begin(message, plus, &B64.encode(nonce), verifier).map_err(worded)
}

/// Reads the last message of the client; `certificate` is what channel binding binds to.
pub(super) fn end(exchange: &Exchange, message: &str, certificate: &[u8]) -> Result<Ended, Error> {
    exchange.end(message, certificate).map_err(worded)
}

fn worded(fault: Fault) -> Error {
    let malformed = |detail: String, line, routine| {
        Error::new("08P01", "malformed SCRAM message")
            .detail(detail)
            .raised("auth-scram.c", line, routine)
    };
    let first = |detail: &str, line| malformed(detail.to_owned(), line, "read_client_first_message");
    let shown = |found: Option<char>| found.map(String::from).unwrap_or_default();
    let unsupported = |message: &'static str, line| {
        Error::new("0A000", message).raised("auth-scram.c", line, "read_client_first_message")
    };
    match fault {
        Fault::Unbound => first(
            "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.",
            976,
        ),
        Fault::Bound => first(
            "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.",
            1007,
        ),
        Fault::Flag(found) => first(
            &format!("Unexpected channel-binding flag \"'{}'\".", shown(found)),
            1025,
        ),
        Fault::Parts => first("Comma expected, but found character \"end of string\".", 968),
        Fault::Authorization => unsupported("client uses authorization identity, but it is not supported", 1036),
        Fault::Extension => unsupported("client requires an unsupported SCRAM extension", 1057),
        Fault::Attribute(found) => malformed(
            format!("Expected attribute \"n\" but found \"{}\".", shown(found)),
            826,
            "read_attr_value",
        ),
        Fault::Proof => malformed(
            "Malformed proof in client-final-message.".into(),
            1353,
            "read_client_final_message",
        ),
        Fault::Binding => {
            let message = "unexpected SCRAM channel-binding attribute in client-final-message";
            Error::new("08P01", message).raised("auth-scram.c", 1325, "read_client_final_message")
        }
        Fault::Nonce => Error::new("08P01", "invalid SCRAM response")
            .detail("Nonce does not match.")
            .raised("auth-scram.c", 452, "scram_exchange"),
    }
}

/// `md5` and the hash of the password and the name, as it stands in `pg_authid`.
pub(super) fn md5_stored(user: &str, password: &[u8]) -> String {
    let hash = Md5::new()
        .chain_update(password)
        .chain_update(user.as_bytes())
        .finalize();
    format!("md5{}", hex::encode(hash))
}

/// What a client answers to a salt, when this is kept of its password.
pub(super) fn md5_answer(stored: &str, salt: [u8; 4]) -> Option<String> {
    let kept = stored.strip_prefix("md5").filter(|kept| kept.len() == 32)?;
    let hash = Md5::new().chain_update(kept.as_bytes()).chain_update(salt).finalize();
    Some(format!("md5{}", hex::encode(hash)))
}

/// Whether the password is the one this is kept of.
pub(super) fn fits(stored: &str, user: &str, password: &[u8]) -> bool {
    match parse(stored) {
        Some(verifier) => verifier.fits(password),
        None if stored.starts_with("md5") && stored.len() == 35 => md5_stored(user, password) == stored,
        None => stored.as_bytes() == password,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_fits_its_password_only() {
        let kept = text(&verifier(b"s3cret", b"0123456789abcdef"));
        for stored in [kept, md5_stored("app", b"s3cret"), "s3cret".to_owned()] {
            assert!(fits(&stored, "app", b"s3cret"), "{stored}");
            assert!(!fits(&stored, "app", b"s3cre"), "{stored}");
        }
        assert_eq!(md5_stored("md", b"md1"), "md5b93b49c00539d31759fcba50278eb5bd");
    }
}
