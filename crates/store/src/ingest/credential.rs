//! One try to prove an identity, and what makes two of them the same (decoys.md §2.5).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::{Event, Outcome, Report, Secret};
use serde::Deserialize as _;
use sha2::{Digest as _, Sha256};

use super::bounds::{self, text};
use super::rows::CredentialRow;
use crate::value::micros;

/// Bytes of the digests that serve as keys.
pub(super) const KEY: usize = 16;
const PRINCIPAL: usize = 1_024;
const PRINTABLE: usize = 512;
const WORD: usize = 64;
/// Fields that have columns of their own.
const COLUMNS: [&str; 5] = ["principal", "secret_kind", "secret_printable", "secret_b64", "outcome"];

/// Kinds whose bytes are another each time: equal ones mean nothing.
const OF_A_CHALLENGE: [&str; 9] = [
    "http_digest_md5",
    "mysql_native_password",
    "mysql_caching_sha2",
    "postgres_md5_challenge",
    "vnc_des_response",
    "snmp_usm",
    "cram_md5",
    "apop_md5",
    "mongodb_cr",
];
const OF_A_CHALLENGE_FAMILY: [&str; 2] = ["scram_", "ntlmssp_"];

pub(super) struct Attempt<'a> {
    pub(super) outcome: Option<Outcome>,
    principal: Option<&'a str>,
    kind: &'a str,
    printable: &'a str,
    secret: Vec<u8>,
    digest: [u8; 32],
}

// === impl Attempt ===

impl<'a> Attempt<'a> {
    /// The try the report tells of: whatever its kind, a report with a secret is one. Asking which ways in there are,
    /// as SSH's method `none` does, is not.
    pub(super) fn of(report: &'a Report) -> Option<Self> {
        if report.text("secret_kind") == Some(Secret::NONE) {
            return None;
        }
        let encoded = report.text("secret_b64")?;
        let encoded = &encoded[..encoded.floor_char_boundary(Secret::MAX.div_ceil(3) * 4)];
        let secret = B64.decode(encoded).ok()?;
        Some(Self {
            outcome: report
                .fields
                .get("outcome")
                .and_then(|outcome| Outcome::deserialize(outcome).ok()),
            principal: report.text("principal"),
            kind: report.text("secret_kind").unwrap_or("plaintext"),
            printable: report.text("secret_printable").unwrap_or_default(),
            digest: Sha256::digest(&secret).into(),
            secret,
        })
    }

    pub(super) fn key(&self, ip: IpAddr, event: &Event) -> [u8; KEY] {
        let ip = ip.to_string();
        let principal = self.principal.unwrap_or_default();
        key(
            [&ip, event.decky.as_str(), &event.report.service, self.kind, principal],
            &self.digest,
        )
    }

    /// The credential's row, no attempt counted yet.
    pub(super) fn row(&self, key: [u8; KEY], ip: IpAddr, event: &Event) -> CredentialRow {
        let at = micros(event.report.at);
        let mut fields = event.report.fields.clone();
        fields.retain(|name, _| !COLUMNS.contains(&name.as_str()));
        CredentialRow {
            key: key.to_vec(),
            reuse_key: self.reuse_key().map(Vec::from),
            attacker_ip: ip.to_string(),
            decky: event.decky.to_string(),
            service: text(&event.report.service, WORD),
            principal: self.principal.map(|principal| text(principal, PRINCIPAL)),
            secret_kind: text(self.kind, WORD),
            secret_sha256: hex::encode(self.digest),
            secret: self.secret.clone(),
            secret_printable: text(self.printable, PRINTABLE),
            fields: bounds::fields(&fields),
            first_seen: at,
            last_seen: at,
            attempts: 0,
            successes: 0,
            failures: 0,
        }
    }

    fn reuse_key(&self) -> Option<[u8; KEY]> {
        let changing = OF_A_CHALLENGE.contains(&self.kind)
            || OF_A_CHALLENGE_FAMILY.iter().any(|family| self.kind.starts_with(family));
        (!changing).then(|| key([self.kind, self.principal.unwrap_or_default()], &self.digest))
    }
}

/// Lengths go in too: no two different lists of parts make the same bytes.
fn key<const N: usize>(parts: [&str; N], digest: &[u8; 32]) -> [u8; KEY] {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    sum.update(digest);
    let mut key = [0; KEY];
    key.copy_from_slice(&sum.finalize()[..KEY]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_from_one_part_to_the_next_makes_another_key() {
        assert_ne!(key(["ab", "c"], &[0; 32]), key(["a", "bc"], &[0; 32]));
    }
}
