//! An input as plain bytes: opened, unpacked within limits, and recognised by its content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use detect::input::{LineKind, sniff};
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::error::Error;

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    Pcap,
    Zeek,
    Http,
    Events,
    Tools,
}

/// An open input.
pub(crate) struct Opened {
    pub(crate) file: String,
    pub(crate) bytes: BufReader<Box<dyn Read + Send>>,
}

/// Looked at to recognise an input, bytes.
const HEAD: usize = 256 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const MOST_UNPACKED: u64 = 64 << 30;
/// From so many bytes on, what unpacks to more than a thousand times its size is a bomb.
const JUDGED_FROM: u64 = 1 << 30;
const MOST_RATIO: u64 = 1000;
pub(crate) const LIMIT: &str = "decompression limit";

const PCAP_MAGICS: [[u8; 4]; 7] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x0a, 0x0d, 0x0d, 0x0a],
];
const PCAP_HEADER: usize = 24;
const SECTION_HEADER: usize = 28;

pub(crate) fn open(path: &Path) -> Result<Opened, Error> {
    let file = path.display().to_string();
    let raw: Box<dyn Read + Send> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        let opened = File::open(path).map_err(|error| Error::io(&file, error))?;
        let about = opened.metadata().map_err(|error| Error::io(&file, error))?;
        if about.is_dir() {
            return Err(Error::IsDirectory { file });
        }
        Box::new(opened)
    };
    let mut packed = BufReader::with_capacity(1 << 20, raw);
    let head = packed.fill_buf().map_err(|error| Error::io(&file, error))?;
    let plain: Box<dyn Read + Send> = if head.starts_with(&GZIP) {
        limited(packed, |counted| {
            Ok(Box::new(MultiGzDecoder::new(BufReader::new(counted))))
        })
    } else if head.starts_with(&ZSTD) {
        limited(packed, |counted| {
            Ok(Box::new(Zstd {
                packed: Some(BufReader::new(counted)),
                frame: None,
            }))
        })
    } else {
        Ok(Box::new(packed) as Box<dyn Read + Send>)
    }
    .map_err(|error| Error::io(&file, error))?;
    Ok(Opened {
        file,
        bytes: BufReader::with_capacity(HEAD, plain),
    })
}

// === impl Opened ===

impl Opened {
    /// What this is, by its content.
    pub(crate) fn recognise(&mut self) -> Result<InputType, Error> {
        let file = self.file.clone();
        let head = self.head()?;
        if head.is_empty() {
            return Err(Error::Empty { file });
        }
        if let Some(magic) = head.first_chunk::<4>()
            && PCAP_MAGICS.contains(magic)
        {
            return if head.len() < header_of(magic) {
                Err(Error::TruncatedHeader {
                    file,
                    what: format!("{} bytes of {}", head.len(), header_of(magic)),
                })
            } else {
                Ok(InputType::Pcap)
            };
        }
        let text = String::from_utf8_lossy(head);
        match sniff(text.lines()) {
            Some(LineKind::Http) => Ok(InputType::Http),
            Some(LineKind::Zeek) => Ok(InputType::Zeek),
            Some(LineKind::Events) => Ok(InputType::Events),
            Some(LineKind::Tools) => Ok(InputType::Tools),
            None if PCAP_MAGICS.iter().any(|magic| magic.starts_with(head)) => Err(Error::TruncatedHeader {
                file,
                what: format!("{} bytes", head.len()),
            }),
            None => {
                let first: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                Err(Error::BadMagic {
                    file,
                    what: format!("it begins with {}", first.join(" ")),
                })
            }
        }
    }

    /// The first bytes, which stay to be read.
    fn head(&mut self) -> Result<&[u8], Error> {
        let mut head = vec![0; HEAD];
        let mut held = 0;
        let mut failed = None;
        while held < HEAD {
            match self.bytes.read(&mut head[held..]) {
                Ok(0) => break,
                Ok(read) => held += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What could be read may still tell; the error is told again where it stands.
                Err(error) if held > 0 => {
                    failed = Some(error);
                    break;
                }
                Err(error) => return Err(Error::io(&self.file, error)),
            }
        }
        head.truncate(held);
        let rest = std::mem::replace(&mut self.bytes, BufReader::new(Box::new(io::empty())));
        let again = io::Cursor::new(head).chain(Fails(failed)).chain(rest);
        self.bytes = BufReader::with_capacity(HEAD, Box::new(again));
        self.bytes.fill_buf().map_err(|error| Error::io(&self.file, error))
    }
}

/// Fails once, if at all, and is then at its end.
struct Fails(Option<io::Error>);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn header_of(magic: &[u8; 4]) -> usize {
    if magic == &PCAP_MAGICS[6] {
        SECTION_HEADER
    } else {
        PCAP_HEADER
    }
}

// === impl InputType ===

impl InputType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Zeek => "zeek",
            Self::Http => "http",
            Self::Events => "events",
            Self::Tools => "tools",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pcap, Self::Zeek, Self::Http, Self::Events, Self::Tools]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Counts what goes in and what comes out of an unpacker.
struct Limited<R> {
    unpacked: R,
    taken: std::sync::Arc<std::sync::atomic::AtomicU64>,
    given: u64,
}

struct Counted<R> {
    from: R,
    taken: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

fn limited<R: Read + Send + 'static>(
    packed: R,
    unpacker: impl FnOnce(Counted<R>) -> io::Result<Box<dyn Read + Send>>,
) -> io::Result<Box<dyn Read + Send>> {
    let taken = std::sync::Arc::default();
    let unpacked = unpacker(Counted {
        from: packed,
        taken: std::sync::Arc::clone(&taken),
    })?;
    Ok(Box::new(Limited {
        unpacked,
        taken,
        given: 0,
    }))
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.taken.fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.unpacked.read(into)?;
        self.given += read as u64;
        let taken = self.taken.load(std::sync::atomic::Ordering::Relaxed).max(1);
        let bomb = self.given > JUDGED_FROM && self.given / taken > MOST_RATIO;
        if bomb || self.given > MOST_UNPACKED {
            return Err(io::Error::other(LIMIT));
        }
        Ok(read)
    }
}

/// Frame after frame.
struct Zstd<R: Read> {
    packed: Option<BufReader<R>>,
    frame: Option<Box<StreamingDecoder<BufReader<R>, ruzstd::decoding::FrameDecoder>>>,
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(into)?;
                if read > 0 {
                    return Ok(read);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.packed = Some(frame.into_inner());
            }
            let Some(mut packed) = self.packed.take() else {
                return Ok(0);
            };
            if packed.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = StreamingDecoder::new(packed).map_err(io::Error::other)?;
            self.frame = Some(Box::new(frame));
        }
    }
}
