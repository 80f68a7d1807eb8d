//! Which tool sent a packet: public marks of scanners, per packet and per source.
//!
//! A scanner that writes its own packets leaves marks in header fields that a kernel fills otherwise. Each detector is
//! one mark; its confidence says how often something else has it too.

mod packet;
mod source;
mod sweep;

pub(crate) use packet::marks_of_stray;
pub use source::{Report, Source};
pub use sweep::{Order, Sweep};

/// A tool, or a manner of scanning, by the name it has in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    NmapSyn,
    NmapConnect,
    NmapOs,
    NmapSeq,
    Masscan,
    ZmapLegacy,
    Zmap,
    Mirai,
    Unicornscan,
    Hping,
    Scapy,
    /// A SYN without options, which no kernel of today sends.
    Raw,
    DataSyn,
    Stateless,
    FastSweep,
}

/// A mark that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub tool: Tool,
    /// 0 to 1.
    pub confidence: f64,
    /// The mark, in words.
    pub evidence: &'static str,
}

/// The marks of one packet, the surest first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hits {
    hits: [Option<Hit>; MAX_HITS],
}

/// More marks than any packet bears.
const MAX_HITS: usize = 6;

// === impl Tool ===

impl Tool {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NmapSyn => "nmap_syn",
            Self::NmapConnect => "nmap_connect",
            Self::NmapOs => "nmap_os",
            Self::NmapSeq => "nmap_seq",
            Self::Masscan => "masscan",
            Self::ZmapLegacy => "zmap_legacy",
            Self::Zmap => "zmap",
            Self::Mirai => "mirai",
            Self::Unicornscan => "unicornscan",
            Self::Hping => "hping",
            Self::Scapy => "scapy",
            Self::Raw => "raw",
            Self::DataSyn => "tfo_or_data_syn",
            Self::Stateless => "stateless",
            Self::FastSweep => "fast_sweep",
        }
    }

    /// The program it belongs to; `None` of a manner that many programs have.
    pub const fn family(self) -> Option<&'static str> {
        Some(match self {
            Self::NmapSyn | Self::NmapConnect | Self::NmapOs | Self::NmapSeq => "nmap",
            Self::Masscan => "masscan",
            Self::ZmapLegacy | Self::Zmap => "zmap",
            Self::Mirai => "mirai",
            Self::Unicornscan => "unicornscan",
            Self::Hping => "hping",
            Self::Scapy => "scapy",
            Self::Raw | Self::DataSyn | Self::Stateless | Self::FastSweep => return None,
        })
    }
}

// === impl Hits ===

impl Hits {
    pub fn iter(&self) -> impl Iterator<Item = Hit> + '_ {
        self.hits.iter().copied().flatten()
    }

    /// The surest.
    pub fn best(&self) -> Option<Hit> {
        self.hits[0]
    }

    pub fn is_empty(&self) -> bool {
        self.hits[0].is_none()
    }

    /// Adds a mark, or makes one of the same tool surer.
    fn add(&mut self, tool: Tool, confidence: f64, evidence: &'static str) {
        if let Some(at) = self.hits.iter().position(|hit| hit.is_some_and(|hit| hit.tool == tool)) {
            if self.hits[at].is_some_and(|hit| hit.confidence >= confidence) {
                return;
            }
            self.hits[at] = None;
            self.hits[at..].rotate_left(1);
        }
        let mut carried = Some(Hit {
            tool,
            confidence,
            evidence,
        });
        for slot in &mut self.hits {
            if slot.is_none_or(|held| carried.is_some_and(|hit| hit.confidence > held.confidence)) {
                std::mem::swap(slot, &mut carried);
            }
        }
    }
}
