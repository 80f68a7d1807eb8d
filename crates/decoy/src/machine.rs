//! The machine all its services share: users, files, seed.

use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use model::machine::MachineSpec;
use sha2::Sha256;

pub struct Machine {
    /// `/` in a decoy machine; another folder in tests.
    root: PathBuf,
    spec: MachineSpec,
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub shell: String,
}

// === impl Machine ===

impl Machine {
    pub fn new(root: impl Into<PathBuf>, spec: MachineSpec) -> Self {
        Self {
            root: root.into(),
            spec,
        }
    }

    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    pub fn hostname(&self) -> &str {
        &self.spec.hostname
    }

    /// Where an absolute path of the machine lies.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root
            .join(Path::new(absolute).strip_prefix("/").unwrap_or(Path::new(absolute)))
    }

    /// 32 bytes that are this machine's for that purpose, for ever (`service/purpose`; decoys.md §3).
    pub fn draw(&self, purpose: &str) -> [u8; 32] {
        let seed = hex::decode(&self.spec.seed).unwrap_or_default();
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&seed) else {
            return [0; 32];
        };
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The account of that name, from the machine's own `/etc/passwd`.
    pub fn account(&self, name: &str) -> Option<Account> {
        let passwd = std::fs::read_to_string(self.path("/etc/passwd")).ok()?;
        passwd
            .lines()
            .filter_map(Account::parse)
            .find(|account| account.name == name)
    }

    /// The account, when the password is the one in `/etc/shadow`.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Account> {
        let known = self.spec.users.iter().find(|user| user.name == name)?;
        (!known.password.is_empty() && known.password.as_bytes() == password)
            .then(|| self.account(name))
            .flatten()
    }
}

impl Account {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _, uid, gid, _, home, shell) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        Some(Self {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.to_owned(),
            shell: shell.to_owned(),
        })
    }
}
