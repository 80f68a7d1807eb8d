use std::collections::{BTreeMap, BTreeSet};

use model::Outcome;
use store::{Changed, Error, Lease, Notice, Spread, SpreadWriting};
use time::Duration;
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::{NOON, login};

const WORKER: &str = "reuse-correlator";
const TERM: Duration = Duration::seconds(30);
const EVE: &str = "192.0.2.7";
const MAL: &str = "2001:db8::7";

crate::contract! {
    what_is_tried_is_found_wherever_else_it_was_tried
    only_what_came_since_is_looked_at
    how_far_a_secret_went_is_kept_with_where_reading_stopped
    who_does_not_lead_writes_no_extent
}

async fn what_is_tried_is_found_wherever_else_it_was_tried(bed: &Bed) {
    tried(bed, &[(1, EVE, "web-01", "toor"), (2, MAL, "db-01", "toor")]).await;
    tried(bed, &[(3, EVE, "web-02", "toor"), (4, EVE, "web-02", "once")]).await;
    let after = first_events(bed, 2).await;
    let mut spreads = touched(bed, after).await;
    spreads.sort_by_key(|spread| spread.targets.len());
    let [once, toor] = &spreads[..] else {
        panic!("{spreads:?}")
    };
    assert_eq!((once.targets.len(), once.secret_kind.as_str()), (1, "plaintext"));
    assert_eq!(toor.deckies(), BTreeSet::from(["db-01", "web-01", "web-02"]));
    assert_eq!(toor.services(), BTreeSet::from(["ssh"]));
    assert_eq!(toor.attackers, BTreeSet::from([EVE.to_owned(), MAL.to_owned()]));
    assert_eq!(toor.extent(), [3, 2, 3, 1]);
}

async fn only_what_came_since_is_looked_at(bed: &Bed) {
    tried(bed, &[(1, EVE, "web-01", "old"), (2, MAL, "web-01", "other")]).await;
    tried(bed, &[(3, EVE, "web-01", "new")]).await;
    let after = first_events(bed, 2).await;
    assert_eq!(touched(bed, after).await.len(), 1);
    assert_eq!(touched(bed, 0).await.len(), 3);
    let all = bed.store.events().last().await.unwrap();
    assert!(touched(bed, all).await.is_empty());
}

async fn how_far_a_secret_went_is_kept_with_where_reading_stopped(bed: &Bed) {
    let lease = lease(bed, "one").await;
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let notice = Notice {
        id: Uuid::from_u128(9),
        subject: "credential.reuse.detected".into(),
        payload: serde_json::json!({ "id": one }),
    };
    assert_eq!(bed.store.reuses().read_up_to(WORKER).await.unwrap(), 0);
    let writing = SpreadWriting {
        extents: BTreeMap::from([(one, [2, 1, 2, 1]), (other, [5, 4, 3, 2])]),
        notices: vec![notice.clone()],
        read_up_to: 7,
    };
    bed.store.reuses().write(&lease, &writing, NOON).await.unwrap();
    let further = SpreadWriting {
        extents: BTreeMap::from([(one, [3, 1, 2, 2])]),
        read_up_to: 9,
        ..SpreadWriting::default()
    };
    bed.store.reuses().write(&lease, &further, NOON).await.unwrap();
    let told = bed
        .store
        .reuses()
        .told([one, other, Uuid::from_u128(3)].into_iter())
        .await
        .unwrap();
    assert_eq!(told, BTreeMap::from([(one, [3, 1, 2, 2]), (other, [5, 4, 3, 2])]));
    assert_eq!(bed.store.reuses().read_up_to(WORKER).await.unwrap(), 9);
    let waiting = bed.store.outbox().waiting(WORKER, 10).await.unwrap();
    assert_eq!(waiting.into_iter().map(|w| w.notice).collect::<Vec<_>>(), [notice]);
}

async fn who_does_not_lead_writes_no_extent(bed: &Bed) {
    let old = lease(bed, "one").await;
    let later = NOON + TERM + Duration::seconds(1);
    let taken = bed.store.leases().take(WORKER, "other", TERM, later).await.unwrap();
    assert!(taken.is_some());
    let writing = SpreadWriting {
        extents: BTreeMap::from([(Uuid::from_u128(1), [2, 1, 2, 1])]),
        read_up_to: 7,
        ..SpreadWriting::default()
    };
    let refused = bed.store.reuses().write(&old, &writing, later).await;
    assert!(matches!(refused, Err(Error::LeaseLost { .. })), "{refused:?}");
    assert_eq!(bed.store.reuses().read_up_to(WORKER).await.unwrap(), 0);
}

async fn tried(bed: &Bed, tries: &[(u64, &str, &str, &str)]) {
    let events: Vec<_> = tries
        .iter()
        .map(|&(n, ip, decky, secret)| login(n, ip, decky, "root", secret, Outcome::Failure))
        .collect();
    bed.store.ingest(&events).await.unwrap();
}

/// The number of the `count`th event.
async fn first_events(bed: &Bed, count: u64) -> i64 {
    bed.store.traces().changed(0, count).await.unwrap().last
}

async fn touched(bed: &Bed, after: i64) -> Vec<Spread> {
    let changed: Changed = bed.store.traces().changed(after, 100).await.unwrap();
    let spreads = bed.store.reuses().touched(&changed).await.unwrap();
    spreads.into_values().collect()
}

async fn lease(bed: &Bed, holder: &str) -> Lease {
    bed.store
        .leases()
        .take(WORKER, holder, TERM, NOON)
        .await
        .unwrap()
        .unwrap()
}
