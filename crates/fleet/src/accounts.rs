//! The accounts of a machine: root and one ordinary one with weak passwords of their own, or what the operator says.

use std::collections::BTreeMap;

use model::machine::User;
use serde_json::Value;

use crate::catalogue::Distro;
use crate::draw::Seed;

const FIRST_UID: u32 = 1000;
const LONGEST_PASSWORD: usize = 128;
const MOST_ACCOUNTS: usize = 64;

/// What an operator may say of accounts.
#[derive(Default)]
pub(crate) struct Wishes {
    root: Option<String>,
    /// Empty for no ordinary account.
    user: Option<String>,
    user_password: Option<String>,
    more: Vec<(String, String)>,
}

// === impl Wishes ===

impl Wishes {
    /// From the machine's config keys `password`, `user`, `user_password` and `users`; what is wrong with a value is
    /// told by key, without repeating the value.
    pub(crate) fn read(machine: &BTreeMap<String, Value>) -> Result<Self, (&'static str, String)> {
        let text = |key| machine.get(key).and_then(Value::as_str).map(str::to_owned);
        let password = |key| match text(key) {
            Some(password) if !is_password(&password) => Err((key, unfit_password())),
            password => Ok(password),
        };
        let user = text("user");
        if user
            .as_deref()
            .is_some_and(|name| !name.is_empty() && !is_account(name))
        {
            return Err(("user", unfit_account(user.as_deref().unwrap_or_default())));
        }
        if user.as_deref() == Some("root") {
            return Err(("user", "root always exists; `password` is its password".into()));
        }
        Ok(Self {
            root: password("password")?,
            user,
            user_password: password("user_password")?,
            more: text("users").map_or(Ok(Vec::new()), |list| {
                read_list(&list).map_err(|wrong| ("users", wrong))
            })?,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none() && self.user.is_none() && self.user_password.is_none() && self.more.is_empty()
    }

    /// Complete accounts; what was not said is drawn from `passwords` and the distro's usual names.
    pub(crate) fn accounts(&self, distro: &Distro, passwords: &[String], identity: &Seed) -> Vec<User> {
        let drawn = |name: &str| {
            let mut stream = identity.stream(&format!("password/{name}"));
            stream
                .pick(passwords)
                .map_or_else(String::new, |password| password.replace("{user}", name))
        };
        let given = |name: &str| {
            self.more
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, password)| password.clone())
        };
        let account = |name: &str, password: Option<String>, uid, sudo| User {
            password: given(name).or(password).unwrap_or_else(|| drawn(name)),
            name: name.to_owned(),
            uid,
            sudo,
        };
        let mut accounts = vec![account("root", self.root.clone(), 0, false)];
        let ordinary = match &self.user {
            Some(name) => name.clone(),
            None => identity
                .stream("account")
                .pick(&distro.accounts)
                .cloned()
                .unwrap_or_default(),
        };
        if !ordinary.is_empty() {
            accounts.push(account(&ordinary, self.user_password.clone(), FIRST_UID, true));
        }
        let more = self
            .more
            .iter()
            .filter(|(name, _)| *name != "root" && *name != ordinary);
        accounts.extend(
            more.zip(FIRST_UID + 1..)
                .map(|((name, _), uid)| account(name, None, uid, false)),
        );
        accounts
    }
}

/// `name:password,…`; a password ends at the next comma.
fn read_list(list: &str) -> Result<Vec<(String, String)>, String> {
    let mut accounts: Vec<(String, String)> = Vec::new();
    for (n, entry) in list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .enumerate()
    {
        let (name, password) = entry
            .split_once(':')
            .ok_or_else(|| format!("entry {} has no `:` between name and password", n + 1))?;
        if !is_account(name) {
            return Err(unfit_account(name));
        }
        if !is_password(password) {
            return Err(format!("`{name}`: {}", unfit_password()));
        }
        if accounts.iter().any(|(other, _)| other == name) {
            return Err(format!("`{name}` is there twice"));
        }
        if accounts.len() == MOST_ACCOUNTS {
            return Err(format!("there are more than {MOST_ACCOUNTS} accounts"));
        }
        accounts.push((name.to_owned(), password.to_owned()));
    }
    Ok(accounts)
}

/// What `useradd` takes.
pub(crate) fn is_account(name: &str) -> bool {
    let first = |b: u8| b.is_ascii_lowercase() || b == b'_';
    let inner = |b: u8| first(b) || b.is_ascii_digit() || b == b'-';
    matches!(name.as_bytes(), [head, rest @ ..] if first(*head) && rest.iter().all(|&b| inner(b)) && rest.len() < 32)
}

fn is_password(password: &str) -> bool {
    (1..=LONGEST_PASSWORD).contains(&password.len()) && !password.chars().any(char::is_control)
}

fn unfit_account(name: &str) -> String {
    format!("`{name}` is no account name: lower-case letters, digits, `-` and `_`, at most 32")
}

fn unfit_password() -> String {
    format!("a password has 1 to {LONGEST_PASSWORD} bytes and no control characters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn every_machine_draws_its_own_weak_passwords_and_keeps_them() {
        let catalogue = Catalogue::builtin().unwrap();
        let drawn = |n| accounts(&catalogue, &[], n);
        assert_eq!(drawn(1), drawn(1));
        let roots: std::collections::BTreeSet<_> = (0..40).map(|n| drawn(n)[0].password.clone()).collect();
        assert!(roots.len() > 10, "{roots:?}");
        let [root, user] = &drawn(1)[..] else {
            panic!("two accounts")
        };
        assert_eq!((root.name.as_str(), root.uid, root.sudo), ("root", 0, false));
        assert!(catalogue.distro("debian").unwrap().accounts.contains(&user.name));
        assert_eq!((user.uid, user.sudo), (1000, true));
        assert!(!root.password.contains('{') && !user.password.contains('{'));
    }

    #[test]
    fn what_the_operator_says_stands() {
        let catalogue = Catalogue::builtin().unwrap();
        let said = [
            ("password", "hunter2"),
            ("user", "bob"),
            ("user_password", "b0b"),
            ("users", "eve:e:v e, dan:d4n"),
        ];
        let accounts = accounts(&catalogue, &said, 1);
        let seen: Vec<_> = accounts
            .iter()
            .map(|u| (u.name.as_str(), u.password.as_str(), u.uid, u.sudo))
            .collect();
        assert_eq!(
            seen,
            [
                ("root", "hunter2", 0, false),
                ("bob", "b0b", 1000, true),
                ("eve", "e:v e", 1001, false),
                ("dan", "d4n", 1002, false)
            ]
        );
    }

    #[test]
    fn a_blank_user_means_root_alone() {
        let catalogue = Catalogue::builtin().unwrap();
        assert_eq!(accounts(&catalogue, &[("user", "")], 1).len(), 1);
    }

    #[test]
    fn what_cannot_be_an_account_is_told_without_the_password() {
        for (key, value) in [
            ("users", "bob"),
            ("users", "Bob:hunter2"),
            ("users", "bob:"),
            ("users", "bob:hunter2,bob:hunter2"),
            ("user", "no body"),
            ("user", "root"),
            ("password", "hunter2\u{7}"),
        ] {
            let (wrong, why) = Wishes::read(&machine(&[(key, value)])).err().unwrap();
            assert_eq!(wrong, key);
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    fn accounts(catalogue: &Catalogue, said: &[(&str, &str)], seed: u64) -> Vec<User> {
        let wishes = Wishes::read(&machine(said)).ok().unwrap();
        wishes.accounts(
            catalogue.distro("debian").unwrap(),
            &catalogue.passwords,
            &Seed::from_number(seed),
        )
    }

    fn machine(said: &[(&str, &str)]) -> BTreeMap<String, Value> {
        said.iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect()
    }
}
