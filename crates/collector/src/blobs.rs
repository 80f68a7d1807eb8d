//! Captured files, put together from pieces and kept by hash.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::Name;
use model::line::Blob;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::Date;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use crate::position::Position;

/// Files of one machine under way at once; the oldest is given up for another.
const MAX_OPEN: usize = 8;
/// Bytes kept for one machine in a day.
pub const DAILY: u64 = 1 << 30;
/// Lines of the machine after which a file that is still not whole is given up: its sender has died.
const PATIENCE: u64 = 20_000;
const UNFINISHED: &str = "unfinished";

/// The files of one machine that are not whole yet.
#[derive(Debug)]
pub(crate) struct Blobs {
    dir: PathBuf,
    decky: Name,
    open: Vec<Open>,
    pub(crate) quota: Quota,
}

/// What was kept today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quota {
    day: Option<Date>,
    bytes: u64,
}

#[derive(Debug)]
struct Open {
    sha256: String,
    /// Number of the line that began it.
    seq: u64,
    next: u32,
    size: u64,
    hash: Sha256,
    /// None: kept already, or not to be kept; the pieces are only counted.
    file: Option<File>,
    refused: Option<String>,
    /// Where reading must begin again for this file to become whole.
    before: Position,
}

/// A file that was not kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) reason: String,
}

/// Makes the directory, and removes what was left unfinished: it will be read again.
pub(crate) async fn prepare(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir.join(UNFINISHED)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    make_dir(&dir.join(UNFINISHED)).await
}

// === impl Blobs ===

impl Blobs {
    pub(crate) fn new(dir: &Path, decky: &Name, quota: Quota) -> Self {
        Self {
            dir: dir.to_owned(),
            decky: decky.clone(),
            open: Vec::new(),
            quota,
        }
    }

    /// Takes the piece told in line `seq`. When it was the last one, the file is safe on disk, or the answer says why
    /// it is not.
    pub(crate) async fn piece(&mut self, blob: &Blob, seq: u64, before: Position, day: Date) -> Option<Refused> {
        if blob.index == 0 {
            self.begin(blob, seq, before).await;
        }
        let Some(at) = self.open.iter().position(|open| open.sha256 == blob.sha256) else {
            let (sha256, reason) = (blob.sha256.clone(), "its beginning is missing".to_owned());
            return blob.last.then_some(Refused {
                sha256,
                size: 0,
                reason,
            });
        };
        let open = &mut self.open[at];
        if let Err(reason) = open.add(blob).await {
            open.refuse(reason);
        }
        if !blob.last {
            return None;
        }
        let open = self.open.remove(at);
        self.finish(open, day).await
    }

    /// Where reading must begin again so that no unfinished file is lost.
    pub(crate) fn oldest(&self) -> Option<&Position> {
        self.open.first().map(|open| &open.before)
    }

    /// The machine has restarted: what was under way will not be finished.
    pub(crate) async fn give_up(&mut self) {
        for open in std::mem::take(&mut self.open) {
            self.discard(&open.sha256).await;
        }
    }

    /// Gives up what was begun too many lines ago.
    pub(crate) async fn lose_patience(&mut self, seq: u64) {
        while let Some(stuck) = self.open.iter().position(|open| open.seq + PATIENCE < seq) {
            let open = self.open.remove(stuck);
            self.discard(&open.sha256).await;
        }
    }

    async fn begin(&mut self, blob: &Blob, seq: u64, before: Position) {
        self.open.retain(|open| open.sha256 != blob.sha256);
        if self.open.len() == MAX_OPEN {
            let oldest = self.open.remove(0);
            self.discard(&oldest.sha256).await;
        }
        let mut open = Open {
            sha256: blob.sha256.clone(),
            seq,
            next: 0,
            size: 0,
            hash: Sha256::new(),
            file: None,
            refused: None,
            before,
        };
        if !fs::try_exists(self.place(&blob.sha256)).await.unwrap_or(false) {
            match create(&self.unfinished(&blob.sha256)).await {
                Ok(file) => open.file = Some(file),
                Err(error) => open.refuse(format!("not written: {error}")),
            }
        }
        self.open.push(open);
    }

    async fn finish(&mut self, mut open: Open, day: Date) -> Option<Refused> {
        if open.refused.is_none() && hex::encode(open.hash.finalize_reset()) != open.sha256 {
            open.refuse("its bytes do not have its hash".to_owned());
        }
        if open.file.is_some() && !self.quota.take(day, open.size) {
            open.refuse(format!("more than {} MiB of this decky in a day", DAILY >> 20));
        }
        if let Some(file) = open.file.take()
            && let Err(error) = self.keep(file, &open.sha256).await
        {
            open.refuse(format!("not written: {error}"));
        }
        let reason = open.refused?;
        self.discard(&open.sha256).await;
        Some(Refused {
            sha256: open.sha256,
            size: open.size,
            reason,
        })
    }

    async fn keep(&self, mut file: File, sha256: &str) -> io::Result<()> {
        file.flush().await?;
        file.sync_all().await?;
        let place = self.place(sha256);
        let shelf = place.parent().unwrap_or(&self.dir);
        make_dir(shelf).await?;
        fs::rename(self.unfinished(sha256), &place).await?;
        File::open(shelf).await?.sync_all().await
    }

    async fn discard(&self, sha256: &str) {
        // Not there when it was never written.
        let _ = fs::remove_file(self.unfinished(sha256)).await;
    }

    fn place(&self, sha256: &str) -> PathBuf {
        self.dir.join(&sha256[..2]).join(sha256)
    }

    fn unfinished(&self, sha256: &str) -> PathBuf {
        self.dir.join(UNFINISHED).join(format!("{}.{sha256}", self.decky))
    }
}

// === impl Open ===

impl Open {
    async fn add(&mut self, blob: &Blob) -> Result<(), String> {
        if blob.index != self.next {
            return Err("a piece is missing".to_owned());
        }
        self.next += 1;
        let bytes = B64.decode(&blob.data).map_err(|_| "a piece is damaged".to_owned())?;
        self.size += bytes.len() as u64;
        if self.size > Blob::MAX_FILE {
            return Err(format!("larger than {} MiB", Blob::MAX_FILE >> 20));
        }
        self.hash.update(&bytes);
        match &mut self.file {
            Some(file) => file
                .write_all(&bytes)
                .await
                .map_err(|error| format!("not written: {error}")),
            None => Ok(()),
        }
    }

    /// The first reason stands.
    fn refuse(&mut self, reason: String) {
        self.file = None;
        self.refused.get_or_insert(reason);
    }
}

// === impl Quota ===

impl Quota {
    fn take(&mut self, day: Date, bytes: u64) -> bool {
        if self.day != Some(day) {
            *self = Self {
                day: Some(day),
                bytes: 0,
            };
        }
        let fits = self.bytes + bytes <= DAILY;
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

async fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).await
}

async fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use time::macros::date;

    const DAY: Date = date!(2026 - 01 - 31);

    async fn blobs(dir: &Path) -> Blobs {
        prepare(dir).await.unwrap();
        Blobs::new(dir, &Name::new("web").unwrap(), Quota::default())
    }

    fn pieces(bytes: &[u8]) -> Vec<Blob> {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let chunks: Vec<_> = bytes.chunks(Blob::PIECE).collect();
        let piece = |(index, chunk): (usize, &&[u8])| Blob {
            sha256: sha256.clone(),
            index: index as u32,
            last: index + 1 == chunks.len(),
            data: B64.encode(chunk),
        };
        chunks.iter().enumerate().map(piece).collect()
    }

    async fn give(blobs: &mut Blobs, pieces: &[Blob]) -> Option<Refused> {
        let mut last = None;
        for piece in pieces {
            last = blobs.piece(piece, 1, Position::default(), DAY).await;
        }
        last
    }

    fn left_unfinished(dir: &Path) -> usize {
        std::fs::read_dir(dir.join(UNFINISHED)).unwrap().count()
    }

    #[tokio::test]
    async fn a_file_in_pieces_is_kept_by_its_hash_for_nobody_else_to_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut blobs = blobs(dir.path()).await;
        let bytes = vec![7; 3 * Blob::PIECE + 1];
        let pieces = pieces(&bytes);
        assert_eq!(give(&mut blobs, &pieces[..2]).await, None);
        assert!(blobs.oldest().is_some());
        assert_eq!(give(&mut blobs, &pieces[2..]).await, None);
        let kept = dir.path().join(&pieces[0].sha256[..2]).join(&pieces[0].sha256);
        assert_eq!(std::fs::read(&kept).unwrap(), bytes);
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((blobs.oldest(), left_unfinished(dir.path())), (None, 0));
        assert_eq!(give(&mut blobs, &pieces).await, None, "once more changes nothing");
        assert_eq!(blobs.quota.bytes, bytes.len() as u64);
    }

    #[tokio::test]
    async fn two_files_at_once_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        let mut blobs = blobs(dir.path()).await;
        let (a, b) = (pieces(&[1; 2 * Blob::PIECE]), pieces(&[2; 2 * Blob::PIECE]));
        for piece in [&a[0], &b[0], &a[1], &b[1]] {
            assert_eq!(blobs.piece(piece, 1, Position::default(), DAY).await, None);
        }
        for file in [&a[0].sha256, &b[0].sha256] {
            assert!(dir.path().join(&file[..2]).join(file).exists());
        }
    }

    #[tokio::test]
    async fn a_file_that_lies_about_itself_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut blobs = blobs(dir.path()).await;
        let honest = pieces(&[1; 3 * Blob::PIECE]);
        let forged: Vec<_> = honest
            .iter()
            .map(|p| Blob {
                sha256: "ab".repeat(32),
                ..p.clone()
            })
            .collect();
        assert_eq!(
            give(&mut blobs, &forged).await.unwrap().reason,
            "its bytes do not have its hash"
        );
        let missing = [honest[0].clone(), honest[2].clone()];
        assert_eq!(give(&mut blobs, &missing).await.unwrap().reason, "a piece is missing");
        let damaged = [Blob {
            data: "*".into(),
            last: true,
            ..honest[0].clone()
        }];
        assert_eq!(give(&mut blobs, &damaged).await.unwrap().reason, "a piece is damaged");
        assert_eq!(left_unfinished(dir.path()), 0);
    }

    #[tokio::test]
    async fn files_never_finished_are_bounded_and_swept_away() {
        let dir = tempfile::tempdir().unwrap();
        let mut blobs = blobs(dir.path()).await;
        for n in 0..3 * MAX_OPEN as u8 {
            give(&mut blobs, &pieces(&[n; 2 * Blob::PIECE])[..1]).await;
        }
        assert_eq!((blobs.open.len(), left_unfinished(dir.path())), (MAX_OPEN, MAX_OPEN));
        blobs.lose_patience(PATIENCE + 1).await;
        assert_eq!(blobs.open.len(), MAX_OPEN);
        blobs.lose_patience(PATIENCE + 2).await;
        assert_eq!((blobs.open.len(), left_unfinished(dir.path())), (0, 0));
        give(&mut blobs, &pieces(&[1; 2 * Blob::PIECE])[..1]).await;
        blobs.give_up().await;
        assert_eq!((blobs.open.len(), left_unfinished(dir.path())), (0, 0));
        give(&mut blobs, &pieces(&[1; 2 * Blob::PIECE])[..1]).await;
        prepare(dir.path()).await.unwrap();
        assert_eq!(left_unfinished(dir.path()), 0);
    }

    #[tokio::test]
    async fn what_exceeds_the_days_share_is_refused_until_the_next_day() {
        let dir = tempfile::tempdir().unwrap();
        let mut blobs = blobs(dir.path()).await;
        blobs.quota = Quota {
            day: Some(DAY),
            bytes: DAILY - 10,
        };
        let refused = give(&mut blobs, &pieces(&[1; 11])).await.unwrap();
        assert_eq!((refused.size, refused.reason.contains("1024 MiB")), (11, true));
        assert_eq!(give(&mut blobs, &pieces(&[1; 10])).await, None);
        let tomorrow = DAY.next_day().unwrap();
        assert_eq!(
            blobs
                .piece(&pieces(&[1; 11])[0], 1, Position::default(), tomorrow)
                .await,
            None
        );
    }
}
