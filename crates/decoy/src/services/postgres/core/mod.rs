//! One conversation without sockets: bytes go in, what is to be done comes out.

mod answer;
mod extended;
mod login;
mod query;
mod startup;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use sql::parse::Parsed;
use sql::{Act, Cluster, Error, Host, Persona, Phase, Session};

use self::extended::Portals;
use super::super::scram::Exchange;
use super::record::Record;
use super::wire::{self, Front, Message, put, put_error};

/// Longest a client can have us wait.
const MOST_SLEEP: f64 = 120.0;

/// How clients are to show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Password,
    Md5,
    Scram,
}

/// What is the same for all conversations.
#[derive(Clone)]
pub(super) struct Settings {
    /// Over TLS and without it.
    pub(super) over_tls: Method,
    pub(super) plain: Method,
    pub(super) tls: bool,
    /// Anybody comes in, whatever the password.
    pub(super) open: bool,
    /// Nobody does.
    pub(super) closed: bool,
    /// Of the machine, for what stands in for a password nobody set.
    pub(super) secret: [u8; 32],
}

/// What is to be done outside.
#[derive(Debug, PartialEq)]
pub(super) enum Do {
    Send(Vec<u8>),
    /// `S` has been sent: TLS begins, then [`Talk::over_tls`].
    StartTls,
    Wait(Duration),
    /// Run this in the machine, then [`Talk::ran`].
    Run {
        command: String,
        input: Option<Vec<u8>>,
    },
    Tell(Record),
    Close,
}

pub(super) struct Talk {
    settings: Settings,
    persona: Persona,
    cluster: Rc<RefCell<Cluster>>,
    said: Vec<u8>,
    stage: Stage,
    /// Hash of the certificate, once TLS is on.
    certificate: Option<Vec<u8>>,
    gss: bool,
    pub(super) user: String,
    pub(super) database: String,
    params: Vec<(String, String)>,
    out: Vec<u8>,
    todo: VecDeque<Do>,
    /// Statements of one text that are still to be carried out.
    rest: VecDeque<(Rc<str>, Parsed)>,
    portals: Portals,
    /// After an error, until Sync.
    skipping: bool,
    /// The server before a text of several statements.
    before: Option<Cluster>,
    lines: Vec<u8>,
    /// The COPY at hand was asked for by the extended protocol.
    copies_extended: bool,
    told: Vec<String>,
}

enum Stage {
    Startup,
    /// A client that was told GSSAPI would do.
    Gss,
    Login(Challenge),
    Ready(Box<Session>),
    Copying(Box<Session>),
    /// A program runs; true when it was asked for by the extended protocol.
    Running(Box<Session>, bool),
    Over,
}

enum Challenge {
    Password,
    Md5([u8; 4]),
    Mechanism,
    First(bool),
    Last(Box<Exchange>),
}

fn fatal(
    code: &'static str,
    message: impl Into<String>,
    file: &'static str,
    line: u32,
    routine: &'static str,
) -> Error {
    Error::new(code, message).raised(file, line, routine)
}

// === impl Talk ===

impl Talk {
    pub(super) fn new(settings: Settings, persona: Persona, cluster: Rc<RefCell<Cluster>>) -> Self {
        Self {
            settings,
            persona,
            cluster,
            said: Vec::new(),
            stage: Stage::Startup,
            certificate: None,
            gss: false,
            user: String::new(),
            database: String::new(),
            params: Vec::new(),
            out: Vec::new(),
            todo: VecDeque::new(),
            rest: VecDeque::new(),
            portals: Portals::default(),
            skipping: false,
            before: None,
            lines: Vec::new(),
            copies_extended: false,
            told: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if !matches!(self.stage, Stage::Over) {
            self.said.extend_from_slice(bytes);
        }
    }

    pub(super) fn over_tls(&mut self, certificate: Vec<u8>) {
        self.certificate = Some(certificate);
    }

    /// Whether a login was taken.
    pub(super) fn is_in(&self) -> bool {
        matches!(self.stage, Stage::Ready(_) | Stage::Copying(_) | Stage::Running(..))
    }

    /// What is to be done next; none until more is said.
    pub(super) fn step(&mut self, host: &dyn Host) -> Option<Do> {
        loop {
            if let Some(next) = self.todo.pop_front() {
                return Some(next);
            }
            if !self.advance(host) {
                let out = std::mem::take(&mut self.out);
                return (!out.is_empty()).then_some(Do::Send(out));
            }
        }
    }

    fn advance(&mut self, host: &dyn Host) -> bool {
        match &self.stage {
            Stage::Over | Stage::Running(..) => false,
            Stage::Gss => {
                // Whatever the token is, no key is there to take it with.
                let over = self.said.len() > 4;
                if over {
                    self.close();
                }
                over
            }
            Stage::Startup => match wire::startup(&mut self.said) {
                Front::More => false,
                Front::Broken => {
                    self.broken("invalid length of startup packet");
                    self.close();
                    true
                }
                Front::Whole(packet) => {
                    self.startup(host, &packet);
                    true
                }
            },
            Stage::Login(_) => match wire::message(&mut self.said, wire::MAX_AUTH) {
                Front::More => false,
                Front::Broken => {
                    self.broken("invalid message length");
                    self.close();
                    true
                }
                Front::Whole(message) => {
                    self.login(host, &message);
                    true
                }
            },
            Stage::Ready(_) if !self.rest.is_empty() => {
                self.with_session(|talk, session| talk.next_statement(host, session));
                true
            }
            Stage::Ready(_) | Stage::Copying(_) => match wire::message(&mut self.said, wire::MAX_MESSAGE) {
                Front::More => false,
                Front::Broken => {
                    self.broken("invalid message length");
                    self.close();
                    true
                }
                Front::Whole(message) => {
                    self.message(host, message);
                    true
                }
            },
        }
    }

    /// Lets go of what waits to be sent, before something else is done.
    fn flush(&mut self) {
        let out = std::mem::take(&mut self.out);
        if !out.is_empty() {
            self.todo.push_back(Do::Send(out));
        }
    }

    fn tell(&mut self, record: Record) {
        self.todo.push_back(Do::Tell(record));
    }

    fn close(&mut self) {
        self.flush();
        self.stage = Stage::Over;
        self.said = Vec::new();
        self.todo.push_back(Do::Close);
    }

    fn broken(&mut self, reason: &str) {
        let data = self.said[..self.said.len().min(256)].to_vec();
        self.tell(Record::Broken {
            reason: reason.into(),
            data,
        });
    }

    fn die(&mut self, error: &Error) {
        put_error(&mut self.out, b'E', "FATAL", error);
        self.close();
    }

    fn ready(&mut self, phase: Phase) {
        let letter = match phase {
            Phase::Idle => b'I',
            Phase::Block => b'T',
            Phase::Failed => b'E',
        };
        put(&mut self.out, b'Z', &[letter]);
    }

    /// Runs over the session, which is put back where it was.
    fn with_session(&mut self, run: impl FnOnce(&mut Self, &mut Session) -> After) {
        let (mut session, copying) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Ready(session) => (session, false),
            Stage::Copying(session) => (session, true),
            other => {
                self.stage = other;
                return;
            }
        };
        let after = run(self, &mut session);
        if matches!(self.todo.back(), Some(Do::Close)) {
            return;
        }
        self.stage = match after {
            After::Ready => Stage::Ready(session),
            After::Same if copying => Stage::Copying(session),
            After::Same => Stage::Ready(session),
            After::Copying => Stage::Copying(session),
            After::Running(extended) => Stage::Running(session, extended),
        };
    }

    fn message(&mut self, host: &dyn Host, message: Message) {
        let copying = matches!(self.stage, Stage::Copying(_));
        match message.kind {
            b'X' => self.close(),
            b'd' | b'c' | b'f' if !copying => {}
            b'd' | b'c' | b'f' | b'H' | b'S' if copying => {
                self.with_session(|talk, session| talk.copying(host, session, &message))
            }
            _ if copying => self.with_session(|talk, session| {
                let text = format!("unexpected message type 0x{:02X} during COPY from stdin", message.kind);
                let mut error = fatal("08P01", text, "copyfromparse.c", 292, "CopyGetData");
                error.context = Some(format!("COPY {}, line 1", session.copying().unwrap_or("")));
                put_error(&mut talk.out, b'E', "ERROR", &error);
                let lost = "terminating connection because protocol synchronization was lost";
                talk.die(&fatal("08P01", lost, "postgres.c", 4429, "PostgresMain"));
                After::Same
            }),
            b'Q' => self.with_session(|talk, session| talk.query(session, &message.body)),
            b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'S' => {
                self.with_session(|talk, session| talk.extended(host, session, &message));
            }
            b'F' => self.with_session(|talk, session| {
                let error = Error::new("08P01", "insufficient data left in message").raised(
                    "pqformat.c",
                    533,
                    "pq_copymsgbytes",
                );
                talk.refuse(session, &error);
                talk.ready(session.phase());
                After::Same
            }),
            kind => {
                self.tell(Record::Broken {
                    reason: format!("invalid frontend message type {kind}"),
                    data: message.body[..message.body.len().min(256)].to_vec(),
                });
                let text = format!("invalid frontend message type {kind}");
                self.die(&fatal("08P01", text, "postgres.c", 446, "SocketBackend"));
            }
        }
    }

    /// An error that leaves the conversation going.
    fn refuse(&mut self, session: &mut Session, error: &Error) {
        session.fail();
        put_error(&mut self.out, b'E', "ERROR", error);
    }

    /// What the program put out that [`Do::Run`] asked for.
    pub(super) fn ran(&mut self, host: &dyn Host, output: &[u8], status: Option<i32>) {
        let Stage::Running(mut session, extended) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        let outcome = session.ran(host, output, status);
        self.finished(host, &mut session, outcome, extended);
        self.stage = Stage::Ready(session);
    }

    fn tell_query(&mut self, sql: &str, code: &'static str, rows: usize) {
        self.tell(Record::Query {
            sql: sql.to_owned(),
            code,
            rows,
        });
    }

    /// Tells and does what statements did beside their answers.
    fn acts(&mut self, session: &mut Session) {
        for act in session.acts() {
            match act {
                Act::Notice(notice) => put_error(&mut self.out, b'N', notice.severity, &notice.error),
                Act::Sleep(seconds) => {
                    let seconds = if seconds.is_finite() {
                        seconds.clamp(0.0, MOST_SLEEP)
                    } else {
                        0.0
                    };
                    self.flush();
                    self.todo.push_back(Do::Wait(Duration::from_secs_f64(seconds)));
                }
                act => self.tell(Record::Act(act)),
            }
        }
    }
}

/// Where the conversation goes on after a message.
enum After {
    Ready,
    Same,
    Copying,
    /// True when the extended protocol asked.
    Running(bool),
}
