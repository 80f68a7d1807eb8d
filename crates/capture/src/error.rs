//! What can be wrong with a capture.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// Reading or unpacking failed in the middle.
    #[error("after {packets} packets, at byte {offset}: {source}")]
    Read {
        offset: u64,
        packets: u64,
        source: io::Error,
    },
    /// `offset` counts bytes of the capture as unpacked.
    #[error("neither pcap nor pcapng: {0}")]
    NotACapture(String),
    /// It ends in the middle of something; what came before is whole.
    #[error("cut off at byte {offset}, {what}: {packets} whole packets before it were read")]
    Truncated { offset: u64, packets: u64, what: String },
    /// What stands there cannot be; what came before is good.
    #[error("broken at byte {offset}, {what}: {packets} packets before it were read")]
    Broken { offset: u64, packets: u64, what: String },
    #[error("cannot capture on `{interface}`: {reason}")]
    Live { interface: String, reason: String },
    #[error("capturing on `{interface}` stopped: {source}")]
    Stopped { interface: String, source: io::Error },
}

// === impl Error ===

impl Error {
    /// Packets that were read before it, where the error is of a file that had begun well.
    pub fn packets(&self) -> Option<u64> {
        match self {
            Self::Read { packets, .. } | Self::Truncated { packets, .. } | Self::Broken { packets, .. } => {
                Some(*packets)
            }
            _ => None,
        }
    }
}
