//! Word of what was stored, after it was.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use bus::{Bus, Envelope, Subject};
use model::{Event, EventId, Origin};
use serde::Serialize;
use store::{FirstContact, Ingested};
use time::OffsetDateTime;

/// Events told one by one on `system.log` out of one writing; under more load it is a sample. Who must miss none
/// reads the store (`Events::follow`) when `logs.ingested` wakes it.
const TOLD: usize = 64;

/// The payload of `logs.ingested`.
#[derive(Serialize)]
struct Committed<'a> {
    first_id: EventId,
    last_id: EventId,
    count: usize,
    by_decky: BTreeMap<&'a str, u64>,
}

/// The payload of `attacker.observed`.
#[derive(Serialize)]
struct Observed<'a> {
    attacker_ip: IpAddr,
    decky: &'a str,
    service: &'a str,
    event_type: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    first_seen: OffsetDateTime,
}

/// Nothing is published when nothing was new.
pub(super) async fn publish(bus: &Bus, events: &[Event], done: &Ingested) {
    let (Some(&first_id), Some(&last_id)) = (done.new_ids.first(), done.new_ids.last()) else {
        return;
    };
    let mut new: HashMap<EventId, &Event> = HashMap::with_capacity(done.new);
    let is_new: std::collections::HashSet<_> = done.new_ids.iter().collect();
    new.extend(
        events
            .iter()
            .filter(|event| is_new.contains(&event.report.id))
            .map(|event| (event.report.id, event)),
    );
    let mut by_decky = BTreeMap::new();
    for event in new.values() {
        *by_decky.entry(event.decky.as_str()).or_default() += 1;
    }
    let committed = Committed {
        first_id,
        last_id,
        count: done.new,
        by_decky,
    };
    bus.tell(&Subject::LOGS_INGESTED, "batch_committed", &committed).await;
    for first in &done.first {
        observed(bus, first).await;
    }
    for event in done.new_ids.iter().filter_map(|id| new.get(id)).take(TOLD) {
        if done.drill_ids.contains(&event.report.id) {
            let mut event = (*event).clone();
            event.report.origin = Origin::Drill;
            bus.tell(&Subject::SYSTEM_LOG, &event.report.kind, &event).await;
        } else {
            bus.tell(&Subject::SYSTEM_LOG, &event.report.kind, event).await;
        }
    }
}

async fn observed(bus: &Bus, first: &FirstContact) {
    let payload = Observed {
        attacker_ip: first.ip,
        decky: &first.decky,
        service: &first.service,
        event_type: &first.kind,
        first_seen: first.at,
    };
    let told = match Envelope::fresh("observed", &payload) {
        Ok(envelope) => bus.append(&Subject::ATTACKER_OBSERVED, &envelope).await.map(drop),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = told {
        // Whoever waits for it looks into the store as well.
        tracing::debug!(%error, "not published");
    }
}
