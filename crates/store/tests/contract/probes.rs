use model::{Event, Origin};
use serde_json::json;
use store::{Change, Filter, OriginFilter, Page, Probe, ProbeOutcome};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::{NOON, connect, event};

const EVE: &str = "192.0.2.7";
const MAL: &str = "2001:db8::7";

crate::contract! {
    an_endpoint_that_answers_otherwise_has_rotated
    ports_and_probes_are_compared_apart
    servers_that_take_turns_are_told_from_one_that_changes
    a_probe_recorded_twice_counts_once
    a_refused_probe_leaves_its_reason_and_nothing_else
    an_answer_is_an_event_of_the_grids_own
    an_answer_of_a_stranger_is_accounted_for_and_no_more
    attackers_come_up_in_turn
}

async fn an_endpoint_that_answers_otherwise_has_rotated(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let mut changes = Vec::new();
    for (n, hash) in [(1, "aa"), (2, "aa"), (3, "bb"), (4, "cc")] {
        changes.extend(record(bed, &[answer(n, hash, NOON + Duration::hours(24 * n as i64))]).await);
    }
    let rotated = |old: &str, rotation_count| Change::Rotated {
        old_hash: old.into(),
        rotation_count,
    };
    assert_eq!(
        changes,
        [
            Change::FirstSighting,
            Change::Unchanged,
            rotated("aa", 1),
            rotated("bb", 2)
        ]
    );
    let seen = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(
        (seen.rotation_count, seen.last_rotation_at),
        (2, Some(NOON + Duration::hours(96)))
    );
    let states = bed
        .store
        .attackers()
        .footprint(EVE.parse().unwrap())
        .await
        .unwrap()
        .probes;
    assert_eq!(states.len(), 1);
    let state = &states[0];
    assert_eq!(
        (state.hash.as_str(), state.port, state.rotation_count),
        ("cc", Some(443), 2)
    );
    assert_eq!(state.fields["jarm_hash"], "cc");
    let history: Vec<_> = state
        .history
        .iter()
        .map(|period| (period.hash.as_str(), period.last_seen))
        .collect();
    let day = |n: i64| NOON + Duration::hours(24 * n);
    assert_eq!(history, [("aa", day(2)), ("bb", day(3)), ("cc", day(4))]);
    let told = events(bed).await;
    let rotations: Vec<_> = told
        .iter()
        .filter(|event| event.report.kind == "fingerprint_rotated")
        .collect();
    assert_eq!(rotations.len(), 2);
    assert_eq!(rotations[0].report.fields["old_hash"], "bb"); // Newest first.
}

async fn ports_and_probes_are_compared_apart(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let other_port = Probe {
        port: Some(8443),
        ..answer(2, "bb", NOON)
    };
    let other_probe = Probe {
        probe: "tcpfp".into(),
        ..answer(3, "cc", NOON)
    };
    let changes = record(bed, &[answer(1, "aa", NOON), other_port, other_probe]).await;
    assert_eq!(
        changes,
        [Change::FirstSighting, Change::FirstSighting, Change::FirstSighting]
    );
}

async fn servers_that_take_turns_are_told_from_one_that_changes(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let mut changes = Vec::new();
    for (n, hash) in [(1, "aa"), (2, "bb"), (3, "aa"), (4, "bb"), (5, "zz")] {
        changes.extend(record(bed, &[answer(n, hash, NOON + Duration::minutes(20 * n as i64))]).await);
    }
    let rotated = |old: &str, rotation_count| Change::Rotated {
        old_hash: old.into(),
        rotation_count,
    };
    let balanced = Change::LoadBalanced;
    assert_eq!(
        changes,
        [
            Change::FirstSighting,
            rotated("aa", 1),
            balanced.clone(),
            balanced,
            rotated("bb", 2)
        ]
    );
    let states = bed
        .store
        .attackers()
        .footprint(EVE.parse().unwrap())
        .await
        .unwrap()
        .probes;
    assert!(!states[0].load_balanced);
}

async fn a_probe_recorded_twice_counts_once(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let one = [answer(1, "aa", NOON), answer(2, "bb", NOON + Duration::hours(24))];
    record(bed, &one).await;
    let (told, footprint) = (
        events(bed).await,
        bed.store.attackers().footprint(EVE.parse().unwrap()).await.unwrap(),
    );
    assert_eq!(record(bed, &one).await, [Change::None, Change::None]);
    assert_eq!(events(bed).await, told);
    assert_eq!(
        bed.store.attackers().footprint(EVE.parse().unwrap()).await.unwrap(),
        footprint
    );
}

async fn a_refused_probe_leaves_its_reason_and_nothing_else(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let refused = Probe {
        outcome: ProbeOutcome::Refused,
        reason: Some("in 192.0.2.0/24, which is documentation's".into()),
        hash: None,
        port: None,
        event: None,
        ..answer(1, "", NOON)
    };
    assert_eq!(record(bed, std::slice::from_ref(&refused)).await, [Change::None]);
    let rows = bed
        .store
        .probes()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    assert_eq!(rows, [refused]);
    assert_eq!(events(bed).await.len(), 1);
    let footprint = bed.store.attackers().footprint(EVE.parse().unwrap()).await.unwrap();
    assert!(footprint.probes.is_empty());
}

async fn an_answer_is_an_event_of_the_grids_own(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    record(bed, &[answer(1, "aa", NOON)]).await;
    let told = events(bed).await;
    let event = told
        .iter()
        .find(|event| event.report.kind == "jarm_fingerprint")
        .unwrap();
    assert_eq!(event.report.origin, Origin::Internal);
    assert_eq!((&*event.report.service, event.report.src), ("prober", None));
    assert_eq!(event.report.fields["target_ip"], EVE);
    assert_eq!(event.report.fields["target_port"], "443");
    let seen = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(seen.events, 1);
}

async fn an_answer_of_a_stranger_is_accounted_for_and_no_more(bed: &Bed) {
    assert_eq!(record(bed, &[answer(1, "aa", NOON)]).await, [Change::NoAttackerRow]);
    let rows = bed
        .store
        .probes()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    assert_eq!(rows[0].hash.as_deref(), Some("aa"));
    assert!(bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().is_none());
}

async fn attackers_come_up_in_turn(bed: &Bed) {
    let fields = serde_json::from_value(json!({"ttl": 244})).unwrap();
    let spoofed = event(3, "192.0.2.9", "web-01", "tcp_syn_fingerprint", fields);
    bed.store
        .ingest(&[connect(1, EVE, "web-01"), connect(2, MAL, "web-01"), spoofed])
        .await
        .unwrap();
    let now = NOON + Duration::hours(1);
    let turn = async |now: OffsetDateTime| {
        let rows = bed.store.probes().candidates(NOON, now, 10).await.unwrap();
        rows.into_iter().map(|row| row.ip.to_string()).collect::<Vec<_>>()
    };
    let schedule = async |ip: &str, asked, due| {
        bed.store
            .probes()
            .schedule(ip.parse().unwrap(), asked, due)
            .await
            .unwrap();
    };
    let known = async |ip: &str| bed.store.probes().candidate(ip.parse().unwrap()).await.unwrap();
    assert_eq!(turn(now).await, [MAL, EVE]); // Not the one that never connected.
    schedule(MAL, Some(now), now + Duration::hours(24)).await;
    assert_eq!(turn(now).await, [EVE]);
    schedule(EVE, None, now + Duration::hours(1)).await; // Refused: it was not asked.
    assert!(turn(now).await.is_empty());
    assert_eq!(turn(now + Duration::hours(25)).await, [EVE, MAL]);
    assert_eq!(known(EVE).await.unwrap().probed_at, None);
    schedule(MAL, None, now).await;
    assert_eq!(known(MAL).await.unwrap().probed_at, Some(now));
    assert_eq!(known("192.0.2.9").await.unwrap().handshakes, 0);
    assert_eq!(known("192.0.2.77").await, None);
    assert!(bed.store.probes().candidates(now, now, 10).await.unwrap().is_empty()); // Not seen since.
}

async fn record(bed: &Bed, probes: &[Probe]) -> Vec<Change> {
    bed.store.probes().record(probes).await.unwrap()
}

async fn events(bed: &Bed) -> Vec<Event> {
    let filter = Filter {
        origin: OriginFilter::All,
        ..Filter::default()
    };
    let rows = bed.store.events().list(&filter, &Page::default()).await.unwrap().rows;
    rows.into_iter().map(|row| row.event).collect()
}

fn answer(n: u128, hash: &str, at: OffsetDateTime) -> Probe {
    Probe {
        id: Uuid::from_u128(1_000 + n),
        at,
        attacker_ip: EVE.parse().unwrap(),
        port: Some(443),
        probe: "jarm".into(),
        outcome: ProbeOutcome::Answered,
        reason: None,
        hash: Some(hash.into()),
        duration_ms: 12,
        event: Some("jarm_fingerprint"),
        fields: if hash.is_empty() {
            model::Fields::new()
        } else {
            serde_json::from_value(json!({"jarm_hash": hash})).unwrap()
        },
    }
}
