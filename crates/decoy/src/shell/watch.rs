//! Keeps the files that appear while somebody is on the machine, seen from outside any shell (decoys.md §5.1.2).

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;
use tokio::sync::Semaphore;

use super::{capture, sys};
use crate::conn::Log;
use crate::machine::{Account, Machine};

const ROOTS: &[&str] = &["/root", "/tmp", "/var/tmp", "/home", "/var/www", "/opt", "/dev/shm"];
/// Files every session writes of itself.
const IGNORED: &[&str] = &[
    ".bash_history",
    ".viminfo",
    ".lesshst",
    ".wget-hsts",
    ".Xauthority",
    ".python_history",
    ".sudo_as_admin_successful",
];
const MAX_FOLDERS: usize = 4096;
/// Files kept within a minute; a tree unpacked or encrypted in place is more than anybody reads.
const MAX_A_MINUTE: u32 = 240;
const MINUTE: Duration = Duration::from_secs(60);
/// A session's programs may go on writing after it.
const LINGER: Duration = Duration::from_secs(600);
/// An upload is told as such; its file is still being closed when it is.
const SETTLE: Duration = Duration::from_secs(5);
const MAX_UPLOADS: usize = 1024;

/// Who is on the machine by way of this service, and what they bring it themselves.
pub struct Lookout {
    machine: Arc<Machine>,
    inner: Mutex<Inner>,
    /// Files are read into memory: not many at a time.
    turn: Arc<Semaphore>,
}

#[derive(Default)]
struct Inner {
    visitors: Vec<Visitor>,
    arrivals: u64,
    uploads: HashMap<PathBuf, Option<Instant>>,
    watching: bool,
}

struct Visitor {
    id: u64,
    uid: u32,
    user: String,
    log: Log,
    left: Option<Instant>,
}

/// Held as long as the session lasts.
pub struct Visit {
    lookout: Arc<Lookout>,
    id: u64,
}

// === impl Lookout ===

impl Lookout {
    pub fn new(machine: Arc<Machine>) -> Arc<Self> {
        Arc::new(Self {
            machine,
            inner: Mutex::default(),
            turn: Arc::new(Semaphore::new(2)),
        })
    }

    /// A session begins. Files are watched from the first on, until the last is long over.
    pub fn enter(self: &Arc<Self>, account: &Account, log: &Log) -> Visit {
        let mut inner = self.lock();
        inner.arrivals += 1;
        let id = inner.arrivals;
        inner.visitors.push(Visitor {
            id,
            uid: account.uid,
            user: account.name.clone(),
            log: log.clone(),
            left: None,
        });
        if !std::mem::replace(&mut inner.watching, true) {
            let lookout = self.clone();
            tokio::spawn(async move {
                // A kernel that has no more watches to give leaves the files unseen, and the rest as it was.
                if watch(&lookout).await.is_err() {
                    lookout.lock().watching = false;
                }
            });
        }
        Visit {
            lookout: self.clone(),
            id,
        }
    }

    /// A file transfer writes this file and will tell of it.
    pub fn uploading(&self, path: &Path) {
        let mut inner = self.lock();
        inner
            .uploads
            .retain(|_, until| until.is_none_or(|until| until > Instant::now()));
        if inner.uploads.len() < MAX_UPLOADS {
            inner.uploads.insert(plain(path), None);
        }
    }

    pub fn uploaded(&self, path: &Path) {
        let until = Some(Instant::now() + SETTLE);
        self.lock().uploads.insert(plain(path), until);
    }

    fn is_upload(&self, path: &Path) -> bool {
        let uploads = &self.lock().uploads;
        uploads
            .get(&plain(path))
            .is_some_and(|until| until.is_none_or(|until| until > Instant::now()))
    }

    /// Whose file that is, most likely: the newest session of its owner, else of root.
    fn blame(&self, owner: u32) -> Option<(Log, String)> {
        let inner = self.lock();
        let newest = |uid| {
            let of = inner.visitors.iter().filter(move |visitor| visitor.uid == uid);
            of.max_by_key(|visitor| (visitor.left.is_none(), visitor.id))
        };
        let visitor = newest(owner).or_else(|| newest(0))?;
        Some((visitor.log.clone(), visitor.user.clone()))
    }

    /// Reads the file, one after another, and tells it.
    pub fn keep(&self, log: &Log, file: File, path: String, way: &'static str, user: &str) {
        let (turn, log, user) = (self.turn.clone(), log.clone(), user.to_owned());
        tokio::spawn(async move {
            let _turn = turn.acquire_owned().await;
            // A file that cannot be read has been told by those who wrote it.
            let _ = tokio::task::spawn_blocking(move || capture::read(&log, file, &path, way, &user)).await;
        });
    }

    /// Whether anybody is, or was lately, here; if not, the watch is over.
    fn keep_watching(&self) -> bool {
        let mut inner = self.lock();
        inner
            .visitors
            .retain(|visitor| visitor.left.is_none_or(|left| left.elapsed() < LINGER));
        inner.watching = !inner.visitors.is_empty();
        inner.watching
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut inner = self.lookout.lock();
        if let Some(visitor) = inner.visitors.iter_mut().find(|visitor| visitor.id == self.id) {
            visitor.left = Some(Instant::now());
        }
    }
}

/// The path without `.` and `..`, links left as they are.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            component => plain.push(component),
        }
    }
    plain
}

async fn watch(lookout: &Lookout) -> io::Result<()> {
    let mut folders = Folders::new()?;
    for root in ROOTS {
        folders.add(&lookout.machine.path(root), &mut |_| {});
    }
    let ready: AsyncFd<OwnedFd> = sys::watched(folders.inotify.as_fd().try_clone_to_owned()?)?;
    let mut budget = Budget::new();
    while lookout.keep_watching() {
        let Ok(guard) = tokio::time::timeout(MINUTE, ready.readable()).await else {
            continue;
        };
        let mut found = Vec::new();
        match folders.inotify.read_events() {
            Ok(events) => events.into_iter().for_each(|event| folders.take(event, &mut found)),
            Err(nix::errno::Errno::EAGAIN) => guard?.clear_ready(),
            Err(error) => return Err(error.into()),
        }
        for path in found {
            keep(lookout, &path, &mut budget);
        }
    }
    Ok(())
}

fn keep(lookout: &Lookout, path: &Path, budget: &mut Budget) {
    use std::os::unix::fs::MetadataExt;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if IGNORED.contains(&name.as_ref()) || lookout.is_upload(path) {
        return;
    }
    let Some(file) = capture::open(path) else { return };
    let Ok(metadata) = file.metadata() else { return };
    if metadata.len() == 0 || !budget.allows(Instant::now()) {
        return;
    }
    if let Some((log, user)) = lookout.blame(metadata.uid()) {
        let path = path.to_string_lossy().into_owned();
        lookout.keep(&log, file, path, "write", &user);
    }
}

struct Folders {
    inotify: Inotify,
    paths: HashMap<WatchDescriptor, PathBuf>,
}

// === impl Folders ===

impl Folders {
    fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?,
            paths: HashMap::new(),
        })
    }

    /// Watches the folder and all in it, and names the files that are there already.
    fn add(&mut self, folder: &Path, each: &mut dyn FnMut(PathBuf)) {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_ONLYDIR
            | AddWatchFlags::IN_DONT_FOLLOW;
        if self.paths.len() >= MAX_FOLDERS {
            return;
        }
        let Ok(descriptor) = self.inotify.add_watch(folder, flags) else {
            return;
        };
        self.paths.insert(descriptor, folder.to_owned());
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.add(&entry.path(), each),
                Ok(kind) if kind.is_file() => each(entry.path()),
                _ => {}
            }
        }
    }

    fn take(&mut self, event: InotifyEvent, found: &mut Vec<PathBuf>) {
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.paths.remove(&event.wd);
            return;
        }
        let (Some(folder), Some(name)) = (self.paths.get(&event.wd), event.name) else {
            return;
        };
        let path = folder.join(name);
        if event.mask.contains(AddWatchFlags::IN_ISDIR) {
            self.add(&path, &mut |path| found.push(path));
        } else if event
            .mask
            .intersects(AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO)
        {
            found.push(path);
        }
    }
}

/// So many files a minute.
struct Budget {
    since: Instant,
    used: u32,
}

// === impl Budget ===

impl Budget {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            used: 0,
        }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= MINUTE {
            *self = Self { since: now, used: 0 };
        }
        self.used += 1;
        self.used <= MAX_A_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        assert_eq!(plain(Path::new("/root/./a/../b")), Path::new("/root/b"));
        assert_eq!(plain(Path::new("/../b")), Path::new("/b"));
    }

    #[test]
    fn a_flood_of_files_is_kept_up_to_its_limit_each_minute() {
        let mut budget = Budget::new();
        let now = Instant::now();
        let kept = (0..1000).filter(|_| budget.allows(now)).count();
        assert_eq!(kept, MAX_A_MINUTE as usize);
        assert!(budget.allows(now + MINUTE));
    }
}
