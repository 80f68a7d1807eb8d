//! Whole conversations, without a socket.
#![allow(clippy::unwrap_used)]

use super::super::scram::Hash;
use super::bson::{Bson, Doc, document};
use super::fuzzing;
use super::login;
use super::record::Record;
use super::server::{Client, Server};
use super::store::Store;
use super::wire::{Said, Way};

const NOW: i64 = 1_700_000_000_000;

struct Talk {
    server: Server,
    store: Store,
    client: Client,
}

impl Talk {
    fn new(password: Option<&str>) -> Self {
        let (server, store) = fuzzing::server(password);
        let client = Client {
            id: 7,
            ..Client::default()
        };
        Self { server, store, client }
    }

    fn ask(&mut self, database: &str, command: Doc) -> (Doc, Vec<Record>) {
        self.ask_in(database, command, Way::Message { checksum: false })
    }

    fn ask_in(&mut self, database: &str, command: Doc, way: Way) -> (Doc, Vec<Record>) {
        let said = Said {
            id: 1,
            way,
            database: database.into(),
            command,
            silent: false,
        };
        let (bytes, told) = self
            .server
            .answer(&mut self.store, &mut self.client, &said, NOW, [3; 32]);
        let bytes = bytes.unwrap();
        let head = if way == Way::Query { 36 } else { 21 };
        (Doc::read(&mut &bytes[head..]).unwrap(), told)
    }

    fn asked(&mut self, database: &str, command: Doc) -> Doc {
        let (answer, _) = self.ask(database, command);
        assert_eq!(answer.get("ok"), Some(&Bson::Double(1.0)), "{answer:?}");
        answer
    }

    fn found(&mut self, database: &str, command: Doc) -> Vec<Bson> {
        self.asked(database, command)
            .doc("cursor")
            .unwrap()
            .list("firstBatch")
            .to_vec()
    }
}

fn names(fields: &[(&str, i32)]) -> Doc {
    Doc(fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Bson::Int(*value)))
        .collect())
}

#[test]
fn a_greeting_has_its_fields_in_their_order() {
    let mut talk = Talk::new(None);
    let client = document! {"driver": document! {"name": "x", "version": "1"}};
    let (answer, told) = talk.ask_in("admin", document! {"ismaster": 1, "client": client}, Way::Query);
    let order: Vec<&str> = answer.0.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "ismaster",
        "topologyVersion",
        "maxBsonObjectSize",
        "maxMessageSizeBytes",
        "maxWriteBatchSize",
        "localTime",
        "logicalSessionTimeoutMinutes",
        "connectionId",
        "minWireVersion",
        "maxWireVersion",
        "readOnly",
        "ok",
    ];
    assert_eq!(order, wanted);
    assert!(
        matches!(told.as_slice(), [Record::Meta(meta)] if meta["driver"]["name"] == "x"),
        "{told:?}"
    );
}

#[test]
fn documents_are_found_sorted_and_paged() {
    let mut talk = Talk::new(None);
    let database = talk.asked("admin", document! {"listDatabases": 1});
    let databases: Vec<&str> = database
        .list("databases")
        .iter()
        .map(|one| match one {
            Bson::Doc(one) => one.text("name").unwrap(),
            _ => panic!(),
        })
        .collect();
    assert!(
        databases.contains(&"analytics") && databases.contains(&"admin"),
        "{databases:?}"
    );
    let count = talk
        .asked("analytics", document! {"count": "events"})
        .whole("n")
        .unwrap();
    assert_eq!(count, 240);
    let find = document! {"find": "events", "sort": names(&[("at", -1)]), "batchSize": 100};
    let answer = talk.asked("analytics", find);
    let (mut id, mut seen) = (answer.doc("cursor").unwrap().whole("id").unwrap(), 100);
    while id != 0 {
        let more = document! {"getMore": id, "collection": "events", "batchSize": 100};
        let answer = talk.asked("analytics", more);
        let cursor = answer.doc("cursor").unwrap();
        seen += cursor.list("nextBatch").len();
        id = cursor.whole("id").unwrap();
    }
    assert_eq!(seen, 240);
    let groups = vec![
        document! {"$group": document! {"_id": "$type", "n": document! {"$sum": 1}}}.into(),
        document! {"$group": document! {"_id": Bson::Null, "all": document! {"$sum": "$n"}}}.into(),
    ];
    let all = talk.found(
        "analytics",
        document! {"aggregate": "events", "pipeline": Bson::List(groups), "cursor": document! {}},
    );
    assert_eq!(all, [Bson::Doc(document! {"_id": Bson::Null, "all": 240})]);
}

#[test]
fn a_database_is_taken_away_and_a_note_is_left() {
    let mut talk = Talk::new(None);
    let (answer, told) = talk.ask("analytics", document! {"dropDatabase": 1});
    assert_eq!(answer.text("dropped"), Some("analytics"));
    assert!(
        matches!(told.as_slice(), [Record::Write { op: "dropDatabase", .. }]),
        "{told:?}"
    );
    let note = document! {"content": "All your data is backed up. You must pay 0.01 BTC"};
    let (_, told) = talk.ask("READ__ME", document! {"insert": "README", "documents": vec![note]});
    assert!(
        told.iter().any(|record| matches!(record, Record::Ransom { place, text } if place == "READ__ME.README" && text.contains("0.01 BTC"))),
        "{told:?}"
    );
    let (answer, _) = talk.ask("READ__ME", document! {"count": "README"});
    assert_eq!(answer.whole("n"), Some(1));
}

#[test]
fn what_is_written_is_changed_and_refused_when_it_is_there_already() {
    let mut talk = Talk::new(None);
    let insert = |id: i32| document! {"insert": "c", "documents": vec![document! {"_id": id, "n": 1}]};
    talk.asked("x", insert(1));
    let twice = talk.asked("x", insert(1));
    let Some(Bson::Doc(error)) = twice.list("writeErrors").first() else {
        panic!("{twice:?}")
    };
    assert_eq!(error.whole("code"), Some(11000));
    let update = document! {"q": document! {"_id": 1}, "u": document! {"$inc": document! {"n": 4}}};
    talk.asked("x", document! {"update": "c", "updates": vec![update]});
    let found = talk.found("x", document! {"find": "c", "projection": document! {"_id": 0}});
    assert_eq!(found, [Bson::Doc(document! {"n": 5})]);
    let delete = document! {"q": document! {}, "limit": 0};
    assert_eq!(
        talk.asked("x", document! {"delete": "c", "deletes": vec![delete]})
            .whole("n"),
        Some(1)
    );
}

#[test]
fn a_command_that_is_not_there_is_code_59() {
    let mut talk = Talk::new(None);
    let (answer, told) = talk.ask("admin", document! {"atlasVersion": 1});
    assert_eq!(
        answer,
        document! {"ok": 0.0, "errmsg": "no such command: 'atlasVersion'", "code": 59, "codeName": "CommandNotFound"}
    );
    assert!(matches!(told.as_slice(), [Record::Command { name, .. }] if name == "atlasVersion"));
}

#[test]
fn nobody_is_heard_before_he_logs_in_where_that_is_asked_for() {
    let mut talk = Talk::new(Some("s3cret"));
    let (answer, _) = talk.ask("admin", document! {"listDatabases": 1});
    assert_eq!(
        answer.text("errmsg"),
        Some("command listDatabases requires authentication")
    );
    for (hash, mechanism) in [(Hash::Sha1, "SCRAM-SHA-1"), (Hash::Sha256, "SCRAM-SHA-256")] {
        for (password, accepted) in [("wrong", false), ("s3cret", true)] {
            talk.client = Client::default();
            let (answer, told) = scram(&mut talk, mechanism, &login::prepared(hash, "admin", password), hash);
            assert_eq!(answer.flag("ok"), accepted, "{answer:?}");
            assert!(
                matches!(told.as_slice(), [Record::Login { user, accepted: is, .. }] if user == "admin" && *is == accepted),
                "{told:?}"
            );
        }
    }
    talk.asked("admin", document! {"listDatabases": 1});
}

/// Logs in as a client does, and leaves out the empty turn.
fn scram(talk: &mut Talk, mechanism: &str, password: &[u8], hash: Hash) -> (Doc, Vec<Record>) {
    use super::super::scram::Verifier;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as B64;
    let bare = "n=admin,r=abc";
    let start = document! {
        "saslStart": 1, "mechanism": mechanism, "payload": Bson::Binary(0, format!("n,,{bare}").into_bytes()),
        "options": document! {"skipEmptyExchange": true},
    };
    let answer = talk.asked("admin", start);
    let Some(Bson::Binary(_, first)) = answer.get("payload") else {
        panic!("{answer:?}")
    };
    let first = String::from_utf8(first.clone()).unwrap();
    let mut parts = first.split(',').map(|part| &part[2..]);
    let (nonce, salt, rounds) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let salt = B64.decode(salt).unwrap();
    let without = format!("c=biws,r={nonce}");
    let key = Verifier::client_key(hash, password, &salt, rounds.parse().unwrap());
    let stored = Verifier::new(hash, password, &salt, rounds.parse().unwrap()).stored;
    let signature = hash.hmac(&stored, &[format!("{bare},{first},{without}").as_bytes()]);
    let proof: Vec<u8> = key.iter().zip(signature).map(|(one, two)| one ^ two).collect();
    let last = format!("{without},p={}", B64.encode(proof));
    talk.ask(
        "admin",
        document! {"saslContinue": 1, "conversationId": 1, "payload": Bson::Binary(0, last.into_bytes())},
    )
}
