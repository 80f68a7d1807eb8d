//! SSH as OpenSSH speaks it, with a real shell behind (decoys.md §5.1).
//!
//! The `ssh` crate speaks the protocol; `transport` moves its bytes and puts its questions to `conversation` and what lies
//! behind: `auth`, `channel`, `forward`, and the file transfers `sftp` and `scp`. `pipe` and `seam` carry what programs say.

pub mod auth;
pub mod channel;
pub mod conversation;
pub mod forward;
pub mod kexinit;
pub mod keys;
pub mod pipe;
pub mod release;
pub mod scp;
pub mod seam;
pub mod sftp;
pub mod startups;
pub mod transport;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::{Context, Entry, Service};
use crate::conn::Conn;
use crate::shell::watch::Lookout;
use conversation::{Conversation, Shared};
use release::Release;
use startups::Startups;
use transport::Transport;

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
/// The groups of numbers a machine exchanges keys by.
const MODULI: &str = "/etc/ssh/moduli";
const VERSION: &str = "OpenSSH_9.2p1 Debian-2+deb12u7";

struct Ssh {
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
        // Without the file sshd has the groups everybody knows.
        let moduli = std::fs::read(cx.machine.path(MODULI)).unwrap_or_default();
        let session_max = cx
            .spec
            .number("session_max_s")
            .and_then(|seconds| u64::try_from(seconds).ok());
        Ok(Self {
            transport: transport::new(&version, &methods, &keys, &moduli)?,
            product,
            shared: Arc::new(Shared {
                machine: cx.machine.clone(),
                dialogue: methods.contains(&"keyboard-interactive"),
                session_max: session_max.map(Duration::from_secs),
                budget: Arc::new(Semaphore::new(conversation::INPUT_BUDGET)),
                lookout: Lookout::new(cx.machine.clone()),
            }),
            startups: Rc::default(),
        })
    }

    async fn converse(&self, mut conn: Conn) {
        let Some(seat) = Startups::admit(&self.startups) else {
            // It may be gone already.
            let _ = conn.stream.write_all(b"Exceeded MaxStartups\r\n").await;
            return;
        };
        let conversation = Conversation::new(self.shared.clone(), conn.log);
        let authenticated = conversation.authenticated();
        let running = self.transport.run(conn.stream, conversation);
        tokio::pin!(running);
        tokio::select! {
            () = &mut running => return,
            () = authenticated.notified() => drop(seat),
            () = tokio::time::sleep(GRACE) => return,
        }
        running.await;
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
