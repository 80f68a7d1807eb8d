//! The alert log: a file of JSON lines, one a finding. It is only ever added to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use store::Delivery;

use crate::channel::{Channel, Sent, all};

pub(crate) struct AlertLog {
    path: PathBuf,
}

/// Bytes at the end of a file that are looked at; a line is shorter.
const TAIL: u64 = 1 << 20;
const TRIES: u32 = 1000;

impl AlertLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Channel for AlertLog {
    fn name(&self) -> &str {
        "alert"
    }

    /// A full disk is somebody's to make room on; nothing is lost meanwhile.
    fn tries(&self) -> u32 {
        TRIES
    }

    fn send<'a>(&'a self, due: &'a [Delivery]) -> BoxFuture<'a, Vec<Sent>> {
        let lines: Vec<_> = due.iter().map(|delivery| delivery.finding.detail.clone()).collect();
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &lines));
        async move {
            match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => all(due, &Sent::Done),
                Err(error) => all(due, &Sent::Later(format!("{}: {error}", self.path.display()))),
            }
        }
        .boxed()
    }
}

/// Adds lines to a file of JSON lines. One that does not end in such a line is put aside first, whole.
pub(crate) fn append<T: Serialize>(path: &Path, lines: &[T]) -> io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let mut open = OpenOptions::new();
    open.read(true).append(true).create(true).mode(0o640);
    let mut file = open.open(path)?;
    if !is_sound(&mut file)? {
        drop(file);
        std::fs::rename(path, free_name(path))?;
        file = open.open(path)?;
    }
    file.write_all(&text)?;
    file.sync_data()
}

fn is_sound(file: &mut File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let Some(tail) = tail.strip_suffix(b"\n") else {
        return Ok(false);
    };
    let last = tail.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(last).is_ok())
}

/// `NAME.corrupt-1`, or the first such that is free.
fn free_name(path: &Path) -> PathBuf {
    let mut number = 1;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{number}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            return aside;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_added_and_a_broken_file_is_put_aside_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        append(&path, &[json!({ "id": 1 })]).unwrap();
        append(&path, &[json!({ "id": 2 })]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"id\":1}\n{\"id\":2}\n");
        for broken in ["{\"id\":1}\n{\"id\":", "{\"id\":1}\n\u{0}\u{0}\n", "no json\n"] {
            std::fs::write(&path, broken).unwrap();
            let aside = free_name(&path);
            append(&path, &[json!({ "id": 3 })]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"id\":3}\n");
            assert_eq!(std::fs::read_to_string(aside).unwrap(), broken);
        }
    }
}
