//! The machine's one server, and a task for each of its clients.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use futures_util::future::{FutureExt, LocalBoxFuture};
use model::Detail as _;
use model::detail::{Login, ProtocolError, Secret as Told};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::super::database::company::Company;
use super::super::database::sources::Sources;
use super::super::database::{self, Teller, fields, millis as now, random};
use super::super::{Context, Service};
use super::bait;
use super::record::{Record, Secret};
use super::server::{Client, Release, Server};
use super::store::Store;
use super::wire::{Came, Reader};
use crate::conn::{Conn, Log};

const READ: usize = 16 << 10;
/// Nobody is told to go by the product; here somebody must be.
const IDLE: Duration = Duration::from_secs(3600);
const SEND: Duration = Duration::from_secs(60);
/// Reports of one command.
const MOST_RECORDS: usize = 64;
/// Bytes of a note or a command that are told; the whole of it is kept as a file.
const SHORT: usize = 1500;
/// Bytes of what is no message that are told.
const GARBAGE: usize = 2048;
const OVER_HTTP: &str = "It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n";

pub(super) struct MongoDb {
    server: Server,
    sources: RefCell<Sources<Store>>,
    next: Cell<i32>,
    teller: Teller,
}

// === impl MongoDb ===

impl MongoDb {
    pub(super) fn new(cx: &Context) -> Result<Self, String> {
        let secure = match cx.spec.text("auth") {
            None | Some("off") => false,
            Some("on") => true,
            Some(other) => return Err(format!("auth is {other:?}; it can be on or off")),
        };
        let company = Company::of(&cx.machine);
        let password = cx
            .spec
            .text("password")
            .map_or_else(|| bait::guessed(&cx.machine), str::to_owned);
        let text = |key: &str, usual: &str| cx.spec.text(key).unwrap_or(usual).to_owned();
        let release = Release {
            number: text("version", "4.4.29"),
            git: text("git", "f4dda329a99811c707eb06d05ad023599f9be263"),
            openssl: text("openssl", "OpenSSL 1.1.1n  15 Mar 2022"),
            distmod: text("distmod", "debian10"),
        };
        let host = cx.machine.hostname().to_owned();
        let seed = cx.machine.draw("mongodb/server");
        let server = Server::new(release, host, secure.then_some(password), seed, now());
        let system = cx.machine.os_release("PRETTY_NAME");
        let system = format!("PRETTY_NAME=\"{}\"", system.as_deref().unwrap_or("Linux"));
        let store = bait::store(
            &company,
            &server.release.series(),
            cx.machine.draw("mongodb/bait"),
            now(),
        )?;
        Ok(Self {
            next: Cell::new(1 + i32::from(seed[0])),
            server: server.of_machine(system, cx.machine.kernel()),
            sources: RefCell::new(Sources::new(store)),
            teller: Teller::default(),
        })
    }

    async fn converse(self: Rc<Self>, mut conn: Conn) {
        let Ok(peer) = conn.stream.get_ref().peer_addr() else {
            return;
        };
        let store = self.sources.borrow_mut().of(peer.ip().to_canonical());
        self.next.set(self.next.get() + 1);
        let mut client = Client {
            id: self.next.get(),
            address: peer.to_string(),
            ..Client::default()
        };
        let mut reader = Reader::default();
        let mut buffer = vec![0; READ];
        loop {
            while let Some(came) = reader.next() {
                let (bytes, goes_on) = self.take(came, &store, &mut client, &reader, &conn.log);
                let sent = timeout(SEND, conn.stream.write_all(&bytes)).await;
                if !matches!(sent, Ok(Ok(()))) || !goes_on {
                    return close(&mut conn).await;
                }
            }
            match timeout(IDLE, conn.stream.read(&mut buffer)).await {
                Ok(Ok(count)) if count > 0 => reader.feed(&buffer[..count]),
                _ => break,
            }
        }
        if !reader.rest().is_empty() {
            broken("no whole message", reader.rest(), &conn.log);
        }
        close(&mut conn).await;
    }

    /// What is answered, and whether more is heard.
    fn take(
        &self,
        came: Came,
        store: &RefCell<Store>,
        client: &mut Client,
        reader: &Reader,
        log: &Log,
    ) -> (Vec<u8>, bool) {
        match came {
            Came::Said(said) => {
                let (bytes, records) = self
                    .server
                    .answer(&mut store.borrow_mut(), client, &said, now(), random());
                records
                    .into_iter()
                    .take(MOST_RECORDS)
                    .for_each(|record| self.tell(record, log));
                (bytes.unwrap_or_default(), true)
            }
            Came::Http => {
                broken("http", reader.rest(), log);
                let head = "HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ";
                let answer = format!("{head}{}\r\n\r\n{OVER_HTTP}", OVER_HTTP.len());
                (answer.into_bytes(), false)
            }
            Came::Broken(reason) => {
                broken(reason, reader.rest(), log);
                (Vec::new(), false)
            }
        }
    }

    fn tell(&self, record: Record, log: &Log) {
        let keep = |text: &str, name: &str, way: &'static str| self.teller.keep(log, text.as_bytes(), name, way, None);
        match record {
            Record::Meta(meta) => {
                let part = |path: &str| meta.pointer(path).and_then(Value::as_str).map(short);
                let all = json!({
                    "driver": part("/driver/name"), "driver_version": part("/driver/version"), "os": part("/os/name"),
                    "os_type": part("/os/type"), "arch": part("/os/architecture"), "os_version": part("/os/version"),
                    "platform": part("/platform"), "app": part("/application/name"), "client": short(&meta.to_string()),
                });
                log.report_as("client_meta", fields(all));
            }
            Record::Query {
                op,
                place,
                filter,
                found,
            } => {
                log.report_as(
                    "db_query",
                    fields(json!({"op": op, "ns": short(&place), "filter": filter, "found": found})),
                );
            }
            Record::Write { op, place, count } => {
                log.report_as(
                    "db_write",
                    fields(json!({"op": op, "ns": short(&place), "count": count})),
                );
            }
            Record::Ransom { place, text } => {
                let sha256 = keep(&text, &place, "ransom_note");
                let all = json!({"ns": short(&place), "text": short(&text), "sha256": sha256});
                log.report_as("ransom_note", fields(all));
            }
            Record::Command { name, text } => {
                let sha256 = (text.len() > SHORT).then(|| keep(&text, &name, "command")).flatten();
                let all = json!({"command": short(&name), "text": short(&text), "sha256": sha256});
                log.report_as("unknown_command", fields(all));
            }
            Record::Login {
                user,
                database,
                mechanism,
                secret,
                accepted,
            } => login(log, (&user, &database), mechanism, secret, accepted),
        }
    }
}

impl Service for MongoDb {
    fn product(&self) -> String {
        format!("MongoDB {}", self.server.release.number)
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}

fn login(log: &Log, (user, database): (&str, &str), mechanism: &'static str, secret: Secret, accepted: bool) {
    let (kind, bytes, more) = match secret {
        Secret::Plain(password) => ("plaintext", password, json!({})),
        Secret::Digest { key, nonce } => ("mongodb_cr", key.into_bytes(), json!({"nonce": short(&nonce)})),
        Secret::Scram {
            kind,
            proof,
            client_first,
            server_first,
            without_proof,
            speculative,
        } => {
            let more = json!({
                "client_first": client_first, "server_first": server_first, "client_final_nopf": without_proof,
                "speculative": speculative.then_some(true),
            });
            (kind, proof, more)
        }
    };
    let login = Login {
        principal: Some(short(user)),
        method: mechanism.to_lowercase().into(),
        secret: Told::of(kind, &bytes),
        outcome: accepted.into(),
    };
    let mut all = login.into_fields();
    all.extend(fields(more));
    all.extend(fields(json!({"username": short(user), "database": short(database)})));
    log.report_as("auth_attempt", all);
}

async fn close(conn: &mut Conn) {
    let _ = conn.stream.shutdown().await;
}

fn broken(reason: &'static str, data: &[u8], log: &Log) {
    log.report(ProtocolError {
        reason: reason.into(),
        data_b64: B64.encode(&data[..data.len().min(GARBAGE)]),
    });
}

fn short(text: &str) -> String {
    database::short(text, SHORT)
}
