//! The machine all its services share: users, files, seed.

mod account;
pub mod login_records;
pub mod secret;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, Mac};
use model::machine::MachineSpec;
use sha2::Sha256;

pub use self::account::Account;

pub struct Machine {
    /// `/` in a decoy machine; another folder in tests.
    root: PathBuf,
    spec: MachineSpec,
    /// By user: what [`Machine::written_secret`] came to.
    written: Mutex<HashMap<String, String>>,
}

// === impl Machine ===

impl Machine {
    pub fn new(root: impl Into<PathBuf>, spec: MachineSpec) -> Self {
        Self {
            root: root.into(),
            spec,
            written: Mutex::default(),
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

    /// What `/etc/os-release` has under that name, as `PRETTY_NAME`.
    pub fn os_release(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path("/etc/os-release")).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| value.trim_matches('"').to_owned())
    }

    /// The release of the kernel under it, as `6.1.0-28-amd64`.
    pub fn kernel(&self) -> String {
        nix::sys::utsname::uname().map_or_else(
            |_| "6.1.0-28-amd64".to_owned(),
            |names| names.release().to_string_lossy().into_owned(),
        )
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
        let passwd = std::fs::read(self.path("/etc/passwd")).ok()?;
        Account::find(&String::from_utf8_lossy(&passwd), name)
    }

    /// The account, when the password is the one in the machine's own `/etc/shadow`.
    ///
    /// Hashing takes some 30 ms of processor for accounts and passwords made in the machine; those of the spec, as
    /// long as nobody changed them in the machine, are compared as they are.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Account> {
        let account = self.account(name)?;
        let shadow = std::fs::read(self.path("/etc/shadow")).ok()?;
        let shadow = String::from_utf8_lossy(&shadow);
        let field = secret::field_of(&shadow, name)?;
        let right = match self.spec.users.iter().find(|user| user.name == name) {
            Some(user) if self.written_secret(name).as_deref() == Some(field) => {
                secret::is_same(user.password.as_bytes(), password)
            }
            _ => secret::verify(field, password),
        };
        right.then_some(account)
    }

    /// What stands in `/etc/shadow` for a user of the spec, until somebody changes it; none when it has no password.
    pub fn written_secret(&self, name: &str) -> Option<String> {
        let user = self
            .spec
            .users
            .iter()
            .find(|user| user.name == name && !user.password.is_empty())?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(field) = written.get(name) {
            return Some(field.clone());
        }
        let salt = self.draw(&format!("system/salt/{name}"));
        let field = secret::hash(
            secret::method_of(&self.spec.distro),
            user.password.as_bytes(),
            &salt[..16],
        )?;
        written.insert(name.to_owned(), field.clone());
        Some(field)
    }
}
