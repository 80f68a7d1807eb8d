use serde_json::json;
use store::{AttributionState, AttributionWriting, Error, Lease, Notice};
use time::Duration;
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::NOON;

const WORKER: &str = "attribution";
const TERM: Duration = Duration::seconds(30);

crate::contract! {
    a_state_is_read_back_and_replaced_by_a_newer_one
    states_of_whoever_no_longer_counts_go
    who_does_not_lead_changes_no_state
}

async fn a_state_is_read_back_and_replaced_by_a_newer_one(bed: &Bed) {
    let lease = lease(bed, "one").await;
    let (first, second) = (state(1, "ssh.hassh"), state(1, "tls.ja3"));
    let notice = Notice {
        id: Uuid::from_u128(9),
        subject: "attribution.profile.state_changed".into(),
        payload: json!({ "identity_uuid": first.identity }),
    };
    let writing = AttributionWriting {
        states: vec![second.clone(), first.clone()],
        notices: vec![notice.clone()],
        ..AttributionWriting::default()
    };
    bed.store.attributions().write(&lease, &writing, NOON).await.unwrap();
    assert_eq!(of(bed, &[1, 2]).await, [first, second.clone()]);
    let waiting = bed.store.outbox().waiting(WORKER, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].notice, notice);

    let newer = AttributionState {
        state: "drifting".into(),
        current_value: json!(5000.5),
        confidence: 0.25,
        observation_count: 12,
        last_change_ts: NOON + Duration::hours(1),
        last_observation_ts: NOON + Duration::hours(2),
        ..state(1, "ssh.hassh")
    };
    bed.store
        .attributions()
        .write(&lease, &only(&newer), NOON)
        .await
        .unwrap();
    assert_eq!(of(bed, &[1]).await, [newer, second]);
}

async fn states_of_whoever_no_longer_counts_go(bed: &Bed) {
    let lease = lease(bed, "one").await;
    for n in [1, 2] {
        let writing = only(&state(n, "ssh.hassh"));
        bed.store.attributions().write(&lease, &writing, NOON).await.unwrap();
    }
    let writing = AttributionWriting {
        gone: vec![Uuid::from_u128(1)],
        ..AttributionWriting::default()
    };
    bed.store.attributions().write(&lease, &writing, NOON).await.unwrap();
    assert_eq!(of(bed, &[1, 2]).await, [state(2, "ssh.hassh")]);
}

async fn who_does_not_lead_changes_no_state(bed: &Bed) {
    let old = lease(bed, "one").await;
    let later = NOON + TERM + Duration::seconds(1);
    let taken = bed.store.leases().take(WORKER, "other", TERM, later).await.unwrap();
    assert!(taken.is_some());
    let refused = bed.store.attributions().write(&old, &only(&state(1, "x")), later).await;
    assert!(matches!(refused, Err(Error::LeaseLost { .. })), "{refused:?}");
    assert!(of(bed, &[1]).await.is_empty());
}

async fn lease(bed: &Bed, holder: &str) -> Lease {
    bed.store
        .leases()
        .take(WORKER, holder, TERM, NOON)
        .await
        .unwrap()
        .unwrap()
}

async fn of(bed: &Bed, identities: &[u128]) -> Vec<AttributionState> {
    let ids: Vec<_> = identities.iter().map(|&n| Uuid::from_u128(n)).collect();
    bed.store.attributions().of(&ids).await.unwrap()
}

fn only(state: &AttributionState) -> AttributionWriting {
    AttributionWriting {
        states: vec![state.clone()],
        ..AttributionWriting::default()
    }
}

fn state(identity: u128, primitive: &str) -> AttributionState {
    AttributionState {
        identity: Uuid::from_u128(identity),
        primitive: primitive.into(),
        current_value: json!("a\"b"),
        state: "stable".into(),
        confidence: 1.0,
        observation_count: 3,
        last_change_ts: NOON,
        last_observation_ts: NOON,
    }
}
