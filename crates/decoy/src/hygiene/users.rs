//! Accounts the spec or a service asks for.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use model::machine::User;

use super::files::{change, copy_tree, own};
use super::passwd;
use crate::machine::{Account, Machine};

const GROUPS_OF_SUDO: [&str; 2] = ["sudo", "wheel"];

/// Makes a person's account: lines, password, groups, home.
pub(super) fn make_user(machine: &Machine, user: &User) -> io::Result<()> {
    let account = machine
        .account(&user.name)
        .unwrap_or_else(|| new_account(machine, user));
    add_account(machine, &account, ",,,")?;
    if let Some(field) = machine.written_secret(&user.name) {
        change(machine, "/etc/shadow", |text| {
            passwd::with_secret(text, &user.name, &field)
        })?;
    }
    if user.sudo {
        let groups = fs::read_to_string(machine.path("/etc/group"))?;
        if let Some(sudo) = GROUPS_OF_SUDO.iter().find(|group| passwd::has(&groups, group)) {
            for file in ["/etc/group", "/etc/gshadow"] {
                change(machine, file, |text| passwd::with_member(text, sudo, &user.name))?;
            }
        }
    }
    make_home(machine, &account)
}

/// Makes the users services run as, where the image has none of them.
pub(super) fn make_service_users(machine: &Machine) -> io::Result<()> {
    for service in &machine.spec().services {
        let wanted = crate::services::entry(&service.slug).map_or(&[][..], |entry| entry.run_as);
        let Some(first) = wanted.first() else { continue };
        if wanted.iter().any(|name| machine.account(name).is_some()) {
            continue;
        }
        let read = |path| fs::read_to_string(machine.path(path));
        let id = passwd::free_system_id(&read("/etc/passwd")?, &read("/etc/group")?);
        let account = Account {
            name: (*first).to_owned(),
            uid: id,
            gid: id,
            home: format!("/var/lib/{first}"),
            shell: "/usr/sbin/nologin".into(),
        };
        add_account(machine, &account, "")?;
    }
    Ok(())
}

fn new_account(machine: &Machine, user: &User) -> Account {
    let shells = ["/bin/bash", "/bin/ash", "/bin/sh"];
    let shell = shells
        .into_iter()
        .find(|shell| machine.path(shell).exists())
        .unwrap_or("/bin/sh");
    Account {
        name: user.name.clone(),
        uid: user.uid,
        gid: user.uid,
        home: if user.name == "root" {
            "/root".into()
        } else {
            format!("/home/{}", user.name)
        },
        shell: shell.into(),
    }
}

fn add_account(machine: &Machine, account: &Account, gecos: &str) -> io::Result<()> {
    let Account { name, gid, .. } = account;
    change(machine, "/etc/passwd", |text| {
        passwd::with_account(text, account, gecos)
    })?;
    change(machine, "/etc/shadow", |text| {
        if passwd::has(text, name) {
            text.into()
        } else {
            passwd::with_secret(text, name, "!")
        }
    })?;
    change(machine, "/etc/group", |text| {
        passwd::with_group(text, name, &format!("x:{gid}:"))
    })?;
    change(machine, "/etc/gshadow", |text| passwd::with_group(text, name, "!::"))
}

fn make_home(machine: &Machine, account: &Account) -> io::Result<()> {
    let home = machine.path(&account.home);
    if home.exists() {
        return Ok(());
    }
    if let Some(folder) = home.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::create_dir(&home)?;
    let (owner, skel) = ((account.uid, account.gid), machine.path("/etc/skel"));
    if skel.is_dir() {
        copy_tree(&skel, &home, owner)?;
    }
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
    own(&home, owner)
}
