//! What containers say, as it travels on hijacked connections and in logs.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::time::nano;
use crate::services::containers::{Run, Said};
use crate::services::golang::{Request, Talk, Then};
use crate::shell::session::Input;

const READ: usize = 16 << 10;
/// Whoever says nothing more is let go after so long of silence.
const QUIET: Duration = Duration::from_secs(1800);

/// How a container's words are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Raw, as a terminal has them; else each with its stream and length.
    pub tty: bool,
    pub out: bool,
    pub err: bool,
    pub timestamps: bool,
}

// === impl Manner ===

impl Manner {
    /// Nothing when that stream is not wanted.
    pub(super) fn frame(self, said: &Said) -> Vec<u8> {
        let wanted = if said.err { self.err } else { self.out };
        if !wanted {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        if self.timestamps {
            bytes.extend_from_slice(format!("{} ", nano(said.at)).as_bytes());
        }
        bytes.extend_from_slice(&said.bytes);
        if self.tty {
            return bytes;
        }
        let mut frame = vec![if said.err { 2 } else { 1 }, 0, 0, 0];
        frame.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        frame.extend(bytes);
        frame
    }
}

/// The head of a connection that is no longer HTTP.
pub(super) fn hijacked(request: &Request) -> &'static [u8] {
    match request.header("upgrade") {
        Some(_) => {
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        }
        None => b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
    }
}

/// Carries words both ways until the program has ended or the client is gone.
pub(super) async fn relay(talk: &mut Talk, run: &Run, mut heard: Receiver<Said>, manner: Manner, stdin: bool) -> Then {
    let early = talk.reader.take_rest();
    if stdin && !early.is_empty() {
        run.feed(&early).await;
    }
    let mut buffer = [0; READ];
    let mut open = true;
    loop {
        tokio::select! {
            said = timeout(QUIET, heard.recv()) => match said {
                Ok(Some(said)) => {
                    let frame = manner.frame(&said);
                    if talk.send(&frame).await == Then::Over {
                        break;
                    }
                }
                Err(_) if open => {}
                _ => break,
            },
            read = talk.stream.read(&mut buffer), if open => match read {
                Ok(n @ 1..) => {
                    if stdin {
                        run.feed(&buffer[..n]).await;
                    }
                }
                Ok(_) => {
                    open = false;
                    if stdin {
                        run.tell(Input::End);
                    }
                }
                Err(_) => break,
            },
        }
    }
    let _ = talk.stream.flush().await;
    Then::Over
}
