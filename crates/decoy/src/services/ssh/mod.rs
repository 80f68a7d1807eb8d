//! SSH as OpenSSH speaks it, with a real shell behind (decoys.md §5.1).
//!
//! `ident`, `plain` and `wire` are what a client meets first; a `transport` decrypts; `seam` is all it shares with
//! `conversation` and what lies behind: `auth`, `channel`, `forward`, and the file transfers `sftp` and `scp`.

pub mod algorithms;
pub mod auth;
pub mod channel;
pub mod conversation;
pub mod forward;
pub mod ident;
pub mod kexinit;
pub mod keys;
pub mod plain;
pub mod release;
pub mod scp;
pub mod seam;
pub mod sftp;
pub mod startups;
pub mod transport;
pub mod wire;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use model::event::Fields;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{Context, Entry, Service};
use crate::conn::{Conn, Counted, Log};
use crate::shell::watch::Lookout;
use conversation::{Conversation, Shared};
use ident::Heard;
use release::Release;
use startups::Startups;
use transport::Transport;
use wire::Wire;

pub const ENTRY: Entry = Entry {
    slug: "ssh",
    title: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
    run_as: &[],
    furnish: None,
    build: |cx| Ok(Rc::new(Ssh::new(&cx)?)),
};

/// sshd's `LoginGraceTime`.
const GRACE: Duration = Duration::from_secs(120);
/// What Debian's sshd offers.
const METHODS: &str = "publickey,password";
const VERSION: &str = "OpenSSH_9.2p1 Debian-2+deb12u7";

struct Ssh {
    version: String,
    product: String,
    transport: Transport,
    shared: Arc<Shared>,
    startups: Rc<Startups>,
}

// === impl Ssh ===

impl Ssh {
    fn new(cx: &Context) -> Result<Self, String> {
        let Release { version, product } = release(cx);
        let methods: Vec<&str> = cx.spec.text("methods").unwrap_or(METHODS).split(',').collect();
        let keys = &cx.machine.spec().keys;
        let keys = [keys.ssh_rsa.as_str(), &keys.ssh_ecdsa, &keys.ssh_ed25519];
        let session_max = cx
            .spec
            .number("session_max_s")
            .and_then(|seconds| u64::try_from(seconds).ok());
        Ok(Self {
            transport: transport::new(&version, algorithms::of(&version), &methods, &keys)?,
            product,
            shared: Arc::new(Shared {
                machine: cx.machine.clone(),
                dialogue: methods.contains(&"keyboard-interactive"),
                session_max: session_max.map(Duration::from_secs),
                budget: Arc::new(Semaphore::new(conversation::INPUT_BUDGET)),
                lookout: Lookout::new(cx.machine.clone()),
            }),
            startups: Rc::default(),
            version,
        })
    }

    async fn converse(&self, mut conn: Conn) {
        let Some(seat) = Startups::admit(&self.startups) else {
            // It may be gone already.
            let _ = conn.stream.write_all(b"Exceeded MaxStartups\r\n").await;
            return;
        };
        let log = conn.log.clone();
        let greeted = tokio::time::timeout(GRACE, self.identify(&mut conn)).await;
        let Ok(Some(line)) = greeted else { return };
        let proposal = Box::new({
            let log = log.clone();
            move |payload: &[u8]| note_proposal(&log, payload)
        });
        let wire = Wire::new(conn.stream, &line, proposal);
        let conversation = Conversation::new(self.shared.clone(), log);
        let authenticated = conversation.authenticated();
        let running = self.transport.run(wire, conversation);
        tokio::pin!(running);
        tokio::select! {
            () = &mut running => return,
            () = authenticated.notified() => drop(seat),
            () = tokio::time::sleep(GRACE) => return,
        }
        running.await;
    }

    /// Exchanges identification lines; the client's, unless it was refused.
    async fn identify(&self, conn: &mut Conn) -> Option<Vec<u8>> {
        let banner = format!("SSH-2.0-{}\r\n", self.version);
        conn.stream.write_all(banner.as_bytes()).await.ok()?;
        match hear(&conn.stream).await? {
            Heard::Version { version, len } => {
                let mut line = vec![0; len];
                conn.stream.read_exact(&mut line).await.ok()?;
                let version = version.chars().take(512).collect::<String>();
                conn.log.report_as(
                    "client_banner",
                    Fields::from_iter([("ssh_version".to_owned(), version.into())]),
                );
                Some(line)
            }
            Heard::Refused { answer, len } => {
                // What follows stays unread, so that the kernel ends the connection as it does for the real one.
                let mut line = vec![0; len];
                conn.stream.read_exact(&mut line).await.ok()?;
                conn.log.report(model::detail::ProtocolError {
                    reason: answer.trim_end().into(),
                    data_b64: base64::Engine::encode(
                        &base64::engine::general_purpose::STANDARD,
                        &line[..len.min(1024)],
                    ),
                });
                let _ = conn.stream.write_all(answer.as_bytes()).await;
                None
            }
            Heard::More => None,
        }
    }
}

impl Service for Ssh {
    fn product(&self) -> String {
        self.product.clone()
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move { self.converse(conn).await })
    }
}

/// What to claim: what was asked for, else what the machine has, else what the catalogue knows of its distribution.
fn release(cx: &Context) -> Release {
    let claimed = cx.spec.text("version").unwrap_or(VERSION);
    let is_asked_for = cx.spec.config.contains_key("version");
    let installed = Release::installed(&cx.machine, claimed).filter(|_| !is_asked_for);
    installed.unwrap_or_else(|| Release {
        version: claimed.to_owned(),
        product: match is_asked_for {
            true => claimed.replace('_', " "),
            false => cx.spec.text("product").unwrap_or(claimed).to_owned(),
        },
    })
}

/// Looks at what the client sent without taking it; none when it went away.
async fn hear(stream: &Counted<TcpStream>) -> Option<Heard> {
    let mut bytes = vec![0; ident::MAX];
    let mut before = 0;
    loop {
        let seen = stream.get_ref().peek(&mut bytes).await.ok()?;
        match ident::parse(&bytes[..seen]) {
            Heard::More if seen == 0 => return None,
            Heard::More if seen == before => tokio::time::sleep(PEEK_AGAIN).await,
            Heard::More => before = seen,
            heard => return Some(heard),
        }
    }
}

/// Bytes that were looked at keep the socket readable; more are looked for at this pace.
const PEEK_AGAIN: Duration = Duration::from_millis(20);

fn note_proposal(log: &Log, payload: &[u8]) {
    if let Some(proposal) = ::wire::ssh::KexInit::parse(payload) {
        log.report_as("hassh", kexinit::fields(&proposal));
    }
}
