//! The texts of `/etc/passwd`, `/etc/shadow`, `/etc/group` and `/etc/gshadow`, with somebody more in them.
//!
//! Each function gives the text back as it was when nothing is to be added, so what an intruder changed stays.

use crate::machine::{Account, secret};

/// `/etc/passwd` with the account, unless there is one of that name.
pub fn with_account(passwd: &str, account: &Account, gecos: &str) -> String {
    let Account {
        name,
        uid,
        gid,
        home,
        shell,
    } = account;
    with_line(passwd, name, &format!("{name}:x:{uid}:{gid}:{gecos}:{home}:{shell}"))
}

/// `/etc/shadow` with a hash for the user: a line of its own, or in the one of an account that never had a password.
pub fn with_secret(shadow: &str, name: &str, field: &str) -> String {
    match secret::field_of(shadow, name) {
        None => with_line(
            shadow,
            name,
            &format!("{name}:{field}:{}:0:99999:7:::", newest_day(shadow)),
        ),
        Some("*" | "!" | "!!" | "!*") => map_line(shadow, name, |fields| {
            if let Some(hash) = fields.get_mut(1) {
                *hash = field.to_owned();
            }
        }),
        Some(_) => shadow.to_owned(),
    }
}

/// `/etc/group` or `/etc/gshadow` with a line for the group, unless there is one. `rest` follows the name: `x:1000:`.
pub fn with_group(group: &str, name: &str, rest: &str) -> String {
    with_line(group, name, &format!("{name}:{rest}"))
}

/// `/etc/group` or `/etc/gshadow` with the user among the members of a group it has.
pub fn with_member(group: &str, name: &str, member: &str) -> String {
    map_line(group, name, |fields| {
        let Some(members) = fields.get_mut(3) else { return };
        if !members.split(',').any(|known| known == member) {
            let comma = if members.is_empty() { "" } else { "," };
            members.push_str(comma);
            members.push_str(member);
        }
    })
}

/// Whether the file has a line for the name.
pub fn has(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.split(':').next() == Some(name))
}

/// The id of a group in the text of `/etc/group`.
pub fn group_id(group: &str, name: &str) -> Option<u32> {
    let mut lines = group.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    })
}

/// The highest id below 1000 that neither accounts nor groups use, as `useradd --system` takes it.
pub fn free_system_id(passwd: &str, group: &str) -> u32 {
    let id = |line: &str| line.split(':').nth(2)?.parse::<u32>().ok();
    let taken: Vec<u32> = passwd.lines().chain(group.lines()).filter_map(id).collect();
    (100..1000).rev().find(|id| !taken.contains(id)).unwrap_or(999)
}

/// The day the image's last password was set: accounts added now are not to stand out.
fn newest_day(shadow: &str) -> u32 {
    let days = shadow
        .lines()
        .filter_map(|line| line.split(':').nth(2)?.parse::<u32>().ok());
    days.max().unwrap_or(19_600)
}

fn with_line(text: &str, name: &str, line: &str) -> String {
    if has(text, name) {
        return text.to_owned();
    }
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{gap}{line}\n")
}

fn map_line(text: &str, name: &str, change: impl Fn(&mut Vec<String>)) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        let mut fields: Vec<String> = body.split(':').map(str::to_owned).collect();
        if fields.first().is_some_and(|first| first == name) {
            change(&mut fields);
        }
        fields.join(":") + end
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin() -> Account {
        Account {
            name: "admin".into(),
            uid: 1000,
            gid: 1000,
            home: "/home/admin".into(),
            shell: "/bin/bash".into(),
        }
    }

    #[test]
    fn a_new_user_stands_at_the_end_and_only_once() {
        let once = with_account("root:x:0:0:root:/root:/bin/bash", &admin(), ",,,");
        assert_eq!(
            once,
            "root:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000:,,,:/home/admin:/bin/bash\n"
        );
        assert_eq!(with_account(&once, &admin(), ",,,"), once);
    }

    #[test]
    fn a_password_is_set_where_there_was_none_and_never_over_one() {
        let shadow = "root:*:19700:0:99999:7:::\nbob:$6$x$y:19000:0:99999:7:::\neve:!$y$a:1::::::\n";
        let set = with_secret(shadow, "root", "$y$r");
        assert!(set.starts_with("root:$y$r:19700:0:99999:7:::\nbob:$6$x$y:"));
        assert_eq!(with_secret(&set, "root", "$y$other"), set);
        assert_eq!(with_secret(shadow, "bob", "$y$b"), shadow);
        assert_eq!(
            with_secret(shadow, "eve", "$y$b"),
            shadow,
            "an account somebody locked stays locked"
        );
        assert!(with_secret(shadow, "admin", "$y$n").ends_with("\nadmin:$y$n:19700:0:99999:7:::\n"));
    }

    #[test]
    fn a_user_joins_a_group_once() {
        let group = "root:x:0:\nsudo:x:27:bob\nadm:x:4:\n";
        let joined = with_member(group, "sudo", "admin");
        assert_eq!(joined, "root:x:0:\nsudo:x:27:bob,admin\nadm:x:4:\n");
        assert_eq!(with_member(&joined, "sudo", "admin"), joined);
        assert_eq!(
            with_member(group, "adm", "admin"),
            "root:x:0:\nsudo:x:27:bob\nadm:x:4:admin\n"
        );
        assert_eq!(with_member(group, "wheel", "admin"), group);
    }

    #[test]
    fn lines_nobody_can_read_stay_as_they_are() {
        let group = "garbage\n\n::::\nsudo:x:27:";
        assert_eq!(with_member(group, "sudo", "admin"), "garbage\n\n::::\nsudo:x:27:admin");
        assert_eq!(
            with_group(group, "admin", "x:1000:"),
            format!("{group}\nadmin:x:1000:\n")
        );
    }

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        assert_eq!(group_id("utmpx:x:7:\nutmp:x:43:a,b\n", "utmp"), Some(43));
        assert_eq!(group_id("utmp:x\n", "utmp"), None);
    }

    #[test]
    fn a_system_id_is_free_in_both_files() {
        assert_eq!(free_system_id("a:x:999:999:::\n", "b:x:998:\n"), 997);
    }
}
