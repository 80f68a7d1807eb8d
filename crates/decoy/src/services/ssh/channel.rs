//! One session channel: what was asked for before the program starts, and the program.

use std::sync::Arc;

use model::detail::SessionStart;
use model::event::Fields;
use ssh::{Exit, Request};
use time::OffsetDateTime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::conversation::{Ends, Shared};
use super::scp::ScpTap;
use super::seam::{Outlet, Start};
use super::sftp::SftpTap;
use crate::conn::Log;
use crate::machine::Account;
use crate::machine::login_records::Login;
use crate::shell::environment::{self, Environment};
use crate::shell::session::{self, Ended, Input};
use crate::shell::tape::{Tape, Witness};
use crate::shell::{Program, Terminal, Waiting, greeting, start};

/// Where distributions keep the program behind the `sftp` subsystem.
const SFTP_SERVERS: &[&str] = &[
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
];
/// Variables taken from a peer; `AcceptEnv` has only a few names for them.
const MAX_VARIABLES: usize = 64;

pub struct SessionChannel {
    input: UnboundedSender<Input>,
    /// Until the program starts.
    setup: Option<Setup>,
    signals: bool,
}

struct Setup {
    shared: Arc<Shared>,
    log: Log,
    account: Account,
    ends: Ends,
    sid: String,
    terminal: Option<Terminal>,
    variables: Environment,
    input: UnboundedReceiver<Input>,
    outlet: oneshot::Receiver<Box<dyn Outlet>>,
}

enum Wish {
    Shell,
    Exec(Vec<u8>),
    Sftp(Vec<u8>),
}

// === impl SessionChannel ===

impl SessionChannel {
    pub fn new(shared: Arc<Shared>, log: Log, account: Account, ends: Ends, sid: String) -> (Self, Start) {
        let (sender, input) = unbounded_channel();
        let (give, outlet) = oneshot::channel();
        let channel = Self {
            input: sender,
            // sshd signals sessions of others than root only.
            signals: account.uid != 0,
            setup: Some(Setup {
                shared,
                log,
                account,
                ends,
                sid,
                terminal: None,
                variables: Environment::new(),
                input,
                outlet,
            }),
        };
        let start: Start = Box::new(move |outlet| {
            let _ = give.send(outlet);
        });
        (channel, start)
    }

    pub fn input(&self) -> &UnboundedSender<Input> {
        &self.input
    }

    pub fn request(&mut self, request: Request) -> bool {
        if let Some(setup) = &self.setup {
            setup.tell(&request);
        }
        match request {
            Request::Terminal(wanted) => self.setup.as_mut().is_some_and(|setup| setup.take_terminal(wanted)),
            Request::Variable { name, value } => self
                .setup
                .as_mut()
                .is_some_and(|setup| setup.take_variable(&name, &value)),
            Request::Shell => self.launch(Wish::Shell),
            Request::Exec(command) => self.launch(Wish::Exec(command)),
            Request::Subsystem(name) => self
                .sftp_server(&name)
                .is_some_and(|path| self.launch(Wish::Sftp(path))),
            Request::Resize { cols, rows } => self.input.send(Input::Resize(cells(cols), cells(rows))).is_ok(),
            Request::Signal(name) => {
                let signal = signal(&name).filter(|_| self.signals);
                signal.is_some_and(|signal| self.input.send(Input::Signal(signal)).is_ok())
            }
            Request::Agent | Request::X11 => false,
        }
    }

    fn launch(&mut self, wish: Wish) -> bool {
        let Some(setup) = self.setup.take() else {
            return false;
        };
        tokio::spawn(setup.run(wish));
        true
    }

    fn sftp_server(&self, subsystem: &str) -> Option<Vec<u8>> {
        let machine = &self.setup.as_ref()?.shared.machine;
        let known = SFTP_SERVERS.iter().filter(|_| subsystem == "sftp");
        let mut paths = known.map(|path| machine.path(path));
        paths
            .find(|path| path.exists())
            .map(|path| path.into_os_string().into_encoded_bytes())
    }
}

// === impl Setup ===

impl Setup {
    fn take_terminal(&mut self, wanted: ssh::Terminal) -> bool {
        let first = self.terminal.is_none();
        self.terminal.get_or_insert_with(|| Terminal {
            term: wanted.term,
            cols: cells(wanted.cols),
            rows: cells(wanted.rows),
            modes: wanted.modes,
        });
        first
    }

    /// `AcceptEnv LANG LC_*`.
    fn take_variable(&mut self, name: &str, value: &str) -> bool {
        let accepted = (name == "LANG" || name.starts_with("LC_")) && self.variables.len() < MAX_VARIABLES;
        if accepted && !name.contains(['=', '\0']) && !value.contains('\0') {
            environment::set(&mut self.variables, name, value);
        }
        accepted
    }

    async fn run(mut self, wish: Wish) {
        let (gone, nobody) = oneshot::channel();
        drop(gone);
        let Ok(outlet) = std::mem::replace(&mut self.outlet, nobody).await else {
            return;
        };
        let exit = self.serve(wish, &*outlet).await;
        outlet.close(exit).await;
    }

    async fn serve(mut self, wish: Wish, outlet: &dyn Outlet) -> Option<Exit> {
        let machine = &self.shared.machine;
        let _visit = self.shared.lookout.enter(&self.account, &self.log);
        let request = self.terminal.take().filter(|_| !matches!(wish, Wish::Sftp(_)));
        let terminal = request
            .as_ref()
            .and_then(|wanted| crate::shell::open_terminal(machine, &self.account, wanted).ok());
        let environment = self.environment(request.as_ref(), terminal.as_ref());
        let login = terminal.as_ref().map(|terminal| self.login(terminal.line()));
        if let (Some(terminal), Some(login)) = (&terminal, &login) {
            let last = machine.record_login(login).ok().flatten();
            if matches!(wish, Wish::Shell) && !greeting::hushed(machine, &self.account) {
                let mut text = greeting::of_the_day(machine).await;
                text.extend(
                    last.iter()
                        .flat_map(|last| format!("{}\n", greeting::last_login(last)).into_bytes()),
                );
                let _ = terminal.print(&text);
            }
        }
        let tape = Arc::new(Tape::begin(
            self.log.clone(),
            self.session_start(&wish, request.as_ref()),
            terminal.as_ref().map(Waiting::master),
        ));
        let program = match &wish {
            Wish::Shell => Program::Login,
            Wish::Exec(command) => Program::Command(command),
            Wish::Sftp(path) => Program::Command(path),
        };
        let started = start(machine, &self.account, program, &environment, terminal);
        let Ok(started) = started else {
            tape.end(None, "failed");
            return Some(Exit::Status(255));
        };
        let witness = self.witness(&wish, tape.clone());
        let (out, err) = (outlet.out(), outlet.err());
        let running = session::run(started, self.input, out, err, witness, self.shared.session_max);
        let ended = session::while_telling(running, &tape).await;
        session::end(&tape, ended);
        if let Some(login) = &login {
            let _ = self.shared.machine.record_logout(login, OffsetDateTime::now_utc());
        }
        exit_of(ended)
    }

    fn environment(&self, wanted: Option<&Terminal>, terminal: Option<&Waiting>) -> Environment {
        let mut environment = self.variables.clone();
        for (name, value) in environment::of(&self.shared.machine, &self.account) {
            // What the peer sent of its language wins over the system's.
            if !environment.iter().any(|(known, _)| *known == name) {
                environment.push((name, value));
            }
        }
        environment::set(&mut environment, "MOTD_SHOWN", "pam");
        for (name, value) in self.ends.variables() {
            environment::set(&mut environment, name, &value);
        }
        if let (Some(wanted), Some(terminal)) = (wanted, terminal) {
            environment::set(&mut environment, "SSH_TTY", &terminal.name);
            environment::set(&mut environment, "TERM", &wanted.term);
        }
        environment
    }

    fn witness(&self, wish: &Wish, tape: Arc<Tape>) -> Arc<dyn Witness> {
        let home = self.shared.machine.path(&self.account.home);
        let lookout = self.shared.lookout.clone();
        match wish {
            Wish::Sftp(_) => Arc::new(SftpTap::new(tape, lookout, home)),
            Wish::Exec(command) => match ScpTap::new(tape.clone(), lookout, command, home) {
                Some(tap) => Arc::new(tap),
                None => tape,
            },
            Wish::Shell => tape,
        }
    }

    fn session_start(&self, wish: &Wish, terminal: Option<&Terminal>) -> SessionStart {
        let (mode, command) = match wish {
            Wish::Shell => ("shell", None),
            Wish::Exec(command) if super::scp::is_scp(command) => ("scp", Some(command)),
            Wish::Exec(command) => ("exec", Some(command)),
            Wish::Sftp(_) => ("sftp", None),
        };
        SessionStart {
            sid: self.sid.clone(),
            mode: mode.into(),
            user: self.account.name.clone(),
            term: terminal.map(|terminal| terminal.term.clone()).unwrap_or_default(),
            cols: terminal.map_or(0, |terminal| terminal.cols),
            rows: terminal.map_or(0, |terminal| terminal.rows),
            command: command.map(|command| cut(&crate::shell::recorder::text(command), MAX_COMMAND)),
        }
    }

    fn login(&self, line: &str) -> Login {
        Login {
            user: self.account.name.clone(),
            line: line.to_owned(),
            pid: std::process::id() as i32,
            from: self.ends.peer.ip,
            at: OffsetDateTime::now_utc(),
        }
    }

    fn tell(&self, request: &Request) {
        let (kind, fields) = match request {
            Request::Terminal(terminal) => (
                "pty_req",
                vec![
                    ("term", terminal.term.as_str().into()),
                    ("cols", cells(terminal.cols).into()),
                    ("rows", cells(terminal.rows).into()),
                    ("modes", terminal.modes.len().into()),
                ],
            ),
            Request::Variable { name, value } => (
                "env_req",
                vec![
                    ("name", cut(name, MAX_TEXT).into()),
                    ("value", cut(value, MAX_TEXT).into()),
                ],
            ),
            Request::Subsystem(name) => ("subsystem", vec![("name", cut(name, MAX_TEXT).into())]),
            Request::Agent => ("channel", vec![("type", "agent".into())]),
            Request::X11 => ("channel", vec![("type", "x11".into())]),
            _ => return,
        };
        let sid = ("sid", self.sid.as_str().into());
        let fields = fields
            .into_iter()
            .chain([sid])
            .map(|(name, value)| (name.to_owned(), value));
        self.log.report_as(kind, Fields::from_iter(fields));
    }
}

/// Bytes of a peer's texts in one event.
const MAX_TEXT: usize = 512;
const MAX_COMMAND: usize = 2048;

fn cells(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn cut(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

/// What the peer is told of the end.
fn exit_of(ended: Ended) -> Option<Exit> {
    use std::os::unix::process::ExitStatusExt;
    let Ended::Exited(status) = ended else {
        return None;
    };
    let number = status.signal().unwrap_or(0);
    Some(status.code().map_or_else(
        || Exit::Signal {
            name: name_of(number),
            core_dumped: status.core_dumped(),
        },
        |code| Exit::Status(code as u32),
    ))
}

fn name_of(number: i32) -> &'static str {
    let named = |name: &&&str| signal(name).is_some_and(|signal| signal as i32 == number);
    SIGNALS.iter().find(named).copied().unwrap_or("SIG@openssh.com")
}

const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2",
];

/// Signals by the names peers use (RFC 4254 §6.10).
fn signal(name: &str) -> Option<nix::sys::signal::Signal> {
    SIGNALS
        .contains(&name)
        .then(|| format!("SIG{name}").parse().ok())
        .flatten()
}
