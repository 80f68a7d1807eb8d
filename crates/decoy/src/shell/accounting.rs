//! Who is and was logged in, in the files `who`, `last`, `lastb` and `lastlog` read (glibc's records, 64-bit Linux).

use std::fs::{File, OpenOptions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::machine::Machine;

const RECORD: usize = 384;
const LAST: usize = 292;
/// Records of `/run/utmp` that are looked through for a free or own one.
const SLOTS: u64 = 1024;

const USER_PROCESS: u16 = 7;
const LOGIN_PROCESS: u16 = 6;
const DEAD_PROCESS: u16 = 8;

/// One login on one terminal.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// `pts/0`.
    pub line: &'a str,
    pub user: &'a str,
    pub host: IpAddr,
    pub pid: u32,
}

/// A login of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    pub at: SystemTime,
    pub host: String,
}

/// Notes a login, and returns the one before it. A file that does not exist is left alone, as the system's own
/// programs do.
pub fn logged_in(machine: &Machine, uid: u32, entry: &Entry<'_>, now: SystemTime) -> Option<Last> {
    let record = record(USER_PROCESS, entry, now);
    let _ = replace(machine, &record);
    let _ = append(machine, "/var/log/wtmp", &record);
    let last = exchange_last(machine, uid, entry, now);
    last.ok().flatten()
}

pub fn logged_out(machine: &Machine, entry: &Entry<'_>, now: SystemTime) {
    let gone = Entry { user: "", ..*entry };
    let record = record(DEAD_PROCESS, &gone, now);
    let _ = replace(machine, &record);
    let _ = append(machine, "/var/log/wtmp", &record);
}

/// Notes a refused password; `line` is the service's (`ssh:notty`).
pub fn refused(machine: &Machine, entry: &Entry<'_>, now: SystemTime) {
    let _ = append(machine, "/var/log/btmp", &record(LOGIN_PROCESS, entry, now));
}

fn record(kind: u16, entry: &Entry<'_>, now: SystemTime) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = entry
        .line
        .strip_prefix("pts/")
        .map_or(entry.line.to_owned(), |number| format!("ts/{number}"));
    record[0..2].copy_from_slice(&kind.to_ne_bytes());
    record[4..8].copy_from_slice(&entry.pid.to_ne_bytes());
    put(&mut record[8..40], entry.line);
    put(&mut record[40..44], &id);
    put(&mut record[44..76], entry.user);
    if kind != DEAD_PROCESS {
        put(&mut record[76..332], &entry.host.to_string());
        match entry.host {
            IpAddr::V4(ip) => record[348..352].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => record[348..364].copy_from_slice(&ip.octets()),
        }
    }
    record[340..344].copy_from_slice(&(since.as_secs() as u32).to_ne_bytes());
    record[344..348].copy_from_slice(&since.subsec_micros().to_ne_bytes());
    record
}

fn put(field: &mut [u8], text: &str) {
    let bytes = &text.as_bytes()[..text.len().min(field.len())];
    field[..bytes.len()].copy_from_slice(bytes);
}

/// Writes over the record of the same terminal, else at the end.
fn replace(machine: &Machine, record: &[u8; RECORD]) -> io::Result<()> {
    let file = open(machine, "/run/utmp")?;
    let slots = (file.metadata()?.len() / RECORD as u64).min(SLOTS);
    let mut slot = slots;
    for number in 0..slots {
        let mut line = [0; 32];
        file.read_exact_at(&mut line, number * RECORD as u64 + 8)?;
        if line == record[8..40] {
            slot = number;
            break;
        }
    }
    file.write_all_at(record, slot * RECORD as u64)
}

fn append(machine: &Machine, path: &str, record: &[u8]) -> io::Result<()> {
    use std::io::Write;
    OpenOptions::new()
        .append(true)
        .open(machine.path(path))?
        .write_all(record)
}

fn exchange_last(machine: &Machine, uid: u32, entry: &Entry<'_>, now: SystemTime) -> io::Result<Option<Last>> {
    let file = open(machine, "/var/log/lastlog")?;
    let at = u64::from(uid) * LAST as u64;
    let mut old = [0; LAST];
    let known = file.read_exact_at(&mut old, at).is_ok();
    let mut new = [0; LAST];
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as u32;
    new[0..4].copy_from_slice(&seconds.to_ne_bytes());
    put(&mut new[4..36], entry.line);
    put(&mut new[36..292], &entry.host.to_string());
    file.write_all_at(&new, at)?;
    let seconds = u32::from_ne_bytes([old[0], old[1], old[2], old[3]]);
    let host = old[36..].split(|&byte| byte == 0).next().unwrap_or_default();
    Ok((known && seconds != 0).then(|| Last {
        at: UNIX_EPOCH + Duration::from_secs(seconds.into()),
        host: String::from_utf8_lossy(host).into_owned(),
    }))
}

fn open(machine: &Machine, path: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(machine.path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[&str]) -> (tempfile::TempDir, Machine) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let spec =
            r#"{"generation":1,"hostname":"h","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#;
        let machine = Machine::new(root.path(), serde_json::from_str(spec).unwrap());
        (root, machine)
    }

    fn entry() -> Entry<'static> {
        Entry {
            line: "pts/3",
            user: "root",
            host: "192.0.2.7".parse().unwrap(),
            pid: 77,
        }
    }

    #[test]
    fn the_second_login_learns_of_the_first() {
        let (_root, machine) = machine(&["run/utmp", "var/log/wtmp", "var/log/lastlog"]);
        let first = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(logged_in(&machine, 0, &entry(), first), None);
        let last = logged_in(&machine, 0, &entry(), first + Duration::from_secs(60));
        assert_eq!(
            last,
            Some(Last {
                at: first,
                host: "192.0.2.7".into()
            })
        );
    }

    #[test]
    fn a_terminal_has_one_record_among_those_present_and_all_in_the_history() {
        let (root, machine) = machine(&["run/utmp", "var/log/wtmp"]);
        logged_in(&machine, 0, &entry(), UNIX_EPOCH);
        logged_out(&machine, &entry(), UNIX_EPOCH);
        logged_in(&machine, 0, &entry(), UNIX_EPOCH);
        let size = |file: &str| std::fs::metadata(root.path().join(file)).unwrap().len();
        assert_eq!(size("run/utmp"), RECORD as u64);
        assert_eq!(size("var/log/wtmp"), 3 * RECORD as u64);
        assert!(!root.path().join("var/log/lastlog").exists());
    }
}
