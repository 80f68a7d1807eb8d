//! The machine's files, as one user of it sees them: a thread a session, with that user's rights and no other.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmodat, fstat, fstatat, mkdirat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};
use tokio::sync::oneshot;

use super::listing::{Entry, Wanted};
use crate::sys;

/// Entries of a directory that are listed.
const MAX_ENTRIES: usize = 100_000;
const STACK: usize = 256 << 10;

/// A user's rights.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

/// The way to a session's thread, which ends with it.
pub(super) struct Files {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Disk) + Send>;

/// The files, from the inside of that thread.
pub(super) struct Disk {
    root: OwnedFd,
    /// What `/` of the machine is here; not `/` in tests only.
    root_path: PathBuf,
    here: OwnedFd,
}

/// A listing and what it is of.
pub(super) struct Listing {
    /// False when there is no such directory.
    pub(super) opened: bool,
    pub(super) lines: Vec<u8>,
}

// === impl Files ===

impl Files {
    /// Takes the user's rights and goes to their home, or does not begin.
    pub(super) async fn begin(root: PathBuf, rights: Rights, home: Vec<u8>) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, begun) = oneshot::channel();
        let live = move || {
            let disk = sys::act_as(rights.uid, rights.gid, &rights.groups).and_then(|()| Disk::open(root, &home));
            let mut disk = match disk {
                Ok(disk) => disk,
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            let _ = ready.send(Ok(()));
            while let Ok(job) = queue.recv() {
                job(&mut disk);
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(live)?;
        begun.await.map_err(|_| gone())??;
        Ok(Self { jobs })
    }

    /// Has the session's thread do something.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Disk) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (answer, answered) = oneshot::channel();
        let job = move |disk: &mut Disk| drop(answer.send(job(disk)));
        self.jobs.send(Box::new(job)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn gone() -> io::Error {
    io::Error::other("the session's thread is gone")
}

// === impl Disk ===

impl Disk {
    fn open(root_path: PathBuf, home: &[u8]) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = nix::fcntl::open(&root_path, flags, Mode::empty())?;
        let here = root.try_clone()?;
        let root_path = std::fs::canonicalize(&root_path).unwrap_or(root_path);
        let mut disk = Self { root, root_path, here };
        disk.enter(home)?;
        Ok(disk)
    }

    fn at<'a>(&'a self, path: &'a [u8]) -> (BorrowedFd<'a>, &'a Path) {
        let Some(inside) = path.strip_prefix(b"/") else {
            return (self.here.as_fd(), Path::new(OsStr::from_bytes(path)));
        };
        let start = inside.iter().position(|&b| b != b'/').unwrap_or(inside.len());
        let inside = if start == inside.len() { b"." } else { &inside[start..] };
        (self.root.as_fd(), Path::new(OsStr::from_bytes(inside)))
    }

    /// The directory the session is in.
    pub(super) fn here(&self) -> Vec<u8> {
        let link = format!("/proc/thread-self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&self.here));
        let path = std::fs::read_link(link).unwrap_or_else(|_| self.root_path.clone());
        match path.strip_prefix(&self.root_path) {
            Ok(inside) => [b"/", inside.as_os_str().as_bytes()].concat(),
            Err(_) => path.into_os_string().into_vec(),
        }
    }

    /// The path from `/`.
    pub(super) fn whole(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") {
            return path.to_vec();
        }
        let mut whole = self.here();
        if !whole.ends_with(b"/") {
            whole.push(b'/');
        }
        whole.extend(path);
        whole
    }

    pub(super) fn enter(&mut self, path: &[u8]) -> io::Result<()> {
        let (from, path) = self.at(path);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let there = openat(from, path, flags, Mode::empty())?;
        // O_PATH alone does not ask whether one may go there, as chdir(2) does.
        fstatat(&there, ".", AtFlags::empty())?;
        self.here = there;
        Ok(())
    }

    pub(super) fn stat(&self, path: &[u8]) -> io::Result<FileStat> {
        let (from, path) = self.at(path);
        Ok(fstatat(from, path, AtFlags::empty())?)
    }

    /// Of a regular file.
    pub(super) fn stat_file(&self, path: &[u8]) -> io::Result<FileStat> {
        let stat = self.stat(path)?;
        if is_regular(&stat) {
            Ok(stat)
        } else {
            Err(Errno::EINVAL.into())
        }
    }

    /// A regular file to read, and its size.
    pub(super) fn read(&self, path: &[u8]) -> io::Result<(File, u64)> {
        let (from, path) = self.at(path);
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(from, path, flags, Mode::empty())?;
        let stat = fstat(&file)?;
        if !is_regular(&stat) {
            return Err(Errno::EINVAL.into());
        }
        Ok((File::from(file), stat.st_size as u64))
    }

    /// A file to write, made when it is not there.
    pub(super) fn write(&self, path: &[u8], how: OFlag, umask: u32) -> io::Result<File> {
        let (from, path) = self.at(path);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | how;
        let mode = Mode::from_bits_truncate(0o666 & !umask);
        Ok(File::from(openat(from, path, flags, mode)?))
    }

    pub(super) fn make_dir(&self, path: &[u8], umask: u32) -> io::Result<()> {
        let (from, path) = self.at(path);
        Ok(mkdirat(from, path, Mode::from_bits_truncate(0o777 & !umask))?)
    }

    pub(super) fn remove(&self, path: &[u8], directory: bool) -> io::Result<()> {
        let (from, path) = self.at(path);
        let flag = if directory {
            UnlinkatFlags::RemoveDir
        } else {
            UnlinkatFlags::NoRemoveDir
        };
        Ok(unlinkat(from, path, flag)?)
    }

    pub(super) fn rename(&self, old: &[u8], new: &[u8]) -> io::Result<()> {
        let ((old_from, old), (new_from, new)) = (self.at(old), self.at(new));
        Ok(renameat(old_from, old, new_from, new)?)
    }

    pub(super) fn chmod(&self, path: &[u8], mode: u32) -> io::Result<()> {
        let (from, path) = self.at(path);
        let mode = Mode::from_bits_truncate(mode & 0o777);
        Ok(fchmodat(from, path, mode, FchmodatFlags::FollowSymlink)?)
    }

    pub(super) fn set_modified(&self, path: &[u8], seconds: i64) -> io::Result<()> {
        let (from, path) = self.at(path);
        let time = TimeSpec::new(seconds, 0);
        Ok(utimensat(from, path, &time, &time, UtimensatFlags::FollowSymlink)?)
    }

    /// As LIST and NLST show it. `now`: seconds since the epoch.
    pub(super) fn list(&self, wanted: &Wanted, full: bool, now: i64) -> Listing {
        let (dir, base, filter) = self.open_listed(&wanted.what);
        let Some(mut dir) = dir else {
            return Listing {
                opened: false,
                lines: Vec::new(),
            };
        };
        let mut prefix = if base == b"." { Vec::new() } else { base };
        if !prefix.is_empty() && !prefix.ends_with(b"/") {
            prefix.push(b'/');
        }
        let names: Vec<Vec<u8>> = dir
            .iter()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_bytes().to_vec()))
            .filter(|name| wanted.shows(name, &filter))
            .take(MAX_ENTRIES)
            .collect();
        let entries = names.into_iter().filter_map(|name| entry(&dir, name)).collect();
        Listing {
            opened: true,
            lines: wanted.lines(entries, &prefix, full, now),
        }
    }

    /// The directory to list, its name, and the pattern its entries are to fit.
    fn open_listed(&self, what: &[u8]) -> (Option<Dir>, Vec<u8>, Vec<u8>) {
        if what.is_empty() {
            return (self.open_dir(b"."), b".".to_vec(), Vec::new());
        }
        if let Some(dir) = self.open_dir(what) {
            return (Some(dir), what.to_vec(), Vec::new());
        }
        let (base, filter) = match what.iter().rposition(|&b| b == b'/') {
            None => (&b"."[..], what),
            Some(0) => (&b"/"[..], &what[1..]),
            Some(at) => (&what[..at], &what[at + 1..]),
        };
        (self.open_dir(base), base.to_vec(), filter.to_vec())
    }

    fn open_dir(&self, path: &[u8]) -> Option<Dir> {
        let (from, path) = self.at(path);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Dir::openat(from, path, flags, Mode::empty()).ok()
    }
}

pub(super) fn is_regular(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits()
}

fn entry(dir: &Dir, name: Vec<u8>) -> Option<Entry> {
    let path = Path::new(OsStr::from_bytes(&name));
    let stat = fstatat(dir, path, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
    let is_link = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFLNK.bits();
    let target = is_link.then(|| readlinkat(dir, path).ok()).flatten();
    Some(Entry {
        mode: stat.st_mode,
        links: stat.st_nlink,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u64,
        modified: stat.st_mtime,
        target: target.map(OsStringExt::into_vec).unwrap_or_default(),
        name,
    })
}
