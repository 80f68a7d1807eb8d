//! Telnet as BusyBox telnetd speaks it, with login behind it and a real shell behind that (decoys.md §5.2).
//!
//! `iac`, `options`, `dialogue` and `issue` are pure; here they meet the socket and the shell.

pub mod dialogue;
pub mod iac;
pub mod issue;
pub mod options;

pub mod wire;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use model::detail::{Login, Secret, SessionStart};
use model::machine::ServiceSpec;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Context, Entry, Service};
use crate::conn::{Conn, Counted, Log};
use crate::machine::login_records;
use crate::machine::{Account, Machine};
use crate::shell::environment::{self, Environment};
use crate::shell::session::{self, Input, Room};
use crate::shell::tape::Tape;
use crate::shell::watch::Lookout;
use crate::shell::{Program, Terminal, greeting, recorder, spread, start};
use dialogue::{Dialogue, Step};
use iac::{Decoder, Heard};
use options::Options;
use wire::Shown;

pub const ENTRY: Entry = Entry {
    slug: "telnet",
    title: "telnetd",
    run_as: &[],
    furnish: Some(furnish),
    build: |cx| Ok(Rc::new(Telnet::new(&cx))),
};

/// `DO ECHO, DO NAWS, WILL ECHO, WILL SUPPRESS-GO-AHEAD`.
const OFFER: &[u8] = b"\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03";
/// login's `LOGIN_TIMEOUT`.
const PATIENCE: Duration = Duration::from_secs(60);
const TIMED_OUT: &[u8] = b"\r\nLogin timed out after 60 seconds.\r\n";
/// `pam_faildelay` of login.
const DELAY: Duration = Duration::from_secs(3);
const CHUNK: usize = 4096;
/// Typed bytes of one session that wait for its programs.
const QUEUE: usize = 256 * 1024;

struct Telnet {
    machine: Arc<Machine>,
    product: String,
    /// Empty as telnetd leaves it, which asks no client for its terminal.
    term: String,
    session_max: Option<Duration>,
    lookout: Arc<Lookout>,
}

/// A client's bytes, and what it told of itself between them.
struct Client {
    from: ReadHalf<Counted<TcpStream>>,
    decoder: Decoder,
    options: Options,
    log: Log,
}

/// Takes the distribution's own line out of what is shown before login, as those do who give no version away. With
/// the line, scanners do not know the product, genuine or not.
fn furnish(machine: &Machine, _: &ServiceSpec) -> std::io::Result<()> {
    let path = machine.path("/etc/issue.net");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if text.lines().count() == 1 {
        std::fs::write(path, "")
    } else {
        Ok(())
    }
}

// === impl Telnet ===

impl Telnet {
    fn new(cx: &Context) -> Self {
        let session_max = cx
            .spec
            .number("session_max_s")
            .and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            machine: cx.machine.clone(),
            lookout: Lookout::new(cx.machine.clone()),
            product: cx.spec.text("product").unwrap_or("BusyBox telnetd").to_owned(),
            term: cx.spec.text("term").unwrap_or_default().to_owned(),
            session_max: session_max.map(Duration::from_secs),
        }
    }

    async fn converse(&self, conn: Conn) {
        let (from, to) = tokio::io::split(conn.stream);
        let mut to = Shown::new(to);
        let mut client = Client {
            from,
            decoder: Decoder::default(),
            options: Options::default(),
            log: conn.log,
        };
        let entered = tokio::time::timeout(PATIENCE, self.log_in(&mut client, &mut to)).await;
        client.tell_options();
        match entered {
            Ok(Some((account, typed))) => self.session(client, to, account, typed).await,
            Ok(None) => {}
            Err(_late) => {
                let _ = to.write_all(TIMED_OUT).await;
            }
        }
    }

    /// Asks until somebody is let in; gives also what was typed ahead. None when the client left or was refused.
    async fn log_in(&self, client: &mut Client, to: &mut Shown) -> Option<(Account, Vec<u8>)> {
        let mut dialogue = Dialogue::new(self.machine.hostname());
        to.command(OFFER).await.ok()?;
        let mut first = self.issue();
        first.extend(dialogue.prompt());
        to.write_all(&first).await.ok()?;
        loop {
            let mut steps = dialogue.push(&client.typed().await?);
            while !steps.is_empty() {
                let mut then = Vec::new();
                for step in steps {
                    match step {
                        Step::Say(said) => to.write_all(&said).await.ok()?,
                        Step::Close => return None,
                        Step::NoAnswer => {
                            tokio::time::sleep(spread(DELAY)).await;
                            then = dialogue.refuse();
                        }
                        Step::Try { user, password } => match self.judge(&client.log, &user, &password) {
                            Some(account) => return Some((account, dialogue.into_typed())),
                            None => {
                                tokio::time::sleep(spread(DELAY)).await;
                                then = dialogue.refuse();
                            }
                        },
                    }
                }
                steps = then;
            }
        }
    }

    fn judge(&self, log: &Log, user: &[u8], password: &[u8]) -> Option<Account> {
        let name = recorder::text(user);
        let account = self.machine.login(&name, password);
        log.report(Login {
            principal: Some(name.clone()),
            method: "password".into(),
            secret: Secret::plaintext(password),
            outcome: account.is_some().into(),
        });
        if account.is_none()
            && let Some(src) = log.place().src
        {
            // The record is a courtesy to `lastb`.
            let _ = self.machine.record_failure(&login_records::Login {
                user: name,
                line: "pts/0".into(),
                pid: std::process::id() as i32,
                from: src.ip,
                at: OffsetDateTime::now_utc(),
            });
        }
        account
    }

    async fn session(&self, mut client: Client, to: Shown, account: Account, typed: Vec<u8>) {
        let (cols, rows) = client.options.size().unwrap_or((0, 0));
        let wanted = Terminal {
            term: self.term.clone(),
            cols,
            rows,
            modes: Vec::new(),
        };
        let log = client.log.clone();
        let (Some(src), Ok(terminal)) = (
            log.place().src,
            crate::shell::open_terminal(&self.machine, &account, &wanted),
        ) else {
            return;
        };
        // As telnetd sets its terminal up.
        let _ = terminal.expand_tabs();
        let _visit = self.lookout.enter(&account, &log);
        let login = login_records::Login {
            user: account.name.clone(),
            line: terminal.line().to_owned(),
            pid: std::process::id() as i32,
            from: src.ip,
            at: OffsetDateTime::now_utc(),
        };
        let last = self.machine.record_login(&login).ok().flatten();
        if !greeting::hushed(&self.machine, &account) {
            let mut text = greeting::of_the_day(&self.machine).await;
            text.extend(
                last.iter()
                    .flat_map(|last| format!("{}\n", greeting::last_login_of_pam(last)).into_bytes()),
            );
            let _ = terminal.print(&text);
        }
        let tape = Arc::new(Tape::begin(
            log.clone(),
            SessionStart {
                sid: format!("{}:1", log.session()),
                mode: "shell".into(),
                user: account.name.clone(),
                term: self.term.clone(),
                cols,
                rows,
                command: None,
            },
            Some(terminal.master()),
        ));
        let environment = self.environment(&account);
        match start(&self.machine, &account, Program::Login, &environment, Some(terminal)) {
            Ok(started) => {
                let (sender, input) = unbounded_channel();
                let nowhere = Box::new(tokio::io::sink());
                let running = session::run(started, input, Box::new(to), nowhere, tape.clone(), self.session_max);
                let reading = async {
                    client.feed(typed, sender).await;
                    std::future::pending().await
                };
                let ended = tokio::select! {
                    ended = session::while_telling(running, &tape) => ended,
                    ended = reading => ended,
                };
                session::end(&tape, ended);
            }
            Err(_) => tape.end(None, "failed"),
        }
        let _ = self.machine.record_logout(&login, OffsetDateTime::now_utc());
    }

    /// As login leaves it to the shell.
    fn environment(&self, account: &Account) -> Environment {
        let mut environment = environment::of(&self.machine, account);
        for (name, value) in [
            ("HUSHLOGIN", "FALSE"),
            ("MAIL", &format!("/var/mail/{}", account.name)),
            ("MOTD_SHOWN", "pam"),
        ] {
            environment::set(&mut environment, name, value);
        }
        if !self.term.is_empty() {
            environment::set(&mut environment, "TERM", &self.term);
        }
        environment
    }

    fn issue(&self) -> Vec<u8> {
        let text = std::fs::read(self.machine.path("/etc/issue.net")).unwrap_or_default();
        let text = recorder::text(&text[..text.len().min(CHUNK)]);
        let kernel = nix::sys::utsname::uname().ok();
        let of = |field: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            kernel
                .as_ref()
                .map(|kernel| field(kernel).to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let about = issue::About {
            system: &of(|kernel| kernel.sysname()),
            hostname: self.machine.hostname(),
            domain: &self.machine.spec().domain,
            release: &of(|kernel| kernel.release()),
            version: &of(|kernel| kernel.version()),
            hardware: &of(|kernel| kernel.machine()),
            date: &greeting::ctime(OffsetDateTime::now_utc()),
            line: "pts/0",
        };
        issue::render(&text, &about)
    }
}

impl Service for Telnet {
    fn product(&self) -> String {
        self.product.clone()
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move { self.converse(conn).await })
    }
}

// === impl Client ===

impl Client {
    /// What was typed next; none when the client left.
    async fn typed(&mut self) -> Option<Vec<u8>> {
        let mut typed = Vec::new();
        while typed.is_empty() {
            let mut chunk = [0; CHUNK];
            let n = self.from.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
            for heard in self.decoder.push(&chunk[..n]) {
                self.options.note(&heard);
                if let Heard::Data(data) = heard {
                    typed.extend(data);
                }
            }
        }
        Some(typed)
    }

    fn tell_options(&self) {
        if let Some(fields) = self.options.fields() {
            self.log.report_as("telnet_opts", fields);
        }
    }

    /// Reads on for a session, until the client leaves: then the queue ends.
    async fn feed(&mut self, typed: Vec<u8>, sender: UnboundedSender<Input>) {
        let room = Arc::new(Semaphore::new(QUEUE));
        let _ = sender.send(Input::Bytes(typed.into(), None));
        let mut chunk = [0; CHUNK];
        while let Ok(n @ 1..) = self.from.read(&mut chunk).await {
            let mut permit = room.clone().acquire_many_owned(n as u32).await.ok();
            for heard in self.decoder.push(&chunk[..n]) {
                let input = match heard {
                    Heard::Data(data) => {
                        Input::Bytes(data.into(), permit.take().map(|permit| Box::new(permit) as Room))
                    }
                    Heard::Sub {
                        option: options::NAWS,
                        data,
                    } if data.len() == 4 => {
                        let number = |at: usize| u16::from_be_bytes([data[at], data[at + 1]]);
                        Input::Resize(number(0), number(2))
                    }
                    _ => continue,
                };
                // A session that is over takes no more.
                let _ = sender.send(input);
            }
        }
    }
}
