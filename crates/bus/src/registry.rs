//! The one table of subjects, streams and durable consumers. A new family is one line here and one builder in
//! `subject`.

use std::time::Duration;

use crate::pattern::Pattern;
use crate::subject::Subject;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How a family is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Kept by a stream until dealt with: at least once.
    Durable,
    /// A wake-up or notice; who misses it polls.
    Notice,
    /// Lossy by contract.
    Telemetry,
}

/// One family of subjects.
#[derive(Debug)]
pub struct Family {
    pub pattern: Pattern,
    pub class: Class,
    /// Set exactly for durable families.
    pub stream: Option<&'static Stream>,
    /// Type of the payload, for people.
    pub payload: &'static str,
}

/// A stream that keeps durable messages.
#[derive(Debug)]
pub struct Stream {
    pub name: &'static str,
    pub subjects: &'static [&'static str],
    pub max_age: Duration,
    pub max_bytes: u64,
    /// Within it a message id is stored once.
    pub duplicate_window: Duration,
}

/// A durable consumer: instances that use the same name share its messages.
#[derive(Clone, Debug)]
pub struct Durable {
    pub name: &'static str,
    pub stream: &'static str,
    pub filter: Pattern,
    /// A delivery that is neither acknowledged nor prolonged within this time is given out again.
    pub ack_wait: Duration,
    /// Deliveries given out and not yet acknowledged, over all instances.
    pub in_flight: usize,
}

pub static LOGS: Stream = Stream {
    name: "LOGS",
    subjects: &["event.>"],
    max_age: Duration::from_secs(DAY),
    max_bytes: 20 * GIB,
    duplicate_window: Duration::from_secs(10 * MINUTE),
};

pub static FLEET: Stream = Stream {
    name: "FLEET",
    subjects: &["decky.*.state", "decky.*.lifecycle"],
    max_age: Duration::from_secs(72 * HOUR),
    max_bytes: GIB,
    duplicate_window: Duration::from_secs(10 * MINUTE),
};

pub static INTEL: Stream = Stream {
    name: "INTEL",
    subjects: &[
        "attacker.observed",
        "attacker.fingerprinted",
        "attacker.fingerprint_rotated",
        "attacker.host_change",
        "identity.>",
        "campaign.>",
        "attribution.>",
        "credential.>",
    ],
    max_age: Duration::from_secs(72 * HOUR),
    max_bytes: 5 * GIB,
    duplicate_window: Duration::from_secs(10 * MINUTE),
};

pub static DETECT: Stream = Stream {
    name: "DETECT",
    subjects: &["detect.finding.*", "detect.incident.updated", "detect.decision.*"],
    max_age: Duration::from_secs(72 * HOUR),
    max_bytes: GIB,
    duplicate_window: Duration::from_secs(10 * MINUTE),
};

pub static DLQ: Stream = Stream {
    name: "DLQ",
    subjects: &["system.dlq.*"],
    max_age: Duration::from_secs(30 * DAY),
    max_bytes: 256 * MIB,
    duplicate_window: Duration::from_secs(2 * MINUTE),
};

/// Smallest first: they are made in this order, and on a server short of room the last gets what is left.
pub static STREAMS: &[&Stream] = &[&DLQ, &FLEET, &DETECT, &INTEL, &LOGS];

/// Puts decoy events into the store.
pub static INGEST: Durable = Durable {
    name: "ingest",
    stream: "LOGS",
    filter: Pattern::fixed("event.>"),
    ack_wait: Duration::from_secs(30),
    in_flight: 256,
};

/// Consumers that exist whether or not anyone runs them: what is appended before they start waits for them.
pub static DURABLES: &[&Durable] = &[&INGEST];

pub static FAMILIES: &[Family] = &[
    durable("event.*.*.*", &LOGS, "one event, or `events`: at most 200 of them"),
    durable(
        "decky.*.state",
        &FLEET,
        "decky, decky_name, host, state, transition, source, previous_state",
    ),
    durable("decky.*.lifecycle", &FLEET, "lifecycle_id, operation, status, error"),
    durable(
        "attacker.observed",
        &INTEL,
        "attacker_ip, decky, service, event_type, first_seen",
    ),
    durable(
        "attacker.fingerprinted",
        &INTEL,
        "attacker_ip, port, observed_at and the probe's fields; the type is the probe's name",
    ),
    durable(
        "attacker.fingerprint_rotated",
        &INTEL,
        "attacker_ip, port, probe_type, old_hash, new_hash, rotation_count, ts",
    ),
    durable(
        "attacker.host_change",
        &INTEL,
        "attacker_ip, decky, reasons, stack_sig, observed_at",
    ),
    family(
        "sniffer.loss",
        Class::Telemetry,
        "host, seen, dropped: packets the kernel had no room for",
    ),
    durable(
        "detect.finding.*",
        &DETECT,
        "id, rule, class, severity, confidence, source, attacker_ip, stage, mitre, reason, first_at, last_at",
    ),
    durable(
        "detect.incident.updated",
        &DETECT,
        "id, entity, score, severity, stages, findings, first_ts, last_ts",
    ),
    durable(
        "detect.decision.*",
        &DETECT,
        "id, at, scope, value, action, reason, rule, finding, until, by, simulated",
    ),
    durable(
        "identity.formed",
        &INTEL,
        "identity_uuid, observation_uuids, confidence, first_seen_at, reason_keys, split_from_uuid",
    ),
    durable(
        "identity.observation.linked",
        &INTEL,
        "identity_uuid, observation_uuid, prior_identity_uuid, confidence_after",
    ),
    durable(
        "identity.merged",
        &INTEL,
        "winner_uuid, loser_uuid, observation_uuids, reason_keys, confidence_after",
    ),
    durable(
        "identity.unmerged",
        &INTEL,
        "resurrected_uuid, former_winner_uuid, reason",
    ),
    durable(
        "identity.cluster.suspect",
        &INTEL,
        "identity_uuid, size, cohesion, demoted_keys",
    ),
    durable(
        "identity.campaign.assigned",
        &INTEL,
        "identity_uuid, campaign_uuid, prior_campaign_uuid",
    ),
    durable(
        "campaign.formed",
        &INTEL,
        "campaign_uuid, identity_uuids, split_from_uuid",
    ),
    durable(
        "campaign.identity.assigned",
        &INTEL,
        "campaign_uuid, identity_uuid, prior_campaign_uuid",
    ),
    durable("campaign.merged", &INTEL, "winner_uuid, loser_uuid"),
    durable("campaign.unmerged", &INTEL, "resurrected_uuid, former_winner_uuid"),
    durable(
        "attribution.profile.state_changed",
        &INTEL,
        "identity_uuid, primitive, old_state, new_state, current_value, confidence, observation_count, ts",
    ),
    durable(
        "attribution.profile.multi_actor_suspected",
        &INTEL,
        "identity_uuid, primitives, evidence_summary, confidence, ts",
    ),
    durable(
        "credential.reuse.detected",
        &INTEL,
        "id, secret_kind, target_count, attacker_count, attacker_ips, deckies, services",
    ),
    family(
        "decky.*.traffic",
        Class::Telemetry,
        "an observation of the wire: its values, src_ip, src_port, dst_ip, dst_port, decky, host",
    ),
    durable("system.dlq.*", &DLQ, "id, subject, attempts, error, body"),
    family("system.log", Class::Telemetry, "one event"),
    family("system.*.health", Class::Telemetry, "a beat (`runtime::Beat`)"),
    family(
        "system.*.control",
        Class::Notice,
        "action, requested_by, host, instance",
    ),
    family("logs.ingested", Class::Notice, "first_id, last_id, count, by_decky"),
];

/// The family of a subject; unregistered subjects are notices.
pub fn family_of(subject: &Subject) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.pattern.matches(subject))
}

pub fn class_of(subject: &Subject) -> Class {
    family_of(subject).map_or(Class::Notice, |family| family.class)
}

pub fn stream_of(subject: &Subject) -> Option<&'static Stream> {
    family_of(subject)?.stream
}

pub fn stream_named(name: &str) -> Option<&'static Stream> {
    STREAMS.iter().copied().find(|stream| stream.name == name)
}

const fn durable(pattern: &'static str, stream: &'static Stream, payload: &'static str) -> Family {
    Family {
        pattern: Pattern::fixed(pattern),
        class: Class::Durable,
        stream: Some(stream),
        payload,
    }
}

const fn family(pattern: &'static str, class: Class, payload: &'static str) -> Family {
    Family {
        pattern: Pattern::fixed(pattern),
        class,
        stream: None,
        payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_durable_family_is_kept_by_its_stream_and_no_other_family_by_any() {
        for family in FAMILIES {
            let sample = Subject::parse(&family.pattern.as_str().replace('*', "x")).unwrap();
            let keepers: Vec<_> = STREAMS
                .iter()
                .filter(|stream| {
                    stream
                        .subjects
                        .iter()
                        .any(|s| Pattern::parse(s).unwrap().matches(&sample))
                })
                .map(|stream| stream.name)
                .collect();
            let wanted: Vec<_> = family.stream.iter().map(|stream| stream.name).collect();
            assert_eq!(keepers, wanted, "{sample}");
            assert_eq!(family.class == Class::Durable, family.stream.is_some());
        }
    }

    #[test]
    fn declared_consumers_read_from_streams_that_exist() {
        for durable in DURABLES {
            assert!(stream_named(durable.stream).is_some(), "{}", durable.name);
        }
    }
}
