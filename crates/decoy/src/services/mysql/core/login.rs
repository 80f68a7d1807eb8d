//! The greeting, and how clients show who they are.

use openssl::rsa::Padding;
use sql::Host;
use sql::mysql::{Client, Refusal, native_hash, native_matches, sha2_matches};

use super::super::record::{Record, Secret};
use super::super::wire::{Fields, can, status};
use super::{Do, Method, Stage, Talk};

const NATIVE: &str = "mysql_native_password";
const SHA2: &str = "caching_sha2_password";
const CLEAR: &str = "mysql_clear_password";
/// What MariaDB and MySQL say they can do, TLS left out.
const MARIADB: u32 = 0x81ff_f7fe;
const MYSQL: u32 = 0xdfff_f7ff;
/// What MariaDB says it can do beyond that.
const MARIADB_MORE: u32 = 0x1d;
const ASK_FOR_ALL: u8 = 4;
const ASK_FOR_KEY: u8 = 2;
const FAST: u8 = 3;
/// What a client tells of itself, at most.
const MOST_ATTRIBUTES: usize = 32;

pub(super) enum Challenge {
    Native,
    Sha2,
    /// The whole password was asked for, after this answer; true once the key was sent.
    Whole(Vec<u8>, bool),
    Clear,
}

// === impl Method ===

impl Method {
    fn plugin(self) -> &'static str {
        match self {
            Self::Native => NATIVE,
            Self::Sha2 => SHA2,
            Self::Clear => CLEAR,
        }
    }
}

// === impl Talk ===

impl Talk {
    pub(super) fn is_mariadb(&self) -> bool {
        matches!(self.persona.dialect, sql::Dialect::Mysql { mariadb: true, .. })
    }

    pub(super) fn greet(&mut self, host: &dyn Host) {
        self.scramble = scramble(host, self.is_mariadb());
        let mut able = if self.is_mariadb() { MARIADB } else { MYSQL };
        if self.settings.tls {
            able |= can::SSL;
        }
        let (prefix, charset) = if self.is_mariadb() { ("5.5.5-", 45) } else { ("", 255) };
        let mut body = vec![10];
        body.extend(format!("{prefix}{}\0", self.persona.version).bytes());
        body.extend(self.persona.pid.to_le_bytes());
        body.extend(&self.scramble[..8]);
        body.push(0);
        body.extend((able as u16).to_le_bytes());
        body.push(charset);
        body.extend(status::AUTOCOMMIT.to_le_bytes());
        body.extend(((able >> 16) as u16).to_le_bytes());
        body.push(21);
        body.extend([0; 6]);
        let more = if self.is_mariadb() { MARIADB_MORE } else { 0 };
        body.extend(more.to_le_bytes());
        body.extend(&self.scramble[8..]);
        body.push(0);
        // The method a server is set to for nobody in particular.
        let plugin = match self.settings.method {
            Method::Clear => NATIVE,
            method => method.plugin(),
        };
        body.extend(plugin.bytes());
        body.push(0);
        self.out.next = 0;
        self.out.put(&body);
        self.stage = Stage::Greeted;
    }

    /// The client's answer to the greeting.
    pub(super) fn answered(&mut self, host: &dyn Host, body: &[u8]) {
        let Some(capabilities) = Fields(body).long().filter(|_| body.len() >= 32) else {
            return self.unshaken(body, is_old(body));
        };
        if self.settings.tls && capabilities & can::SSL != 0 && !self.encrypted {
            // The client does not wait for an answer: its hello may be there already.
            let hello = std::mem::take(&mut self.said);
            self.capabilities = capabilities;
            self.flush();
            self.todo.push_back(Do::StartTls(hello));
            return;
        }
        self.capabilities = capabilities;
        let Some((answer, plugin)) = self.read_answer(body) else {
            return self.unshaken(body, is_old(body));
        };
        self.begin_login(host, &answer, &plugin);
    }

    /// User, database and attributes are taken; the answer and the way it was made are given back.
    fn read_answer(&mut self, body: &[u8]) -> Option<(Vec<u8>, String)> {
        let mut fields = Fields(body);
        let capabilities = fields.long()?;
        if capabilities & can::PROTOCOL_41 == 0 {
            return None;
        }
        fields.long()?;
        self.collation = fields.byte()?;
        fields.bytes(19)?;
        self.extended = fields.long()? & if capabilities & 1 == 0 { MARIADB_MORE } else { 0 };
        self.user = lossy(fields.text()?);
        let answer = if capabilities & can::LENENC_AUTH != 0 {
            fields.sized()?.to_vec()
        } else if capabilities & can::SECURE != 0 {
            let count = fields.byte()?;
            fields.bytes(count.into())?.to_vec()
        } else {
            fields.text()?.to_vec()
        };
        if capabilities & can::CONNECT_WITH_DB != 0 {
            self.database = lossy(fields.text().unwrap_or(fields.0));
        }
        let plugin = if capabilities & can::PLUGIN_AUTH != 0 {
            lossy(fields.text().unwrap_or(b""))
        } else {
            NATIVE.to_owned()
        };
        if capabilities & can::ATTRIBUTES != 0 {
            self.attributes = attributes(fields);
        }
        Some((answer, plugin))
    }

    /// `old` speaks the protocol of before 4.1, which knows no states.
    pub(super) fn unshaken(&mut self, body: &[u8], old: bool) {
        self.tell(Record::Broken {
            reason: "bad handshake".into(),
            data: body[..body.len().min(256)].to_vec(),
        });
        let old = old && self.is_mariadb();
        self.die(&Refusal {
            number: 1043,
            state: if old { "" } else { "08S01" },
            message: "Bad handshake".into(),
        });
    }

    fn begin_login(&mut self, host: &dyn Host, answer: &[u8], plugin: &str) {
        let method = self.settings.method;
        if plugin == method.plugin() && method != Method::Clear {
            self.stage = Stage::Login(match method {
                Method::Native => Challenge::Native,
                _ => Challenge::Sha2,
            });
            return self.login(host, answer);
        }
        self.switch(host, method);
    }

    /// Asks for another way than the client chose.
    fn switch(&mut self, host: &dyn Host, method: Method) {
        self.scramble = scramble(host, self.is_mariadb());
        let mut body = vec![0xfe];
        body.extend(method.plugin().bytes());
        body.push(0);
        body.extend(self.scramble);
        body.push(0);
        self.out.put(&body);
        self.stage = Stage::Login(match method {
            Method::Native => Challenge::Native,
            Method::Sha2 => Challenge::Sha2,
            Method::Clear => Challenge::Clear,
        });
    }

    pub(super) fn login(&mut self, host: &dyn Host, answer: &[u8]) {
        let Stage::Login(challenge) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        match challenge {
            Challenge::Native => self.native(host, answer),
            Challenge::Sha2 => self.sha2(host, answer),
            Challenge::Whole(first, sent) => self.whole(host, answer, first, sent),
            Challenge::Clear => {
                let password = answer.strip_suffix(&[0]).unwrap_or(answer).to_vec();
                self.with_password(host, "mysql_clear_password", password);
            }
        }
    }

    /// What the server keeps of the user's password.
    fn stored(&self) -> Option<String> {
        let cluster = self.cluster.borrow();
        let role = cluster.role(&self.user)?;
        Some(role.password.clone().unwrap_or_default())
    }

    fn native(&mut self, host: &dyn Host, answer: &[u8]) {
        if !matches!(answer.len(), 0 | 20) {
            return self.unshaken(answer, false);
        }
        let fits = self
            .stored()
            .is_some_and(|stored| native_matches(&stored, &self.scramble, answer));
        let secret = if answer.is_empty() {
            Secret::Plain(Vec::new())
        } else {
            Secret::Native {
                answer: answer.to_vec(),
                scramble: self.scramble.to_vec(),
            }
        };
        self.decide(host, NATIVE, secret, fits);
    }

    fn sha2(&mut self, host: &dyn Host, answer: &[u8]) {
        if answer.is_empty() || answer == [0] {
            return self.with_password(host, SHA2, Vec::new());
        }
        let known = self.settings.known.borrow().get(&self.user).cloned();
        if let Some(password) = known.filter(|password| sha2_matches(password, &self.scramble, answer)) {
            self.out.put(&[1, FAST]);
            return self.with_password(host, SHA2, password);
        }
        self.out.put(&[1, ASK_FOR_ALL]);
        self.stage = Stage::Login(Challenge::Whole(answer.to_vec(), false));
    }

    /// The whole password, in the clear under TLS, else encrypted with a key the client asks for.
    fn whole(&mut self, host: &dyn Host, body: &[u8], first: Vec<u8>, sent: bool) {
        if self.encrypted {
            let password = body.strip_suffix(&[0]).unwrap_or(body).to_vec();
            return self.with_password(host, SHA2, password);
        }
        let refused = |talk: &mut Self, first: Vec<u8>| {
            let secret = Secret::Sha2 {
                answer: first,
                scramble: talk.scramble.to_vec(),
            };
            talk.decide(host, SHA2, secret, false);
        };
        let Some(key) = self.settings.key.clone() else {
            return refused(self, first);
        };
        if body == [ASK_FOR_KEY] && !sent {
            let mut answer = vec![1];
            answer.extend(key.public_key_to_pem().unwrap_or_default());
            self.out.put(&answer);
            self.stage = Stage::Login(Challenge::Whole(first, true));
            return;
        }
        let mut plain = vec![0; key.size() as usize];
        match key.private_decrypt(body, &mut plain, Padding::PKCS1_OAEP) {
            Ok(count) => {
                plain.truncate(count);
                let pad = self.scramble.iter().cycle();
                plain.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
                let password = plain.strip_suffix(&[0]).unwrap_or(&plain).to_vec();
                self.with_password(host, SHA2, password);
            }
            Err(_) => refused(self, first),
        }
    }

    fn with_password(&mut self, host: &dyn Host, method: &'static str, password: Vec<u8>) {
        let fits = self.stored().is_some_and(|stored| stored == native_hash(&password));
        if fits && method == SHA2 && !password.is_empty() {
            let mut known = self.settings.known.borrow_mut();
            known.insert(self.user.clone(), password.clone());
        }
        self.decide(host, method, Secret::Plain(password), fits);
    }

    fn decide(&mut self, host: &dyn Host, method: &'static str, secret: Secret, fits: bool) {
        let accepted = !self.settings.closed && (fits || self.settings.open);
        let with = !matches!(&secret, Secret::Plain(password) if password.is_empty());
        self.tell(Record::Login {
            user: self.user.clone(),
            database: self.database.clone(),
            method,
            secret,
            accepted,
            attributes: self.attributes.clone(),
        });
        if !accepted {
            return self.die(&self.denied(with));
        }
        if self.settings.open && self.cluster.borrow().role(&self.user).is_none() {
            self.cluster.borrow_mut().add_role(&self.user, None);
        }
        let client = Client::new(self.cluster.clone(), self.persona.clone(), &self.user);
        let Some(mut client) = client else {
            return self.close();
        };
        client.speaks(self.collation);
        let database = std::mem::take(&mut self.database);
        if !database.is_empty()
            && let Err(refusal) = client.use_schema(host, &database)
        {
            return self.die(&refusal);
        }
        self.out.ok(0, (0, 0), self.status(&client), "");
        self.stage = Stage::Ready(Box::new(client));
    }

    /// `COM_CHANGE_USER`: who it is now, shown anew.
    pub(super) fn change_user(&mut self, host: &dyn Host, body: &[u8]) {
        let mut fields = Fields(body);
        let read = |fields: &mut Fields<'_>| -> Option<(String, Vec<u8>, String, String)> {
            let user = lossy(fields.text()?);
            let count = fields.byte()?;
            let answer = fields.bytes(count.into())?.to_vec();
            let database = lossy(fields.text()?);
            fields.short()?;
            let plugin = lossy(fields.text().unwrap_or(NATIVE.as_bytes()));
            Some((user, answer, database, plugin))
        };
        let Some((user, answer, database, plugin)) = read(&mut fields) else {
            return self.die(&Refusal {
                number: 1047,
                state: "08S01",
                message: "Unknown command".into(),
            });
        };
        (self.user, self.database) = (user, database);
        self.attributes = attributes(fields);
        self.statements.clear();
        self.begin_login(host, &answer, &plugin);
    }
}

/// Whether the flags at the front are those of a client of before 4.1.
fn is_old(body: &[u8]) -> bool {
    matches!(body, [_, more, ..] if more & (can::PROTOCOL_41 >> 8) as u8 == 0)
}

/// Bytes without NUL; MariaDB takes them all from what is printable.
fn scramble(host: &dyn Host, printable: bool) -> [u8; 20] {
    let mut bytes = [0; 20];
    for byte in &mut bytes {
        let drawn = host.random();
        *byte = if printable {
            33 + (drawn % 94) as u8
        } else {
            // Neither NUL nor `$`, which end things for MySQL.
            match (drawn & 0x7f) as u8 {
                0 => 1,
                b'$' => b'%',
                byte => byte,
            }
        };
    }
    bytes
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(512)]).into_owned()
}

fn attributes(mut fields: Fields<'_>) -> Vec<(String, String)> {
    let Some(all) = fields.sized() else { return Vec::new() };
    let mut fields = Fields(all);
    let mut found = Vec::new();
    while found.len() < MOST_ATTRIBUTES
        && let Some((name, value)) = fields.sized().zip(fields.sized())
    {
        found.push((lossy(name), lossy(value)));
    }
    found
}
