//! File transfers by the protocol of rcp, which `scp -O` and older clients speak, seen in passing.
//!
//! The machine's own scp does the work. [`Sink`] is pure: the peer's bytes in, files out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::event::Fields;
use sha2::{Digest, Sha256};

use crate::shell::capture;
use crate::shell::recorder::text;
use crate::shell::tape::{Tape, Witness};
use crate::shell::watch::Lookout;

/// A longer control line is not scp's.
const MAX_LINE: usize = 8192;
const MAX_DEPTH: usize = 64;

/// A file that came in whole.
pub struct Received {
    /// Folders sent before it and its name, relative to the target.
    pub path: PathBuf,
    pub size: u64,
    pub sha256: String,
    /// Unless it is larger than what is kept.
    pub bytes: Option<Vec<u8>>,
}

/// Reads what a peer sends to `scp -t`.
#[derive(Default)]
pub struct Sink {
    line: Vec<u8>,
    folders: Vec<String>,
    file: Option<Incoming>,
    /// Not scp any more, or never was.
    lost: bool,
}

struct Incoming {
    name: String,
    size: u64,
    left: u64,
    hash: Sha256,
    bytes: Vec<u8>,
}

// === impl Sink ===

impl Sink {
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Received> {
        let mut received = Vec::new();
        while let (false, Some(&first)) = (self.lost, bytes.first()) {
            match &mut self.file {
                Some(file) => {
                    let take = usize::try_from(file.left).unwrap_or(usize::MAX).min(bytes.len());
                    file.take(&bytes[..take]);
                    bytes = &bytes[take..];
                    received.extend(self.completed());
                }
                None => {
                    bytes = &bytes[1..];
                    self.control(first);
                    received.extend(self.completed());
                }
            }
        }
        received
    }

    fn completed(&mut self) -> Option<Received> {
        let file = self.file.take_if(|file| file.left == 0)?;
        let mut path: PathBuf = self.folders.iter().collect();
        path.push(&file.name);
        Some(Received {
            path,
            size: file.size,
            sha256: hex::encode(file.hash.finalize()),
            bytes: (file.size <= capture::MAX).then_some(file.bytes),
        })
    }

    fn control(&mut self, byte: u8) {
        match byte {
            // The end of a file's bytes.
            0 if self.line.is_empty() => {}
            b'\n' => {
                let line = text(&std::mem::take(&mut self.line));
                self.lost = self.command(&line).is_none();
            }
            _ if self.line.len() < MAX_LINE => self.line.push(byte),
            _ => self.lost = true,
        }
    }

    fn command(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_at_checked(1)?;
        match kind {
            "C" => {
                let (size, name) = sized(rest)?;
                self.file = Some(Incoming::new(name, size));
            }
            "D" if self.folders.len() < MAX_DEPTH => self.folders.push(sized(rest)?.1.to_owned()),
            "E" => drop(self.folders.pop()?),
            "T" => {}
            _ => return None,
        }
        Some(())
    }
}

/// `0644 12 name`.
fn sized(rest: &str) -> Option<(u64, &str)> {
    let (_mode, rest) = rest.split_once(' ')?;
    let (size, name) = rest.split_once(' ')?;
    let plain = !name.contains('/') && name != "..";
    plain.then(|| size.parse().ok().map(|size| (size, name))).flatten()
}

// === impl Incoming ===

impl Incoming {
    fn new(name: &str, size: u64) -> Self {
        Self {
            name: name.to_owned(),
            size,
            left: size,
            hash: Sha256::new(),
            bytes: Vec::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.left -= bytes.len() as u64;
        self.hash.update(bytes);
        if self.size <= capture::MAX {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// Whether the command line starts a remote scp.
pub fn is_scp(command: &[u8]) -> bool {
    Call::parse(&text(command)).is_some()
}

struct Call {
    puts: bool,
    path: String,
}

// === impl Call ===

impl Call {
    fn parse(command: &str) -> Option<Self> {
        let mut words = command.split_ascii_whitespace();
        let program = Path::new(words.next()?).file_name()?;
        let (flags, rest): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('-'));
        let has = |flag| flags.iter().any(|word| !word.starts_with("--") && word.contains(flag));
        let known = program == "scp" && has('t') != has('f');
        known.then(|| Self {
            puts: has('t'),
            path: rest.join(" ").trim_matches(['\'', '"']).to_owned(),
        })
    }
}

/// Tells what passes, and keeps the files that were brought.
pub struct ScpTap {
    tape: Arc<Tape>,
    lookout: Arc<Lookout>,
    call: Call,
    home: PathBuf,
    sink: Mutex<Sink>,
}

// === impl ScpTap ===

impl ScpTap {
    /// None when the command is not scp's.
    pub fn new(tape: Arc<Tape>, lookout: Arc<Lookout>, command: &[u8], home: PathBuf) -> Option<Self> {
        let call = Call::parse(&text(command))?;
        let fields = Fields::from_iter([
            ("direction".to_owned(), if call.puts { "put" } else { "get" }.into()),
            ("path".to_owned(), call.path.as_str().into()),
            ("user".to_owned(), tape.user().into()),
        ]);
        tape.log().report_as("scp", fields);
        Some(Self {
            tape,
            lookout,
            call,
            home,
            sink: Mutex::default(),
        })
    }

    fn keep(&self, received: &Received) {
        let target = self.home.join(self.call.path.trim_start_matches("~/"));
        // A folder takes the file under its name; anything else is its new name.
        let single = received.path.components().count() == 1;
        let path = if single && !target.is_dir() {
            target
        } else {
            target.join(&received.path)
        };
        self.lookout.uploaded(&path);
        let path = path.to_string_lossy();
        match &received.bytes {
            Some(bytes) => {
                self.tape.log().capture(bytes, &path, "upload", Some(self.tape.user()));
            }
            None => capture::tell(
                self.tape.log(),
                &received.sha256,
                received.size,
                &path,
                "upload",
                self.tape.user(),
            ),
        }
    }
}

impl Witness for ScpTap {
    fn typed(&self, bytes: &[u8]) {
        self.tape.typed(bytes);
        if self.call.puts {
            let received = self.sink.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            received.iter().for_each(|received| self.keep(received));
        }
    }

    fn shown(&self, bytes: &[u8]) {
        self.tape.shown(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_come_in_whole_however_they_are_cut() {
        let stream = b"T1 0 1 0\nC0644 5 a b\nhello\0D0755 0 dir\nC0600 0 empty\n\0C0600 1 x\n!\0E\n";
        for cut in 1..stream.len() {
            let mut sink = Sink::default();
            let files: Vec<_> = stream.chunks(cut).flat_map(|chunk| sink.push(chunk)).collect();
            let paths: Vec<_> = files
                .iter()
                .map(|file| file.path.to_string_lossy().into_owned())
                .collect();
            assert_eq!(paths, ["a b", "dir/empty", "dir/x"], "{cut}");
            assert_eq!(files[0].bytes.as_deref(), Some(b"hello".as_slice()));
            assert_eq!(files[0].sha256, hex::encode(Sha256::digest(b"hello")));
        }
    }

    #[test]
    fn what_is_not_scp_yields_nothing() {
        for bytes in [
            b"C0644 x y\n".as_slice(),
            b"C0644 3 ../a\nabc",
            b"E\n",
            b"GET / HTTP/1.0\n",
            &[b'C'; 20_000],
        ] {
            assert!(Sink::default().push(bytes).is_empty());
        }
    }

    #[test]
    fn a_remote_scp_is_known_by_its_command_line() {
        assert!(is_scp(b"scp -t /tmp") && is_scp(b"scp -v -r -p -d -t -- '/tmp/a b'") && is_scp(b"/usr/bin/scp -pf x"));
        assert!(!is_scp(b"scp a b") && !is_scp(b"ls -t") && !is_scp(b""));
    }
}
