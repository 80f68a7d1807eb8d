//! Where a container's programs run: the machine, its users and files, and the processes there.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use time::OffsetDateTime;

use super::{Launch, Refused};
use crate::machine::{Account, Machine};
use crate::shell;

const PATHS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Ends every process of the session a program began.
pub(super) fn end_all(leader: u32) {
    for (pid, _) in of_session(leader) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Processes of a session, and the fields of their `stat` after the name.
fn of_session(leader: u32) -> Vec<(i32, Vec<String>)> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of = pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<String> = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
        // The fourth after the name is the session.
        (fields.get(3)?.parse() == Ok(leader)).then_some((pid, fields))
    });
    of.collect()
}

/// Rows of `ps -ef`: user, pid, parent, share, start, terminal, time, command.
pub(in crate::services) fn processes(leader: u32, started: OffsetDateTime) -> Vec<Vec<String>> {
    let rows = of_session(leader).into_iter().map(|(pid, fields)| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let ticks: u64 = [11, 12]
            .iter()
            .filter_map(|at| fields.get(*at)?.parse::<u64>().ok())
            .sum::<u64>()
            / 100;
        let tty = if fields.get(4).is_some_and(|tty| tty != "0") {
            "pts/0"
        } else {
            "?"
        };
        vec![
            "root".to_owned(),
            pid.to_string(),
            fields.get(1).cloned().unwrap_or_default(),
            "0".to_owned(),
            format!("{:02}:{:02}", started.hour(), started.minute()),
            tty.to_owned(),
            format!("{:02}:{:02}:{:02}", ticks / 3600, ticks / 60 % 60, ticks % 60),
            words.join(" "),
        ]
    });
    rows.collect()
}

pub(super) fn account(machine: &Machine, launch: &Launch) -> Result<Account, Refused> {
    let name = launch.user.split(':').next().unwrap_or_default();
    let home = if launch.workdir.is_empty() {
        "/"
    } else {
        &launch.workdir
    };
    let account = match name {
        "" | "0" | "root" => Account {
            name: "root".into(),
            uid: 0,
            gid: 0,
            home: String::new(),
            shell: "/bin/sh".into(),
        },
        _ => match (machine.account(name), name.parse::<u32>()) {
            (Some(account), _) => account,
            (None, Ok(uid)) => Account {
                name: name.to_owned(),
                uid,
                gid: 0,
                home: String::new(),
                shell: "/bin/sh".into(),
            },
            _ => {
                return Err((
                    format!("unable to find user {name}: no matching entries in passwd file"),
                    125,
                ));
            }
        },
    };
    Ok(Account {
        home: home.to_owned(),
        ..account
    })
}

pub(super) fn find(launch: &Launch) -> Result<String, Refused> {
    let name = launch.argv.first().map_or("", String::as_str);
    let missing = |why: &str| (format!("exec: \"{name}\": {why}: unknown"), 127);
    if name.contains('/') {
        let found = Path::new(name).is_file();
        return found
            .then(|| name.to_owned())
            .ok_or_else(|| missing(&format!("stat {name}: no such file or directory")));
    }
    let path = launch
        .env
        .iter()
        .rev()
        .find_map(|pair| pair.strip_prefix("PATH="))
        .unwrap_or(PATHS);
    let found = path
        .split(':')
        .map(|folder| format!("{folder}/{name}"))
        .find(|path| Path::new(path).is_file());
    found
        .filter(|_| !name.is_empty())
        .ok_or_else(|| missing("executable file not found in $PATH"))
}

pub(super) fn environment(machine: &Machine, launch: &Launch, account: &Account) -> Vec<(String, String)> {
    let mut all = vec![
        ("PATH".to_owned(), PATHS.to_owned()),
        ("HOSTNAME".to_owned(), launch.hostname.clone()),
    ];
    if launch.tty {
        all.push(("TERM".to_owned(), "xterm".to_owned()));
    }
    let sound = launch.env.iter().filter(|pair| !pair.contains('\0'));
    for (name, value) in sound
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| !name.is_empty())
    {
        shell::environment::set(&mut all, name, value);
    }
    if !all.iter().any(|(name, _)| name == "HOME") {
        let home = machine
            .account(&account.name)
            .map_or("/".to_owned(), |account| account.home);
        all.push(("HOME".to_owned(), home));
    }
    all
}

/// A shell that reads commands, not one that is given them.
pub(super) fn is_shell(argv: &[String]) -> bool {
    let name = argv
        .first()
        .and_then(|name| name.rsplit('/').next())
        .unwrap_or_default();
    matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh")
        && argv[1..]
            .iter()
            .all(|word| matches!(word.as_str(), "-i" | "-l" | "--login"))
}

/// What of the machine is found in a container's folders while it runs: links where nothing else is.
pub(super) struct Bound(Vec<PathBuf>);

// === impl Bound ===

impl Bound {
    pub(super) fn new(machine: &Machine, binds: &[(String, String)]) -> Self {
        let places = binds
            .iter()
            .filter(|(source, destination)| source != destination)
            .filter_map(|(source, destination)| {
                let place = machine.path(destination);
                let source = machine.path(source);
                // An empty folder gives way; anything else stays as it is.
                let _ = std::fs::remove_dir(&place);
                if let Some(folder) = place.parent() {
                    std::fs::create_dir_all(folder).ok()?;
                }
                std::os::unix::fs::symlink(source, &place).ok()?;
                Some(place)
            });
        Self(places.collect())
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        for place in &self.0 {
            if place.is_symlink() && std::fs::remove_file(place).is_ok() {
                let _ = std::fs::create_dir(place);
            }
        }
    }
}
