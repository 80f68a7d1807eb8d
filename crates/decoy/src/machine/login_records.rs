//! Who is logged in and who was: `/run/utmp`, `/var/log/wtmp`, `btmp` and `lastlog` as glibc lays them out (utmp(5)),
//! so that `who`, `w`, `last`, `lastb` and `lastlog` in the machine tell of the intruders' own sessions.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;

use time::OffsetDateTime;

use super::Machine;

const UTMP: &str = "/run/utmp";
const WTMP: &str = "/var/log/wtmp";
const BTMP: &str = "/var/log/btmp";
const LASTLOG: &str = "/var/log/lastlog";
const ENTRY: usize = 384;
const LAST: usize = 292;
/// Of `utmp`, which an intruder can make as large as the disk.
const MAX_READ: u64 = 1 << 20;

const RUN_LEVEL: i16 = 1;
const BOOT_TIME: i16 = 2;
const LOGIN_PROCESS: i16 = 6;
const USER_PROCESS: i16 = 7;
const DEAD_PROCESS: i16 = 8;

/// A login on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    /// The terminal without `/dev/`: `pts/0`.
    pub line: String,
    /// Of the process that leads the session.
    pub pid: i32,
    pub from: IpAddr,
    pub at: OffsetDateTime,
}

/// The login before, for the `Last login:` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLogin {
    pub at: OffsetDateTime,
    pub line: String,
    pub host: String,
}

/// An entry of utmp, wtmp or btmp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry<'a> {
    kind: i16,
    pid: i32,
    line: &'a str,
    id: &'a str,
    user: &'a str,
    host: &'a str,
    address: [u8; 16],
    seconds: i32,
    micros: i32,
}

// === impl Machine ===

impl Machine {
    /// Writes down that somebody logged in. Gives the login before, if there was one.
    pub fn record_login(&self, login: &Login) -> io::Result<Option<LastLogin>> {
        let host = login.from.to_string();
        let entry = login.entry(USER_PROCESS, &host).encode();
        self.update_utmp(&login.line, &entry)?;
        self.append(WTMP, &entry)?;
        let Some(account) = self.account(&login.user) else {
            return Ok(None);
        };
        self.swap_last(account.uid, login, &host)
    }

    /// Writes down that the session of that login is over.
    pub fn record_logout(&self, login: &Login, at: OffsetDateTime) -> io::Result<()> {
        let login = Login {
            at,
            user: String::new(),
            ..login.clone()
        };
        let mut entry = login.entry(DEAD_PROCESS, "");
        entry.address = [0; 16];
        self.update_utmp(&login.line, &entry.encode())?;
        self.append(WTMP, &entry.encode())
    }

    /// Writes down a refused login, as `lastb` shows it. `login.line` is `ssh:notty` for sshd.
    pub fn record_failure(&self, login: &Login) -> io::Result<()> {
        self.append(BTMP, &login.entry(LOGIN_PROCESS, &login.from.to_string()).encode())
    }

    /// The machine started: nobody is logged in. `kernel` is what `uname -r` tells.
    pub fn record_boot(&self, booted: OffsetDateTime, kernel: &str) -> io::Result<()> {
        let entry = |kind, pid, user| Entry {
            kind,
            pid,
            line: "~",
            id: "~~",
            user,
            host: kernel,
            seconds: seconds(booted),
            ..Entry::default()
        };
        let boot = entry(BOOT_TIME, 0, "reboot").encode();
        let level = entry(RUN_LEVEL, i32::from(b'5'), "runlevel").encode();
        File::create(self.path(UTMP))?.write_all(&[boot, level].concat())?;
        let known = std::fs::read(self.path(WTMP)).unwrap_or_default();
        if known.chunks_exact(ENTRY).any(|entry| entry == boot) {
            return Ok(());
        }
        self.append(WTMP, &boot)?;
        self.append(WTMP, &level)
    }

    /// Puts the entry where the last one of its terminal stands.
    fn update_utmp(&self, line: &str, entry: &[u8; ENTRY]) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.path(UTMP))?;
        let mut known = Vec::new();
        (&mut file).take(MAX_READ).read_to_end(&mut known)?;
        let slots = known.chunks_exact(ENTRY);
        let slot = slots
            .clone()
            .position(|slot| text(&slot[8..40]) == line)
            .unwrap_or(slots.len());
        file.seek(SeekFrom::Start((slot * ENTRY) as u64))?;
        file.write_all(entry)
    }

    fn append(&self, path: &str, entry: &[u8; ENTRY]) -> io::Result<()> {
        OpenOptions::new().append(true).open(self.path(path))?.write_all(entry)
    }

    fn swap_last(&self, uid: u32, login: &Login, host: &str) -> io::Result<Option<LastLogin>> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.path(LASTLOG))?;
        let place = SeekFrom::Start(u64::from(uid) * LAST as u64);
        let mut before = Vec::new();
        file.seek(place)?;
        (&mut file).take(LAST as u64).read_to_end(&mut before)?;
        let mut record = [0; LAST];
        record[..4].copy_from_slice(&seconds(login.at).to_le_bytes());
        put(&mut record[4..36], &login.line);
        put(&mut record[36..], host);
        file.seek(place)?;
        file.write_all(&record)?;
        Ok(LastLogin::decode(&before))
    }
}

// === impl Login ===

impl Login {
    fn entry<'a>(&'a self, kind: i16, host: &'a str) -> Entry<'a> {
        let mut address = [0; 16];
        match self.from {
            IpAddr::V4(v4) => address[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => address = v6.octets(),
        }
        Entry {
            kind,
            pid: self.pid,
            line: &self.line,
            id: self.line.get(self.line.len().saturating_sub(4)..).unwrap_or_default(),
            user: &self.user,
            host,
            address,
            seconds: seconds(self.at),
            micros: self.at.microsecond() as i32,
        }
    }
}

// === impl LastLogin ===

impl LastLogin {
    fn decode(record: &[u8]) -> Option<Self> {
        let (at, rest) = record.split_first_chunk::<4>()?;
        let seconds = i32::from_le_bytes(*at);
        if seconds == 0 || rest.len() < LAST - 4 {
            return None;
        }
        let at = OffsetDateTime::from_unix_timestamp(seconds.into()).ok()?;
        Some(Self {
            at,
            line: text(&rest[..32]),
            host: text(&rest[32..LAST - 4]),
        })
    }
}

// === impl Entry ===

impl Entry<'_> {
    fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..2].copy_from_slice(&self.kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.pid.to_le_bytes());
        put(&mut bytes[8..40], self.line);
        put(&mut bytes[40..44], self.id);
        put(&mut bytes[44..76], self.user);
        put(&mut bytes[76..332], self.host);
        if self.kind == USER_PROCESS {
            bytes[336..340].copy_from_slice(&self.pid.to_le_bytes());
        }
        bytes[340..344].copy_from_slice(&self.seconds.to_le_bytes());
        bytes[344..348].copy_from_slice(&self.micros.to_le_bytes());
        bytes[348..364].copy_from_slice(&self.address);
        bytes
    }
}

/// A name as long as its field has no NUL at its end.
fn put(field: &mut [u8], text: &str) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The format ends in 2038 for signed readers; it goes on as an unsigned one.
fn seconds(at: OffsetDateTime) -> i32 {
    at.unix_timestamp() as i32
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn machine() -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["etc", "run", "var/log"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["run/utmp", "var/log/wtmp", "var/log/btmp", "var/log/lastlog"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        std::fs::write(
            dir.path().join("etc/passwd"),
            "deploy:x:1000:1000::/home/deploy:/bin/bash\n",
        )
        .unwrap();
        let spec = serde_json::json!({
            "generation": 1, "hostname": "web-03", "distro": "debian", "seed": "ab".repeat(32),
            "users": [], "keys": {}, "services": [],
        });
        let machine = Machine::new(dir.path(), serde_json::from_value(spec).unwrap());
        (dir, machine)
    }

    fn login(line: &str, from: &str, at: OffsetDateTime) -> Login {
        Login {
            user: "deploy".into(),
            line: line.into(),
            pid: 77,
            from: from.parse().unwrap(),
            at,
        }
    }

    /// What a tool of the system makes of one of the files.
    fn shown(tool: &str, args: &[&str]) -> String {
        let run = std::process::Command::new(tool)
            .args(args)
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .output();
        String::from_utf8(run.unwrap_or_else(|error| panic!("{tool}: {error}")).stdout).unwrap()
    }

    #[test]
    fn who_and_last_show_a_session_and_its_end() {
        let (dir, machine) = machine();
        let (utmp, wtmp) = (dir.path().join("run/utmp"), dir.path().join("var/log/wtmp"));
        machine
            .record_boot(datetime!(2026-11-01 08:00 UTC), "6.1.0-28-amd64")
            .unwrap();
        let first = login("pts/0", "192.0.2.7", datetime!(2026-11-21 10:00 UTC));
        machine.record_login(&first).unwrap();
        machine
            .record_login(&login("pts/1", "2001:db8::1", datetime!(2026-11-21 10:05 UTC)))
            .unwrap();
        let who = shown("who", &[utmp.to_str().unwrap()]);
        assert!(who.contains("deploy   pts/0        Nov 21 10:00 (192.0.2.7)"), "{who}");
        assert!(who.contains("(2001:db8::1)"), "{who}");
        machine.record_logout(&first, datetime!(2026-11-21 10:30 UTC)).unwrap();
        assert!(!shown("who", &[utmp.to_str().unwrap()]).contains("pts/0"));
        assert_eq!(
            std::fs::metadata(&utmp).unwrap().len(),
            4 * ENTRY as u64,
            "the slot of the terminal is used again"
        );
        let last = shown("last", &["-f", wtmp.to_str().unwrap()]);
        assert!(
            last.contains("deploy   pts/0        192.0.2.7        Sat Nov 21 10:00 - 10:30  (00:30)"),
            "{last}"
        );
        assert!(
            last.contains("reboot   system boot  6.1.0-28-amd64   Sun Nov  1 08:00"),
            "{last}"
        );
    }

    #[test]
    fn a_start_under_the_same_uptime_is_no_second_boot() {
        let (dir, machine) = machine();
        for _ in 0..2 {
            machine.record_boot(datetime!(2026-11-01 08:00 UTC), "6.1").unwrap();
        }
        assert_eq!(
            std::fs::metadata(dir.path().join("var/log/wtmp")).unwrap().len(),
            2 * ENTRY as u64
        );
    }

    #[test]
    fn the_login_before_is_given_at_the_next() {
        let (_dir, machine) = machine();
        let first = login("pts/0", "192.0.2.7", datetime!(2026-11-21 10:00 UTC));
        assert_eq!(machine.record_login(&first).unwrap(), None);
        let before = machine
            .record_login(&login("pts/3", "192.0.2.8", datetime!(2026-11-22 10:00 UTC)))
            .unwrap();
        assert_eq!(
            before,
            Some(LastLogin {
                at: first.at,
                line: "pts/0".into(),
                host: "192.0.2.7".into()
            })
        );
    }

    #[test]
    fn a_refused_login_stands_in_btmp() {
        let (dir, machine) = machine();
        machine
            .record_failure(&login("ssh:notty", "192.0.2.7", datetime!(2026-11-21 10:00 UTC)))
            .unwrap();
        let lastb = shown("last", &["-f", dir.path().join("var/log/btmp").to_str().unwrap()]);
        assert!(lastb.contains("deploy   ssh:notty    192.0.2.7"), "{lastb}");
    }

    #[test]
    fn names_too_long_are_cut_and_files_cut_short_are_borne() {
        let (dir, machine) = machine();
        std::fs::write(dir.path().join("run/utmp"), [1; 500]).unwrap();
        std::fs::write(dir.path().join("var/log/lastlog"), [1; 3]).unwrap();
        let long = Login {
            user: "x".repeat(99),
            line: "y".repeat(99),
            ..login("", "::1", datetime!(2026-11-21 10:00 UTC))
        };
        machine.record_login(&long).unwrap();
        machine.record_logout(&long, long.at).unwrap();
        assert_eq!(LastLogin::decode(&[]), None);
        assert_eq!(LastLogin::decode(&[1; 100]), None);
    }
}
