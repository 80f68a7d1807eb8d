//! Subjects: dot-separated tokens that name what a message is about (wiki: Service-Bus).

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// A name that can be published on: no wildcard, no empty token. Only the builders below make one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(Cow<'static, str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    #[error("an empty text cannot be part of a subject")]
    Empty,
    #[error("`{0}` is longer than the {max} bytes one part of a subject may have", max = Subject::MAX_TOKEN)]
    TokenTooLong(String),
    #[error("`{0}` is longer than the {max} bytes a subject may have", max = Subject::MAX)]
    TooLong(String),
    #[error("`{0}` is not a subject: parts separated by single dots, without blanks, control characters, `*` or `>`")]
    Malformed(String),
    #[error("`{0}` is not a pattern: `*` stands for a whole part, `>` only at the end")]
    MalformedPattern(String),
}

// === impl Subject: one builder per family ===

impl Subject {
    /// Events were committed to the store.
    pub const LOGS_INGESTED: Self = Self(Cow::Borrowed("logs.ingested"));
    /// One event, after it was committed; sampled under load.
    pub const SYSTEM_LOG: Self = Self(Cow::Borrowed("system.log"));

    /// Somebody came for the first time.
    pub const ATTACKER_OBSERVED: Self = Self(Cow::Borrowed("attacker.observed"));
    /// A probe was answered.
    pub const ATTACKER_FINGERPRINTED: Self = Self(Cow::Borrowed("attacker.fingerprinted"));
    /// An endpoint answered a probe otherwise than before.
    pub const ATTACKER_FINGERPRINT_ROTATED: Self = Self(Cow::Borrowed("attacker.fingerprint_rotated"));

    /// Another host, or another tool, is behind an attacker's address.
    pub const ATTACKER_HOST_CHANGE: Self = Self(Cow::Borrowed("attacker.host_change"));
    /// Packets were lost before anybody looked at them.
    pub const SNIFFER_LOSS: Self = Self(Cow::Borrowed("sniffer.loss"));
    /// Who is behind observations: addresses were found to be the same hands.
    pub const IDENTITY_FORMED: Self = Self(Cow::Borrowed("identity.formed"));
    pub const IDENTITY_OBSERVATION_LINKED: Self = Self(Cow::Borrowed("identity.observation.linked"));
    pub const IDENTITY_MERGED: Self = Self(Cow::Borrowed("identity.merged"));
    pub const IDENTITY_UNMERGED: Self = Self(Cow::Borrowed("identity.unmerged"));
    pub const IDENTITY_CLUSTER_SUSPECT: Self = Self(Cow::Borrowed("identity.cluster.suspect"));
    pub const IDENTITY_CAMPAIGN_ASSIGNED: Self = Self(Cow::Borrowed("identity.campaign.assigned"));
    /// What an identity shows holds otherwise than before, or looks like several hands.
    pub const ATTRIBUTION_STATE_CHANGED: Self = Self(Cow::Borrowed("attribution.profile.state_changed"));
    pub const ATTRIBUTION_MULTI_ACTOR_SUSPECTED: Self =
        Self(Cow::Borrowed("attribution.profile.multi_actor_suspected"));
    /// A secret was tried for one principal in several places.
    pub const CREDENTIAL_REUSE_DETECTED: Self = Self(Cow::Borrowed("credential.reuse.detected"));
    /// Who works together.
    pub const CAMPAIGN_FORMED: Self = Self(Cow::Borrowed("campaign.formed"));
    pub const CAMPAIGN_IDENTITY_ASSIGNED: Self = Self(Cow::Borrowed("campaign.identity.assigned"));
    pub const CAMPAIGN_MERGED: Self = Self(Cow::Borrowed("campaign.merged"));
    pub const CAMPAIGN_UNMERGED: Self = Self(Cow::Borrowed("campaign.unmerged"));

    /// What deckies tell: one event, or a batch of them.
    pub fn event(host: &str, decky: &str, service: &str) -> Result<Self, SubjectError> {
        Self::join(&["event", &encode(host)?, &encode(decky)?, &encode(service)?])
    }

    /// `decky` is canonical, `<scope>:<name>`.
    pub fn decky_state(decky: &str) -> Result<Self, SubjectError> {
        Self::join(&["decky", &encode(decky)?, "state"])
    }

    pub fn decky_lifecycle(decky: &str) -> Result<Self, SubjectError> {
        Self::join(&["decky", &encode(decky)?, "lifecycle"])
    }

    /// What the wire showed of a decky's peers.
    pub fn decky_traffic(decky: &str) -> Result<Self, SubjectError> {
        Self::join(&["decky", &encode(decky)?, "traffic"])
    }

    /// An incident has a new finding.
    pub const DETECT_INCIDENT: Self = Self(Cow::Borrowed("detect.incident.updated"));

    /// A finding of this severity is new, or has become so.
    pub fn detect_finding(severity: &str) -> Result<Self, SubjectError> {
        Self::join(&["detect", "finding", &encode(severity)?])
    }

    /// Somebody may or may not do something from now on: `allow`, `flag`, `block`, `shunt`.
    pub fn detect_decision(action: &str) -> Result<Self, SubjectError> {
        Self::join(&["detect", "decision", &encode(action)?])
    }

    /// A worker's heartbeat.
    pub fn health(worker: &str) -> Result<Self, SubjectError> {
        Self::join(&["system", &encode(worker)?, "health"])
    }

    /// Orders to a worker, answered.
    pub fn control(worker: &str) -> Result<Self, SubjectError> {
        Self::join(&["system", &encode(worker)?, "control"])
    }

    /// Messages a durable consumer had to give up on.
    pub fn dlq(consumer: &str) -> Result<Self, SubjectError> {
        Self::join(&["system", "dlq", &encode(consumer)?])
    }
}

impl Subject {
    pub const MAX: usize = 400;
    pub const MAX_TOKEN: usize = 120;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, still encoded.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The `n`-th part as the text it was made from.
    pub fn token(&self, n: usize) -> Option<String> {
        decode(self.tokens().nth(n)?)
    }

    /// Reads a subject as it came over the wire, or was kept.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        if text.len() > Self::MAX {
            return Err(SubjectError::TooLong(text.to_owned()));
        }
        if !text.split('.').all(is_literal) {
            return Err(SubjectError::Malformed(text.to_owned()));
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    fn join(tokens: &[&str]) -> Result<Self, SubjectError> {
        Self::parse(&tokens.join("."))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === tokens ===

/// Any text as one token: bytes outside `[A-Za-z0-9_:-]` become `=HH`.
fn encode(text: &str) -> Result<String, SubjectError> {
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b':' | b'-' => token.push(byte as char),
            other => write!(token, "={other:02X}").unwrap_or_default(),
        }
    }
    if token.len() > Subject::MAX_TOKEN {
        return Err(SubjectError::TokenTooLong(text.to_owned()));
    }
    Ok(token)
}

/// The reverse of [`encode`]; none when the token was not made by it.
fn decode(token: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'=' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Whether it can be a part of a subject.
pub(crate) fn is_literal(token: &str) -> bool {
    !token.is_empty()
        && !token
            .chars()
            .any(|c| c == '*' || c == '>' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn builders_write_the_subjects_of_the_tree() {
        assert_eq!(
            Subject::event("local", "web-01", "ssh").unwrap().as_str(),
            "event.local.web-01.ssh"
        );
        assert_eq!(
            Subject::decky_state("fleet:web-01").unwrap().as_str(),
            "decky.fleet:web-01.state"
        );
        assert_eq!(
            Subject::decky_lifecycle("web-01").unwrap().as_str(),
            "decky.web-01.lifecycle"
        );
        assert_eq!(
            Subject::health("collector").unwrap().as_str(),
            "system.collector.health"
        );
        assert_eq!(
            Subject::control("collector").unwrap().as_str(),
            "system.collector.control"
        );
        assert_eq!(Subject::dlq("ingest").unwrap().as_str(), "system.dlq.ingest");
        assert_eq!(Subject::LOGS_INGESTED.as_str(), "logs.ingested");
    }

    #[test]
    fn a_hostile_text_cannot_add_a_part_or_a_wildcard() {
        for hostile in [".", "*", ">", "a.b", "a b", "a\r\nPUB x", "\u{0}", "ä", "="] {
            let subject = Subject::event("local", hostile, "ssh").unwrap();
            assert_eq!(subject.tokens().count(), 4, "{hostile:?} became {subject}");
            assert_eq!(subject.token(2).as_deref(), Some(hostile));
        }
    }

    #[test]
    fn an_empty_or_endless_part_is_refused() {
        assert_eq!(Subject::health(""), Err(SubjectError::Empty));
        assert!(matches!(
            Subject::health(&"x".repeat(121)),
            Err(SubjectError::TokenTooLong(_))
        ));
        assert!(matches!(
            Subject::health(&"é".repeat(60)),
            Err(SubjectError::TokenTooLong(_))
        ));
    }

    #[test]
    fn a_malformed_wire_subject_is_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\tb"] {
            assert!(Subject::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn encoding_is_reversible_and_always_a_literal(text in "\\PC{1,30}") {
            if let Ok(token) = encode(&text) {
                prop_assert!(is_literal(&token) && !token.contains('.'));
                prop_assert_eq!(decode(&token), Some(text));
            }
        }

        #[test]
        fn decoding_anything_never_panics(text in "[=0-9A-F\\PC]{0,20}") {
            let _ = decode(&text);
        }
    }
}
