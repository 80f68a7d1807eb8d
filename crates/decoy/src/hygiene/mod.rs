//! Makes the image the machine the spec tells of, before anybody can look (deploy.md §7.3).

mod boot;
mod files;
pub mod passwd;
pub mod sshkey;
mod users;

use std::io;

use model::detail::ConfigError;
use model::machine::MachineSpec;

use self::files::{Mode, put, put_in_place};
use crate::machine::Machine;

/// Does everything that must be so at each start, and at the first start what makes the machine itself: users, keys,
/// id. Tells what could not be done; the machine goes on without it.
pub fn prepare(machine: &Machine) -> Vec<ConfigError> {
    let mut problems = Problems::default();
    let spec = machine.spec();
    for path in &spec.unlink {
        problems.note(path, unlink(machine, path));
    }
    if !spec.resolvers.is_empty() {
        problems.note(
            "/etc/resolv.conf",
            put_in_place(machine, "/etc/resolv.conf", &resolv_conf(spec)),
        );
    }
    problems.note(
        "/etc/hostname",
        put_in_place(machine, "/etc/hostname", &format!("{}\n", spec.hostname)),
    );
    problems.note("service users", users::make_service_users(machine));
    problems.note("login records", boot::begin_login_records(machine));
    if !has_moved_in(machine) {
        move_in(machine, &mut problems);
    }
    problems.found
}

/// Users, keys and id: once, so that what is changed in the machine afterwards stays changed.
fn move_in(machine: &Machine, problems: &mut Problems) {
    for user in &machine.spec().users {
        problems.note(&user.name, users::make_user(machine, user));
    }
    let keys = &machine.spec().keys;
    for (kind, pem) in [
        ("ed25519", &keys.ssh_ed25519),
        ("ecdsa", &keys.ssh_ecdsa),
        ("rsa", &keys.ssh_rsa),
    ] {
        problems.note(&format!("ssh {kind} key"), put_ssh_key(machine, kind, pem));
    }
    problems.note("tls key", put_tls_key(machine));
    let id = machine_id(machine);
    problems.note(
        "/etc/machine-id",
        put(machine, "/etc/machine-id", &id, Mode::root(0o444)),
    );
}

fn has_moved_in(machine: &Machine) -> bool {
    std::fs::read(machine.path("/etc/machine-id")).is_ok_and(|id| id == machine_id(machine).as_bytes())
}

/// As systemd makes them: a random UUID of version 4 without its hyphens.
fn machine_id(machine: &Machine) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&machine.draw("system/machine-id")[..16]);
    format!("{}\n", uuid::Builder::from_random_bytes(bytes).into_uuid().simple())
}

fn resolv_conf(spec: &MachineSpec) -> String {
    let search = if spec.domain.is_empty() {
        String::new()
    } else {
        format!("search {}\n", spec.domain)
    };
    spec.resolvers
        .iter()
        .fold(search, |text, resolver| format!("{text}nameserver {resolver}\n"))
}

fn unlink(machine: &Machine, path: &str) -> io::Result<()> {
    match std::fs::remove_file(machine.path(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn put_ssh_key(machine: &Machine, kind: &str, pem: &str) -> io::Result<()> {
    if pem.is_empty() {
        return Ok(());
    }
    let comment = format!("root@{}", machine.hostname());
    let public = sshkey::public_line(pem, &comment).ok_or_else(|| io::Error::other("not an OpenSSH private key"))?;
    let path = format!("/etc/ssh/ssh_host_{kind}_key");
    put(machine, &path, pem, Mode::root(0o600))?;
    put(machine, &format!("{path}.pub"), &public, Mode::root(0o644))
}

fn put_tls_key(machine: &Machine) -> io::Result<()> {
    let keys = &machine.spec().keys;
    if keys.tls_cert.is_empty() || keys.tls_key.is_empty() {
        return Ok(());
    }
    put(
        machine,
        "/etc/ssl/certs/ssl-cert-snakeoil.pem",
        &keys.tls_cert,
        Mode::root(0o644),
    )?;
    put(
        machine,
        "/etc/ssl/private/ssl-cert-snakeoil.key",
        &keys.tls_key,
        Mode::root(0o640),
    )?;
    files::set_mode(machine, "/etc/ssl/private", 0o710)
}

#[derive(Default)]
struct Problems {
    found: Vec<ConfigError>,
}

// === impl Problems ===

impl Problems {
    fn note(&mut self, key: &str, result: io::Result<()>) {
        if let Err(error) = result {
            self.found.push(ConfigError {
                key: key.to_owned(),
                error: error.to_string(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
