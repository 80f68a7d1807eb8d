//! What the mail services of a machine share: who has a mailbox, who may log in, and the mail itself.

pub(super) mod login;
pub(super) mod maildir;
pub(super) mod pack;
pub mod store;
pub mod talk;

use crate::machine::Machine;

/// Where the mailboxes of a machine are, each in a folder of its user's name.
pub(super) const SPOOL: &str = "/var/mail";

/// The user whose mailbox a local name is, by way of `/etc/aliases`.
pub(super) fn mailbox(machine: &Machine, name: &str) -> Option<String> {
    let aliases = std::fs::read(machine.path("/etc/aliases")).unwrap_or_default();
    let aliases = String::from_utf8_lossy(&aliases);
    let mut name = name.to_owned();
    // An alias may lead to another, or round in circles.
    for _ in 0..8 {
        let Some(target) = alias(&aliases, &name) else { break };
        name = target;
    }
    machine.account(&name).map(|account| account.name)
}

fn alias(text: &str, wanted: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, target) = line.split_once(':')?;
        let target = target.split(',').next()?.trim();
        (name.trim().eq_ignore_ascii_case(wanted) && !target.is_empty()).then(|| target.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::alias;

    #[test]
    fn an_alias_is_found_by_its_whole_name_in_any_case() {
        let text = "# See man 5 aliases for format\npostmaster:    root\nOps: kim, bo\nnone:\n";
        assert_eq!(alias(text, "Postmaster").as_deref(), Some("root"));
        assert_eq!(alias(text, "ops").as_deref(), Some("kim"));
        assert_eq!(alias(text, "post"), None);
        assert_eq!(alias(text, "none"), None);
    }
}
