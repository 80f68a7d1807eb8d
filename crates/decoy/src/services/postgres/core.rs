//! One conversation without sockets: bytes go in, what is to be done comes out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use sql::parse::{self, Parsed};
use sql::{Act, Answer, Cluster, Error, Host, Persona, Phase, Session, TOLD};

use super::extended::Portals;
use super::record::{Record, Secret};
use super::scram::{self, Exchange, Verifier};
use super::wire::{self, Fields, Front, Message, put, put_error, put_parameter};

/// Longest a client can have us wait.
const MOST_SLEEP: f64 = 120.0;
/// Bytes of one COPY that are taken.
const MOST_COPIED: usize = 8 << 20;

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
    pub(super) persona: Persona,
    cluster: Rc<RefCell<Cluster>>,
    said: Vec<u8>,
    stage: Stage,
    /// Hash of the certificate, once TLS is on.
    certificate: Option<Vec<u8>>,
    gss: bool,
    pub(super) user: String,
    pub(super) database: String,
    params: Vec<(String, String)>,
    pub(super) out: Vec<u8>,
    todo: VecDeque<Do>,
    /// Statements of one text that are still to be carried out.
    pub(super) rest: VecDeque<(Rc<str>, Parsed)>,
    pub(super) portals: Portals,
    /// After an error, until Sync.
    pub(super) skipping: bool,
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

    pub(super) fn tell(&mut self, record: Record) {
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

    pub(super) fn die(&mut self, error: &Error) {
        put_error(&mut self.out, b'E', "FATAL", error);
        self.close();
    }

    fn startup(&mut self, host: &dyn Host, packet: &[u8]) {
        let mut fields = Fields(packet);
        let version = fields.long().unwrap_or(0);
        let encrypted = self.certificate.is_some() || self.gss;
        match version {
            wire::TLS if !encrypted && self.settings.tls => {
                self.out.push(b'S');
                self.flush();
                // What was said in the clear beside it is not to be taken for what is said under TLS.
                self.said.clear();
                self.todo.push_back(Do::StartTls);
                return;
            }
            wire::TLS if !encrypted => {
                self.out.push(b'N');
                return;
            }
            wire::GSS if !encrypted => {
                self.out.push(b'G');
                self.stage = Stage::Gss;
                return;
            }
            wire::CANCEL => {
                self.tell(Record::Cancel);
                return self.close();
            }
            _ => {}
        }
        let (major, minor) = (version >> 16, version & 0xffff);
        if major != 3 {
            let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
            self.tell(Record::Broken {
                reason: message.clone(),
                data: packet[..packet.len().min(256)].to_vec(),
            });
            if major < 3 {
                // Those clients know an older form of errors.
                self.out.extend(format!("EFATAL:  {message}\n\0").bytes());
                return self.close();
            }
            return self.die(&fatal("0A000", message, "postmaster.c", 2222, "ProcessStartupPacket"));
        }
        if let Err(error) = self.params(fields.0, minor) {
            return self.die(&error);
        }
        let params = self.params.clone();
        self.tell(Record::Startup {
            user: self.user.clone(),
            database: self.database.clone(),
            params,
        });
        self.challenge(host);
    }

    fn params(&mut self, packet: &[u8], minor: u32) -> Result<(), Error> {
        let here = |code, message: String, line| fatal(code, message, "postmaster.c", line, "ProcessStartupPacket");
        let mut fields = Fields(packet);
        let mut unknown = Vec::new();
        while fields.0.first().is_some_and(|byte| *byte != 0) {
            let name = lossy(&mut fields);
            // A name without a value ends the list.
            if fields.0.is_empty() {
                break;
            }
            let value = lossy(&mut fields);
            if name.starts_with("_pq_.") {
                unknown.push(name);
            } else {
                self.params.push((name, value));
            }
        }
        if fields.0 != [0] {
            let message = "invalid startup packet layout: expected terminator as last byte";
            return Err(here("08P01", message.into(), 2334));
        }
        let find = |name: &str| {
            self.params
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let user = find("user").unwrap_or_default();
        if let Some(mode) = find("replication")
            && !["true", "false", "on", "off", "yes", "no", "1", "0", "database"].contains(&mode.as_str())
        {
            let message = format!("invalid value for parameter \"replication\": \"{mode}\"");
            let hint = "Valid values are: \"false\", 0, \"true\", 1, \"database\".";
            return Err(here("22023", message, 2286).hint(hint));
        }
        if minor > 0 || !unknown.is_empty() {
            let mut body = wire::PROTOCOL_3.to_be_bytes().to_vec();
            body.extend((unknown.len() as u32).to_be_bytes());
            unknown
                .iter()
                .for_each(|name| body.extend([name.as_bytes(), b"\0"].concat()));
            put(&mut self.out, b'v', &body);
        }
        if user.is_empty() {
            return Err(here(
                "28000",
                "no PostgreSQL user name specified in startup packet".into(),
                2351,
            ));
        }
        let short = |name: String| name[..name.floor_char_boundary(63)].to_owned();
        self.database = short(
            find("database")
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| user.clone()),
        );
        self.user = short(user);
        Ok(())
    }

    fn challenge(&mut self, host: &dyn Host) {
        let replication = self
            .params
            .iter()
            .any(|(name, value)| name == "replication" && !["false", "off", "no", "0"].contains(&value.as_str()));
        if replication {
            let how = if self.certificate.is_some() {
                "SSL encryption"
            } else {
                "no encryption"
            };
            let message = format!(
                "no pg_hba.conf entry for replication connection from host \"{}\", user \"{}\", {how}",
                self.persona.client_address, self.user
            );
            return self.die(&fatal("28000", message, "auth.c", 536, "ClientAuthentication"));
        }
        let method = if self.certificate.is_some() {
            self.settings.over_tls
        } else {
            self.settings.plain
        };
        let stage = match method {
            Method::Password => {
                put(&mut self.out, b'R', &3u32.to_be_bytes());
                Challenge::Password
            }
            Method::Md5 => {
                let salt = (host.random() as u32).to_be_bytes();
                put(&mut self.out, b'R', &[&5u32.to_be_bytes()[..], &salt].concat());
                Challenge::Md5(salt)
            }
            Method::Scram => {
                let mut body = 10u32.to_be_bytes().to_vec();
                if self.certificate.is_some() {
                    body.extend(b"SCRAM-SHA-256-PLUS\0");
                }
                body.extend(b"SCRAM-SHA-256\0\0");
                put(&mut self.out, b'R', &body);
                Challenge::Mechanism
            }
        };
        self.stage = Stage::Login(stage);
    }

    fn login(&mut self, host: &dyn Host, message: &Message) {
        let Stage::Login(challenge) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        let sasl = !matches!(challenge, Challenge::Password | Challenge::Md5(_));
        if message.kind != b'p' {
            let (what, file, line, routine) = if sasl {
                ("SASL", "auth-sasl.c", 93, "CheckSASLAuth")
            } else {
                ("password", "auth.c", 718, "recv_password_packet")
            };
            let text = format!("expected {what} response, got message type {}", message.kind);
            return self.die(&fatal("08P01", text, file, line, routine));
        }
        let outcome = match challenge {
            Challenge::Password | Challenge::Md5(_) => self.password(&message.body, &challenge),
            Challenge::Mechanism => self.mechanism(host, &message.body),
            Challenge::First(plus) => self.first(host, &message.body, plus),
            Challenge::Last(exchange) => self.last(&message.body, &exchange),
        };
        match outcome {
            Err(error) => self.die(&error),
            Ok(Some(true)) => self.enter(host),
            Ok(Some(false)) => {
                let message = format!("password authentication failed for user \"{}\"", self.user);
                self.die(&fatal("28P01", message, "auth.c", 334, "auth_failed"));
            }
            Ok(None) => {}
        }
    }

    fn tell_login(&mut self, method: &'static str, secret: Secret, accepted: bool) {
        self.tell(Record::Login {
            user: self.user.clone(),
            database: self.database.clone(),
            method,
            secret,
            accepted,
        });
    }

    /// What the server keeps of the user's password.
    fn stored(&self) -> Option<String> {
        let cluster = self.cluster.borrow();
        let role = cluster.role(&self.user)?;
        role.password.clone().filter(|_| role.login)
    }

    fn password(&mut self, body: &[u8], challenge: &Challenge) -> Result<Option<bool>, Error> {
        let here = |code, message: &str, line| fatal(code, message, "auth.c", line, "recv_password_packet");
        let (last, given) = body.split_last().unwrap_or((&1, &[]));
        if *last != 0 || given.contains(&0) {
            return Err(here("08P01", "invalid password packet size", 739));
        }
        if given.is_empty() {
            let secret = Secret::Plain(Vec::new());
            self.tell_login("password", secret, false);
            return Err(here("28P01", "empty password returned by client", 757));
        }
        let stored = self.stored();
        let (method, secret, fits) = match challenge {
            Challenge::Md5(salt) => {
                let answer = String::from_utf8_lossy(given).into_owned();
                let fits = stored
                    .and_then(|stored| scram::md5_answer(&stored, *salt))
                    .is_some_and(|wanted| wanted == answer);
                ("md5", Secret::Md5 { answer, salt: *salt }, fits)
            }
            _ => {
                let fits = stored.is_some_and(|stored| scram::fits(&stored, &self.user, given));
                ("password", Secret::Plain(given.to_vec()), fits)
            }
        };
        let accepted = self.policy(fits);
        self.tell_login(method, secret, accepted);
        Ok(Some(accepted))
    }

    fn policy(&self, fits: bool) -> bool {
        !self.settings.closed && (fits || self.settings.open)
    }

    fn mechanism(&mut self, host: &dyn Host, body: &[u8]) -> Result<Option<bool>, Error> {
        let mut fields = Fields(body);
        let name = fields.text()?;
        let plus = match name {
            "SCRAM-SHA-256" => false,
            "SCRAM-SHA-256-PLUS" if self.certificate.is_some() => true,
            _ => {
                let message = "client selected an invalid SASL authentication mechanism";
                return Err(fatal("08P01", message, "auth-scram.c", 256, "scram_init"));
            }
        };
        let length = fields.long()?;
        if length == u32::MAX {
            put(&mut self.out, b'R', &11u32.to_be_bytes());
            self.stage = Stage::Login(Challenge::First(plus));
            return Ok(None);
        }
        let first = fields.bytes(length as usize)?;
        fields.end()?;
        self.first(host, first, plus)
    }

    fn first(&mut self, host: &dyn Host, message: &[u8], plus: bool) -> Result<Option<bool>, Error> {
        let message = wire::utf8(message)?;
        let known = self.stored().and_then(|stored| Verifier::parse(&stored));
        let verifier = known.unwrap_or_else(|| Verifier::mock(&self.settings.secret, &self.user));
        let mut nonce = [0; 18];
        for (at, byte) in nonce.iter_mut().enumerate() {
            *byte = (host.random() >> (at % 8 * 4)) as u8;
        }
        let exchange = Exchange::begin(message, plus, &nonce, verifier)?;
        let body = [&11u32.to_be_bytes()[..], exchange.server_first.as_bytes()].concat();
        put(&mut self.out, b'R', &body);
        self.stage = Stage::Login(Challenge::Last(Box::new(exchange)));
        Ok(None)
    }

    fn last(&mut self, message: &[u8], exchange: &Exchange) -> Result<Option<bool>, Error> {
        let message = wire::utf8(message)?;
        let certificate = self.certificate.clone().unwrap_or_default();
        let ended = exchange.end(message, &certificate)?;
        let accepted = ended.accepted && !self.settings.closed;
        let secret = Secret::Scram {
            proof: ended.proof,
            client_first: exchange.client_first.clone(),
            server_first: exchange.server_first.clone(),
            without_proof: ended.without_proof,
        };
        self.tell_login("scram-sha-256", secret, accepted);
        if accepted {
            let body = [&12u32.to_be_bytes()[..], ended.server_final.as_bytes()].concat();
            put(&mut self.out, b'R', &body);
        }
        Ok(Some(accepted))
    }

    /// The login is taken; now the database is looked for.
    fn enter(&mut self, host: &dyn Host) {
        put(&mut self.out, b'R', &0u32.to_be_bytes());
        if self.settings.open && self.cluster.borrow().role(&self.user).is_none() {
            self.cluster.borrow_mut().add_role(&self.user, None);
        }
        let found = self
            .cluster
            .borrow()
            .database(&self.database)
            .map(|database| database.allows_connections);
        let name = &self.database;
        match found {
            None => {
                let message = format!("database \"{name}\" does not exist");
                return self.die(&fatal("3D000", message, "postinit.c", 948, "InitPostgres"));
            }
            Some(false) => {
                let message = format!("database \"{name}\" is not currently accepting connections");
                return self.die(&fatal("55000", message, "postinit.c", 350, "CheckMyDatabase"));
            }
            Some(true) => {}
        }
        let session = Session::new(self.cluster.clone(), self.persona.clone(), &self.user, name);
        let Some(mut session) = session else {
            return self.close();
        };
        if let Err(error) = self.configure(host, &mut session) {
            return self.die(&error);
        }
        self.told = TOLD.iter().map(|name| self.shown(host, &session, name)).collect();
        for (name, value) in TOLD.iter().zip(&self.told) {
            put_parameter(&mut self.out, name, value);
        }
        let key = [
            &self.persona.pid.to_be_bytes()[..],
            &(host.random() as u32).to_be_bytes(),
        ]
        .concat();
        put(&mut self.out, b'K', &key);
        self.ready(Phase::Idle);
        self.stage = Stage::Ready(Box::new(session));
    }

    fn shown(&self, host: &dyn Host, session: &Session, name: &str) -> String {
        match name {
            "is_superuser" => if session.is_superuser(host) { "on" } else { "off" }.into(),
            "session_authorization" => self.user.clone(),
            name => session.setting(name),
        }
    }

    /// Settings that came with the startup packet.
    fn configure(&self, host: &dyn Host, session: &mut Session) -> Result<(), Error> {
        for (name, value) in &self.params {
            match name.as_str() {
                "user" | "database" | "replication" => {}
                "options" => {
                    let words: Vec<&str> = value.split_whitespace().collect();
                    for (at, word) in words.iter().enumerate() {
                        let setting = match *word {
                            "-c" => words.get(at + 1).copied(),
                            word => word.strip_prefix("-c").or(word.strip_prefix("--")),
                        };
                        if let Some((name, value)) = setting.and_then(|setting| setting.split_once('=')) {
                            session.set(host, &name.replace('-', "_"), value)?;
                        }
                    }
                }
                name => session.set(host, name, value)?,
            }
        }
        Ok(())
    }

    pub(super) fn ready(&mut self, phase: Phase) {
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
    pub(super) fn refuse(&mut self, session: &mut Session, error: &Error) {
        session.fail();
        put_error(&mut self.out, b'E', "ERROR", error);
    }

    fn query(&mut self, session: &mut Session, body: &[u8]) -> After {
        let mut fields = Fields(body);
        let text = fields.text().and_then(|text| fields.end().map(|()| text.to_owned()));
        let parsed = text.and_then(|text| {
            parse::statements(&text)
                .map(|parsed| (text.clone(), parsed))
                .inspect_err(|error| self.tell_query(&text, error.code, 0))
        });
        let (text, parsed) = match parsed {
            Ok(both) => both,
            Err(error) => {
                self.refuse(session, &error);
                self.ready(session.phase());
                return After::Same;
            }
        };
        if parsed.is_empty() {
            put(&mut self.out, b'I', b"");
            self.ready(session.phase());
            return After::Same;
        }
        let text: Rc<str> = text.into();
        self.before = (parsed.len() > 1 && session.phase() == Phase::Idle).then(|| session.snapshot());
        self.rest = parsed.into_iter().map(|parsed| (text.clone(), parsed)).collect();
        After::Same
    }

    fn next_statement(&mut self, host: &dyn Host, session: &mut Session) -> After {
        let Some((text, parsed)) = self.rest.pop_front() else {
            return After::Same;
        };
        let outcome = session.execute(host, &text, &parsed, (&[], Vec::new()));
        self.acts(session);
        let shown = text.get(parsed.from..parsed.to).unwrap_or(&text).trim().to_owned();
        match outcome {
            Err(error) => {
                self.tell_query(&shown, error.code, 0);
                self.rest.clear();
                self.take_back(session);
                self.refuse(session, &error);
                self.ready(session.phase());
                After::Ready
            }
            Ok(answer) => {
                let rows = if let Answer::Rows { rows, .. } = &answer {
                    rows.len()
                } else {
                    0
                };
                self.tell_query(&shown, "00000", rows);
                let after = self.answer(host, session, answer, None);
                if matches!(after, After::Ready) {
                    self.done(host, session);
                }
                after
            }
        }
    }

    /// Of a text of several statements, all or none are carried out.
    fn take_back(&mut self, session: &Session) {
        if let Some(before) = self.before.take().filter(|_| session.phase() == Phase::Idle) {
            session.restore(before);
        }
    }

    /// A statement of a text is through; after the last, the client is asked for more.
    fn done(&mut self, host: &dyn Host, session: &mut Session) {
        self.parameters(host, session);
        if self.rest.is_empty() {
            self.before = None;
            self.ready(session.phase());
        }
    }

    fn parameters(&mut self, host: &dyn Host, session: &Session) {
        for (at, name) in TOLD.iter().enumerate() {
            let now = self.shown(host, session, name);
            if self.told[at] != now {
                put_parameter(&mut self.out, name, &now);
                self.told[at] = now;
            }
        }
    }

    /// Sends an answer; with `formats`, as the extended protocol does.
    pub(super) fn answer(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        answer: Answer,
        formats: Option<&[u16]>,
    ) -> After {
        match answer {
            Answer::Rows { columns, rows, tag } => {
                if formats.is_none() {
                    wire::put_columns(&mut self.out, &columns, &[]);
                }
                for row in &rows {
                    super::extended::put_cells(&mut self.out, host, session, &columns, row, formats.unwrap_or(&[]));
                }
                self.complete(&tag);
                After::Ready
            }
            Answer::Done(tag) => {
                self.complete(&tag);
                After::Ready
            }
            Answer::CopyOut {
                columns,
                lines,
                tag,
                binary,
            } => {
                put(&mut self.out, b'H', &copy_head(columns, binary));
                lines.iter().for_each(|line| put(&mut self.out, b'd', line));
                put(&mut self.out, b'c', b"");
                self.complete(&tag);
                After::Ready
            }
            Answer::CopyIn { columns } => {
                put(&mut self.out, b'G', &copy_head(columns, false));
                self.lines.clear();
                self.copies_extended = formats.is_some();
                After::Copying
            }
            Answer::Program { command, input } => {
                self.flush();
                self.todo.push_back(Do::Run { command, input });
                After::Running(formats.is_some())
            }
        }
    }

    fn complete(&mut self, tag: &str) {
        put(&mut self.out, b'C', &[tag.as_bytes(), b"\0"].concat());
    }

    fn copying(&mut self, host: &dyn Host, session: &mut Session, message: &Message) -> After {
        let outcome = match message.kind {
            b'd' => {
                if self.lines.len() + message.body.len() > MOST_COPIED {
                    self.lines.clear();
                    self.refuse(session, &Error::new("53200", "out of memory"));
                    return After::Ready;
                }
                self.lines.extend(&message.body);
                return After::Same;
            }
            b'c' => {
                let lines = std::mem::take(&mut self.lines);
                session.copied(host, &lines)
            }
            b'f' => {
                let why = Fields(&message.body).text().unwrap_or("").to_owned();
                let mut error = fatal(
                    "57014",
                    format!("COPY from stdin failed: {why}"),
                    "copyfromparse.c",
                    315,
                    "CopyGetData",
                );
                error.context = Some(format!("COPY {}, line 1", session.copying().unwrap_or("")));
                Err(error)
            }
            _ => return After::Same,
        };
        self.finished(host, session, outcome, self.copies_extended);
        After::Ready
    }

    /// A COPY is through, or a program.
    fn finished(&mut self, host: &dyn Host, session: &mut Session, outcome: Result<String, Error>, extended: bool) {
        self.acts(session);
        match outcome {
            Ok(tag) => {
                self.complete(&tag);
                if !extended {
                    self.done(host, session);
                }
            }
            Err(error) => {
                self.rest.clear();
                self.take_back(session);
                self.refuse(session, &error);
                self.skipping = extended;
                if !extended {
                    self.ready(session.phase());
                }
            }
        }
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

    pub(super) fn tell_query(&mut self, sql: &str, code: &'static str, rows: usize) {
        self.tell(Record::Query {
            sql: sql.to_owned(),
            code,
            rows,
        });
    }

    /// Tells and does what statements did beside their answers.
    pub(super) fn acts(&mut self, session: &mut Session) {
        for act in session.acts() {
            match act {
                Act::Exec { way, code } => self.tell(Record::Exec { way, code }),
                Act::FileRead { path, found } => self.tell(Record::FileRead { path, found }),
                Act::FileWrite { path, bytes, error } => self.tell(Record::FileWrite { path, bytes, error }),
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
            }
        }
    }
}

/// Where the conversation goes on after a message.
pub(super) enum After {
    Ready,
    Same,
    Copying,
    /// True when the extended protocol asked.
    Running(bool),
}

fn copy_head(columns: usize, binary: bool) -> Vec<u8> {
    let format = u16::from(binary).to_be_bytes();
    let mut body = vec![binary.into()];
    body.extend((columns as u16).to_be_bytes());
    (0..columns).for_each(|_| body.extend(format));
    body
}

/// Text up to a NUL or the end, whatever it is made of.
fn lossy(fields: &mut Fields<'_>) -> String {
    let end = fields.0.iter().position(|byte| *byte == 0);
    let text = String::from_utf8_lossy(&fields.0[..end.unwrap_or(fields.0.len())]).into_owned();
    fields.0 = end.map_or(&[], |end| &fields.0[end + 1..]);
    text
}
