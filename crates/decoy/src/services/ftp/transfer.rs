//! What goes over the data connection.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use model::detail::FileCaptured;
use nix::fcntl::OFlag;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::core::Store;
use super::data::{self, Failure};
use super::files::Disk;
use super::listing::Wanted;
use super::reply::Reply;
use super::session::{Next, Session, now, shown};
use crate::conn::Log;
use model::line::Blob;

/// Bytes of uploads held in memory at once, over all sessions.
pub(super) const MAX_KEPT: usize = 128 << 20;
/// Bytes of one upload the disk takes.
const MAX_UPLOAD: u64 = 1 << 30;
/// Names tried for one that is not taken.
const MAX_UNIQUE: u32 = 10_000;
const PIECE: usize = 64 << 10;
/// Silence on the data connection that ends the session.
const STALLED: Duration = Duration::from_secs(300);

enum Sent {
    All,
    Broken,
    Stalled,
}

/// An upload as it comes in.
struct Upload<'a> {
    session: &'a Session,
    hash: Sha256,
    kept: Vec<u8>,
    whole: bool,
    size: u64,
}

// === impl Session ===

impl Session {
    pub(super) async fn list(&mut self, arg: Vec<u8>, full: bool) -> io::Result<Next> {
        let mut wanted = Wanted::parse(&arg);
        wanted.what = self.resolved(wanted.what);
        let what = wanted.what.clone();
        let listing = move |disk: &mut Disk| Ok((disk.list(&wanted, full, now()), disk.whole(&what)));
        let (listing, path) = self.files()?.run(listing).await?;
        self.report("dir_list", json!({"path": shown(&path)}));
        let Some(mut stream) = self.open().await? else {
            return Ok(Next::Command);
        };
        self.say(Reply::new(150, "Here comes the directory listing.")).await?;
        if !listing.opened {
            let _ = stream.shutdown().await;
            self.say(Reply::new(226, "Transfer done (but failed to open directory)."))
                .await?;
            return Ok(Next::Command);
        }
        let sent = match timeout(STALLED, stream.write_all(&listing.lines)).await {
            Ok(Ok(())) => Sent::All,
            Ok(Err(_)) => Sent::Broken,
            Err(_) => Sent::Stalled,
        };
        let _ = stream.shutdown().await;
        drop(stream);
        self.finish(
            sent,
            (226, "Directory send OK."),
            (426, "Failure writing network stream."),
        )
        .await
    }

    pub(super) async fn retrieve(&mut self, path: Vec<u8>, from: u64) -> io::Result<Next> {
        let path = self.resolved(path);
        let wanted = path.clone();
        let opening = move |disk: &mut Disk| {
            let whole = disk.whole(&wanted);
            let (mut file, size) = disk.read(&wanted)?;
            file.seek(SeekFrom::Start(from))?;
            Ok((file, size, whole))
        };
        let Ok((file, size, whole)) = self.files()?.run(opening).await else {
            self.say(Reply::new(550, "Failed to open file.")).await?;
            return Ok(Next::Command);
        };
        let Some(mut stream) = self.open().await? else {
            return Ok(Next::Command);
        };
        let text = [
            b"Opening BINARY mode data connection for ",
            &path[..],
            format!(" ({size} bytes).").as_bytes(),
        ]
        .concat();
        self.say(Reply::from_bytes(150, &text)).await?;
        let (sent, bytes) = send(&mut stream, file, size.saturating_sub(from)).await;
        let _ = stream.shutdown().await;
        drop(stream);
        self.report(
            "file_read",
            json!({"path": shown(&whole), "bytes": bytes, "complete": matches!(sent, Sent::All)}),
        );
        self.finish(
            sent,
            (226, "Transfer complete."),
            (426, "Failure writing network stream."),
        )
        .await
    }

    pub(super) async fn store(&mut self, path: Vec<u8>, from: u64, how: Store) -> io::Result<Next> {
        let path = self.resolved(path);
        let umask = self.core.umask;
        let opening = move |disk: &mut Disk| {
            let (path, file) = create(disk, path, from, how, umask)?;
            Ok((disk.whole(&path), path, file))
        };
        let Ok((whole, name, file)) = self.files()?.run(opening).await else {
            self.say(Reply::new(553, "Could not create file.")).await?;
            return Ok(Next::Command);
        };
        let Some(mut stream) = self.open().await? else {
            return Ok(Next::Command);
        };
        let ready = match how {
            Store::Unique => Reply::from_bytes(150, &[b"FILE: ", &name[..]].concat()),
            Store::Put | Store::Append => Reply::new(150, "Ok to send data."),
        };
        self.say(ready).await?;
        let mut upload = Upload::new(self);
        let received = receive(&mut stream, file, &mut upload).await;
        upload.keep(&shown(&whole));
        drop(stream);
        let (sent, trouble) = match received {
            Ok(sent) => (sent, (426, "Failure reading network stream.")),
            Err(_) => (Sent::Broken, (451, "Failure writing to local file.")),
        };
        self.finish(sent, (226, "Transfer complete."), trouble).await
    }

    /// The data connection; none when it did not come about, and the peer was told so.
    async fn open(&mut self) -> io::Result<Option<TcpStream>> {
        let Some(way) = self.core.data.take() else {
            return Ok(None);
        };
        let listener = self.listener.take();
        let text = match data::connect(way, listener, self.peer, self.local).await {
            Ok(stream) => return Ok(Some(stream)),
            Err(Failure::NotEstablished) => "Failed to establish connection.",
            Err(Failure::Stranger) => "Security: Bad IP connecting.",
        };
        self.say(Reply::new(425, text)).await?;
        Ok(None)
    }

    async fn finish(&mut self, sent: Sent, all: (u16, &str), broken: (u16, &str)) -> io::Result<Next> {
        let ((code, text), next) = match sent {
            Sent::All => (all, Next::Command),
            Sent::Broken => (broken, Next::Command),
            Sent::Stalled => ((421, "Data timeout. Reconnect. Sorry."), Next::Close),
        };
        self.say(Reply::new(code, text)).await?;
        Ok(next)
    }
}

fn create(disk: &Disk, path: Vec<u8>, from: u64, how: Store, umask: u32) -> io::Result<(Vec<u8>, File)> {
    match how {
        Store::Unique => create_unique(disk, &path, umask),
        Store::Append => Ok((path.clone(), disk.write(&path, OFlag::O_APPEND, umask)?)),
        Store::Put if from == 0 => Ok((path.clone(), disk.write(&path, OFlag::O_TRUNC, umask)?)),
        Store::Put => {
            let mut file = disk.write(&path, OFlag::empty(), umask)?;
            file.seek(SeekFrom::Start(from))?;
            Ok((path, file))
        }
    }
}

/// `name`, `name.1`, ...; `STOU.1`, ... when there is no name.
fn create_unique(disk: &Disk, path: &[u8], umask: u32) -> io::Result<(Vec<u8>, File)> {
    let base = if path.is_empty() { b"STOU" } else { path };
    for number in u32::from(path.is_empty())..MAX_UNIQUE {
        let name = if number == 0 {
            base.to_vec()
        } else {
            [base, format!(".{number}").as_bytes()].concat()
        };
        match disk.write(&name, OFlag::O_EXCL, umask) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// How it ended, and after how many bytes.
async fn send(stream: &mut TcpStream, mut file: File, size: u64) -> (Sent, u64) {
    let mut buffer = vec![0; PIECE];
    let mut sent = 0;
    while sent < size {
        let most = usize::try_from(size - sent).unwrap_or(PIECE).min(PIECE);
        let Ok(read @ 1..) = file.read(&mut buffer[..most]) else {
            return (Sent::Broken, sent);
        };
        match timeout(STALLED, stream.write_all(&buffer[..read])).await {
            Ok(Ok(())) => sent += read as u64,
            Ok(Err(_)) => return (Sent::Broken, sent),
            Err(_) => return (Sent::Stalled, sent),
        }
    }
    (Sent::All, sent)
}

/// An error is one of the file.
async fn receive(stream: &mut TcpStream, mut file: File, upload: &mut Upload<'_>) -> io::Result<Sent> {
    let mut buffer = vec![0; PIECE];
    loop {
        match timeout(STALLED, stream.read(&mut buffer)).await {
            Ok(Ok(0)) => return Ok(Sent::All),
            Ok(Ok(read)) => {
                upload.take(&buffer[..read]);
                if upload.size > MAX_UPLOAD {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                file.write_all(&buffer[..read])?;
            }
            Ok(Err(_)) => return Ok(Sent::Broken),
            Err(_) => return Ok(Sent::Stalled),
        }
    }
}

// === impl Upload ===

impl<'a> Upload<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            session,
            hash: Sha256::new(),
            kept: Vec::new(),
            whole: true,
            size: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        let room = &self.session.ftp.room;
        if self.whole && self.size <= Blob::MAX_FILE && bytes.len() <= room.get() {
            room.set(room.get() - bytes.len());
            self.kept.extend(bytes);
        } else if self.whole {
            self.whole = false;
            self.free();
        }
    }

    fn free(&mut self) {
        let room = &self.session.ftp.room;
        room.set(room.get() + self.kept.len());
        self.kept = Vec::new();
    }

    fn keep(self, path: &str) {
        let log: &Log = self.session.log();
        let user = Some(self.session.user());
        if self.whole {
            log.capture(&self.kept, path, "upload", user);
            return;
        }
        log.report(FileCaptured {
            sha256: hex::encode(self.hash.clone().finalize()),
            size: self.size,
            path: path.to_owned(),
            way: "upload".into(),
            user: user.map(str::to_owned),
        });
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        self.free();
    }
}
