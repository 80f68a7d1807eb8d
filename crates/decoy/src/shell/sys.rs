//! The system calls a login needs that have no safe wrapper.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::OFlag;
use nix::libc;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};
use tokio::io::unix::AsyncFd;

nix::ioctl_write_ptr_bad!(set_window, libc::TIOCSWINSZ, libc::winsize);
nix::ioctl_write_int_bad!(take_terminal, libc::TIOCSCTTY);

/// Both ends of a new terminal; nobody's controlling terminal yet.
pub(super) struct Pair {
    pub(super) master: OwnedFd,
    pub(super) slave: OwnedFd,
    /// `/dev/pts/0`.
    pub(super) name: String,
}

/// Who a process becomes.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

/// Opens a terminal; the master does not block.
pub(super) fn open_terminal() -> io::Result<Pair> {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname_r(&master)?;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let slave = nix::fcntl::open(name.as_str(), flags, Mode::empty())?;
    let master = master.as_fd().try_clone_to_owned()?;
    Ok(Pair { master, slave, name })
}

pub(super) fn resize(master: BorrowedFd<'_>, cols: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the descriptor is open and `size` outlives the call.
    unsafe { set_window(master.as_raw_fd(), &size) }?;
    Ok(())
}

/// The descriptor, for waiting until it can be read or written.
pub(super) fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open descriptor as long as it lives.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Makes the command run as that account in a session of its own, with `stdin` as its terminal if it is to have one.
/// What is open in this process stays out of its reach.
pub(super) fn become_account(command: &mut Command, who: Identity, terminal: bool) {
    let groups: Vec<Gid> = who.groups.iter().map(|&group| Gid::from_raw(group)).collect();
    let (uid, gid) = (Uid::from_raw(who.uid), Gid::from_raw(who.gid));
    let enter = move || -> io::Result<()> {
        nix::unistd::setsid()?;
        if terminal {
            // SAFETY: descriptor 0 is the slave the standard library has just put there.
            unsafe { take_terminal(0, 0) }?;
        }
        nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
        // Whatever was inherited without close-on-exec ends here; an old kernel that cannot do it refuses.
        // SAFETY: no pointers are passed.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        if nix::unistd::geteuid().is_root() {
            nix::unistd::setgroups(&groups)?;
            nix::unistd::setresgid(gid, gid, gid)?;
            nix::unistd::setresuid(uid, uid, uid)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec `enter` makes system calls only; it neither allocates nor locks.
    unsafe { command.pre_exec(enter) };
}
