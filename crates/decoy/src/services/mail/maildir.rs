//! Mailboxes as folders of files (maildir(5)), written with the rights of those whose they are.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::SPOOL;
use crate::machine::{Account, Machine};
use crate::sys;

const STACK: usize = 256 << 10;

/// The user's mailbox, made when it is not there. Takes root.
pub(in crate::services) fn open(machine: &Machine, account: &Account) -> io::Result<PathBuf> {
    let folder = machine.path(SPOOL).join(&account.name);
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        chown(&folder, Some(account.uid), Some(account.gid))?;
    }
    Ok(folder)
}

/// Does something with the rights of that user, in a thread of its own.
pub(in crate::services) fn as_user<T: Send + 'static>(
    account: &Account,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (uid, gid) = (account.uid, account.gid);
    let live = move || sys::act_as(uid, gid, &[gid]).and_then(|()| work());
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(live)?;
    thread.join().map_err(|_| io::Error::other("the thread fell over"))?
}

/// Puts a new message into a mailbox, under a name like the product's.
pub(in crate::services) fn deliver(folder: &Path, text: &[u8], now: OffsetDateTime, hostname: &str) -> io::Result<()> {
    for part in ["tmp", "new", "cur"] {
        let made = DirBuilder::new().mode(0o700).create(folder.join(part));
        made.or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })?;
    }
    let (seconds, micros) = (now.unix_timestamp(), now.microsecond());
    let draft = folder.join("tmp").join(format!(
        "{seconds}.P{}.{hostname}",
        uuid::Uuid::new_v4().as_u128() % 100_000
    ));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text)?;
    let meta = file.metadata()?;
    let name = format!("{seconds}.V{:x}I{:x}M{micros}.{hostname}", meta.dev(), meta.ino());
    std::fs::rename(&draft, folder.join("new").join(name))
}

/// Lines end in a newline alone, as files do, the last one too.
pub(in crate::services) fn unix_lines(bytes: &[u8]) -> Vec<u8> {
    let mut text = unix_lines_kept(bytes);
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text
}

/// Lines end in a newline alone; the last one may have none.
pub(in crate::services) fn unix_lines_kept(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            None => text.extend_from_slice(line),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivered_message_lies_among_the_new_ones_whole() {
        let folder = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::new(1_700_000_000, 42_000);
        deliver(folder.path(), b"a\n", now, "app-01").unwrap();
        deliver(folder.path(), b"b\n", now, "app-01").unwrap();
        let mut texts: Vec<_> = std::fs::read_dir(folder.path().join("new"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                assert!(
                    name.starts_with("1700000000.V") && name.ends_with("M42.app-01"),
                    "{name}"
                );
                std::fs::read(entry.path()).unwrap()
            })
            .collect();
        texts.sort();
        assert_eq!(texts, [b"a\n", b"b\n"]);
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn lines_of_a_file_end_in_newlines_alone() {
        assert_eq!(unix_lines(b"a\r\nb\nc\r"), b"a\nb\nc\r\n");
        assert_eq!(unix_lines(b""), b"");
    }
}
