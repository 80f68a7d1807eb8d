//! Observations as events. Pure.

use std::net::IpAddr;

use bus::Subject;
use model::event::{Endpoint, EventId, Origin, Report};
use model::{Event, Fields, Name};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;
use wire::time::Second;
use wire::watch::{Details, Observation, Role};

use crate::loss::Lost;

pub(crate) const SERVICE: &str = "sniffer";
/// In the place of a machine's boot: the host saw it, not the machine.
const SEEN_FROM_OUTSIDE: &str = "00000000";

/// The event of an observation of `decky`.
///
/// What the machine began itself has no source: its peer is no attacker for that, and neither is the machine. When it
/// turned to another machine it is that one's source: somebody is in it. A neighbour of whom only a link-local address
/// is known is none.
pub(crate) fn of(seen: &Observation, decky: Name, host: &str, id: Uuid) -> Event {
    let mut fields = match serde_json::to_value(&seen.details) {
        Ok(Value::Object(fields)) => fields,
        _ => Fields::new(),
    };
    let is_peers = seen.role != Role::Outbound && !is_link_local(seen.source.0);
    if seen.role != Role::Inbound {
        fields.insert("role".to_owned(), seen.role.name().into());
    }
    if let Details::Repeat(_) | Details::Flow(_) = &seen.details {
        fields.insert("deckies".to_owned(), Value::Array(vec![decky.as_str().into()]));
    }
    let at = OffsetDateTime::from_unix_timestamp_nanos(seen.at.0.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    event(decky, host, id, at, seen.kind(), |report| {
        report.src = is_peers.then(|| endpoint(seen.source));
        report.dst = Some(endpoint(seen.destination));
        report.fields = fields;
    })
}

/// That packets of the machine were lost, and so may be what they would have shown.
pub(crate) fn of_loss(lost: &Lost, decky: Name, host: &str, id: Uuid, at: OffsetDateTime) -> Event {
    event(decky, host, id, at, "sniffer_loss", |report| {
        report.origin = Origin::Internal;
        report.fields.insert("seen".to_owned(), lost.seen.into());
        report.fields.insert("dropped".to_owned(), lost.dropped.into());
    })
}

/// The notice on a machine's traffic that goes with an event: its values, and whom it is of.
pub(crate) fn traffic(event: &Event) -> Value {
    let mut fields = event.report.fields.clone();
    for (name, end) in [("src", event.report.src), ("dst", event.report.dst)] {
        if let Some(end) = end {
            fields.insert(format!("{name}_ip"), end.ip.to_string().into());
            fields.insert(format!("{name}_port"), end.port.into());
        }
    }
    fields.insert("decky".to_owned(), event.decky.as_str().into());
    fields.insert("host".to_owned(), event.host.clone().into());
    Value::Object(fields)
}

/// What is told of an attacker beside the event, durably.
pub(crate) fn finding(event: &Event) -> Option<(Subject, &'static str, Value)> {
    let report = &event.report;
    let attacker = report.src?.ip;
    let at = Second(report.at.unix_timestamp()).to_string();
    let field = |name: &str| report.fields.get(name).cloned().unwrap_or_default();
    match &*report.kind {
        "host_change" => Some((
            Subject::ATTACKER_HOST_CHANGE,
            "host_change",
            json!({
                "attacker_ip": attacker, "decky": event.decky, "reasons": field("reasons"),
                "stack_sig": field("stack_sig"), "observed_at": at,
            }),
        )),
        "ipv6_link_local_leak" => Some((
            Subject::ATTACKER_FINGERPRINTED,
            "ipv6_leak",
            json!({
                "attacker_ip": attacker, "addr": field("src_ip"), "iid_kind": field("iid_kind"),
                "mac_oui": field("mac_oui"), "vector": field("vector"), "observed_at": at,
            }),
        )),
        _ => None,
    }
}

fn event(
    decky: Name,
    host: &str,
    id: Uuid,
    at: OffsetDateTime,
    kind: &'static str,
    fill: impl FnOnce(&mut Report),
) -> Event {
    let mut report = Report {
        id: EventId(id),
        at,
        service: SERVICE.into(),
        kind: kind.into(),
        src: None,
        dst: None,
        session: None,
        origin: Origin::Peer,
        fields: Fields::new(),
    };
    fill(&mut report);
    Event {
        decky,
        host: host.to_owned(),
        boot: SEEN_FROM_OUTSIDE.to_owned(),
        seq: 0,
        report,
    }
}

fn endpoint((ip, port): (IpAddr, u16)) -> Endpoint {
    Endpoint { ip, port }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
