//! Carries one conversation over one stream.

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::act::{Act, Conversation, Slice, Turn};
use super::record::Recorder;
use super::site::Site;

const READ: usize = 8192;
const FILE_READ: usize = 64 << 10;
/// A peer that takes nothing for so long is let go.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// What is read away after the last word.
const LINGER_QUIET: Duration = Duration::from_secs(5);
const LINGER_TOTAL: Duration = Duration::from_secs(30);

/// Whether the conversation goes on.
enum Next {
    On,
    Over,
}

pub(super) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    conversation: &mut dyn Conversation,
    site: &Site,
    recorder: &mut Recorder,
) {
    let began = Instant::now();
    let mut buffer = vec![0; READ];
    loop {
        let left = conversation.deadline().saturating_sub(began.elapsed());
        let read = timeout(left, stream.read(&mut buffer)).await;
        let mut turn = Turn {
            site,
            now: OffsetDateTime::now_utc(),
            at: began.elapsed(),
            acts: Vec::new(),
        };
        let mut gone = false;
        match read {
            Err(_) => conversation.expired(&mut turn),
            Ok(Ok(0) | Err(_)) => {
                gone = true;
                conversation.ended(&mut turn);
            }
            Ok(Ok(n)) => conversation.received(&buffer[..n], &mut turn),
        }
        for act in turn.acts {
            if let Next::Over = perform(act, stream, recorder).await {
                return;
            }
        }
        if stream.flush().await.is_err() || gone {
            return;
        }
    }
}

async fn perform<S: AsyncRead + AsyncWrite + Unpin>(act: Act, stream: &mut S, recorder: &mut Recorder) -> Next {
    match act {
        Act::Send(bytes) => {
            if !send(stream, &bytes).await {
                return Next::Over;
            }
        }
        Act::SendFile(slice) => {
            if !send_file(stream, slice).await {
                return Next::Over;
            }
        }
        Act::Head(raw) => recorder.head(raw),
        Act::Body(bytes) => recorder.body(&bytes),
        Act::Answered { status, bytes } => recorder.answered(status, bytes),
        Act::Unanswered { reason, bytes } => recorder.unanswered(reason, &bytes),
        Act::Linger => {
            let _ = timeout(LINGER_TOTAL, linger(stream)).await;
            return Next::Over;
        }
        Act::Close => {
            let _ = timeout(SEND_TIMEOUT, stream.shutdown()).await;
            return Next::Over;
        }
    }
    Next::On
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> bool {
    matches!(timeout(SEND_TIMEOUT, stream.write_all(bytes)).await, Ok(Ok(())))
}

async fn send_file<S: AsyncWrite + Unpin>(stream: &mut S, mut slice: Slice) -> bool {
    if slice.file.seek(SeekFrom::Start(slice.start)).is_err() {
        return false;
    }
    let mut buffer = vec![0; FILE_READ];
    let mut left = slice.len;
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        // A file that shrank meanwhile leaves the peer waiting for the rest, as it would with sendfile.
        let Ok(n @ 1..) = slice.file.read(&mut buffer[..most]) else {
            return false;
        };
        if !send(stream, &buffer[..n]).await {
            return false;
        }
        left -= n as u64;
    }
    true
}

/// Says that no more will be said, and reads what still comes: closing on unread bytes would tear the answer away
/// from under a peer that is still sending.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut buffer = vec![0; READ];
    while let Ok(Ok(1..)) = timeout(LINGER_QUIET, stream.read(&mut buffer)).await {}
}
