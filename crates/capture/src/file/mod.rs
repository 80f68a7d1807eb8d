//! Capture files: what kind it is, and its packets one after the other.

mod order;
mod packed;
mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;
mod window;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;
use crate::packet::Packet;
use pcap::Pcap;
use pcapng::Pcapng;
use window::Window;

/// No capture holds more of one packet (the largest snapshot length libpcap knows).
pub const MAX_PACKET: u32 = 262_144;

/// Packets of a capture, in the order of the file. Memory is one megabyte and one packet, whatever the capture's size.
pub struct Reader {
    window: Window,
    format: Format,
    packets: u64,
    is_over: bool,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What is wrong at a place, before it is known how far the reader had come.
pub(crate) enum Fault {
    Io(io::Error),
    Truncated { at: u64, what: String },
    Broken { at: u64, what: String },
}

// === impl Reader ===

impl Reader {
    /// Opens the file at `path`; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let cannot = |source| Error::Open {
            path: path.to_owned(),
            source,
        };
        if path.as_os_str() == "-" {
            return Self::new(Box::new(io::stdin()));
        }
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.is_dir() {
            return Err(cannot(io::ErrorKind::IsADirectory.into()));
        }
        Self::new(Box::new(file))
    }

    pub fn new(source: Box<dyn Read + Send>) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            offset: 0,
            packets: 0,
            source,
        };
        let mut window = packed::unpack(Window::new(source)).map_err(failed)?;
        let begun = window.fill(4).and_then(|_| format(&mut window));
        let format = match begun {
            Ok(Ok(format)) => format,
            Ok(Err(what)) => return Err(Error::NotACapture(what)),
            Err(error) => return Err(failed(error)),
        };
        Ok(Self {
            window,
            format,
            packets: 0,
            is_over: false,
        })
    }

    /// The next packet, on loan until the one after it is asked for; none at the end. After an error there is no more.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let offset = self.window.offset();
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window),
        };
        match found {
            Ok(Some(packet)) => {
                self.packets += 1;
                Ok(Some(packet))
            }
            Ok(None) => {
                self.is_over = true;
                Ok(None)
            }
            Err(fault) => {
                self.is_over = true;
                Err(fault.after(self.packets, offset))
            }
        }
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({} packets, at byte {})", self.packets, self.window.offset())
    }
}

/// Reads the beginning of the file; the inner error says what stands there instead.
fn format(window: &mut Window) -> io::Result<Result<Format, String>> {
    let bytes = window.held();
    if bytes.is_empty() {
        return Ok(Err("the file is empty".to_owned()));
    }
    if bytes.starts_with(&pcapng::SECTION.to_be_bytes()) {
        return Ok(Ok(Format::Pcapng(Pcapng::default())));
    }
    let Some(kind) = pcap::kind(bytes) else {
        let first: Vec<_> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        return Ok(Err(format!("it begins with {}", first.join(" "))));
    };
    if !window.fill(pcap::HEADER)? {
        let there = window.held().len();
        return Ok(Err(format!("its header ends after {there} of {} bytes", pcap::HEADER)));
    }
    Ok(Ok(Format::Pcap(Pcap::begin(kind, window.lend(pcap::HEADER)))))
}

// === impl Fault ===

impl Fault {
    fn after(self, packets: u64, offset: u64) -> Error {
        match self {
            Self::Io(source) => Error::Read {
                offset,
                packets,
                source,
            },
            Self::Truncated { at, what } => Error::Truncated {
                offset: at,
                packets,
                what,
            },
            Self::Broken { at, what } => Error::Broken {
                offset: at,
                packets,
                what,
            },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
