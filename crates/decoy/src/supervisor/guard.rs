//! Keeps the file this process was started from what it is: who replaces it would be the machine's first process, and
//! speak to the host in its name, at the next start.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

/// How often it is looked at.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);

pub(super) struct Guard {
    path: PathBuf,
    /// The file itself: it cannot be written to while it runs, only moved away.
    own: File,
}

// === impl Guard ===

impl Guard {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            path: fs::read_link("/proc/self/exe")?,
            own: File::open("/proc/self/exe")?,
        })
    }

    /// Puts the file back when it is not there. Whether it was so.
    pub(super) fn restore(&mut self) -> io::Result<bool> {
        let own = self.own.metadata()?;
        let there = fs::symlink_metadata(&self.path).ok();
        if there.is_some_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino())) {
            return Ok(false);
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push("+");
        let _ = fs::remove_file(&beside);
        fs::copy("/proc/self/exe", &beside)?;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o700))?;
        if self.path.is_dir() {
            fs::remove_dir_all(&self.path)?;
        }
        fs::rename(&beside, &self.path)?;
        self.own = File::open(&self.path)?;
        Ok(true)
    }
}
