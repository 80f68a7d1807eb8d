//! Moves bytes between a peer and a running program until one of them is done.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Started;
use super::pty::Master;
use super::tape::{Tape, Witness};

/// Read from a program at a time.
const CHUNK: usize = 16 * 1024;
/// What a program wrote before it ended is waited for this long, where others hold its terminal open.
const DRAIN: Duration = Duration::from_millis(100);

/// From the peer to the program. The peer's going away is the end of the queue.
pub enum Input {
    /// The room is dropped when the program has taken the bytes.
    Bytes(bytes::Bytes, Option<Room>),
    Resize(u16, u16),
    Signal(Signal),
    /// No more bytes will come; output is still wanted.
    End,
}

/// The place of bytes among all queued input, for as long as it is held.
pub type Room = Box<dyn std::any::Any + Send + Sync>;

/// Where a program's output goes.
pub type Sink = Box<dyn AsyncWrite + Send + Unpin>;

#[derive(Clone, Copy, Debug)]
pub enum Ended {
    Exited(ExitStatus),
    /// The peer went away first.
    PeerGone,
    /// The session had lasted as long as it may.
    TimeIsUp,
}

/// Runs the session to its end. A program on a terminal has one output; another's standard error goes to `err`.
pub async fn run(
    started: Started,
    input: UnboundedReceiver<Input>,
    out: Sink,
    err: Sink,
    witness: Arc<dyn Witness>,
    limit: Option<Duration>,
) -> Ended {
    let Started { child, master } = started;
    let session = async {
        match master {
            Some(master) => on_terminal(child, master, input, out, &*witness).await,
            None => on_pipes(child, input, out, err, &*witness).await,
        }
    };
    match limit {
        Some(limit) => tokio::time::timeout(limit, session).await.unwrap_or(Ended::TimeIsUp),
        None => session.await,
    }
}

/// Runs the session and tells its record as it grows.
pub async fn while_telling(session: impl Future<Output = Ended>, tape: &Tape) -> Ended {
    tokio::select! {
        ended = session => ended,
        () = tape.keep_flushing() => Ended::PeerGone,
    }
}

/// Tells how the session ended.
pub fn end(tape: &Tape, ended: Ended) {
    use std::os::unix::process::ExitStatusExt;
    match ended {
        Ended::TimeIsUp => tape.end(None, "timeout"),
        Ended::PeerGone => tape.end(None, "disconnect"),
        Ended::Exited(status) => match status.code() {
            Some(code) => tape.end(Some(code), "exit"),
            None => tape.end(Some(128 + status.signal().unwrap_or(0)), "signal"),
        },
    }
}

/// Dropping the master when this returns is what hangs up on programs that still run.
async fn on_terminal(
    mut child: Child,
    master: Master,
    mut input: UnboundedReceiver<Input>,
    mut out: Sink,
    witness: &dyn Witness,
) -> Ended {
    let leader = child.id();
    let feed = async {
        let mut keys = master.clone();
        while let Some(input) = input.recv().await {
            match input {
                Input::Bytes(bytes, _room) => {
                    witness.typed(&bytes);
                    // A terminal nobody reads any more swallows what is typed.
                    let _ = keys.write_all(&bytes).await;
                }
                Input::Resize(cols, rows) => {
                    keys.resize(cols, rows);
                    witness.resized(cols, rows);
                }
                Input::Signal(signal) => tell(leader, signal),
                Input::End => {}
            }
        }
    };
    let mut screen = master.clone();
    let mut buffer = vec![0; CHUNK];
    tokio::pin!(feed);
    let status = loop {
        tokio::select! {
            biased;
            () = &mut feed => return Ended::PeerGone,
            read = screen.read(&mut buffer) => match read {
                Ok(n) if n > 0 => {
                    if show(&buffer[..n], &mut out, &mut feed, witness).await.is_err() {
                        return Ended::PeerGone;
                    }
                }
                _ => break child.wait().await,
            },
            status = child.wait() => break status,
        }
    };
    while let Ok(Ok(n @ 1..)) = tokio::time::timeout(DRAIN, screen.read(&mut buffer)).await {
        if show(&buffer[..n], &mut out, &mut feed, witness).await.is_err() {
            break;
        }
    }
    status.map_or(Ended::PeerGone, Ended::Exited)
}

/// Writes to the peer, who may meanwhile type, or leave.
async fn show(
    bytes: &[u8],
    out: &mut Sink,
    feed: &mut (impl Future<Output = ()> + Unpin),
    witness: &dyn Witness,
) -> io::Result<()> {
    witness.shown(bytes);
    tokio::select! {
        written = async { out.write_all(bytes).await?; out.flush().await } => written,
        () = feed => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

async fn on_pipes(
    mut child: Child,
    mut input: UnboundedReceiver<Input>,
    out: Sink,
    err: Sink,
    witness: &dyn Witness,
) -> Ended {
    let leader = child.id();
    let mut stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let feed = async {
        while let Some(input) = input.recv().await {
            match (input, &mut stdin) {
                (Input::Bytes(bytes, _room), Some(pipe)) => {
                    witness.typed(&bytes);
                    if pipe.write_all(&bytes).await.is_err() {
                        stdin = None;
                    }
                }
                (Input::End, _) => stdin = None,
                (Input::Signal(signal), _) => tell(leader, signal),
                (Input::Bytes(..) | Input::Resize(..), _) => {}
            }
        }
    };
    let outcome = async { tokio::join!(copy(stdout, out, witness), copy(stderr, err, witness), child.wait()).2 };
    tokio::select! {
        biased;
        status = outcome => status.map_or(Ended::PeerGone, Ended::Exited),
        () = feed => Ended::PeerGone,
    }
}

async fn copy(from: Option<impl AsyncRead + Unpin>, mut to: Sink, witness: &dyn Witness) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; CHUNK];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        witness.shown(&buffer[..n]);
        if to.write_all(&buffer[..n]).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
}

fn tell(leader: Option<u32>, signal: Signal) {
    if let Some(leader) = leader.and_then(|pid| i32::try_from(pid).ok()) {
        let _ = killpg(Pid::from_raw(leader), signal);
    }
}
