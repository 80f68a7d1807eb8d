//! File transfers over SFTP, seen in passing (draft-ietf-secsh-filexfer-02, as OpenSSH speaks it).
//!
//! The machine's own sftp-server does the work. [`Watch`] is pure: bytes of both directions in, what happened out.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::event::Fields;

use crate::shell::capture;
use crate::shell::recorder::text;
use crate::shell::tape::{Tape, Witness};
use crate::shell::watch::Lookout;

/// Bytes of a packet that are looked at: two longest paths. File contents are not.
const HEAD: usize = 9 * 1024;
/// Requests without an answer yet, and files open, that are kept track of.
const MAX_PENDING: usize = 1024;
const MAX_OPEN: usize = 128;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Op {
        op: &'static str,
        path: String,
        to: Option<String>,
        bytes: Option<u64>,
        result: &'static str,
    },
    /// A file is open for writing.
    Writing { handle: Vec<u8>, path: String },
    /// Such a file is complete.
    Written { handle: Vec<u8>, path: String },
}

#[derive(Default)]
pub struct Watch {
    requests: Packets,
    answers: Packets,
    pending: HashMap<u32, Pending>,
    open: HashMap<Vec<u8>, Open>,
}

enum Pending {
    /// Answered by a status.
    Plain {
        op: &'static str,
        path: String,
        to: Option<String>,
    },
    Open {
        op: &'static str,
        path: String,
        writes: bool,
    },
    Read {
        handle: Vec<u8>,
    },
    Write {
        handle: Vec<u8>,
        bytes: u64,
    },
    Close {
        handle: Vec<u8>,
    },
}

struct Open {
    path: String,
    writes: bool,
    read: u64,
    written: u64,
}

// === impl Watch ===

impl Watch {
    pub fn from_peer(&mut self, bytes: &[u8]) -> Vec<Note> {
        let mut requests = std::mem::take(&mut self.requests);
        requests.push(bytes, |head, _| self.request(head));
        self.requests = requests;
        Vec::new()
    }

    pub fn to_peer(&mut self, bytes: &[u8]) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut answers = std::mem::take(&mut self.answers);
        answers.push(bytes, |head, len| self.answer(head, len, &mut notes));
        self.answers = answers;
        notes
    }

    fn request(&mut self, head: &[u8]) {
        let mut fields = Fields3(head);
        let (Some(kind), Some(id)) = (fields.byte(), fields.number()) else {
            return;
        };
        if self.pending.len() >= MAX_PENDING {
            return;
        }
        if let Some(pending) = Pending::read(kind, &mut fields) {
            self.pending.insert(id, pending);
        }
    }

    fn answer(&mut self, head: &[u8], len: usize, notes: &mut Vec<Note>) {
        let mut fields = Fields3(head);
        let (Some(kind), Some(id)) = (fields.byte(), fields.number()) else {
            return;
        };
        let Some(pending) = self.pending.remove(&id) else {
            return;
        };
        let result = match kind {
            101 => outcome(fields.number().unwrap_or(4)),
            _ => "ok",
        };
        match pending {
            Pending::Plain { op, path, to } => notes.push(Note::Op {
                op,
                path,
                to,
                bytes: None,
                result,
            }),
            Pending::Open { op, path, writes } => {
                let handle = (kind == 102).then(|| fields.string()).flatten().map(<[u8]>::to_vec);
                notes.push(Note::Op {
                    op,
                    path: path.clone(),
                    to: None,
                    bytes: None,
                    result,
                });
                if let Some(handle) = handle.filter(|_| self.open.len() < MAX_OPEN) {
                    if writes {
                        notes.push(Note::Writing {
                            handle: handle.clone(),
                            path: path.clone(),
                        });
                    }
                    self.open.insert(
                        handle,
                        Open {
                            path,
                            writes,
                            read: 0,
                            written: 0,
                        },
                    );
                }
            }
            Pending::Read { handle } if kind == 103 => {
                // What is left of the packet after kind, id and the data's own length.
                let bytes = len.saturating_sub(9) as u64;
                self.open.entry(handle).and_modify(|open| open.read += bytes);
            }
            Pending::Write { handle, bytes } if result == "ok" => {
                self.open.entry(handle).and_modify(|open| open.written += bytes);
            }
            Pending::Close { handle } => {
                if let Some(open) = self.open.remove(&handle) {
                    open.closed(handle, notes);
                }
            }
            Pending::Read { .. } | Pending::Write { .. } => {}
        }
    }
}

// === impl Open ===

impl Open {
    fn closed(self, handle: Vec<u8>, notes: &mut Vec<Note>) {
        for (op, bytes) in [("read", self.read), ("write", self.written)] {
            if bytes > 0 {
                let path = self.path.clone();
                notes.push(Note::Op {
                    op,
                    path,
                    to: None,
                    bytes: Some(bytes),
                    result: "ok",
                });
            }
        }
        if self.writes {
            notes.push(Note::Written {
                handle,
                path: self.path,
            });
        }
    }
}

// === impl Pending ===

impl Pending {
    fn read(kind: u8, fields: &mut Fields3<'_>) -> Option<Self> {
        let plain = |op| move |path| Self::Plain { op, path, to: None };
        match kind {
            3 => {
                let path = fields.path()?;
                let writes = fields.number()? & 0b10 != 0;
                Some(Self::Open {
                    op: "open",
                    path,
                    writes,
                })
            }
            4 => Some(Self::Close {
                handle: fields.handle()?,
            }),
            5 => Some(Self::Read {
                handle: fields.handle()?,
            }),
            6 => {
                let handle = fields.handle()?;
                fields.number()?;
                fields.number()?;
                Some(Self::Write {
                    handle,
                    bytes: fields.number()?.into(),
                })
            }
            9 => fields.path().map(plain("setstat")),
            11 => Some(Self::Open {
                op: "list",
                path: fields.path()?,
                writes: false,
            }),
            13 => fields.path().map(plain("remove")),
            14 => fields.path().map(plain("mkdir")),
            15 => fields.path().map(plain("rmdir")),
            19 => fields.path().map(plain("readlink")),
            18 => Self::pair("rename", fields),
            20 => Self::pair("symlink", fields),
            200 => match fields.string()? {
                b"posix-rename@openssh.com" => Self::pair("rename", fields),
                b"hardlink@openssh.com" => Self::pair("hardlink", fields),
                _ => None,
            },
            _ => None,
        }
    }

    fn pair(op: &'static str, fields: &mut Fields3<'_>) -> Option<Self> {
        Some(Self::Plain {
            op,
            path: fields.path()?,
            to: Some(fields.path()?),
        })
    }
}

fn outcome(code: u32) -> &'static str {
    match code {
        0 => "ok",
        1 => "eof",
        2 => "no_such_file",
        3 => "permission_denied",
        5 => "bad_message",
        8 => "unsupported",
        _ => "failure",
    }
}

/// Cuts a stream into packets and keeps their heads.
#[derive(Default)]
struct Packets {
    length: Vec<u8>,
    head: Vec<u8>,
    left: usize,
    len: usize,
}

// === impl Packets ===

impl Packets {
    fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8], usize)) {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.length.push(bytes[0]);
                bytes = &bytes[1..];
                if let [a, b, c, d] = self.length[..] {
                    self.len = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.left = self.len;
                    self.length.clear();
                    self.head.clear();
                }
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.left));
            let room = HEAD - self.head.len();
            self.head.extend_from_slice(&now[..now.len().min(room)]);
            self.left -= now.len();
            bytes = later;
            if self.left == 0 {
                each(&self.head, self.len);
            }
        }
    }
}

/// Reads RFC 4251 values off the front.
struct Fields3<'a>(&'a [u8]);

// === impl Fields3 ===

impl<'a> Fields3<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.number()? as usize;
        let (string, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(string)
    }

    /// At most what OpenSSH gives out.
    fn handle(&mut self) -> Option<Vec<u8>> {
        self.string().filter(|handle| handle.len() <= 256).map(<[u8]>::to_vec)
    }

    fn path(&mut self) -> Option<String> {
        self.string().map(|path| text(&path[..path.len().min(4096)]))
    }
}

/// Tells what [`Watch`] sees, and keeps the files that were brought.
pub struct SftpTap {
    tape: Arc<Tape>,
    lookout: Arc<Lookout>,
    home: PathBuf,
    inner: Mutex<(Watch, HashMap<Vec<u8>, File>)>,
}

// === impl SftpTap ===

impl SftpTap {
    pub fn new(tape: Arc<Tape>, lookout: Arc<Lookout>, home: PathBuf) -> Self {
        Self {
            tape,
            lookout,
            home,
            inner: Mutex::default(),
        }
    }

    fn note(&self, note: Note, files: &mut HashMap<Vec<u8>, File>) {
        match note {
            Note::Op {
                op,
                path,
                to,
                bytes,
                result,
            } => {
                let mut fields = Fields::from_iter([
                    ("op".to_owned(), op.into()),
                    ("path".to_owned(), path.into()),
                    ("result".to_owned(), result.into()),
                    ("user".to_owned(), self.tape.user().into()),
                ]);
                fields.extend(to.map(|to| ("to".to_owned(), to.into())));
                fields.extend(bytes.map(|bytes| ("bytes".to_owned(), bytes.into())));
                self.tape.log().report_as("sftp_op", fields);
            }
            // Opened now, the bytes are ours even when the file is renamed or removed before it is closed.
            Note::Writing { handle, path } => {
                let path = self.home.join(path);
                self.lookout.uploading(&path);
                files.extend(capture::open(&path).map(|file| (handle, file)));
            }
            Note::Written { handle, path } => {
                let path = self.home.join(path);
                self.lookout.uploaded(&path);
                if let Some(file) = files.remove(&handle) {
                    let path = path.to_string_lossy().into_owned();
                    self.lookout
                        .keep(self.tape.log(), file, path, "upload", self.tape.user());
                }
            }
        }
    }
}

impl Witness for SftpTap {
    fn typed(&self, bytes: &[u8]) {
        self.tape.typed(bytes);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0.from_peer(bytes);
    }

    fn shown(&self, bytes: &[u8]) {
        self.tape.shown(bytes);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (watch, files) = &mut *inner;
        watch.to_peer(bytes).into_iter().for_each(|note| self.note(note, files));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, id: u32, strings: &[&[u8]], numbers: &[u32]) -> Vec<u8> {
        let mut body = vec![kind];
        body.extend(id.to_be_bytes());
        for string in strings {
            body.extend((string.len() as u32).to_be_bytes());
            body.extend(*string);
        }
        numbers.iter().for_each(|number| body.extend(number.to_be_bytes()));
        let mut packet = (body.len() as u32).to_be_bytes().to_vec();
        packet.extend(body);
        packet
    }

    fn op(op: &'static str, path: &str, bytes: Option<u64>, result: &'static str) -> Note {
        Note::Op {
            op,
            path: path.into(),
            to: None,
            bytes,
            result,
        }
    }

    #[test]
    fn an_upload_is_noted_from_open_to_close_however_it_is_cut() {
        let requests = [
            packet(3, 1, &[b"/tmp/x"], &[0b11010, 0]),
            packet(6, 2, &[b"h"], &[0, 0, 5]),
            packet(4, 3, &[b"h"], &[]),
        ];
        let answers = [
            packet(102, 1, &[b"h"], &[]),
            packet(101, 2, &[], &[0]),
            packet(101, 3, &[], &[0]),
        ];
        let expected = [
            op("open", "/tmp/x", None, "ok"),
            Note::Writing {
                handle: b"h".to_vec(),
                path: "/tmp/x".into(),
            },
            op("write", "/tmp/x", Some(5), "ok"),
            Note::Written {
                handle: b"h".to_vec(),
                path: "/tmp/x".into(),
            },
        ];
        for cut in 1..20 {
            let mut watch = Watch::default();
            let mut notes = Vec::new();
            for (request, answer) in requests.iter().zip(&answers) {
                request.chunks(cut).for_each(|chunk| drop(watch.from_peer(chunk)));
                answer.chunks(cut).for_each(|chunk| notes.extend(watch.to_peer(chunk)));
            }
            assert_eq!(notes, expected, "{cut}");
        }
    }

    #[test]
    fn a_refused_removal_and_a_rename_say_their_results() {
        let mut watch = Watch::default();
        watch.from_peer(&packet(13, 9, &[b"/etc/x"], &[]));
        assert_eq!(
            watch.to_peer(&packet(101, 9, &[], &[3])),
            [op("remove", "/etc/x", None, "permission_denied")]
        );
        watch.from_peer(&packet(200, 10, &[b"posix-rename@openssh.com", b"a", b"b"], &[]));
        let renamed = Note::Op {
            op: "rename",
            path: "a".into(),
            to: Some("b".into()),
            bytes: None,
            result: "ok",
        };
        assert_eq!(watch.to_peer(&packet(101, 10, &[], &[0])), [renamed]);
    }

    #[test]
    fn a_download_counts_what_was_read() {
        let mut watch = Watch::default();
        watch.from_peer(&packet(3, 1, &[b"f"], &[1, 0]));
        watch.to_peer(&packet(102, 1, &[b"h"], &[]));
        watch.from_peer(&packet(5, 2, &[b"h"], &[0, 0, 100]));
        watch.to_peer(&packet(103, 2, &[&[7; 40]], &[]));
        watch.from_peer(&packet(4, 3, &[b"h"], &[]));
        assert_eq!(
            watch.to_peer(&packet(101, 3, &[], &[0])),
            [op("read", "f", Some(40), "ok")]
        );
    }

    #[test]
    fn no_bytes_make_it_grow_or_panic() {
        let mut watch = Watch::default();
        for seed in 0u32..50_000 {
            let bytes = seed.wrapping_mul(2_654_435_761).to_le_bytes();
            watch.from_peer(&packet(seed as u8, seed, &[&bytes], &[seed]));
            watch.from_peer(&[0, 0, 0, 9, bytes[0]]);
            watch.from_peer(&bytes);
            watch.to_peer(&packet(102, seed / 3, &[&bytes], &[]));
        }
        assert!(watch.pending.len() <= MAX_PENDING && watch.open.len() <= MAX_OPEN);
    }
}
