//! One conversation without sockets: bytes go in, what is to be done comes out.

mod answer;
mod command;
mod denied;
mod login;
mod prepared;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use openssl::pkey::Private;
use openssl::rsa::Rsa;
use sql::mysql::{Client, Refusal};
use sql::{Act, Cluster, Host, Persona};

use self::login::Challenge;
use self::prepared::Statements;
use super::record::Record;
use super::wire::{self, Front, Out, status};

/// Longest a client can have us wait.
const MOST_SLEEP: f64 = 120.0;

/// How what proxies say first begins, of either version.
const PROXIED: [&[u8]; 2] = [b"PROX", b"\r\n\r\n"];

/// How clients are to show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Native,
    Sha2,
    Clear,
}

/// What is the same for all conversations.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) method: Method,
    pub(super) tls: bool,
    /// Anybody comes in, whatever the password.
    pub(super) open: bool,
    /// Nobody does.
    pub(super) closed: bool,
    /// What passwords are encrypted with where there is no TLS.
    pub(super) key: Option<Rsa<Private>>,
    /// Passwords that were shown in full, which are then known by an answer to a challenge.
    pub(super) known: Rc<RefCell<HashMap<String, Vec<u8>>>>,
}

/// What is to be done outside.
#[derive(Debug, PartialEq)]
pub(super) enum Do {
    Send(Vec<u8>),
    /// TLS begins with what was said already, then [`Talk::over_tls`].
    StartTls(Vec<u8>),
    Wait(Duration),
    Tell(Record),
    Close,
}

pub(super) struct Talk {
    settings: Settings,
    persona: Persona,
    cluster: Rc<RefCell<Cluster>>,
    said: Vec<u8>,
    stage: Stage,
    encrypted: bool,
    out: Out,
    capabilities: u32,
    extended: u32,
    scramble: [u8; 20],
    /// What the client speaks by, as it said first.
    collation: u8,
    pub(super) user: String,
    database: String,
    attributes: Vec<(String, String)>,
    todo: VecDeque<Do>,
    /// Statements of one text that are still to be carried out.
    rest: String,
    statements: Statements,
    queries: u64,
    /// Bytes of an answer to the greeting that are let pass, being more than any client has to say.
    passing: usize,
}

enum Stage {
    /// Nothing was said yet.
    Start,
    /// The greeting is out.
    Greeted,
    Login(Challenge),
    Ready(Box<Client>),
    /// The client sends a file of its own: its name, and what of it is there.
    Sending(Box<Client>, String, Vec<u8>),
    Over,
}

// === impl Talk ===

impl Talk {
    pub(super) fn new(settings: Settings, persona: Persona, cluster: Rc<RefCell<Cluster>>) -> Self {
        Self {
            settings,
            persona,
            cluster,
            said: Vec::new(),
            stage: Stage::Start,
            encrypted: false,
            out: Out::default(),
            capabilities: 0,
            extended: 0,
            scramble: [0; 20],
            collation: 0,
            user: String::new(),
            database: String::new(),
            attributes: Vec::new(),
            todo: VecDeque::new(),
            rest: String::new(),
            statements: Statements::default(),
            queries: 0,
            passing: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if !matches!(self.stage, Stage::Over) {
            self.said.extend_from_slice(bytes);
        }
    }

    /// Bytes that were said and wait.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.said.len()
    }

    pub(super) fn over_tls(&mut self) {
        self.encrypted = true;
    }

    /// Whether a login was taken.
    pub(super) fn is_in(&self) -> bool {
        matches!(self.stage, Stage::Ready(_) | Stage::Sending(..))
    }

    /// The database at hand.
    pub(super) fn schema(&self) -> Option<String> {
        match &self.stage {
            Stage::Ready(client) | Stage::Sending(client, ..) => client.schema(),
            _ => None,
        }
    }

    /// What is to be done next; none until more is said.
    pub(super) fn step(&mut self, host: &dyn Host) -> Option<Do> {
        loop {
            if let Some(next) = self.todo.pop_front() {
                return Some(next);
            }
            if !self.advance(host) {
                self.flush();
                return self.todo.pop_front();
            }
        }
    }

    fn advance(&mut self, host: &dyn Host) -> bool {
        match self.stage {
            Stage::Over => return false,
            Stage::Start => {
                self.greet(host);
                return true;
            }
            Stage::Ready(_) if !self.rest.is_empty() => {
                let rest = std::mem::take(&mut self.rest);
                self.with_client(|talk, client| talk.statement(host, client, &rest));
                return true;
            }
            Stage::Greeted if self.passing > 0 => return self.pass(),
            Stage::Greeted if self.is_proxied() => {
                self.refuse_proxy();
                return true;
            }
            // A command begins anew.
            Stage::Ready(_) => self.out.next = 0,
            _ => {}
        }
        let most = if self.is_in() { wire::MAX_PACKET } else { wire::MAX_AUTH };
        match wire::packet(&mut self.said, self.out.next, most) {
            Front::More => return false,
            Front::Whole(body, number) => {
                self.out.next = number.wrapping_add(1);
                self.message(host, &body);
            }
            Front::Unordered => {
                self.broken("packet out of order");
                self.out.next = self.out.next.max(1);
                self.die(&Refusal {
                    number: 1156,
                    state: "08S01",
                    message: "Got packets out of order".into(),
                });
            }
            Front::TooLong(bytes) if matches!(self.stage, Stage::Greeted) => self.passing = bytes,
            Front::TooLong(_) => {
                self.broken("packet too long");
                self.out.next = self.out.next.wrapping_add(1);
                self.die(&Refusal {
                    number: 1153,
                    state: "08S01",
                    message: "Got a packet bigger than 'max_allowed_packet' bytes".into(),
                });
            }
        }
        true
    }

    /// Lets pass what is there of an answer that is too long; false while there is more of it.
    fn pass(&mut self) -> bool {
        let count = self.passing.min(self.said.len());
        self.said.drain(..count);
        self.passing -= count;
        if self.passing > 0 {
            return false;
        }
        self.out.next = self.out.next.wrapping_add(1);
        self.unshaken(&[], false);
        true
    }

    /// MariaDB knows what proxies say first, and takes it from none it was not told of.
    fn is_proxied(&self) -> bool {
        self.is_mariadb() && PROXIED.iter().any(|head| self.said.starts_with(head))
    }

    fn refuse_proxy(&mut self) {
        self.broken("proxy header");
        self.die(&Refusal {
            number: 1130,
            state: "HY000",
            message: format!("Proxy header is not accepted from {}", self.persona.client_address),
        });
    }

    fn message(&mut self, host: &dyn Host, body: &[u8]) {
        match &self.stage {
            Stage::Greeted => self.answered(host, body),
            Stage::Login(_) => self.login(host, body),
            Stage::Ready(_) => self.with_client(|talk, client| talk.command(host, client, body)),
            Stage::Sending(..) => self.file(host, body),
            Stage::Start | Stage::Over => {}
        }
    }

    /// Lets go of what waits to be sent, before something else is done.
    fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.out.bytes);
        if !bytes.is_empty() {
            self.todo.push_back(Do::Send(bytes));
        }
    }

    fn tell(&mut self, record: Record) {
        self.todo.push_back(Do::Tell(record));
    }

    fn close(&mut self) {
        self.flush();
        self.stage = Stage::Over;
        self.said = Vec::new();
        self.rest.clear();
        self.todo.push_back(Do::Close);
    }

    fn broken(&mut self, reason: &str) {
        let data = self.said[..self.said.len().min(256)].to_vec();
        self.tell(Record::Broken {
            reason: reason.into(),
            data,
        });
    }

    fn die(&mut self, refusal: &Refusal) {
        self.out.error(refusal);
        self.close();
    }

    /// Runs over the client's session, which is put back where it was.
    fn with_client(&mut self, run: impl FnOnce(&mut Self, &mut Client) -> After) {
        let mut client = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Ready(client) => client,
            other => {
                self.stage = other;
                return;
            }
        };
        let after = run(self, &mut client);
        if matches!(self.todo.back(), Some(Do::Close)) || !matches!(self.stage, Stage::Over) {
            return;
        }
        self.stage = match after {
            After::Ready => Stage::Ready(client),
            After::Sending(path) => Stage::Sending(client, path, Vec::new()),
        };
    }

    fn status(&self, client: &Client) -> u16 {
        let transaction = if client.in_transaction() {
            status::IN_TRANSACTION
        } else {
            0
        };
        let more = if self.rest.is_empty() { 0 } else { status::MORE };
        status::AUTOCOMMIT | transaction | more
    }

    /// Tells and does what statements did beside their answers.
    fn acts(&mut self, client: &mut Client) {
        for act in client.acts() {
            match act {
                Act::Sleep(seconds) => {
                    let seconds = if seconds.is_finite() {
                        seconds.clamp(0.0, MOST_SLEEP)
                    } else {
                        0.0
                    };
                    self.flush();
                    self.todo.push_back(Do::Wait(Duration::from_secs_f64(seconds)));
                }
                Act::Notice(_) => {}
                act => self.tell(Record::Act(act)),
            }
        }
    }
}

/// Where the conversation goes on after a message.
enum After {
    Ready,
    Sending(String),
}
