//! One session: reads commands, does what [`core`](super::core) asks for, answers.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::detail::{Login, Secret};
use model::event::Fields;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::core::{Core, Do, Way};
use super::files::Files;
use super::line::{Command, Lines};
use super::listing::Wanted;
use super::message::{self, Entered};
use super::number::numeric;
use super::reply::{Reply, Status};
use super::{Ftp, Policy, account, data};
use crate::conn::{Conn, Log};
use crate::machine::Account;

/// Silence after which a session ends.
const IDLE: Duration = Duration::from_secs(300);
/// How long a failed login takes: PAM's own delay and the product's.
const SLOWEST: u64 = 3_750;
const QUICKEST: u64 = 2_500;
/// Bytes of a command that are told.
const TOLD: usize = 1024;

/// Go on, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Command,
    Close,
}

pub(super) struct Session {
    pub(super) ftp: Rc<Ftp>,
    pub(super) conn: Conn,
    pub(super) core: Core,
    pub(super) peer: IpAddr,
    pub(super) local: IpAddr,
    pub(super) listener: Option<TcpListener>,
    /// Whom it belongs to, once logged in.
    pub(super) owner: Option<Owner>,
    clients: usize,
    entered: Entered,
}

pub(super) struct Owner {
    pub(super) account: Account,
    pub(super) files: Files,
}

pub(super) async fn converse(ftp: Rc<Ftp>, conn: Conn) {
    let stream = conn.stream.get_ref();
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
        return;
    };
    let (peer, local) = (peer.ip().to_canonical(), local.ip().to_canonical());
    let core = Core::new(ftp.config.clone(), peer);
    let clients = ftp.clients.get() + 1;
    ftp.clients.set(clients);
    let mut session = Session {
        ftp: ftp.clone(),
        conn,
        core,
        peer,
        local,
        listener: None,
        owner: None,
        clients,
        entered: Entered::default(),
    };
    // Gone is gone: nobody is left to tell.
    let _ = session.run().await;
    ftp.clients.set(ftp.clients.get().saturating_sub(1));
    let _ = session.conn.stream.shutdown().await;
}

// === impl Session ===

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        let greeting = self.core.greeting();
        self.say(greeting).await?;
        let mut lines = Lines::default();
        let mut buffer = [0; 4096];
        loop {
            match lines.take_next() {
                Err(_) => return self.say(Reply::new(500, "Input line too long.")).await,
                Ok(Some(command)) => {
                    self.tell(&command);
                    let wanted = self.core.take(&command);
                    if self.obey(wanted).await? == Next::Close {
                        return Ok(());
                    }
                }
                Ok(None) => match timeout(IDLE, self.conn.stream.read(&mut buffer)).await {
                    Ok(Ok(0)) => return Ok(()),
                    Ok(read) => lines.feed(&buffer[..read?]),
                    Err(_) => return self.say(Reply::new(421, "Timeout.")).await,
                },
            }
        }
    }

    pub(super) async fn say(&mut self, reply: Reply) -> io::Result<()> {
        self.conn.stream.write_all(&reply.0).await
    }

    pub(super) async fn answer(&mut self, code: u16, text: &str) -> io::Result<Next> {
        self.say(Reply::new(code, text)).await?;
        Ok(Next::Command)
    }

    pub(super) async fn reply(&mut self, reply: Reply) -> io::Result<Next> {
        self.say(reply).await?;
        Ok(Next::Command)
    }

    /// One of two answers.
    pub(super) async fn either(&mut self, done: bool, yes: (u16, &str), no: &str) -> io::Result<Next> {
        let (code, text) = if done { yes } else { (550, no) };
        self.answer(code, text).await
    }

    async fn obey(&mut self, wanted: Do) -> io::Result<Next> {
        match wanted {
            Do::Nothing => Ok(Next::Command),
            Do::Say(reply) => self.reply(reply).await,
            Do::Bye(reply) => {
                self.say(reply).await?;
                Ok(Next::Close)
            }
            Do::LogIn { user, password } => self.log_in(&user, &password).await,
            Do::Listen { extended } => self.listen(extended).await,
            Do::Aim {
                reply,
                refused,
                extended,
            } => {
                let aimed = refused.clone().or(match self.core.data {
                    Some(Way::Active(target)) => Some(target.to_string()),
                    _ => None,
                });
                self.listener = None;
                if let Some(aimed) = aimed {
                    let mode = if extended { "EPRT" } else { "PORT" };
                    self.report(
                        "data_conn",
                        json!({"mode": mode, "peer": aimed, "bounce": refused.is_some()}),
                    );
                }
                self.reply(reply).await
            }
            Do::List { arg, full } => self.list(arg, full).await,
            Do::Retrieve { path, from } => self.retrieve(path, from).await,
            Do::Store { path, from, how } => self.store(path, from, how).await,
            Do::Status => self.status().await,
            Do::StatusOf(arg) => self.status_of(&arg).await,
            Do::Size(path) => {
                let path = self.resolved(path);
                let stat = self.files()?.run(move |disk| disk.stat_file(&path)).await;
                match stat {
                    Ok(stat) => self.answer(213, &stat.st_size.to_string()).await,
                    Err(_) => self.answer(550, "Could not get file size.").await,
                }
            }
            Do::Modified(path) => {
                let stat = self.files()?.run(move |disk| disk.stat_file(&path)).await;
                match stat {
                    Ok(stat) => self.answer(213, &numeric(stat.st_mtime)).await,
                    Err(_) => self.answer(550, "Could not get file modification time.").await,
                }
            }
            Do::Where => {
                let here = self.files()?.run(|disk| Ok(disk.here())).await?;
                self.reply(Reply::path(&here, "is the current directory")).await
            }
            Do::Enter(path) => self.enter(path).await,
            other => self.change(other).await,
        }
    }

    async fn enter(&mut self, path: Vec<u8>) -> io::Result<Next> {
        let path = self.resolved(path);
        let done = self.files()?.run(move |disk| disk.enter(&path)).await.is_ok();
        if done {
            self.greet(250).await?;
        }
        self.either(
            done,
            (250, "Directory successfully changed."),
            "Failed to change directory.",
        )
        .await
    }

    /// Says what the directory has to say, the first time one is in it.
    async fn greet(&mut self, code: u16) -> io::Result<()> {
        let looking = |disk: &mut super::files::Disk| Ok((disk.here(), message::read(disk)?));
        let (here, text) = self.files()?.run(looking).await?;
        if self.entered.note(here) {
            self.say(message::lines(code, &text)).await?;
        }
        Ok(())
    }

    async fn log_in(&mut self, user: &[u8], password: &[u8]) -> io::Result<Next> {
        let account = self.admitted(user, password).await;
        self.log().report(Login {
            principal: Some(shown(user)),
            method: "password".into(),
            secret: Secret::plaintext(password),
            outcome: account.is_some().into(),
        });
        if let Some(account) = account {
            let rights = account::rights(&self.ftp.machine, &account);
            let (root, home) = (self.ftp.machine.path("/"), account.home.clone().into_bytes());
            let Ok(files) = Files::begin(root, rights, home).await else {
                let text = format!("OOPS: cannot change directory:{}", account.home);
                self.say(Reply::new(500, &text)).await?;
                return Ok(Next::Close);
            };
            self.owner = Some(Owner { account, files });
        } else {
            let draw = u64::from(uuid::Uuid::new_v4().into_bytes()[0]);
            sleep(Duration::from_millis(QUICKEST + draw * (SLOWEST - QUICKEST) / 255)).await;
        }
        if self.owner.is_some() {
            self.greet(230).await?;
        }
        let (reply, last) = self.core.tried(self.owner.is_some());
        self.say(reply).await?;
        Ok(if last { Next::Close } else { Next::Command })
    }

    /// The account that login comes to, if any.
    async fn admitted(&self, user: &[u8], password: &[u8]) -> Option<Account> {
        let name = String::from_utf8(user.to_vec()).ok()?;
        let machine = self.ftp.machine.clone();
        match self.ftp.policy {
            Policy::Never => None,
            Policy::Always => machine
                .account(&name)
                .filter(|account| account.uid != 0)
                .or_else(|| machine.account("nobody")),
            Policy::Accounts => {
                let password = password.to_vec();
                // Hashing takes long enough to hold up the others.
                let checking = move || {
                    machine
                        .login(&name, &password)
                        .filter(|account| !account::is_barred(&machine, account))
                };
                tokio::task::spawn_blocking(checking).await.ok().flatten()
            }
        }
    }

    async fn listen(&mut self, extended: bool) -> io::Result<Next> {
        let listener = match data::listen(self.local) {
            Ok(listener) => listener,
            Err(_) => {
                self.say(Reply::new(500, "OOPS: vsf_sysutil_bind")).await?;
                return Ok(Next::Close);
            }
        };
        let port = listener.local_addr()?.port();
        self.listener = Some(listener);
        self.core.data = Some(Way::Passive);
        let mode = if extended { "EPSV" } else { "PASV" };
        self.report("data_conn", json!({"mode": mode, "port": port, "bounce": false}));
        let text = if extended {
            format!("Entering Extended Passive Mode (|||{port}|)")
        } else {
            let [a, b, c, d] = match self.local {
                IpAddr::V4(local) => local.octets(),
                IpAddr::V6(_) => [0; 4],
            };
            format!("Entering Passive Mode ({a},{b},{c},{d},{},{}).", port >> 8, port & 0xff)
        };
        self.answer(if extended { 229 } else { 227 }, &text).await
    }

    async fn status(&mut self) -> io::Result<Next> {
        let peer = match self.peer {
            IpAddr::V4(peer) => format!("::ffff:{peer}"),
            IpAddr::V6(peer) => peer.to_string(),
        };
        let reply = Reply::status(&Status {
            peer,
            user: self.user(),
            ascii: self.core.ascii,
            clients: self.clients,
            version: &self.core.config.version,
        });
        self.reply(reply).await
    }

    async fn status_of(&mut self, arg: &[u8]) -> io::Result<Next> {
        let mut wanted = Wanted::parse(arg);
        wanted.options.push(b'a');
        wanted.what = self.resolved(wanted.what);
        let listing = self
            .files()?
            .run(move |disk| Ok(disk.list(&wanted, true, now())))
            .await?;
        self.report("dir_list", json!({"path": shown(arg)}));
        self.reply(Reply::status_of(&listing.lines)).await
    }

    /// `~` and `~/x` are the home's.
    pub(super) fn resolved(&self, path: Vec<u8>) -> Vec<u8> {
        let home = self.owner.as_ref().map_or("/", |owner| &owner.account.home);
        match path.strip_prefix(b"~") {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => [home.as_bytes(), rest].concat(),
            _ => path,
        }
    }

    pub(super) fn files(&self) -> io::Result<&Files> {
        self.owner
            .as_ref()
            .map(|owner| &owner.files)
            .ok_or_else(|| io::Error::other("not logged in"))
    }

    pub(super) fn user(&self) -> &str {
        self.owner.as_ref().map_or("", |owner| &owner.account.name)
    }

    pub(super) fn log(&self) -> &Log {
        &self.conn.log
    }

    /// An event of the user's.
    pub(super) fn report(&self, kind: &'static str, fields: serde_json::Value) {
        let serde_json::Value::Object(fields) = fields else {
            return;
        };
        let mut fields: Fields = fields.into_iter().collect();
        if self.owner.is_some() {
            fields.insert("user".into(), self.user().into());
        }
        self.log().report_as(kind, fields);
    }

    fn tell(&self, command: &Command) {
        if command.is_empty() {
            return;
        }
        let secret = command.verb == b"PASS" || command.arg.is_empty();
        let line = if secret {
            command.verb.clone()
        } else {
            [&command.verb, &b" "[..], &command.arg].concat()
        };
        self.report("command", json!({"command": shown(&line)}));
    }
}

/// Bytes as text that can stand in an event.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(TOLD)]).into_owned()
}

/// Seconds since the epoch.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}
