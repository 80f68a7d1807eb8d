//! One session's record as it is told: what the recorder and the line reader find, sent as events.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::detail::{Command, SessionEnd, SessionStart};
use nix::unistd::Pid;
use tokio::sync::Notify;

use super::lines::Lines;
use super::pty::{Echo, Master};
use super::recorder::{Recorder, Side};
use crate::conn::Log;

/// A piece of the record waits this long for more of its kind.
const GATHER: Duration = Duration::from_millis(50);
/// Names of programs that take command lines.
const SHELLS: &[&str] = &[
    "bash", "sh", "dash", "ash", "zsh", "ksh", "fish", "tcsh", "csh", "busybox", "su", "sudo", "screen", "tmux",
    "script",
];

/// Sees every byte that passes between a peer and a program.
pub trait Witness: Send + Sync {
    fn typed(&self, bytes: &[u8]);
    fn shown(&self, bytes: &[u8]);
    fn resized(&self, _cols: u16, _rows: u16) {}
}

pub struct Tape {
    log: Log,
    user: String,
    started: Instant,
    terminal: Option<Master>,
    /// Typed lines are commands: a shell reads them.
    commands: bool,
    /// Files in transit are kept as files, not as what was typed and shown.
    recording: bool,
    inner: Mutex<Inner>,
    waiting: Notify,
}

struct Inner {
    recorder: Recorder,
    lines: Lines,
}

impl Tape {
    /// Tells that the session began. `terminal` is what its keys go to, when it has one.
    pub fn begin(log: Log, start: SessionStart, terminal: Option<Master>) -> Self {
        let mut lines = Lines::default();
        lines.resize(start.cols);
        let tape = Self {
            user: start.user.clone(),
            started: Instant::now(),
            commands: start.mode == "shell" || terminal.is_some(),
            recording: !matches!(start.mode.as_ref(), "sftp" | "scp"),
            terminal,
            inner: Mutex::new(Inner {
                recorder: Recorder::new(start.sid.clone()),
                lines,
            }),
            waiting: Notify::new(),
            log,
        };
        let command = start.command.clone();
        tape.log.report(start);
        if let Some(command) = command {
            tape.command(command);
        }
        tape
    }

    /// Tells that it ended; `exit_status` as a shell has it, where the program ended of its own accord.
    pub fn end(&self, exit_status: Option<i32>, reason: impl Into<Cow<'static, str>>) {
        let mut inner = self.lock();
        for piece in inner.recorder.finish(self.t_us()) {
            self.log.report(piece);
        }
        self.log.report(SessionEnd {
            sid: inner.recorder.sid().to_owned(),
            duration_ms: self.started.elapsed().as_millis() as u64,
            bytes: inner.recorder.bytes(),
            truncated: inner.recorder.truncated(),
            exit_status,
            reason: reason.into(),
        });
    }

    /// Sends pieces that waited long enough; never ends of itself.
    pub async fn keep_flushing(&self) {
        loop {
            self.waiting.notified().await;
            tokio::time::sleep(GATHER).await;
            if let Some(piece) = self.lock().recorder.flush() {
                self.log.report(piece);
            }
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    fn record(&self, side: Side, hidden: bool, bytes: &[u8]) {
        let mut inner = self.lock();
        if !self.recording {
            return inner.recorder.pass(bytes.len());
        }
        let fresh = !inner.recorder.is_open();
        for piece in inner.recorder.push(self.t_us(), side, hidden, bytes) {
            self.log.report(piece);
        }
        if fresh {
            self.waiting.notify_one();
        }
    }

    fn command(&self, command: String) {
        self.log.report(Command {
            command,
            user: Some(self.user.clone()),
        });
    }

    /// Whether what is typed now is read by a shell.
    fn at_a_shell(&self) -> bool {
        let Some(terminal) = &self.terminal else {
            return true;
        };
        terminal
            .foreground()
            .and_then(name_of)
            .is_none_or(|name| SHELLS.contains(&name.trim_start_matches('-')))
    }

    fn t_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Tape {
    fn typed(&self, bytes: &[u8]) {
        let hidden = self
            .terminal
            .as_ref()
            .is_some_and(|terminal| terminal.echo() == Echo::Hidden);
        self.record(Side::Typed, hidden, bytes);
        if !self.commands {
            return;
        }
        if hidden || !self.at_a_shell() {
            self.lock().lines.reset();
            return;
        }
        let lines = self.lock().lines.typed(bytes);
        lines.into_iter().for_each(|line| self.command(line));
    }

    fn shown(&self, bytes: &[u8]) {
        self.record(Side::Shown, false, bytes);
        if self.commands && self.terminal.is_some() {
            let lines = self.lock().lines.shown(bytes);
            lines.into_iter().for_each(|line| self.command(line));
        }
    }

    fn resized(&self, cols: u16, rows: u16) {
        let mut inner = self.lock();
        inner.lines.resize(cols);
        for piece in inner.recorder.resize(self.t_us(), cols, rows) {
            self.log.report(piece);
        }
    }
}

fn name_of(pid: Pid) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}
