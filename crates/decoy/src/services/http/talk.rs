//! Carries one conversation over one stream.

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use model::detail::Outcome;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::act::{Act, Conversation, Slice, Turn};
use super::record::Recorder;
use super::site::Site;

const READ: usize = 8192;
/// Bytes gathered before they are sent.
const MAX_OUT: usize = 64 << 10;
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
        let acts = std::mem::take(&mut turn.acts);
        if let Next::Over = perform(acts, stream, recorder).await {
            return;
        }
        if stream.flush().await.is_err() || gone {
            return;
        }
    }
}

/// Does what is to be done. What is sent in one go travels together, as it does from the products.
async fn perform<S>(acts: Vec<Act>, stream: &mut S, recorder: &mut Recorder) -> Next
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Vec::new();
    for act in acts {
        let sent = match act {
            Act::Send(bytes) => {
                out.extend_from_slice(&bytes);
                out.len() < MAX_OUT || send(stream, &mut out).await
            }
            Act::SendFile(slice) => send_file(stream, slice, &mut out).await,
            Act::Head(raw) => {
                recorder.head(raw);
                true
            }
            Act::Body(bytes) => {
                recorder.body(&bytes);
                true
            }
            Act::Answered { status, bytes } => {
                // No page of these products asks for a password: whoever sends one fails.
                recorder.answered(status, bytes, Outcome::Failure);
                true
            }
            Act::Unanswered { reason, bytes } => {
                recorder.unanswered(reason, &bytes);
                true
            }
            Act::Linger => {
                if send(stream, &mut out).await {
                    let _ = timeout(LINGER_TOTAL, linger(stream)).await;
                }
                return Next::Over;
            }
            Act::Close => {
                if send(stream, &mut out).await {
                    let _ = timeout(SEND_TIMEOUT, stream.shutdown()).await;
                }
                return Next::Over;
            }
        };
        if !sent {
            return Next::Over;
        }
    }
    match send(stream, &mut out).await {
        true => Next::On,
        false => Next::Over,
    }
}

/// Sends all there is to send.
async fn send<S: AsyncWrite + Unpin>(stream: &mut S, out: &mut Vec<u8>) -> bool {
    let sent = out.is_empty() || matches!(timeout(SEND_TIMEOUT, stream.write_all(out)).await, Ok(Ok(())));
    out.clear();
    sent
}

async fn send_file<S: AsyncWrite + Unpin>(stream: &mut S, mut slice: Slice, out: &mut Vec<u8>) -> bool {
    if slice.file.seek(SeekFrom::Start(slice.start)).is_err() {
        return false;
    }
    let mut left = slice.len;
    while left > 0 {
        let before = out.len();
        let most = (MAX_OUT.saturating_sub(before).max(1) as u64).min(left) as usize;
        out.resize(before + most, 0);
        // A file that shrank meanwhile leaves the peer waiting for the rest, as it would with sendfile.
        let Ok(n @ 1..) = slice.file.read(&mut out[before..]) else {
            return false;
        };
        out.truncate(before + n);
        left -= n as u64;
        if out.len() >= MAX_OUT && !send(stream, out).await {
            return false;
        }
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
