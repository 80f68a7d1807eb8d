//! The machine's files, touched with the rights this process has: those of the machine's `redis` account.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reply::Bytes;
use super::server::Disk;
use crate::machine::Machine;

const HOME: &str = "/var/lib/redis";
const CONFIG: &str = "/etc/redis/redis.conf";

pub(super) struct Files {
    machine: Arc<Machine>,
    /// Working folder, as the machine names it.
    dir: PathBuf,
}

// === impl Files ===

impl Files {
    pub(super) fn new(machine: Arc<Machine>) -> Self {
        Self {
            machine,
            dir: HOME.into(),
        }
    }

    /// Where it lies for this process.
    fn place(&self, path: &Path) -> PathBuf {
        self.machine.path("/").join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Disk for Files {
    fn enter(&mut self, dir: &[u8]) -> Result<Bytes, String> {
        let wanted = self.place(&self.dir.join(OsStr::from_bytes(dir)));
        let entered = wanted.canonicalize().and_then(|found| {
            // A folder one may search is one that can be entered; `.` cannot be looked up in any other.
            std::fs::metadata(found.join("."))?;
            Ok(found)
        });
        let found = entered.map_err(|error| strerror(&error))?;
        let root = self.machine.path("/").canonicalize().unwrap_or_else(|_| "/".into());
        self.dir = Path::new("/").join(found.strip_prefix(root).unwrap_or(&found));
        Ok(self.dir.as_os_str().as_bytes().to_vec())
    }

    fn save(&mut self, name: &[u8], bytes: &[u8]) -> Result<Bytes, String> {
        let temporary = self.place(&self.dir.join(format!("temp-{}.rdb", std::process::id())));
        let path = self.dir.join(OsStr::from_bytes(name));
        let written = std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, self.place(&path)));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&temporary);
            return Err(strerror(&error));
        }
        Ok(path.as_os_str().as_bytes().to_vec())
    }

    fn rewrite(&mut self, changed: &[(&'static str, Bytes)]) -> Result<Bytes, String> {
        let path = self.machine.path(CONFIG);
        let text = std::fs::read(&path).map_err(|error| strerror(&error))?;
        let text = rewritten(&text, changed);
        std::fs::write(&path, &text).map_err(|error| strerror(&error))?;
        Ok(text)
    }
}

/// The configuration with those directives in place of what it said of them, or at its end.
fn rewritten(text: &[u8], changed: &[(&'static str, Bytes)]) -> Bytes {
    let mut lines: Vec<Bytes> = text
        .strip_suffix(b"\n")
        .unwrap_or(text)
        .split(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    for (name, value) in changed {
        let words = matches!(
            *name,
            "save" | "client-output-buffer-limit" | "bind" | "oom-score-adj-values"
        );
        let quoted = value.is_empty() || (!words && value.contains(&b' '));
        let value = if quoted {
            [b"\"", &value[..], b"\""].concat()
        } else {
            value.clone()
        };
        let line = [name.as_bytes(), b" ", &value].concat();
        let first = |line: &Bytes| line.split(|&b| b == b' ').next() == Some(name.as_bytes());
        match lines.iter_mut().find(|held| first(held)) {
            Some(held) => *held = line,
            None => lines.push(line),
        }
    }
    [lines.join(&b'\n'), b"\n".to_vec()].concat()
}

/// As C words it.
fn strerror(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_configuration_keeps_what_did_not_change() {
        let text = rewritten(
            b"# a comment\nport 6379\nappendonly no\n",
            &[("appendonly", b"yes".to_vec()), ("requirepass", b"a b".to_vec())],
        );
        assert_eq!(text, b"# a comment\nport 6379\nappendonly yes\nrequirepass \"a b\"\n");
    }
}
