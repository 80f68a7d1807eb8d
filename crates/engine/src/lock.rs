//! One hand at a time on a scope: a file lock that ends with its process, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::Paths;
use crate::error::Error;
use crate::labels::Scope;

/// Held while the grid is being changed, looked after, or watched.
#[derive(Debug)]
pub struct Lock {
    held: Flock<File>,
    path: PathBuf,
}

/// For those who look after the grid to be done with what they are at.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

// === impl Lock ===

impl Lock {
    /// Takes the lock of `scope` for oneself, saying what for; an error naming the holder when another has it so.
    pub(crate) async fn take(directory: &Path, scope: &Scope, what_for: &str) -> Result<Self, Error> {
        let path = path(directory, scope);
        let doing = || format!("locking {}", path.display());
        std::fs::create_dir_all(directory).map_err(Error::io(doing()))?;
        let deadline = Instant::now() + PATIENCE;
        let mut held = loop {
            let file = open(&path).map_err(Error::io(doing()))?;
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(held) if is_at(&held, &path) => break held,
                // Whoever had it took the grid down, and the file with it.
                Ok(_) => continue,
                Err((file, Errno::EWOULDBLOCK)) => file,
                Err((_, errno)) => return Err(Error::io(doing())(errno.into())),
            };
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let is_shared = Flock::lock(file, FlockArg::LockSharedNonblock).is_ok();
            if !is_shared || Instant::now() >= deadline {
                return Err(Error::Locked {
                    scope: scope.to_string(),
                    holder: holder.trim().to_owned(),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let note = format!("`{what_for}`, process {}", std::process::id());
        held.set_len(0)
            .and_then(|()| held.rewind())
            .and_then(|()| held.write_all(note.as_bytes()))
            .map_err(Error::io(doing()))?;
        Ok(Self { held, path })
    }

    /// Takes the place of the one process that watches the grid of `paths`; an error naming it when there is one.
    pub async fn watch(paths: &Paths, what_for: &str) -> Result<Self, Error> {
        Self::take(&paths.run(), &Scope::named("watch"), what_for).await
    }

    /// Gives it up with its file, where nothing is left to be locked.
    pub fn remove(self) -> Result<(), Error> {
        let doing = || format!("removing {}", self.path.display());
        std::fs::remove_file(&self.path).map_err(Error::io(doing()))?;
        drop(self.held);
        Ok(())
    }

    /// Takes it together with others who look after the grid; none while it is being changed.
    pub(crate) fn share(directory: &Path, scope: &Scope) -> Result<Option<Self>, Error> {
        let path = path(directory, scope);
        let doing = || format!("locking {}", path.display());
        std::fs::create_dir_all(directory).map_err(Error::io(doing()))?;
        let file = open(&path).map_err(Error::io(doing()))?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(held) if is_at(&held, &path) => Ok(Some(Self { held, path })),
            Ok(_) | Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(Error::io(doing())(errno.into())),
        }
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

/// Whether it is the file others would lock now.
fn is_at(held: &File, path: &Path) -> bool {
    let same = |there: std::fs::Metadata| held.metadata().is_ok_and(|ours| ours.ino() == there.ino());
    std::fs::metadata(path).is_ok_and(same)
}

fn path(directory: &Path, scope: &Scope) -> PathBuf {
    directory.join(format!("{scope}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_taker_is_told_who_was_first_and_may_have_it_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let (path, scope) = (directory.path(), Scope::fleet());
        let first = Lock::take(path, &scope, "deploy").await.unwrap();
        let second = Lock::take(path, &scope, "teardown").await.unwrap_err();
        assert_eq!(second.kind(), crate::Kind::Conflict);
        assert!(second.to_string().contains("`deploy`"), "{second}");
        assert!(
            Lock::take(path, &Scope::named("other"), "deploy").await.is_ok(),
            "another scope is free"
        );
        drop(first);
        Lock::take(path, &scope, "teardown").await.unwrap();
    }

    #[tokio::test]
    async fn whoever_waited_for_a_lock_that_was_removed_has_the_one_in_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let (path, scope) = (directory.path(), Scope::fleet());
        Lock::take(path, &scope, "teardown").await.unwrap().remove().unwrap();
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
        let old = open(&path.join("fleet.lock")).unwrap();
        let gone = Lock::take(path, &scope, "teardown").await.unwrap();
        gone.remove().unwrap();
        assert!(!is_at(&old, &path.join("fleet.lock")));
        let first = Lock::take(path, &scope, "deploy").await.unwrap();
        assert!(Lock::take(path, &scope, "teardown").await.is_err());
        drop(first);
    }

    #[tokio::test]
    async fn who_looks_after_the_grid_waits_for_a_change_and_a_change_waits_for_them() {
        let directory = tempfile::tempdir().unwrap();
        let (path, scope) = (directory.path(), Scope::fleet());
        let change = Lock::take(path, &scope, "deploy").await.unwrap();
        assert!(Lock::share(path, &scope).unwrap().is_none());
        drop(change);
        let (one, two) = (Lock::share(path, &scope).unwrap(), Lock::share(path, &scope).unwrap());
        assert!(one.is_some() && two.is_some());
        let (change, ()) = tokio::join!(Lock::take(path, &scope, "deploy"), async {
            tokio::time::sleep(LOOK_EVERY).await;
            drop((one, two));
        });
        change.unwrap();
    }
}
