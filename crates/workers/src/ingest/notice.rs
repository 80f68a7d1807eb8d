//! Word of what was stored, after it was.

use std::collections::{BTreeMap, HashMap};

use bus::{Bus, Subject};
use model::{Event, EventId, Origin};
use serde::Serialize;
use store::Ingested;

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
