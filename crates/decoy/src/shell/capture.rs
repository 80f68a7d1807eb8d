//! Keeps files that appear on the machine.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use model::detail::FileCaptured;
use model::line::Blob;
use sha2::{Digest, Sha256};

use crate::conn::Log;

/// Larger files are told by hash and size only.
pub const MAX: u64 = Blob::MAX_FILE;
/// The hash of anything larger than this is not worth the reading.
const MAX_HASHED: u64 = 1 << 30;
const CHUNK: usize = 64 * 1024;

/// Opens a plain file to be kept later; a link, a device or a pipe is none.
pub fn open(path: &Path) -> Option<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
}

/// Tells a file whose bytes are not kept.
pub fn tell(log: &Log, sha256: &str, size: u64, path: &str, way: &'static str, user: &str) {
    log.report(FileCaptured {
        sha256: sha256.to_owned(),
        size,
        path: path.to_owned(),
        way: way.into(),
        user: Some(user.to_owned()),
    });
}

/// Reads the whole file and tells it; takes its time.
pub fn read(log: &Log, mut file: File, path: &str, way: &'static str, user: &str) -> io::Result<()> {
    let size = file.metadata()?.len();
    if size <= MAX {
        let mut bytes = Vec::new();
        file.take(MAX).read_to_end(&mut bytes)?;
        log.capture(&bytes, path, way, Some(user));
        return Ok(());
    }
    let mut hash = Sha256::new();
    let (mut chunk, mut total) = (vec![0; CHUNK], 0);
    while total < MAX_HASHED {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            tell(log, &hex::encode(hash.finalize()), total, path, way, user);
            break;
        }
        hash.update(&chunk[..n]);
        total += n as u64;
    }
    Ok(())
}
