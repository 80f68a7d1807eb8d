//! Who may log in: what PAM asks of a name before its password counts (`/etc/pam.d/vsftpd`).

use std::path::Path;

use crate::machine::{Account, Machine};

use super::files::Rights;

/// Whether files of the machine keep this account out: it is in `/etc/ftpusers`, or its shell is not in `/etc/shells`.
pub(super) fn is_barred(machine: &Machine, account: &Account) -> bool {
    let denied = text(&machine.path("/etc/ftpusers"));
    let shells = text(&machine.path("/etc/shells"));
    lists(&denied, &account.name) || !lists(&shells, &account.shell)
}

/// The account's rights, its groups from `/etc/group`.
pub(super) fn rights(machine: &Machine, account: &Account) -> Rights {
    Rights {
        uid: account.uid,
        gid: account.gid,
        groups: groups(&text(&machine.path("/etc/group")), account),
    }
}

fn lists(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line == wanted)
}

fn groups(text: &str, account: &Account) -> Vec<u32> {
    let member_of = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let (gid, members) = (fields.next()?.parse().ok()?, fields.next()?);
        members.split(',').any(|name| name == account.name).then_some(gid)
    };
    std::iter::once(account.gid)
        .chain(text.lines().filter_map(member_of))
        .collect()
}

fn text(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_are_the_own_one_and_those_that_list_the_name() {
        let account = Account::parse("kim:x:1000:1000::/home/kim:/bin/bash").unwrap();
        let text = "root:x:0:\nsudo:x:27:bo,kim\nkimchi:x:5:kimchi\nbad\nkim:x:1000:\n";
        assert_eq!(groups(text, &account), [1000, 27]);
    }
}
