//! What identities are made of: everything one address showed that needs no clock (clustering.md §2.1).

use std::collections::BTreeMap;

use crate::{Family, Phase};

/// What was seen from one address. Sets are lists: order is that of arrival, repeats are harmless, empty means unknown
/// and never equals anything. There is no time in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    pub id: String,
    pub ja3: Vec<String>,
    pub ja4: Vec<String>,
    pub ja4_quic: Vec<String>,
    pub ja4h: Vec<String>,
    pub hassh: Vec<String>,
    pub tls_cert_sha256: Vec<String>,
    pub ssh_hostkey: Vec<String>,
    pub ssh_pubkey: Vec<String>,
    pub ipv6_iid: Vec<String>,
    pub asn: Option<u32>,
    /// SHA-256, lower-case hex.
    pub payload_hashes: Vec<String>,
    /// `host` or `host:port`, lower case.
    pub c2_endpoints: Vec<String>,
    /// User and password.
    pub credentials: Vec<(String, String)>,
    pub commands: BTreeMap<Phase, Vec<String>>,
}

// === impl Observation ===

impl Observation {
    pub fn values(&self, family: Family) -> &[String] {
        match family {
            Family::Ja3 => &self.ja3,
            Family::Ja4 => &self.ja4,
            Family::Ja4Quic => &self.ja4_quic,
            Family::Hassh => &self.hassh,
            Family::Ja4h => &self.ja4h,
            Family::TlsCert => &self.tls_cert_sha256,
            Family::SshHostKey => &self.ssh_hostkey,
            Family::SshPubKey => &self.ssh_pubkey,
            Family::Ipv6Iid => &self.ipv6_iid,
            Family::Payload => &self.payload_hashes,
            Family::C2 => &self.c2_endpoints,
            Family::Composite | Family::Credential => &[],
        }
    }

    /// Every value with its family; empty text is no value.
    pub fn keys(&self) -> impl Iterator<Item = (Family, &str)> {
        let families = Family::OBSERVED.into_iter();
        families
            .flat_map(|family| self.values(family).iter().map(move |value| (family, value.as_str())))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The one JA3 of rules that know only one: the latest.
    pub(crate) fn last_ja3(&self) -> Option<&str> {
        self.ja3.last().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The one HASSH of rules that know only one: the latest.
    pub(crate) fn last_hassh(&self) -> Option<&str> {
        self.hassh.last().map(String::as_str).filter(|value| !value.is_empty())
    }
}
