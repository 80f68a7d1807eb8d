//! The environment a login starts with.

use crate::machine::{Account, Machine};

/// `/etc/login.defs` of a fresh system, which is what sshd and login are built with.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/games";
const SUPER_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of a file of variables that are read.
const MAX_FILE: usize = 16 * 1024;

pub type Environment = Vec<(String, String)>;

/// What every login of the account has, before the service adds its own.
pub fn of(machine: &Machine, account: &Account) -> Environment {
    let home = machine.path(&account.home).to_string_lossy().into_owned();
    let path = if account.uid == 0 { SUPER_PATH } else { PATH };
    let mut variables: Environment = [
        ("USER", account.name.as_str()),
        ("LOGNAME", &account.name),
        ("HOME", &home),
        ("PATH", path),
        ("SHELL", &account.shell),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for file in ["/etc/environment", "/etc/default/locale"] {
        let text = std::fs::read(machine.path(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_FILE)]).into_owned();
        text.lines()
            .filter_map(assignment)
            .for_each(|(name, value)| set(&mut variables, name, value));
    }
    variables
}

/// Sets a variable in its place, or at the end.
pub fn set(variables: &mut Environment, name: &str, value: &str) {
    match variables.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => variables.push((name.to_owned(), value.to_owned())),
    }
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    sound.then(|| (name, value.trim_matches(['"', '\''])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_its_account_and_the_systems_variables() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/default")).unwrap();
        std::fs::write(
            root.path().join("etc/default/locale"),
            "# x\nLANG=\"en_US.UTF-8\"\nbad name=1\n",
        )
        .unwrap();
        let spec =
            r#"{"generation":1,"hostname":"h","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#;
        let machine = Machine::new(root.path(), serde_json::from_str(spec).unwrap());
        let account = Account {
            name: "bob".into(),
            uid: 1000,
            gid: 1000,
            home: "/home/bob".into(),
            shell: "/bin/bash".into(),
        };
        let environment = of(&machine, &account);
        let get = |name: &str| {
            environment
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(get("LOGNAME"), Some("bob"));
        assert_eq!(get("LANG"), Some("en_US.UTF-8"));
        assert_eq!(get("PATH"), Some(PATH));
        assert_eq!(environment.len(), 6);
    }
}
