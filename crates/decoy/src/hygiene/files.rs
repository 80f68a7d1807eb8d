//! Writing the machine's files with the owner and the mode they have on a real one.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use crate::machine::Machine;

/// Mode bits, and the owner where it is not the one who writes: root.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    bits: u32,
    owner: Option<(u32, u32)>,
}

// === impl Mode ===

impl Mode {
    pub(super) fn root(bits: u32) -> Self {
        Self { bits, owner: None }
    }

    /// Of root, and of a group where it is not root's.
    pub(super) fn shared(bits: u32, gid: Option<u32>) -> Self {
        Self {
            bits,
            owner: gid.map(|gid| (0, gid)),
        }
    }

    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            bits: metadata.mode() & 0o7777,
            owner: Some((metadata.uid(), metadata.gid())),
        }
    }
}

/// Puts the text there at once or not at all, making the folder when there is none.
pub(super) fn put(machine: &Machine, path: &str, text: &str, mode: Mode) -> io::Result<()> {
    let target = machine.path(path);
    if let Some(folder) = target.parent().filter(|folder| !folder.exists()) {
        fs::create_dir_all(folder)?;
    }
    let mut beside = target.clone().into_os_string();
    beside.push("+");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode.bits)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(mode.bits))?;
    if let Some(owner) = mode.owner {
        own(&beside, owner)?;
    }
    fs::rename(&beside, &target)
}

/// Overwrites a file that may be a mount of its own and cannot be replaced.
pub(super) fn put_in_place(machine: &Machine, path: &str, text: &str) -> io::Result<()> {
    let target = machine.path(path);
    if fs::read(&target).is_ok_and(|now| now == text.as_bytes()) {
        return Ok(());
    }
    fs::write(target, text)
}

/// Changes a text file, keeping its owner and mode. One that does not exist is not made.
pub(super) fn change(machine: &Machine, path: &str, change: impl Fn(&str) -> String) -> io::Result<()> {
    let target = machine.path(path);
    let metadata = match fs::metadata(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    let before = fs::read_to_string(&target)?;
    let after = change(&before);
    if after == before {
        Ok(())
    } else {
        put(machine, path, &after, Mode::of(&metadata))
    }
}

pub(super) fn set_mode(machine: &Machine, path: &str, mode: u32) -> io::Result<()> {
    fs::set_permissions(machine.path(path), Permissions::from_mode(mode))
}

/// Copies what a folder holds, all of it to belong to one account.
pub(super) fn copy_tree(from: &Path, to: &Path, owner: (u32, u32)) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            fs::set_permissions(&target, entry.metadata()?.permissions())?;
            copy_tree(&entry.path(), &target, owner)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        } else {
            continue;
        }
        own(&target, owner)?;
    }
    Ok(())
}

/// Gives a file its owner, where it has another.
pub(super) fn own(path: impl AsRef<Path>, (uid, gid): (u32, u32)) -> io::Result<()> {
    let now = fs::symlink_metadata(&path)?;
    if (now.uid(), now.gid()) == (uid, gid) {
        Ok(())
    } else {
        chown(path, Some(uid), Some(gid))
    }
}
