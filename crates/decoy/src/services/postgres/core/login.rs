//! How clients show who they are, and what they find when they come in.

use sql::{Error, Host, Phase, Session, TOLD};

use super::super::super::scram::Exchange;
use super::super::record::{Record, Secret};
use super::super::scram;
use super::super::wire::{self, Fields, Message, put, put_parameter};
use super::{Challenge, Method, Stage, Talk, fatal};

// === impl Talk ===

impl Talk {
    pub(super) fn challenge(&mut self, host: &dyn Host) {
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

    pub(super) fn login(&mut self, host: &dyn Host, message: &Message) {
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
        let known = self.stored().and_then(|stored| scram::parse(&stored));
        let verifier = known.unwrap_or_else(|| scram::mock(&self.settings.secret, &self.user));
        let mut nonce = [0; 18];
        for (at, byte) in nonce.iter_mut().enumerate() {
            *byte = (host.random() >> (at % 8 * 4)) as u8;
        }
        let exchange = scram::begin(message, plus, &nonce, verifier)?;
        let body = [&11u32.to_be_bytes()[..], exchange.server_first.as_bytes()].concat();
        put(&mut self.out, b'R', &body);
        self.stage = Stage::Login(Challenge::Last(Box::new(exchange)));
        Ok(None)
    }

    fn last(&mut self, message: &[u8], exchange: &Exchange) -> Result<Option<bool>, Error> {
        let message = wire::utf8(message)?;
        let certificate = self.certificate.clone().unwrap_or_default();
        let ended = scram::end(exchange, message, &certificate)?;
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
}

// === impl Talk ===

impl Talk {
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
}
