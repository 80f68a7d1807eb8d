//! What SSH clients say before keys are agreed.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::text;
use crate::ssh::{KexInit, LISTS, Packet};

#[derive(Clone, Debug, Serialize)]
pub struct SshBanner {
    /// `SSH-2.0-...`.
    pub ssh_version: String,
    pub lines_before: usize,
    /// The line ended as it must.
    pub crlf: bool,
}

#[derive(Clone, Debug)]
pub struct SshKex {
    pub hassh: String,
    pub ssh_version: String,
    lists: [String; LISTS.len()],
    first_kex_follows: bool,
    cookie_is_zero: bool,
    packet_len: usize,
    padding_len: usize,
    gap_ms: f64,
}

/// Bytes kept of one name-list.
const LIST: usize = 2_048;

// === impl SshKex ===

impl SshKex {
    /// `gap_ms` lies between the banner and this.
    pub(crate) fn new(kex: &KexInit<'_>, packet: &Packet<'_>, hassh: String, ssh_version: String, gap_ms: f64) -> Self {
        Self {
            hassh,
            ssh_version,
            lists: kex.lists.map(|list| text(list, LIST)),
            first_kex_follows: kex.first_kex_follows,
            cookie_is_zero: kex.cookie_is_zero(),
            packet_len: packet.length,
            padding_len: packet.padding.len(),
            gap_ms,
        }
    }
}

impl Serialize for SshKex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("hassh", &self.hassh)?;
        map.serialize_entry("ssh_version", &self.ssh_version)?;
        for (name, list) in LISTS.iter().zip(&self.lists) {
            map.serialize_entry(name, list)?;
        }
        map.serialize_entry("first_kex_packet_follows", &self.first_kex_follows)?;
        map.serialize_entry("cookie_zero", &self.cookie_is_zero)?;
        map.serialize_entry("packet_len", &self.packet_len)?;
        map.serialize_entry("padding_len", &self.padding_len)?;
        map.serialize_entry("banner_kex_gap_ms", &self.gap_ms)?;
        map.end()
    }
}
