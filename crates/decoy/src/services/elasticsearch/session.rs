//! The machine's one node, and a task for each of its clients.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::super::database::company::Company;
use super::super::database::sources::Sources;
use super::super::database::{Teller, fields, millis as now, random, short};
use super::super::http::{MAX_BODIES, Recorder, Room};
use super::super::{Context, Service};
use super::bait;
use super::node::{Node, Place, Release};
use super::record::Record;
use super::store::Store;
use super::wire::{Came, Reader};
use crate::conn::{Conn, Log};

const READ: usize = 16 << 10;
/// Nobody is told to go by the product; here somebody must be.
const IDLE: Duration = Duration::from_secs(3600);
const SEND: Duration = Duration::from_secs(60);
/// Reports of one request beside the request itself.
const MOST_RECORDS: usize = 64;
/// Bytes of a note or a script that are told; the whole of it is kept as a file.
const TOLD: usize = 1500;
/// What the transport says to who speaks HTTP to it.
const NOT_HTTP: &[u8] = b"This is not an HTTP port";

pub(super) struct Elasticsearch {
    node: Node,
    sources: RefCell<Sources<Store>>,
    room: Room,
    teller: Teller,
    /// Where nodes speak to each other.
    transport: Option<u16>,
}

// === impl Elasticsearch ===

impl Elasticsearch {
    pub(super) fn new(cx: &Context) -> Result<Self, String> {
        let secure = match cx.spec.text("security") {
            None | Some("off") => false,
            Some("on") => true,
            Some(other) => return Err(format!("security is {other:?}; it can be on or off")),
        };
        let company = Company::of(&cx.machine);
        let password = cx
            .spec
            .text("password")
            .map_or_else(|| bait::guessed(&cx.machine), str::to_owned);
        let text = |key: &str, usual: &str| cx.spec.text(key).unwrap_or(usual).to_owned();
        let release = Release {
            number: text("version", "7.10.2"),
            kind: text("build_type", "deb"),
            hash: text("build_hash", "747e1cc71def077253878a59143c1f785afa92b9"),
            date: text("build_date", "2021-01-13T00:42:12.435326Z"),
            lucene: text("lucene", "8.7.0"),
            wire: text("wire_from", "6.8.0"),
            index: text("index_from", "6.0.0-beta1"),
        };
        let place = Place {
            name: cx.machine.hostname().to_owned(),
            system: cx
                .machine
                .os_release("PRETTY_NAME")
                .unwrap_or_else(|| "Linux".to_owned()),
            kernel: cx.machine.kernel(),
            pid: 400 + u32::from(cx.machine.draw("elasticsearch/pid")[0]) * 5,
            application: company.application,
        };
        let seed = cx.machine.draw("elasticsearch/node");
        let password = secure.then_some(password);
        let store = bait::store(&company, cx.machine.draw("elasticsearch/bait"), now());
        Ok(Self {
            node: Node::new(release, place, password, seed, now()),
            sources: RefCell::new(Sources::new(store)),
            room: Rc::new(Cell::new(MAX_BODIES)),
            teller: Teller::default(),
            transport: cx.spec.ports.get(1).map(|port| port.port),
        })
    }

    async fn converse(self: Rc<Self>, mut conn: Conn) {
        let stream = conn.stream.get_ref();
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
            return;
        };
        if self.transport == Some(local.port()) {
            self.transport(&mut conn).await;
        } else {
            self.node.stand_at(local.ip().to_canonical());
            let store = self.sources.borrow_mut().of(peer.ip().to_canonical());
            self.talk(&mut conn, &store).await;
        }
        let _ = conn.stream.shutdown().await;
    }

    async fn talk(&self, conn: &mut Conn, store: &RefCell<Store>) {
        let mut recorder = Recorder::new(conn.log.clone(), self.room.clone()).without_forms();
        let mut reader = Reader::default();
        let mut buffer = vec![0; READ];
        loop {
            while let Some(came) = reader.next() {
                let (bytes, goes_on) = self.take(came, store, &mut recorder, &conn.log);
                let sent = timeout(SEND, conn.stream.write_all(&bytes)).await;
                if !matches!(sent, Ok(Ok(()))) || !goes_on {
                    return;
                }
            }
            match timeout(IDLE, conn.stream.read(&mut buffer)).await {
                Ok(Ok(count)) if count > 0 => reader.feed(&buffer[..count]),
                _ => break,
            }
        }
        if !reader.left().is_empty() {
            recorder.unanswered("no whole request", reader.left());
        }
    }

    /// What is answered, and whether more is heard.
    fn take(&self, came: Came, store: &RefCell<Store>, recorder: &mut Recorder, log: &Log) -> (Vec<u8>, bool) {
        match came {
            Came::Waiting => (b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), true),
            Came::TooLarge(head) => {
                recorder.unanswered("body too large", &head);
                let bytes = b"HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 0\r\n\r\n";
                (bytes.to_vec(), false)
            }
            Came::Bad { head, kind, reason } => {
                recorder.unanswered("no request", &head);
                (self.node.bad(kind, &reason), false)
            }
            Came::Request(request) => {
                let request = *request;
                let answered = self.node.answer(&mut store.borrow_mut(), &request, now(), random());
                recorder.head(request.head);
                recorder.body(&request.body);
                recorder.answered(answered.status, answered.length as u64, answered.login);
                for record in answered.records.into_iter().take(MOST_RECORDS) {
                    self.tell(record, log);
                }
                (answered.bytes, request.keep_alive)
            }
        }
    }

    /// The port nodes speak to each other on: nothing of it is spoken here.
    async fn transport(&self, conn: &mut Conn) {
        let mut buffer = vec![0; READ];
        let Ok(Ok(count @ 1..)) = timeout(IDLE, conn.stream.read(&mut buffer)).await else {
            return;
        };
        let said = &buffer[..count];
        let methods: [&[u8]; 7] = [b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC"];
        if methods.iter().any(|method| said.starts_with(method)) {
            let _ = timeout(SEND, conn.stream.write_all(NOT_HTTP)).await;
        }
        Recorder::new(conn.log.clone(), self.room.clone()).unanswered("transport", said);
    }

    fn tell(&self, record: Record, log: &Log) {
        let keep = |text: &str, name: &str, way: &'static str| self.teller.keep(log, text.as_bytes(), name, way, None);
        match record {
            Record::Search { names, query, hits } => {
                let all = json!({"index": short(&names, TOLD), "query": query, "hits": hits});
                log.report_as("search", fields(all));
            }
            Record::Write { what, index, id } => {
                let all = json!({"op": what, "index": short(&index, TOLD), "id": id.map(|id| short(&id, TOLD))});
                log.report_as("api_write", fields(all));
            }
            Record::Ransom { index, text } => {
                let sha256 = keep(&text, &index, "ransom_note");
                let all = json!({"index": short(&index, TOLD), "text": short(&text, TOLD), "sha256": sha256});
                log.report_as("ransom_note", fields(all));
            }
            Record::Exploit { way, payload } => {
                let sha256 = keep(&payload, &way, "exploit");
                let all = json!({"way": short(&way, TOLD), "payload": short(&payload, TOLD), "sha256": sha256});
                log.report_as("exploit_probe", fields(all));
            }
        }
    }
}

impl Service for Elasticsearch {
    fn product(&self) -> String {
        format!("Elasticsearch {}", self.node.release.number)
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}
