//! The near end of a terminal: what the far end shows can be read here, what is written here was typed there.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::sys::termios::{self, LocalFlags, Termios};
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::sys;

/// Cheap to clone; all clones are the same terminal.
#[derive(Clone)]
pub struct Master(Arc<AsyncFd<OwnedFd>>);

/// What the terminal is doing with what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// A program reads whole lines and they are shown.
    Lines,
    /// A program reads whole lines and hides them: a password prompt.
    Hidden,
    /// A program reads keys and shows what it likes: a line editor.
    Keys,
}

// === impl Master ===

impl Master {
    pub(super) fn new(master: OwnedFd) -> io::Result<Self> {
        Ok(Self(Arc::new(sys::watched(master)?)))
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        // A terminal whose far end is gone has no size to set.
        let _ = sys::resize(self.0.get_ref().as_fd(), cols, rows);
    }

    pub fn echo(&self) -> Echo {
        let Ok(settings) = termios::tcgetattr(self.0.get_ref()) else {
            return Echo::Lines;
        };
        let has = |flag| settings.local_flags.contains(flag);
        match (has(LocalFlags::ICANON), has(LocalFlags::ECHO)) {
            (true, false) => Echo::Hidden,
            (false, false) => Echo::Keys,
            (_, true) => Echo::Lines,
        }
    }

    /// The process group the keys go to.
    pub fn foreground(&self) -> Option<Pid> {
        nix::unistd::tcgetpgrp(self.0.get_ref()).ok()
    }

    pub(super) fn settings(&self) -> io::Result<Termios> {
        Ok(termios::tcgetattr(self.0.get_ref())?)
    }

    pub(super) fn set(&self, settings: &Termios) -> io::Result<()> {
        Ok(termios::tcsetattr(
            self.0.get_ref(),
            termios::SetArg::TCSANOW,
            settings,
        )?)
    }
}

impl AsyncRead for Master {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let room = buf.initialize_unfilled();
            match guard.try_io(|fd| Ok(nix::unistd::read(fd.get_ref(), room)?)) {
                Ok(Ok(n)) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                // Linux says EIO where it means that the far end is closed.
                Ok(Err(error)) if error.raw_os_error() == Some(nix::libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Master {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            match guard.try_io(|fd| Ok(nix::unistd::write(fd.get_ref(), bytes)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(written) => return Poll::Ready(written),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
