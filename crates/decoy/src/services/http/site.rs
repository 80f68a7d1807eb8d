//! What is served: the product claimed, what the operator wants changed, and the files of the machine.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::machine::ServiceSpec;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use serde_json::Value;

use super::persona::Persona;

/// Names in one folder that are listed; a listing is held in memory.
const MAX_LISTED: usize = 4096;

pub(super) struct Site {
    pub persona: Persona,
    pub files: Files,
    pub fixed: Fixed,
    /// Name of the machine with its domain, when it has one.
    pub fqdn: Option<String>,
    /// Between the parts of an answer, where the product draws one when it starts.
    pub boundary: String,
    numbers: Cell<u64>,
}

/// What the operator has every request answered with.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed {
    pub status: Option<u16>,
    pub body: Option<String>,
    pub headers: Vec<(String, String)>,
}

/// The machine's files as the server's user sees them.
pub(super) struct Files {
    root: PathBuf,
    /// User and group whose rights count where this process has more (it runs as root only when tried out by hand).
    reader: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Other,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub kind: Kind,
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    pub mtime_us: i64,
}

// === impl Site ===

impl Site {
    pub(super) fn new(persona: Persona, files: Files, fixed: Fixed, fqdn: Option<String>, boundary: String) -> Self {
        Self {
            persona,
            files,
            fixed,
            fqdn,
            boundary,
            numbers: Cell::new(0),
        }
    }

    /// Counts from 1 for as long as the server runs.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Whether requests are answered from files at all.
    pub(super) fn is_plain(&self) -> bool {
        self.fixed.body.is_none() && self.fixed.status.is_none_or(|status| status == 200)
    }
}

// === impl Files ===

impl Files {
    pub(super) fn new(root: impl Into<PathBuf>, reader: (u32, u32)) -> Self {
        Self {
            root: root.into(),
            reader: geteuid().is_root().then_some(reader),
        }
    }

    /// Follows symbolic links, as the products do by default.
    pub(super) fn look(&self, path: &[u8]) -> io::Result<Seen> {
        let path = self.place(path)?;
        self.check_way(&path)?;
        fs::metadata(&path).map(|metadata| Seen::from(&metadata))
    }

    pub(super) fn open(&self, path: &[u8]) -> io::Result<(File, Seen)> {
        let path = self.place(path)?;
        self.check(&path, 0o4)?;
        let file = open(&path)?;
        let seen = Seen::from(&file.metadata()?);
        Ok((file, seen))
    }

    /// Whether a link stands there, wherever it leads.
    pub(super) fn is_link(&self, path: &[u8]) -> bool {
        let metadata = self.place(path).and_then(fs::symlink_metadata);
        metadata.is_ok_and(|metadata| metadata.is_symlink())
    }

    /// Whether the server's user may open what is there for reading.
    pub(super) fn may_open(&self, path: &[u8]) -> io::Result<()> {
        let path = self.place(path)?;
        self.check(&path, 0o4)?;
        open(&path).map(|_| ())
    }

    /// What a folder holds, in no order; links to nowhere are left out.
    pub(super) fn list(&self, path: &[u8]) -> io::Result<Vec<(Vec<u8>, Seen)>> {
        let path = self.place(path)?;
        self.check(&path, 0o4)?;
        let names = fs::read_dir(path)?.take(MAX_LISTED).filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = fs::metadata(entry.path()).ok()?;
            Some((entry.file_name().as_bytes().to_vec(), Seen::from(&metadata)))
        });
        Ok(names.collect())
    }

    fn place(&self, path: &[u8]) -> io::Result<PathBuf> {
        if path.contains(&0) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let relative = path
            .iter()
            .position(|byte| *byte != b'/')
            .map_or(&[][..], |at| &path[at..]);
        let mut place = self.root.join(OsStr::from_bytes(relative));
        // A name that ends in a slash must be a folder; joining paths forgets that.
        if path.ends_with(b"/") {
            place.push("");
        }
        Ok(place)
    }

    fn check(&self, path: &Path, wanted: u32) -> io::Result<()> {
        self.check_way(path)?;
        match self.reader {
            Some(reader) => allow(&fs::metadata(path)?, reader, wanted),
            None => Ok(()),
        }
    }

    /// Whether the reader may go through each folder on the way.
    fn check_way(&self, path: &Path) -> io::Result<()> {
        let Some(reader) = self.reader else { return Ok(()) };
        let Some(parent) = path.parent() else { return Ok(()) };
        let mut so_far = PathBuf::new();
        for part in parent.components() {
            so_far.push(part);
            let metadata = fs::metadata(&so_far)?;
            if so_far.starts_with(&self.root) && metadata.is_dir() {
                allow(&metadata, reader, 0o1)?;
            }
        }
        Ok(())
    }
}

/// Waits for nobody: a pipe nobody writes to would hold all conversations up.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

fn allow(metadata: &Metadata, (uid, gid): (u32, u32), wanted: u32) -> io::Result<()> {
    let shift = match () {
        () if metadata.uid() == uid => 6,
        () if metadata.gid() == gid => 3,
        () => 0,
    };
    if (metadata.mode() >> shift) & wanted == wanted {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

impl From<&Metadata> for Seen {
    fn from(metadata: &Metadata) -> Self {
        Self {
            kind: match () {
                () if metadata.is_dir() => Kind::Folder,
                () if metadata.is_file() => Kind::File,
                () => Kind::Other,
            },
            size: metadata.len(),
            mtime: metadata.mtime(),
            mtime_us: metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1000,
        }
    }
}

impl Fixed {
    pub(super) fn of(spec: &ServiceSpec) -> Result<Self, String> {
        let status = spec.config.get("response_code").and_then(|code| code.as_u64());
        let body = spec.text("custom_body").map(str::to_owned);
        let headers = spec.text("extra_headers").map_or(Ok(Vec::new()), headers)?;
        Ok(Self {
            status: status.and_then(|status| u16::try_from(status).ok()),
            body,
            headers,
        })
    }
}

/// A JSON object, or `Name: value` lines.
fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let text = text.trim();
    let pairs: Vec<(String, String)> = if text.starts_with('{') {
        let object: serde_json::Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("extra_headers is no JSON object: {error}"))?;
        let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        object.into_iter().map(|(name, value)| (name, plain(value))).collect()
    } else {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let split = lines.map(|line| {
            let (name, value) = line
                .split_once(':')
                .ok_or(format!("extra_headers: `{line}` has no colon"))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        });
        split.collect::<Result<_, String>>()?
    };
    let usable = |(name, value): &(String, String)| {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !name.is_empty() && name.bytes().all(is_token) && !value.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
    };
    match pairs.iter().find(|pair| !usable(pair)) {
        Some((name, _)) => Err(format!("extra_headers: `{name}` cannot be sent")),
        None => Ok(pairs),
    }
}
