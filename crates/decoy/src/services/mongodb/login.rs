//! How clients show who they are: SCRAM and PLAIN.

use md5::{Digest, Md5};

use super::super::scram::{Exchange, Hash};
use super::bson::{Bson, Doc, document};
use super::filter::Fault;
use super::record::{Record, Secret};
use super::server::{Server, Turn};

/// An exchange that is under way.
pub(super) struct Exchanging {
    exchange: Exchange,
    hash: Hash,
    user: String,
    database: String,
    /// Begun with the greeting: some drivers begin anew when it fails, with the same password.
    speculative: bool,
    /// The client leaves out the last, empty, turn.
    short: bool,
    /// The proof was right; the empty turn is waited for.
    done: bool,
}

pub(super) fn rounds(hash: Hash) -> u32 {
    match hash {
        Hash::Sha1 => 10_000,
        Hash::Sha256 => 15_000,
    }
}

/// Bytes of a salt.
pub(super) fn salt(hash: Hash) -> usize {
    match hash {
        Hash::Sha1 => 16,
        Hash::Sha256 => 28,
    }
}

/// What a mechanism takes for the password.
pub(super) fn prepared(hash: Hash, user: &str, password: &str) -> Vec<u8> {
    match hash {
        Hash::Sha1 => hex::encode(Md5::digest(format!("{user}:mongo:{password}"))).into_bytes(),
        Hash::Sha256 => password.as_bytes().to_vec(),
    }
}

fn failed() -> Fault {
    Fault::new(18, "AuthenticationFailed", "Authentication failed.")
}

fn step(payload: String, done: bool) -> Doc {
    document! {"conversationId": 1, "done": done, "payload": Bson::Binary(0, payload.into_bytes())}
}

fn payload(command: &Doc) -> Vec<u8> {
    match command.get("payload") {
        Some(Bson::Binary(_, bytes)) => bytes.clone(),
        Some(Bson::Text(text)) => text.clone().into_bytes(),
        _ => Vec::new(),
    }
}

/// A login that comes with the greeting; none where it cannot be begun so.
pub(super) fn speculate(server: &Server, begun: &Doc, turn: &mut Turn<'_>) -> Option<Doc> {
    let database = begun.text("db").unwrap_or("admin");
    let step = start(server, begun, database, turn).ok()?;
    if let Some(exchanging) = turn.client.exchanging.as_mut() {
        exchanging.speculative = true;
    }
    Some(step)
}

/// `saslStart`
pub(super) fn start(server: &Server, command: &Doc, database: &str, turn: &mut Turn<'_>) -> Result<Doc, Fault> {
    let mechanism = command.text("mechanism").unwrap_or_default();
    let given = payload(command);
    let hash = match mechanism {
        "SCRAM-SHA-1" => Hash::Sha1,
        "SCRAM-SHA-256" => Hash::Sha256,
        "PLAIN" => return Err(plain(&given, database, turn)),
        other => {
            let text = format!("Received authentication for mechanism {other} which is not enabled");
            return Err(Fault::new(334, "MechanismUnavailable", text));
        }
    };
    let message = String::from_utf8_lossy(&given).into_owned();
    let user = Exchange::user(&message).unwrap_or_default();
    let nonce = turn.draw.letters(32);
    let verifier = server.verifier(hash, &user, database);
    let exchange = Exchange::begin(&message, false, &nonce, verifier).map_err(|_| failed())?;
    let first = exchange.server_first.clone();
    turn.client.exchanging = Some(Exchanging {
        exchange,
        hash,
        user,
        database: database.to_owned(),
        speculative: false,
        short: command
            .doc("options")
            .is_some_and(|options| options.flag("skipEmptyExchange")),
        done: false,
    });
    Ok(step(first, false))
}

/// `saslContinue`
pub(super) fn proceed(command: &Doc, turn: &mut Turn<'_>) -> Result<Doc, Fault> {
    let Some(mut under_way) = turn.client.exchanging.take() else {
        return Err(Fault::new(17, "ProtocolError", "No SASL session state found"));
    };
    if under_way.done {
        turn.client.user = Some((under_way.user, under_way.database));
        return Ok(step(String::new(), true));
    }
    let message = String::from_utf8_lossy(&payload(command)).into_owned();
    let ended = under_way.exchange.end(&message, &[]).map_err(|_| failed())?;
    let (mechanism, kind) = match under_way.hash {
        Hash::Sha1 => ("SCRAM-SHA-1", "scram_sha1"),
        Hash::Sha256 => ("SCRAM-SHA-256", "scram_sha256"),
    };
    turn.records.push(Record::Login {
        user: under_way.user.clone(),
        database: under_way.database.clone(),
        mechanism,
        secret: Secret::Scram {
            kind,
            proof: ended.proof,
            client_first: under_way.exchange.client_first.clone(),
            server_first: under_way.exchange.server_first.clone(),
            without_proof: ended.without_proof,
            speculative: under_way.speculative,
        },
        accepted: ended.accepted,
    });
    if !ended.accepted {
        return Err(failed());
    }
    let short = under_way.short;
    if short {
        turn.client.user = Some((under_way.user, under_way.database));
    } else {
        under_way.done = true;
        turn.client.exchanging = Some(under_way);
    }
    Ok(step(ended.server_final, short))
}

/// A name and a password in the clear: told, and refused, as where no directory is asked.
fn plain(given: &[u8], database: &str, turn: &mut Turn<'_>) -> Fault {
    let mut parts = given.splitn(3, |byte| *byte == 0).skip(1);
    let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    turn.records.push(Record::Login {
        user: String::from_utf8_lossy(user).into_owned(),
        database: database.to_owned(),
        mechanism: "PLAIN",
        secret: Secret::Plain(password.to_vec()),
        accepted: false,
    });
    failed()
}

/// `getnonce`: what is answered to with the login of before SCRAM.
pub(super) fn nonce(turn: &mut Turn<'_>) -> Doc {
    document! {"nonce": format!("{:016x}", turn.draw.below(u64::MAX))}
}

/// The login of before SCRAM: told, and refused, as by every server since 4.0.
pub(super) fn authenticate(command: &Doc, database: &str, turn: &mut Turn<'_>) -> Fault {
    let text = |name: &str| command.text(name).unwrap_or_default().to_owned();
    let mechanism = text("mechanism");
    if !mechanism.is_empty() && mechanism != "MONGODB-CR" {
        return Fault::bad_value(format!("Unsupported mechanism: {mechanism}"));
    }
    turn.records.push(Record::Login {
        user: text("user"),
        database: database.to_owned(),
        mechanism: "MONGODB-CR",
        secret: Secret::Digest {
            key: text("key"),
            nonce: text("nonce"),
        },
        accepted: false,
    });
    if mechanism.is_empty() {
        Fault::bad_value("Auth mechanism not specified")
    } else {
        Fault::bad_value("Unsupported mechanism: MONGODB-CR")
    }
}
