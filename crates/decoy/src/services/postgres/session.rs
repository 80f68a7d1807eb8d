//! The machine's one server, and a task for each of its clients.

use std::cell::{Cell, RefCell};
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use futures_util::future::{FutureExt, LocalBoxFuture};
use model::Detail as _;
use model::detail::{Login, ProtocolError};
use serde_json::json;
use sha2::{Digest, Sha256};
use sql::{Cluster, Dialect, Persona};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::super::database::company::Company;
use super::super::database::sources::Sources;
use super::super::database::{Here, Teller, fields, now, short};
use super::super::tls::{Opened, Profile, Tls};
use super::super::{Context, Service};
use super::bait::{self, Bait};
use super::core::{Do, Settings, Talk};
use super::record::Record;
use crate::conn::{Conn, Log};
use crate::machine::Machine;

/// How long a client may take to log in, and to say something after.
const LOGIN: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(2 * 3600);
const READ: usize = 16 << 10;
/// A program of the machine: how long it may run, and what it may put out.
const PROGRAM: Duration = Duration::from_secs(20);
const MOST_OUTPUT: u64 = 1 << 20;

pub(super) struct Postgres {
    machine: Arc<Machine>,
    settings: Settings,
    persona: Persona,
    tls: Option<Tls>,
    certificate: Vec<u8>,
    sources: RefCell<Sources<Cluster>>,
    next_pid: Cell<u32>,
    teller: Teller,
}

// === impl Postgres ===

impl Postgres {
    pub(super) fn new(cx: Context, settings: Settings) -> Result<Self, String> {
        let spec = cx.machine.spec();
        let text = |key: &str, default: &str| cx.spec.text(key).unwrap_or(default).to_owned();
        let version = text("version", "15.18 (Debian 15.18-0+deb12u1)");
        let major = version.split('.').next().unwrap_or("15").to_owned();
        let minor = version
            .split(['.', ' '])
            .nth(1)
            .and_then(|minor| minor.parse::<u32>().ok())
            .unwrap_or(0);
        let seed = cx.machine.draw("postgres/server");
        let persona = Persona {
            number: major.parse::<u32>().unwrap_or(15) * 10_000 + minor,
            built: text(
                "built",
                "on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit",
            ),
            data_directory: text("data_directory", "/var/lib/postgresql/15/main"),
            config_directory: text("config_directory", "/etc/postgresql/15/main"),
            locale: text("locale", "C.UTF-8"),
            version,
            port: cx.spec.ports.first().map_or(5432, |port| port.port),
            started: now(),
            client_address: String::new(),
            client_port: 0,
            server_address: String::new(),
            pid: 0,
            dialect: Dialect::Postgres,
            hostname: spec.hostname.clone(),
        };
        let here = Here { machine: &cx.machine };
        let bait = Bait {
            seed: cx.machine.draw("postgres/bait"),
            company: &Company::of(&cx.machine),
            password: cx.spec.text("password"),
            method: settings.over_tls,
        };
        let cluster = bait::cluster(&bait, &persona, &here)?;
        let keys = &spec.keys;
        let tls = settings
            .tls
            .then(|| Tls::new(Profile::Postgres, &keys.tls_cert, &keys.tls_key))
            .transpose()?;
        let certificate = openssl::x509::X509::from_pem(keys.tls_cert.as_bytes()).ok();
        let certificate = certificate.and_then(|certificate| certificate.to_der().ok());
        Ok(Self {
            settings,
            persona,
            tls,
            certificate: certificate.map_or(Vec::new(), |der| Sha256::digest(der).to_vec()),
            sources: RefCell::new(Sources::new(cluster)),
            next_pid: Cell::new(900 + u32::from(seed[0]) * 7),
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
        let pid = self.next_pid.get();
        self.next_pid.set(pid + 1 + (now() as u32 >> 4) % 3);
        let persona = Persona {
            client_address: source.to_string(),
            client_port: peer.port(),
            server_address: local.ip().to_canonical().to_string(),
            pid,
            ..self.persona.clone()
        };
        let cluster = self.sources.borrow_mut().of(source);
        let mut talk = Talk::new(self.settings.clone(), persona, cluster);
        let mut stream = conn.stream;
        if self.talk(&mut talk, &mut stream, &conn.log).await != Next::Tls {
            let _ = stream.shutdown().await;
            return;
        }
        let Some(tls) = &self.tls else { return };
        if let Opened::Tls(mut stream) = tls.open(stream, &conn.log).await {
            talk.over_tls(self.certificate.clone());
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
                    Do::StartTls => return Next::Tls,
                    Do::Close => return Next::Over,
                    Do::Wait(time) => sleep(time).await,
                    Do::Tell(record) => self.tell(talk, record, log),
                    Do::Run { command, input } => {
                        let (output, status) = self.run(&command, input.as_deref()).await;
                        talk.ran(&here, &output, status);
                    }
                }
            }
            let patience = if talk.is_in() { IDLE } else { LOGIN };
            match timeout(patience, stream.read(&mut buffer)).await {
                Ok(Ok(count)) if count > 0 => talk.feed(&buffer[..count]),
                _ => return Next::Over,
            }
        }
    }

    /// Runs a program as the product would, as whoever the server runs as, with nothing of ours about it.
    async fn run(&self, command: &str, input: Option<&[u8]>) -> (Vec<u8>, Option<i32>) {
        let mut shell = tokio::process::Command::new("/bin/sh");
        let folder = self.machine.path(&self.persona.data_directory);
        shell
            .args(["-c", command])
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("PGDATA", &self.persona.data_directory)
            .env("LANG", &self.persona.locale)
            .current_dir(if folder.is_dir() {
                folder
            } else {
                self.machine.path("/")
            })
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(mut child) = shell.spawn() else {
            return (Vec::new(), Some(127));
        };
        let ended = timeout(PROGRAM, async {
            if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
                let _ = stdin.write_all(input).await;
            }
            let mut output = Vec::new();
            if let Some(stdout) = child.stdout.take() {
                let _ = stdout.take(MOST_OUTPUT).read_to_end(&mut output).await;
            }
            let status = child.wait().await.ok().and_then(|status| status.code());
            (output, status)
        });
        ended.await.unwrap_or((Vec::new(), None))
    }

    fn tell(&self, talk: &Talk, record: Record, log: &Log) {
        let user = || (!talk.user.is_empty()).then(|| talk.user.clone());
        match record {
            Record::Startup { user, database, params } => {
                let find = |name: &str| {
                    params
                        .iter()
                        .find(|(known, _)| known == name)
                        .map(|(_, value)| short(value, 256))
                };
                let all: Vec<_> = params
                    .iter()
                    .take(32)
                    .map(|(name, value)| json!([short(name, 64), short(value, 256)]))
                    .collect();
                log.report_as(
                    "pg_startup",
                    fields(json!({
                        "username": user, "database": database, "application_name": find("application_name"),
                        "client_encoding": find("client_encoding"), "params": all,
                    })),
                );
            }
            Record::Login {
                user,
                database,
                method,
                secret,
                accepted,
            } => {
                let (kind, bytes, more) = secret.told();
                let login = Login {
                    principal: Some(user.clone()),
                    method: method.into(),
                    secret: model::detail::Secret::of(kind, &bytes),
                    outcome: accepted.into(),
                };
                let mut all = login.into_fields();
                all.extend(more);
                all.extend(fields(json!({"username": user, "database": database})));
                log.report_as("auth_attempt", all);
            }
            Record::Query { sql, code, rows } => self.teller.query(
                log,
                user().as_deref(),
                &sql,
                json!({"code": code, "rows": rows, "database": talk.database}),
            ),
            Record::Act(act) => self.teller.act(log, user().as_deref(), act),
            Record::Cancel => log.report_as("cancel_request", fields(json!({}))),
            Record::Broken { reason, data } => log.report(ProtocolError {
                reason: short(&reason, 256).into(),
                data_b64: B64.encode(data),
            }),
        }
    }
}

impl Service for Postgres {
    fn product(&self) -> String {
        format!("PostgreSQL {}", self.persona.version)
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Tls,
    Over,
}
