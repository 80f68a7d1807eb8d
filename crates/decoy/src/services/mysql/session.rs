//! The machine's one server, and a task for each of its clients.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use futures_util::future::{FutureExt, LocalBoxFuture};
use model::Detail as _;
use model::detail::{Login, ProtocolError};
use openssl::rsa::Rsa;
use serde_json::{Map, Value, json};
use sql::{Cluster, Dialect, Persona};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::super::database::company::Company;
use super::super::database::sources::Sources;
use super::super::database::{Here, Teller, fields, now, short};
use super::super::tls::{Opened, Prefixed, Profile, Tls};
use super::super::{Context, Service};
use super::bait::{self, Bait};
use super::core::{Do, Method, Settings, Talk};
use super::record::Record;
use crate::conn::{Conn, Log};
use crate::machine::Machine;

/// `connect_timeout` and `wait_timeout`.
const LOGIN: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(8 * 3600);
const READ: usize = 16 << 10;

pub(super) struct Mysql {
    machine: Arc<Machine>,
    settings: Settings,
    persona: Persona,
    tls: Option<Tls>,
    sources: RefCell<Sources<Cluster>>,
    next_id: Cell<u32>,
    teller: Teller,
}

// === impl Mysql ===

impl Mysql {
    pub(super) fn new(
        cx: Context,
        mariadb: bool,
        method: Method,
        (open, closed): (bool, bool),
    ) -> Result<Self, String> {
        let spec = cx.machine.spec();
        let text = |key: &str, default: &str| cx.spec.text(key).unwrap_or(default).to_owned();
        let version = text("version", "10.11.19-MariaDB-0+deb12u1");
        let mut numbers = version
            .split(['.', '-'])
            .map(|part| part.parse::<u32>().unwrap_or(0))
            .chain([0, 0]);
        let mut part = || numbers.next().unwrap_or(0);
        let number = part() * 10_000 + part() * 100 + part();
        let persona = Persona {
            number,
            built: text("comment", "Debian 12"),
            data_directory: text("data_directory", "/var/lib/mysql"),
            config_directory: "/etc/mysql".into(),
            locale: "C".into(),
            version,
            port: cx.spec.ports.first().map_or(3306, |port| port.port),
            started: now(),
            client_address: String::new(),
            client_port: 0,
            server_address: String::new(),
            pid: 0,
            dialect: Dialect::Mysql {
                version: number,
                mariadb,
            },
            hostname: spec.hostname.clone(),
        };
        let bait = Bait {
            seed: cx.machine.draw("mysql/bait"),
            company: &Company::of(&cx.machine),
            password: cx.spec.text("password"),
        };
        let cluster = bait::cluster(&bait, &persona, &Here { machine: &cx.machine })?;
        let keys = &spec.keys;
        // MySQL makes itself a certificate; MariaDB has none unless it is given one.
        let wanted = match cx.spec.text("tls") {
            None => !mariadb,
            Some(said) => said == "yes",
        };
        let tls = (wanted && !keys.tls_cert.is_empty())
            .then(|| Tls::new(Profile::Mysql, &keys.tls_cert, &keys.tls_key))
            .transpose()?;
        let settings = Settings {
            method,
            tls: tls.is_some(),
            open,
            closed,
            key: Rsa::private_key_from_pem(keys.tls_key.as_bytes()).ok(),
            known: Rc::default(),
        };
        let first = 30 + u32::from(cx.machine.draw("mysql/server")[0]) % 40;
        Ok(Self {
            settings,
            persona,
            tls,
            sources: RefCell::new(Sources::new(cluster)),
            next_id: Cell::new(first),
            teller: Teller::default(),
            machine: cx.machine,
        })
    }

    async fn converse(self: Rc<Self>, conn: Conn) {
        let stream = conn.stream.get_ref();
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
            return;
        };
        let source = peer.ip().to_canonical();
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        let persona = Persona {
            client_address: source.to_string(),
            client_port: peer.port(),
            server_address: local.ip().to_canonical().to_string(),
            pid: id,
            ..self.persona.clone()
        };
        let cluster = self.sources.borrow_mut().of(source);
        let mut talk = Talk::new(self.settings.clone(), persona, cluster);
        let mut stream = conn.stream;
        let Next::Tls(hello) = self.talk(&mut talk, &mut stream, &conn.log).await else {
            let _ = stream.shutdown().await;
            return;
        };
        let Some(tls) = &self.tls else { return };
        let stream = Prefixed::new(hello, stream);
        if let Opened::Tls(mut stream) = tls.open(stream, &conn.log).await {
            talk.over_tls();
            self.talk(&mut talk, stream.as_mut(), &conn.log).await;
            let _ = stream.shutdown().await;
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, talk: &mut Talk, stream: &mut S, log: &Log) -> Next {
        let here = Here { machine: &self.machine };
        let mut buffer = vec![0; READ];
        loop {
            while let Some(wanted) = talk.step(&here) {
                match wanted {
                    Do::Send(bytes) => {
                        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                            return Next::Over;
                        }
                    }
                    Do::StartTls(hello) => return Next::Tls(hello),
                    Do::Close => return Next::Over,
                    Do::Wait(time) => sleep(time).await,
                    Do::Tell(record) => self.tell(talk, record, log),
                }
            }
            let patience = if talk.is_in() { IDLE } else { LOGIN };
            match timeout(patience, stream.read(&mut buffer)).await {
                Ok(Ok(count)) if count > 0 => talk.feed(&buffer[..count]),
                _ => return Next::Over,
            }
        }
    }

    fn tell(&self, talk: &Talk, record: Record, log: &Log) {
        let user = (!talk.user.is_empty()).then_some(talk.user.as_str());
        match record {
            Record::Login {
                user,
                database,
                method,
                secret,
                accepted,
                attributes,
            } => {
                let (kind, bytes, more) = secret.told();
                let login = Login {
                    principal: Some(user.clone()),
                    method: method.into(),
                    secret: model::detail::Secret::of(kind, &bytes),
                    outcome: accepted.into(),
                };
                let told: Map<String, Value> = attributes
                    .into_iter()
                    .map(|(name, value)| (short(&name, 64), short(&value, 256).into()))
                    .collect();
                let database = (!database.is_empty()).then_some(database);
                let told = (!told.is_empty()).then_some(told);
                let mut all = login.into_fields();
                all.extend(more);
                all.extend(fields(
                    json!({"username": user, "database": database, "client_attrs": told}),
                ));
                log.report_as("auth_attempt", all);
            }
            Record::Query { sql, code, rows } => {
                let more = json!({"code": code, "rows": rows, "database": talk.schema()});
                self.teller.query(log, user, &sql, more);
            }
            Record::Act(act) => self.teller.act(log, user, act),
            Record::Sent { path, bytes } => self.teller.file(log, user, &path, &bytes, None),
            Record::Broken { reason, data } => log.report(ProtocolError {
                reason: short(&reason, 256).into(),
                data_b64: B64.encode(data),
            }),
        }
    }
}

impl Service for Mysql {
    fn product(&self) -> String {
        match self.persona.dialect {
            Dialect::Mysql { mariadb: true, .. } => format!("MariaDB {}", self.persona.version),
            _ => format!("MySQL {}", self.persona.version),
        }
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}

/// How the talk goes on.
enum Next {
    /// Under TLS, which begins with these bytes.
    Tls(Vec<u8>),
    Over,
}
