//! Observations as lines of JSON, for corpora that were not generated.

use std::collections::{BTreeMap, HashSet};

use cluster::{Activity, Observation, Phase, Visit, simhash};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::problem::{Problem, Problems};
use crate::record::{Record, Truth};

/// Bytes of one line.
pub const MAX_LINE: usize = 4 << 20;

/// One observation as it is written. Only `id` is needed; a set may be a single value or a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, expecting = "an object with an `id`")]
pub(crate) struct Line {
    #[serde(alias = "observation_id", alias = "uuid")]
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ip: String,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ja3: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ja4: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ja4_quic: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ja4h: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    hassh: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    tls_cert_sha256: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ssh_hostkey: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ssh_pubkey: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    ipv6_iid: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    payload_hashes: Vec<String>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    c2_endpoints: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credentials: Vec<(String, String)>,
    #[serde(alias = "commands", skip_serializing_if = "BTreeMap::is_empty")]
    commands_by_phase: BTreeMap<Phase, Vec<String>>,
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    tools: Vec<String>,
    /// Typing of each session, 16 hex digits each.
    #[serde(deserialize_with = "set", skip_serializing_if = "Vec::is_empty")]
    kd_digraph_simhash: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    visits: Vec<VisitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<TruthLine>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VisitLine {
    decky: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phase: Option<Phase>,
    start: When,
    /// As `start` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<When>,
}

/// Microseconds since 1970; read from seconds or RFC 3339, written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When(i64);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TruthLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
}

/// Observations being read from lines of JSON.
#[derive(Debug, Default)]
pub struct Observed {
    records: Vec<Record>,
    ids: HashSet<String>,
    problems: Problems,
}

/// One observation as a line, without its end.
pub fn write_observation(record: &Record) -> String {
    // Strings, numbers and lists of them: there is nothing that could not be written.
    serde_json::to_string(&Line::from(record)).unwrap_or_default()
}

fn line(text: &str) -> Result<Line, (usize, String)> {
    if text.len() > MAX_LINE {
        return Err((1, format!("the line is longer than {} MiB", MAX_LINE >> 20)));
    }
    let line: Line = serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        (error.column(), format!("this is no observation: {said}"))
    })?;
    if line.id.is_empty() {
        return Err((1, "an observation needs an `id`".to_owned()));
    }
    Ok(line)
}

// === impl Observed ===

impl Observed {
    /// Takes in one line; an empty one is nothing.
    pub fn push(&mut self, file: &str, number: usize, text: &str) {
        // Some editors begin a file with a mark of its encoding.
        let text = text.strip_prefix('\u{feff}').filter(|_| number == 1).unwrap_or(text);
        if text.trim().is_empty() {
            return;
        }
        let read = line(text).and_then(|line| {
            let known = !self.ids.insert(line.id.clone());
            if known {
                Err((1, format!("there are two observations `{}`", line.id)))
            } else {
                Ok(line)
            }
        });
        match read {
            Ok(line) => self.records.push(Record::from(line)),
            Err((column, message)) => {
                let mut problem = Problem::error(file, message).at((1, column), text);
                problem.line = Some(number);
                self.problems.push(problem);
            }
        }
    }

    /// Whether there is more wrong than is worth reading on for.
    pub fn is_hopeless(&self) -> bool {
        self.problems.is_full()
    }

    /// What was read.
    ///
    /// # Errors
    /// Every line that is no observation.
    pub fn finish(self) -> Result<Vec<Record>, Problems> {
        if self.problems.has_errors() {
            Err(self.problems)
        } else {
            Ok(self.records)
        }
    }
}

// === impl Line ===

impl From<Line> for Record {
    fn from(line: Line) -> Self {
        let visit = |visit: VisitLine| Visit {
            end: visit.end.unwrap_or(visit.start).0.max(visit.start.0),
            decky: visit.decky,
            phase: visit.phase,
            start: visit.start.0,
        };
        let truth = line.truth.unwrap_or_default();
        Self {
            ip: line.ip,
            observation: Observation {
                id: line.id,
                ja3: line.ja3,
                ja4: line.ja4,
                ja4_quic: line.ja4_quic,
                ja4h: line.ja4h,
                hassh: line.hassh,
                tls_cert_sha256: line.tls_cert_sha256,
                ssh_hostkey: line.ssh_hostkey,
                ssh_pubkey: line.ssh_pubkey,
                ipv6_iid: line.ipv6_iid,
                asn: line.asn,
                payload_hashes: line.payload_hashes,
                c2_endpoints: line
                    .c2_endpoints
                    .into_iter()
                    .map(|endpoint| endpoint.to_lowercase())
                    .collect(),
                credentials: line.credentials,
                commands: line.commands_by_phase,
            },
            activity: Activity {
                visits: line.visits.into_iter().map(visit).collect(),
                tools: line.tools,
                keystrokes: line
                    .kd_digraph_simhash
                    .iter()
                    .filter_map(|text| simhash::from_hex(text))
                    .collect(),
            },
            truth: Truth {
                campaign: truth.campaign,
                identity: truth.identity,
                actor: truth.actor,
            },
        }
    }
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        let Record {
            observation,
            activity,
            truth,
            ..
        } = record;
        let visit = |visit: &Visit| VisitLine {
            decky: visit.decky.clone(),
            phase: visit.phase,
            start: When(visit.start),
            end: Some(When(visit.end)),
        };
        let known = truth.campaign.is_some() || truth.identity.is_some() || truth.actor.is_some();
        Self {
            id: observation.id.clone(),
            ip: record.ip.clone(),
            ja3: observation.ja3.clone(),
            ja4: observation.ja4.clone(),
            ja4_quic: observation.ja4_quic.clone(),
            ja4h: observation.ja4h.clone(),
            hassh: observation.hassh.clone(),
            tls_cert_sha256: observation.tls_cert_sha256.clone(),
            ssh_hostkey: observation.ssh_hostkey.clone(),
            ssh_pubkey: observation.ssh_pubkey.clone(),
            ipv6_iid: observation.ipv6_iid.clone(),
            asn: observation.asn,
            payload_hashes: observation.payload_hashes.clone(),
            c2_endpoints: observation.c2_endpoints.clone(),
            credentials: observation.credentials.clone(),
            commands_by_phase: observation.commands.clone(),
            tools: activity.tools.clone(),
            kd_digraph_simhash: activity.keystrokes.iter().map(|hash| format!("{hash:016x}")).collect(),
            visits: activity.visits.iter().map(visit).collect(),
            truth: known.then(|| TruthLine {
                identity: truth.identity.clone(),
                campaign: truth.campaign.clone(),
                actor: truth.actor.clone(),
            }),
        }
    }
}

/// A list, a single value, or null for none.
fn set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Set;
    impl<'de> Visitor<'de> for Set {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("text or a list of texts")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok(vec![value.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut values: Vec<String> = Vec::new();
            while let Some(value) = list.next_element::<Option<String>>()? {
                values.extend(value);
            }
            Ok(values)
        }
    }
    deserializer.deserialize_any(Set)
}

// === When ===

impl Serialize for When {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000);
        let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
        match text {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_f64(self.0 as f64 / 1e6),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Moment;
        impl Visitor<'_> for Moment {
            type Value = When;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time: seconds since 1970, or RFC 3339")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<When, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<When, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<When, E> {
                if seconds.abs() > 1e12 {
                    return Err(E::custom("a time is given in seconds; this one is out of reach"));
                }
                Ok(When((seconds * 1e6).round() as i64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
                let time = OffsetDateTime::parse(text, &Rfc3339);
                let time = time.map_err(|_| E::custom(format!("`{text}` is no time in the form of RFC 3339")))?;
                Ok(When((time.unix_timestamp_nanos() / 1_000) as i64))
            }
        }
        deserializer.deserialize_any(Moment)
    }
}
