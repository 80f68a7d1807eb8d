use serde_json::json;
use store::{Error, Group, Lease, Level, Notice, Order, Page, Rollup, Writing};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::{NOON, connect};

const TERM: Duration = Duration::seconds(30);
const EVE: &str = "192.0.2.7";
const MAL: &str = "192.0.2.8";

crate::contract! {
    a_row_is_read_back_as_it_was_written
    who_was_merged_is_not_listed_and_keeps_its_members
    a_follower_reads_on_where_it_stopped
    writing_identities_anew_leaves_their_campaigns_alone
    only_who_leads_writes
    a_lease_passes_on_when_its_time_is_over
    what_is_to_be_told_waits_until_it_was
    nothing_is_written_of_what_cannot_be_written_whole
    the_last_word_on_a_pair_stands
}

async fn a_row_is_read_back_as_it_was_written(bed: &Bed) {
    let lease = lease(bed, "clusterer").await;
    let row = Group {
        confidence: Some(0.964),
        first_seen: Some(NOON),
        last_seen: Some(NOON + Duration::hours(1)),
        members: 2,
        rollup: Rollup {
            ja3_hashes: vec!["aa".into(), "bb".into()],
            c2_endpoints: vec!["c2.example:443".into()],
            ..Rollup::default()
        },
        ..group(1, None)
    };
    let generation = write(bed, Level::Identity, &lease, std::slice::from_ref(&row), &[]).await;
    let read = bed.store.identities().get(row.id).await.unwrap().unwrap();
    assert_eq!(read, Group { generation, ..row });
    assert_eq!(bed.store.identities().get(Uuid::from_u128(9)).await.unwrap(), None);
    assert_eq!(bed.store.campaigns().get(read.id).await.unwrap(), None);
}

async fn who_was_merged_is_not_listed_and_keeps_its_members(bed: &Bed) {
    bed.store
        .ingest(&[connect(1, EVE, "web-01"), connect(2, MAL, "web-01")])
        .await
        .unwrap();
    let lease = lease(bed, "clusterer").await;
    let (winner, loser) = (group(1, None), group(2, Some(1)));
    let members = [(EVE.to_owned(), winner.id), (MAL.to_owned(), loser.id)];
    write(bed, Level::Identity, &lease, &[winner.clone(), loser.clone()], &members).await;
    let identities = bed.store.identities();
    let listed = identities.list(&Page::newest(10)).await.unwrap().rows;
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [winner.id]);
    assert_eq!(identities.canonical(loser.id).await.unwrap().unwrap().id, winner.id);
    assert_eq!(identities.merged(winner.id).await.unwrap(), [winner.id, loser.id]);
    let all = identities.members(&[winner.id, loser.id]).await.unwrap();
    assert_eq!(all, members);
}

async fn a_follower_reads_on_where_it_stopped(bed: &Bed) {
    let lease = lease(bed, "clusterer").await;
    for n in 1..=3 {
        write(
            bed,
            Level::Identity,
            &lease,
            &[group(2 * n, None), group(2 * n + 1, None)],
            &[],
        )
        .await;
    }
    let identities = bed.store.identities();
    let (mut seen, mut last) = (Vec::new(), (-1, None));
    loop {
        let page = identities.since(last.0, last.1, 4).await.unwrap();
        let Some(row) = page.last() else { break };
        last = (row.generation, Some(row.id));
        seen.extend(page.iter().map(|row| row.id.as_u128()));
    }
    assert_eq!(seen, [2, 3, 4, 5, 6, 7]);
    write(bed, Level::Identity, &lease, &[group(3, None)], &[]).await;
    let changed = identities.since(last.0, last.1, 4).await.unwrap();
    assert_eq!(changed.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), [3]);
}

async fn writing_identities_anew_leaves_their_campaigns_alone(bed: &Bed) {
    let (one, other) = (lease(bed, "clusterer").await, lease(bed, "campaign-clusterer").await);
    write(bed, Level::Identity, &one, &[group(1, None)], &[]).await;
    let campaign = group(8, None);
    let member = (Uuid::from_u128(1).to_string(), campaign.id);
    write(
        bed,
        Level::Campaign,
        &other,
        std::slice::from_ref(&campaign),
        std::slice::from_ref(&member),
    )
    .await;
    write(bed, Level::Identity, &one, &[group(1, None)], &[]).await;
    let identity = bed.store.identities().get(Uuid::from_u128(1)).await.unwrap().unwrap();
    assert_eq!(identity.campaign, Some(campaign.id));
    assert_eq!(bed.store.campaigns().members(&[campaign.id]).await.unwrap(), [member]);
    let page = Page {
        order: Order::OldestFirst,
        ..Page::default()
    };
    assert_eq!(bed.store.campaigns().list(&page).await.unwrap().rows.len(), 1);
}

async fn only_who_leads_writes(bed: &Bed) {
    let first = lease(bed, "clusterer").await;
    let later = NOON + TERM + Duration::seconds(1);
    let second = bed
        .store
        .leases()
        .take("clusterer", "two", TERM, later)
        .await
        .unwrap()
        .unwrap();
    let writing = Writing {
        groups: vec![group(1, None)],
        ..Writing::default()
    };
    let refused = bed.store.identities().write(&first, &writing, later).await;
    assert!(matches!(refused, Err(Error::LeaseLost { .. })), "{refused:?}");
    assert_eq!(bed.store.identities().get(Uuid::from_u128(1)).await.unwrap(), None);
    let overdue = bed.store.identities().write(&second, &writing, later + TERM).await;
    assert!(matches!(overdue, Err(Error::LeaseLost { .. })));
    assert_eq!(bed.store.identities().write(&second, &writing, later).await.unwrap(), 1);
}

async fn a_lease_passes_on_when_its_time_is_over(bed: &Bed) {
    let leases = bed.store.leases();
    let take = async |holder: &str, at: OffsetDateTime| leases.take("clusterer", holder, TERM, at).await.unwrap();
    assert!(take("one", NOON).await.is_some());
    assert!(take("two", NOON + Duration::seconds(29)).await.is_none());
    assert!(
        take("one", NOON + Duration::seconds(29)).await.is_some(),
        "who has it holds on to it"
    );
    assert!(take("two", NOON + Duration::seconds(31)).await.is_none());
    let passed_on = take("two", NOON + Duration::seconds(59)).await.unwrap();
    assert!(take("one", NOON + Duration::seconds(60)).await.is_none());
    leases.give_back(&passed_on).await.unwrap();
    assert!(take("one", NOON + Duration::seconds(60)).await.is_some());
    assert!(leases.take("another", "two", TERM, NOON).await.unwrap().is_some());
}

async fn what_is_to_be_told_waits_until_it_was(bed: &Bed) {
    let lease = lease(bed, "clusterer").await;
    let notice = |n: u128| Notice {
        id: Uuid::from_u128(n),
        subject: "identity.formed".into(),
        payload: json!({"n": n.to_string()}),
    };
    let writing = Writing {
        notices: (1..=3).map(notice).collect(),
        ..Writing::default()
    };
    bed.store.identities().write(&lease, &writing, NOON).await.unwrap();
    let outbox = bed.store.outbox();
    let waiting = outbox.waiting("clusterer", 2).await.unwrap();
    assert_eq!(
        waiting.iter().map(|waiting| &waiting.notice).collect::<Vec<_>>(),
        [&notice(1), &notice(2)]
    );
    assert_eq!(outbox.waiting("somebody-else", 9).await.unwrap(), []);
    outbox.published("clusterer", waiting[1].n).await.unwrap();
    let waiting = outbox.waiting("clusterer", 9).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].notice, notice(3));
}

async fn nothing_is_written_of_what_cannot_be_written_whole(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let lease = lease(bed, "clusterer").await;
    bed.alter("DROP TABLE outbox").await;
    let writing = Writing {
        groups: vec![group(1, None)],
        members: vec![(EVE.into(), Uuid::from_u128(1))],
        notices: vec![Notice {
            id: Uuid::from_u128(7),
            subject: "identity.formed".into(),
            payload: json!({}),
        }],
    };
    bed.store.identities().write(&lease, &writing, NOON).await.unwrap_err();
    assert_eq!(bed.store.identities().get(Uuid::from_u128(1)).await.unwrap(), None);
    assert_eq!(bed.store.identities().members(&[Uuid::from_u128(1)]).await.unwrap(), []);
    let again = bed
        .store
        .leases()
        .take("clusterer", "one", TERM, NOON)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.generation, lease.generation);
}

async fn the_last_word_on_a_pair_stands(bed: &Bed) {
    let pins = bed.store.pins();
    pins.set(Level::Identity, MAL, EVE, true, NOON).await.unwrap();
    pins.set(Level::Identity, EVE, MAL, false, NOON).await.unwrap();
    pins.set(Level::Campaign, "a", "b", true, NOON).await.unwrap();
    let list = pins.list(Level::Identity).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (list[0].a.as_str(), list[0].b.as_str(), list[0].same),
        (EVE, MAL, false)
    );
    assert!(pins.remove(Level::Identity, MAL, EVE).await.unwrap());
    assert!(!pins.remove(Level::Identity, MAL, EVE).await.unwrap());
    assert_eq!(pins.list(Level::Campaign).await.unwrap().len(), 1);
}

async fn lease(bed: &Bed, name: &str) -> Lease {
    bed.store.leases().take(name, "one", TERM, NOON).await.unwrap().unwrap()
}

async fn write(bed: &Bed, level: Level, lease: &Lease, groups: &[Group], members: &[(String, Uuid)]) -> i64 {
    let writing = Writing {
        groups: groups.to_vec(),
        members: members.to_vec(),
        notices: Vec::new(),
    };
    bed.store.groups(level).write(lease, &writing, NOON).await.unwrap()
}

fn group(n: u128, merged_into: Option<u128>) -> Group {
    Group {
        id: Uuid::from_u128(n),
        schema_version: 1,
        merged_into: merged_into.map(Uuid::from_u128),
        canonical: Uuid::from_u128(merged_into.unwrap_or(n)),
        campaign: None,
        doubts: 0,
        generation: 0,
        first_seen: None,
        last_seen: None,
        created_at: NOON,
        updated_at: NOON,
        confidence: None,
        members: 1,
        notes: None,
        rollup: Rollup::default(),
    }
}
