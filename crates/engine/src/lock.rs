//! One hand at a time on a scope: a file lock that ends with its process, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::Error;
use crate::labels::Scope;

/// Held while the grid is being changed.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: Flock<File>,
}

// === impl Lock ===

impl Lock {
    /// Takes the lock of `scope`, saying what for; an error naming the holder when it is taken.
    pub(crate) fn take(directory: &Path, scope: &Scope, what_for: &str) -> Result<Self, Error> {
        let path = path(directory, scope);
        let doing = || format!("locking {}", path.display());
        std::fs::create_dir_all(directory).map_err(Error::io(doing()))?;
        let file = open(&path).map_err(Error::io(doing()))?;
        let mut held = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => held,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(Error::Locked {
                    scope: scope.to_string(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err((_, errno)) => {
                return Err(Error::Io {
                    doing: doing(),
                    source: errno.into(),
                });
            }
        };
        let note = format!("`{what_for}`, process {}", std::process::id());
        held.set_len(0)
            .and_then(|()| held.rewind())
            .and_then(|()| held.write_all(note.as_bytes()))
            .map_err(Error::io(doing()))?;
        Ok(Self { _held: held })
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn path(directory: &Path, scope: &Scope) -> PathBuf {
    directory.join(format!("{scope}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_was_first_and_may_have_it_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let scope = Scope::fleet();
        let first = Lock::take(directory.path(), &scope, "deploy").unwrap();
        let second = Lock::take(directory.path(), &scope, "teardown").unwrap_err();
        assert_eq!(second.kind(), crate::Kind::Conflict);
        assert!(second.to_string().contains("`deploy`"), "{second}");
        assert!(
            Lock::take(directory.path(), &Scope::named("other"), "deploy").is_ok(),
            "another scope is free"
        );
        drop(first);
        Lock::take(directory.path(), &scope, "teardown").unwrap();
    }
}
