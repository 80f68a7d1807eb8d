//! Real sessions on the machine: a login's processes, their terminal, and the record of what passed.
//!
//! Who may come in is decided by the services (`services::ssh`, `services::telnet`); what they are given is here.

pub mod capture;
pub mod environment;
pub mod greeting;
pub mod lines;
pub mod pty;
pub mod recorder;
pub mod session;
pub mod tape;
pub mod watch;

mod modes;
mod sys;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};
use tokio::process::{Child, Command};

use crate::machine::{Account, Machine};
use pty::Master;

/// A terminal holds more than this before anybody reads it.
const MAX_PRINT: usize = 32 * 1024;

/// What an account's shell is asked to do.
#[derive(Clone, Copy, Debug)]
pub enum Program<'a> {
    /// Its login shell, reading commands.
    Login,
    /// One command line.
    Command(&'a [u8]),
    /// A program of the machine in place of the shell.
    File(&'a str, &'a [&'a str]),
}

/// The terminal a peer says it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    pub term: String,
    pub cols: u16,
    pub rows: u16,
    /// Encoded terminal modes: opcodes and values of RFC 4254 §8.
    pub modes: Vec<(u8, u32)>,
}

/// A running program, with a terminal or with three pipes.
pub struct Started {
    pub child: Child,
    pub master: Option<Master>,
}

/// A terminal that waits for its program.
pub struct Waiting {
    master: Master,
    slave: OwnedFd,
    /// `/dev/pts/0`.
    pub name: String,
}

/// Opens a terminal that belongs to the account.
pub fn open_terminal(machine: &Machine, account: &Account, terminal: &Terminal) -> io::Result<Waiting> {
    let pair = sys::open_terminal()?;
    let tty = group_id(machine, "tty").unwrap_or(account.gid);
    if nix::unistd::geteuid().is_root() {
        let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(tty));
        nix::unistd::fchown(&pair.slave, Some(uid), Some(gid))?;
    }
    nix::sys::stat::fchmod(pair.slave.as_fd(), Mode::from_bits_truncate(0o620))?;
    let master = Master::new(pair.master)?;
    master.resize(terminal.cols, terminal.rows);
    let mut settings = master.settings()?;
    modes::apply(&mut settings, &terminal.modes);
    master.set(&settings)?;
    Ok(Waiting {
        master,
        slave: pair.slave,
        name: pair.name,
    })
}

/// Starts the program as the account, with exactly that environment.
pub fn start(
    machine: &Machine,
    account: &Account,
    program: Program<'_>,
    environment: &[(String, String)],
    terminal: Option<Waiting>,
) -> io::Result<Started> {
    let mut command = command(account, program);
    command
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)));
    let home = machine.path(&account.home);
    command.current_dir(if home.is_dir() { &home } else { Path::new("/") });
    match &terminal {
        Some(waiting) => {
            command.stdin(Stdio::from(waiting.slave.try_clone()?));
            command.stdout(Stdio::from(waiting.slave.try_clone()?));
            command.stderr(Stdio::from(waiting.slave.try_clone()?));
        }
        None => {
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        }
    }
    let who = sys::Identity {
        uid: account.uid,
        gid: account.gid,
        groups: groups_of(machine, account),
    };
    sys::become_account(&mut command, who, terminal.is_some());
    let child = Command::from(command).spawn()?;
    Ok(Started {
        child,
        master: terminal.map(|waiting| waiting.master),
    })
}

impl Waiting {
    pub fn master(&self) -> Master {
        self.master.clone()
    }

    /// Tabs come out as spaces.
    pub fn expand_tabs(&self) -> io::Result<()> {
        let mut settings = self.master.settings()?;
        settings.output_flags.insert(nix::sys::termios::OutputFlags::XTABS);
        self.master.set(&settings)
    }

    /// Shows something before any program does. More than the terminal holds is not shown.
    pub fn print(&self, text: &[u8]) -> io::Result<()> {
        let text = &text[..text.len().min(MAX_PRINT)];
        nix::unistd::write(&self.slave, text)?;
        Ok(())
    }

    /// As the login records name it: `pts/0`.
    pub fn line(&self) -> &str {
        self.name.strip_prefix("/dev/").unwrap_or(&self.name)
    }
}

/// A delay as PAM takes it: between half and one and a half of it, likeliest near itself.
pub fn spread(delay: Duration) -> Duration {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let sum: u32 = bytes[..3].iter().map(|&byte| u32::from(byte)).sum();
    delay.mul_f64(0.5 + f64::from(sum) / (3.0 * 255.0))
}

fn command(account: &Account, program: Program<'_>) -> std::process::Command {
    let shell = if account.shell.is_empty() {
        "/bin/sh"
    } else {
        &account.shell
    };
    let name = Path::new(shell).file_name().unwrap_or_default();
    match program {
        Program::Login => {
            let mut command = std::process::Command::new(shell);
            command.arg0(format!("-{}", name.to_string_lossy()));
            command
        }
        Program::Command(line) => {
            let mut command = std::process::Command::new(shell);
            command.arg0(name).arg("-c").arg(std::ffi::OsStr::from_bytes(line));
            command
        }
        Program::File(path, arguments) => {
            let mut command = std::process::Command::new(path);
            command.args(arguments);
            command
        }
    }
}

/// The account's groups, from the machine's own `/etc/group`.
fn groups_of(machine: &Machine, account: &Account) -> Vec<u32> {
    let mut groups = vec![account.gid];
    for_each_group(machine, |_, gid, members| {
        if gid != account.gid && members.split(',').any(|member| member == account.name) {
            groups.push(gid);
        }
    });
    groups
}

fn group_id(machine: &Machine, wanted: &str) -> Option<u32> {
    let mut found = None;
    for_each_group(machine, |name, gid, _| {
        if name == wanted {
            found = Some(gid);
        }
    });
    found
}

fn for_each_group(machine: &Machine, mut each: impl FnMut(&str, u32, &str)) {
    let text = std::fs::read_to_string(machine.path("/etc/group")).unwrap_or_default();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(gid), Some(members)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
            && let Ok(gid) = gid.parse()
        {
            each(name, gid, members);
        }
    }
}
