//! Users and what they may do.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::client::ClientId;
use super::glob;
use super::reply::{Bytes, Fault};
use super::server::Server;
use super::table::Facts;

/// Users and rules one can make.
const USERS: usize = 1000;
const RULES: usize = 1000;

pub(super) const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

pub(super) struct Acl {
    users: BTreeMap<Bytes, User>,
}

#[derive(Clone)]
pub(super) struct User {
    pub(super) on: bool,
    pub(super) nopass: bool,
    /// SHA-256, lower-case hex.
    pub(super) passwords: Vec<String>,
    /// `+get`, `-@dangerous` ..., the later ones winning; starts from nothing or from `+@all`.
    commands: Vec<String>,
    /// Patterns as given, `~`, `%R~` and `%W~` included.
    keys: Vec<Bytes>,
    channels: Vec<Bytes>,
}

// === impl Acl ===

impl Acl {
    /// The default user may do anything, with that password where it is not empty.
    pub(super) fn new(password: &[u8]) -> Self {
        let mut acl = Self {
            users: BTreeMap::from([(b"default".to_vec(), User::unbounded())]),
        };
        acl.require(password);
        acl
    }

    /// `requirepass`.
    pub(super) fn require(&mut self, password: &[u8]) {
        if let Some(user) = self.users.get_mut(&b"default"[..]) {
            user.nopass = password.is_empty();
            user.passwords = if password.is_empty() {
                Vec::new()
            } else {
                vec![digest(password)]
            };
        }
    }

    /// A new client needs no password.
    pub(super) fn is_open(&self) -> bool {
        self.users
            .get(&b"default"[..])
            .is_some_and(|user| user.on && user.nopass)
    }

    pub(super) fn accepts(&self, name: &[u8], password: &[u8]) -> bool {
        self.users
            .get(name)
            .is_some_and(|user| user.on && (user.nopass || user.passwords.contains(&digest(password))))
    }

    pub(super) fn user(&self, name: &[u8]) -> Option<&User> {
        self.users.get(name)
    }

    pub(super) fn users(&self) -> impl Iterator<Item = (&Bytes, &User)> {
        self.users.iter()
    }

    /// ACL SETUSER: all rules or none.
    pub(super) fn set(&mut self, name: &[u8], rules: &[Bytes], known: impl Fn(&str) -> bool) -> Result<(), Fault> {
        if self.users.len() >= USERS && !self.users.contains_key(name) {
            return Err(Fault::err("too many users"));
        }
        let mut user = self.users.get(name).cloned().unwrap_or_else(User::powerless);
        for rule in rules {
            user.apply(rule, &known).map_err(|reason| {
                Fault::err([b"Error in ACL SETUSER modifier '", &rule[..], b"': ", reason.as_bytes()].concat())
            })?;
        }
        self.users.insert(name.to_vec(), user);
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &[u8]) -> bool {
        self.users.remove(name).is_some()
    }
}

// === impl User ===

impl User {
    fn unbounded() -> Self {
        Self {
            on: true,
            nopass: true,
            passwords: Vec::new(),
            commands: vec!["+@all".into()],
            keys: vec![b"~*".to_vec()],
            channels: vec![b"&*".to_vec()],
        }
    }

    fn powerless() -> Self {
        Self {
            on: false,
            nopass: false,
            passwords: Vec::new(),
            commands: vec!["-@all".into()],
            keys: Vec::new(),
            channels: Vec::new(),
        }
    }

    pub(super) fn commands(&self) -> String {
        self.commands.join(" ")
    }

    pub(super) fn keys(&self) -> Bytes {
        self.keys.join(&b' ')
    }

    pub(super) fn channels(&self) -> Bytes {
        self.channels.join(&b' ')
    }

    /// Its line in ACL LIST.
    pub(super) fn line(&self, name: &[u8]) -> Bytes {
        let mut parts = vec![
            b"user".to_vec(),
            name.to_vec(),
            if self.on { b"on".to_vec() } else { b"off".to_vec() },
        ];
        if self.nopass {
            parts.push(b"nopass".to_vec());
        }
        parts.extend(self.passwords.iter().map(|hash| format!("#{hash}").into_bytes()));
        parts.extend(self.keys.iter().cloned());
        match self.channels.is_empty() {
            true => parts.push(b"resetchannels".to_vec()),
            false => parts.extend(self.channels.iter().cloned()),
        }
        parts.push(self.commands().into_bytes());
        parts.join(&b' ')
    }

    pub(super) fn may_run(&self, facts: &Facts) -> bool {
        let container = facts.name.split('|').next().unwrap_or_default();
        let mut may = false;
        for rule in &self.commands {
            let (allow, what) = (rule.starts_with('+'), &rule[1..]);
            let concerned = match what.strip_prefix('@') {
                Some("all") => true,
                Some(category) => facts.categories.iter().any(|held| held == category),
                None => what == facts.name || what == container,
            };
            if concerned {
                may = allow;
            }
        }
        may
    }

    pub(super) fn may_touch(&self, key: &[u8]) -> bool {
        self.keys.iter().any(|pattern| {
            let at = pattern.iter().position(|&b| b == b'~').map_or(0, |at| at + 1);
            glob::matches(&pattern[at..], key)
        })
    }

    fn apply(&mut self, rule: &[u8], known: impl Fn(&str) -> bool) -> Result<(), &'static str> {
        if self.commands.len() + self.keys.len() + self.channels.len() + self.passwords.len() > RULES {
            return Err("Syntax error");
        }
        let word = String::from_utf8_lossy(rule).to_ascii_lowercase();
        match (word.as_str(), rule) {
            ("on", _) => self.on = true,
            ("off", _) => self.on = false,
            ("nopass", _) => (self.nopass, self.passwords) = (true, Vec::new()),
            ("resetpass", _) => (self.nopass, self.passwords) = (false, Vec::new()),
            ("allkeys", _) | (_, b"~*") => self.keys = vec![b"~*".to_vec()],
            ("resetkeys", _) => self.keys.clear(),
            ("allchannels", _) | (_, b"&*") => self.channels = vec![b"&*".to_vec()],
            ("resetchannels", _) => self.channels.clear(),
            ("allcommands" | "+@all", _) => self.commands = vec!["+@all".into()],
            ("nocommands" | "-@all", _) => self.commands = vec!["-@all".into()],
            ("reset", _) => *self = Self::powerless(),
            ("sanitize-payload" | "skip-sanitize-payload" | "clearselectors", _) => {}
            (_, [b'>', password @ ..]) => self.add_password(digest(password)),
            (_, [b'<', password @ ..]) => self.drop_password(&digest(password))?,
            (_, [b'#', _, ..]) if is_hash(&word[1..]) => self.add_password(word[1..].to_owned()),
            (_, [b'#', ..]) => {
                return Err(
                    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
                );
            }
            (_, [b'!', ..]) => self.drop_password(&word[1..])?,
            (_, [b'~', ..]) | (_, [b'%', ..]) => self.keys.push(rule.to_vec()),
            (_, [b'&', ..]) => self.channels.push(rule.to_vec()),
            (_, [b'+' | b'-', ..]) => self.add_command(word, known)?,
            _ => return Err("Syntax error"),
        }
        Ok(())
    }

    fn add_command(&mut self, word: String, known: impl Fn(&str) -> bool) -> Result<(), &'static str> {
        let what = &word[1..];
        let fits = match what.strip_prefix('@') {
            Some(category) => CATEGORIES.contains(&category),
            None => known(what),
        };
        if !fits {
            return Err("Unknown command or category name in ACL");
        }
        self.commands.retain(|held| held[1..] != *what);
        self.commands.push(word);
        Ok(())
    }

    fn add_password(&mut self, hash: String) {
        self.nopass = false;
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
    }

    fn drop_password(&mut self, hash: &str) -> Result<(), &'static str> {
        let before = self.passwords.len();
        self.passwords.retain(|held| held != hash);
        if self.passwords.len() == before {
            Err("The password you are trying to remove from the user does not exist")
        } else {
            Ok(())
        }
    }
}

// === impl Server ===

impl Server {
    pub(super) fn permit_by_acl(&self, id: ClientId, facts: &Facts, args: &[Bytes]) -> Result<(), Fault> {
        let user = self
            .clients
            .get(&id)
            .and_then(|client| client.user.as_ref())
            .and_then(|name| self.acl.user(name));
        let Some(user) = user else {
            return Ok(());
        };
        if !user.may_run(facts) && !facts.has("no_auth") {
            let text = format!(
                "NOPERM this user has no permissions to run the '{}' command",
                facts.name
            );
            return Err(Fault::coded(text));
        }
        if !facts.fixed_keys(args).iter().all(|key| user.may_touch(key)) {
            return Err(Fault::coded(
                "NOPERM this user has no permissions to access one of the keys used as arguments",
            ));
        }
        Ok(())
    }
}

fn digest(password: &[u8]) -> String {
    hex::encode(Sha256::digest(password))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_user_is_shown_as_redis_shows_it() {
        let mut acl = Acl::new(b"");
        assert!(acl.is_open());
        assert_eq!(
            acl.user(b"default").unwrap().line(b"default"),
            b"user default on nopass ~* &* +@all"
        );
        acl.require(b"secret");
        assert!(!acl.is_open() && acl.accepts(b"default", b"secret") && !acl.accepts(b"default", b"x"));
    }

    #[test]
    fn the_last_rule_that_concerns_a_command_decides() {
        let mut acl = Acl::new(b"");
        let rules: Vec<Bytes> = ["on", ">p", "~a*", "+@read", "-get"].map(Into::into).into();
        acl.set(b"kim", &rules, |_| true).unwrap();
        let (user, table) = (acl.user(b"kim").unwrap(), super::super::table::Table::get());
        assert!(user.may_run(table.facts("mget").unwrap()) && !user.may_run(table.facts("get").unwrap()));
        assert!(user.may_touch(b"abc") && !user.may_touch(b"b"));
    }
}
