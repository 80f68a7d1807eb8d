//! Who may come in: tries counted and delayed as sshd with PAM does it, each one told.

use std::sync::Arc;
use std::time::Duration;

use model::detail::{Login, Secret};
use model::event::Fields;
use ssh::{Attempt, Key, Verdict};
use time::OffsetDateTime;

use super::keys;
use crate::conn::Log;
use crate::machine::{Account, Machine, login_records};
use crate::shell::spread;

/// sshd's `MaxAuthTries`.
const MAX_TRIES: u32 = 6;
/// pam_unix asks for two seconds after a wrong password; PAM spreads them by half.
const PAM_DELAY: Duration = Duration::from_secs(2);
const TOO_MANY: &str = "Too many authentication failures";
const PROMPT: &str = "Password: ";

/// One connection's tries.
pub struct Guard {
    machine: Arc<Machine>,
    log: Log,
    tries: u32,
    failures: u32,
    /// The dialogue may be used: the claimed product offers it.
    dialogue: bool,
    account: Option<Account>,
}

// === impl Guard ===

impl Guard {
    pub fn new(machine: Arc<Machine>, log: Log, dialogue: bool) -> Self {
        Self {
            machine,
            log,
            tries: 0,
            failures: 0,
            dialogue,
            account: None,
        }
    }

    /// Judges a try and tells it; takes the time the real one takes.
    pub async fn judge(&mut self, user: &str, attempt: &Attempt) -> Verdict {
        self.tries += 1;
        match attempt {
            Attempt::None => self.none(user),
            Attempt::Password(password) => self.password(user, "password", password).await,
            Attempt::Dialogue if self.dialogue => Verdict::Ask(PROMPT),
            Attempt::Dialogue | Attempt::Unknown => self.failed(),
            Attempt::Answers(answers) => {
                let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
                self.password(user, "keyboard-interactive", answer).await
            }
            Attempt::Offered(key) => self.offered(user, key),
            Attempt::Signed(key) => self.signed(user, key, true),
            Attempt::Forged(key) => self.signed(user, key, false),
        }
    }

    /// Who came in.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    fn none(&mut self, user: &str) -> Verdict {
        self.tell(user, "none", Secret::of(Secret::NONE, b""), false);
        // The first one only asks what else there is.
        if self.tries > 1 { self.failed() } else { Verdict::Refuse }
    }

    async fn password(&mut self, user: &str, method: &'static str, password: &[u8]) -> Verdict {
        let account = self.machine.login(user, password);
        self.tell(user, method, Secret::plaintext(password), account.is_some());
        if account.is_some() {
            return self.accepted(account);
        }
        self.note_refused(user);
        tokio::time::sleep(spread(PAM_DELAY)).await;
        self.failed()
    }

    fn offered(&mut self, user: &str, key: &Key) -> Verdict {
        let accepted = self.authorized(user, key).is_some();
        self.log.report_as(
            "pubkey_offered",
            Fields::from_iter([
                ("user".to_owned(), user.into()),
                ("key_type".to_owned(), key.algorithm.as_str().into()),
                ("fp_sha256".to_owned(), keys::fingerprint(&key.blob).into()),
                ("accepted".to_owned(), accepted.into()),
            ]),
        );
        if accepted {
            return Verdict::Accept;
        }
        self.tell(user, "publickey", Secret::of("ssh_pubkey", &key.blob), false);
        self.failed()
    }

    fn signed(&mut self, user: &str, key: &Key, verified: bool) -> Verdict {
        let account = self.authorized(user, key).filter(|_| verified);
        self.tell(
            user,
            "publickey",
            Secret::of("ssh_pubkey", &key.blob),
            account.is_some(),
        );
        if account.is_some() {
            self.accepted(account)
        } else {
            self.failed()
        }
    }

    fn accepted(&mut self, account: Option<Account>) -> Verdict {
        self.account = account;
        Verdict::Accept
    }

    fn failed(&mut self) -> Verdict {
        self.failures += 1;
        if self.failures >= MAX_TRIES {
            Verdict::Disconnect(TOO_MANY)
        } else {
            Verdict::Refuse
        }
    }

    /// The account, when its own file lists the key.
    fn authorized(&self, user: &str, key: &Key) -> Option<Account> {
        let account = self.machine.account(user)?;
        let folder = self.machine.path(&account.home).join(".ssh");
        let listed = ["authorized_keys", "authorized_keys2"]
            .iter()
            .filter_map(|name| std::fs::read(folder.join(name)).ok())
            .any(|file| keys::lists(&file, key));
        listed.then_some(account)
    }

    fn tell(&self, user: &str, method: &'static str, secret: Secret, accepted: bool) {
        self.log.report(Login {
            principal: Some(user.to_owned()),
            method: method.into(),
            secret,
            outcome: accepted.into(),
        });
    }

    fn note_refused(&self, user: &str) {
        if let Some(src) = self.log.place().src {
            // The record is a courtesy to `lastb`.
            let _ = self.machine.record_failure(&login_records::Login {
                user: user.to_owned(),
                line: "ssh:notty".to_owned(),
                pid: std::process::id() as i32,
                from: src.ip,
                at: OffsetDateTime::now_utc(),
            });
        }
    }
}
