use model::{Event, Outcome};
use serde_json::json;
use store::{AttackerSort, Cursor, Filter, Listing, Order, Page};
use time::Duration;

use crate::backend::Bed;
use crate::sample::{NOON, command, connect, end, event, file, login, start};

const EVE: &str = "192.0.2.7";
const MAL: &str = "2001:db8::7";
const SUE: &str = "192.0.2.9";

crate::contract! {
    pages_joined_are_the_whole_listing_in_either_order
    every_listing_pages_without_loss
    a_filter_narrows_events_by_each_of_its_parts
    a_follower_sees_each_event_once_in_the_order_of_storing
    attackers_are_found_by_network_target_and_activity
    sessions_are_found_by_the_beginning_of_their_id
    a_text_is_looked_for_in_any_case_and_to_the_letter
}

async fn pages_joined_are_the_whole_listing_in_either_order(bed: &Bed) {
    // Many share a moment, and they come in another order than that of their times.
    let at = |n: u64| NOON + Duration::seconds(i64::try_from(n * 7 % 5).unwrap());
    let events: Vec<_> = (0..57).map(|n| moved(connect(n, EVE, "web-01"), at(n))).collect();
    bed.store.ingest(&events).await.unwrap();
    let filter = Filter {
        attacker: Some(Filter::network(EVE).unwrap()),
        ..Filter::default()
    };
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut page = Page {
            limit: 10,
            order,
            after: None,
        };
        let mut joined = Vec::new();
        loop {
            let listing = bed.store.events().list(&filter, &page).await.unwrap();
            joined.extend(listing.rows);
            let Some(next) = listing.next else { break };
            // A cursor travels as text.
            page.after = Some(next.to_string().parse().unwrap());
        }
        let whole = bed
            .store
            .events()
            .list(
                &filter,
                &Page {
                    limit: 1_000,
                    order,
                    after: None,
                },
            )
            .await
            .unwrap();
        assert_eq!(whole.next, None);
        assert_eq!(joined, whole.rows);
        let mut times: Vec<_> = joined.iter().map(|event| event.event.report.at).collect();
        if order == Order::NewestFirst {
            times.reverse();
        }
        assert!(times.is_sorted());
        assert_eq!(times.len(), 57);
    }
}

async fn every_listing_pages_without_loss(bed: &Bed) {
    let events: Vec<_> = (0..9)
        .flat_map(|n| {
            let ip = format!("192.0.2.{}", n % 5);
            let n = n * 10;
            [
                login(n, &ip, "web-01", &format!("u{n}"), "p", Outcome::Failure),
                command(n + 1, &ip, "web-01", "id"),
                start(n + 2, &ip, "web-01", &format!("{n}:0")),
                file(
                    n + 3,
                    &ip,
                    "web-01",
                    char::from_digit(u32::try_from(n / 10).unwrap(), 16).unwrap(),
                    "/x",
                ),
            ]
        })
        .map(|event| moved(event, NOON))
        .collect();
    bed.store.ingest(&events).await.unwrap();
    let (store, all) = (&bed.store, &Filter::default());
    for order in [Order::NewestFirst, Order::OldestFirst] {
        assert_eq!(
            walk(order, async |page| store.commands().list(all, &page).await.unwrap()).await,
            9
        );
        assert_eq!(
            walk(order, async |page| store.sessions().list(all, &page).await.unwrap()).await,
            9
        );
        assert_eq!(
            walk(order, async |page| store.credentials().list(all, &page).await.unwrap()).await,
            9
        );
        assert_eq!(
            walk(order, async |page| store.artifacts().list(all, &page).await.unwrap()).await,
            9
        );
        for sort in [AttackerSort::Recent, AttackerSort::Active] {
            assert_eq!(
                walk(order, async |page| store
                    .attackers()
                    .list(all, sort, &page)
                    .await
                    .unwrap())
                .await,
                5
            );
        }
    }
}

async fn a_filter_narrows_events_by_each_of_its_parts(bed: &Bed) {
    let mut other = event(
        4,
        MAL,
        "db-01",
        "query",
        json!({"sql": "SELECT \"X\""}).as_object().unwrap().clone(),
    );
    other.report.service = "postgres".into();
    other.report.session = None;
    bed.store
        .ingest(&[
            connect(1, EVE, "web-01"),
            connect(2, EVE, "web-01"),
            connect(3, SUE, "web-01"),
            other,
        ])
        .await
        .unwrap();
    let filters = [
        (Filter::default(), 4),
        (
            Filter {
                since: Some(NOON + Duration::seconds(2)),
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                until: Some(NOON + Duration::seconds(2)),
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                attacker: Some(Filter::network(EVE).unwrap()),
                ..Filter::default()
            },
            2,
        ),
        (
            Filter {
                attacker: Some(Filter::network("192.0.2.0/24").unwrap()),
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                attacker: Some(Filter::network("2001:db8::/32").unwrap()),
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                decky: Some("db-01".into()),
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                service: Some("ssh".into()),
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                kind: Some("query".into()),
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                session: Some("00112233aabbccdd".into()),
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                text: Some("select \"x".into()),
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                text: Some("WEB-01".into()),
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                text: Some("SELECT_".into()),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                kind: Some("query".into()),
                decky: Some("web-01".into()),
                ..Filter::default()
            },
            0,
        ),
    ];
    for (filter, expected) in filters {
        let found = bed.store.events().list(&filter, &Page::default()).await.unwrap();
        assert_eq!(found.rows.len(), expected, "{filter:?}");
    }
}

async fn a_follower_sees_each_event_once_in_the_order_of_storing(bed: &Bed) {
    bed.store.ingest(&[connect(9, EVE, "web-01")]).await.unwrap();
    let mut n = bed.store.events().last().await.unwrap();
    let web = Filter {
        decky: Some("web-01".into()),
        ..Filter::default()
    };
    let mut seen = Vec::new();
    for batch in [
        vec![connect(5, EVE, "web-01"), connect(3, EVE, "db-01")],
        vec![connect(1, EVE, "web-01")],
        vec![],
    ] {
        bed.store.ingest(&batch).await.unwrap();
        for event in bed.store.events().follow(n, &web, 100).await.unwrap() {
            assert!(event.n > n);
            n = event.n;
            seen.push(event.event.seq);
        }
    }
    assert_eq!(seen, [5, 1]);
}

async fn attackers_are_found_by_network_target_and_activity(bed: &Bed) {
    let mut postgres = connect(5, MAL, "db-01");
    postgres.report.service = "postgres".into();
    let events = [
        connect(1, EVE, "web-01"),
        connect(2, EVE, "web-01"),
        connect(3, SUE, "web-01"),
        connect(4, SUE, "db-01"),
        postgres,
    ];
    bed.store.ingest(&events).await.unwrap();
    bed.store.ingest(&[connect(0, EVE, "web-01")]).await.unwrap();
    let filters = [
        (Filter::default(), vec![MAL, SUE, EVE]),
        (
            Filter {
                attacker: Some(Filter::network("192.0.2.0/29").unwrap()),
                ..Filter::default()
            },
            vec![EVE],
        ),
        (
            Filter {
                decky: Some("db-01".into()),
                ..Filter::default()
            },
            vec![MAL, SUE],
        ),
        (
            Filter {
                decky: Some("db-01".into()),
                service: Some("ssh".into()),
                ..Filter::default()
            },
            vec![SUE],
        ),
        (
            Filter {
                until: Some(NOON + Duration::seconds(3)),
                ..Filter::default()
            },
            vec![EVE],
        ),
        (
            Filter {
                text: Some("DB8".into()),
                ..Filter::default()
            },
            vec![MAL],
        ),
    ];
    for (filter, expected) in filters {
        let found = bed
            .store
            .attackers()
            .list(&filter, AttackerSort::Recent, &Page::default())
            .await
            .unwrap();
        let found: Vec<_> = found.rows.iter().map(|attacker| attacker.ip.to_string()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let active = bed
        .store
        .attackers()
        .list(&Filter::default(), AttackerSort::Active, &Page::newest(1))
        .await
        .unwrap();
    assert_eq!(
        (active.rows[0].ip.to_string().as_str(), active.rows[0].events),
        (EVE, 3)
    );
}

async fn sessions_are_found_by_the_beginning_of_their_id(bed: &Bed) {
    bed.store
        .ingest(&[
            start(1, EVE, "web-01", "aa11:0"),
            start(2, EVE, "web-01", "aa22:0"),
            end(3, EVE, "web-01", "bb:0"),
        ])
        .await
        .unwrap();
    let find = async |id: &str| bed.store.sessions().find(id).await.unwrap().len();
    assert_eq!(
        [
            find("aa").await,
            find("aa11:0").await,
            find("bb").await,
            find("a%1").await,
            find("c").await
        ],
        [2, 1, 1, 0, 0]
    );
    let by_conn = Filter {
        session: Some("00112233aabbccdd".into()),
        kind: Some("shell".into()),
        ..Filter::default()
    };
    assert_eq!(
        bed.store
            .sessions()
            .list(&by_conn, &Page::default())
            .await
            .unwrap()
            .rows
            .len(),
        2
    );
}

async fn a_text_is_looked_for_in_any_case_and_to_the_letter(bed: &Bed) {
    let commands = [
        "cat /etc/Passwd",
        "echo 100%",
        "echo 1000",
        "a\\b",
        "wget http://x/?a_b",
    ];
    let events: Vec<_> = (0..)
        .zip(commands)
        .map(|(n, line)| command(n, EVE, "web-01", line))
        .collect();
    bed.store.ingest(&events).await.unwrap();
    for (text, expected) in [
        ("PASSWD", 1),
        ("100%", 1),
        ("100", 2),
        ("a\\b", 1),
        ("a_b", 1),
        ("e%o", 0),
    ] {
        let filter = Filter {
            text: Some(text.into()),
            ..Filter::default()
        };
        let found = bed.store.commands().list(&filter, &Page::default()).await.unwrap();
        assert_eq!(found.rows.len(), expected, "{text}");
        let found = bed.store.events().list(&filter, &Page::default()).await.unwrap();
        assert_eq!(found.rows.len(), expected, "{text} among the events");
    }
}

fn moved(mut event: Event, at: time::OffsetDateTime) -> Event {
    event.report.at = at;
    event
}

/// Number of rows over all pages of two, none of them twice.
async fn walk<T: serde::Serialize>(order: Order, list: impl AsyncFn(Page) -> Listing<T>) -> usize {
    let mut after: Option<Cursor> = None;
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let listing = list(Page {
            limit: 2,
            order,
            after: after.take(),
        })
        .await;
        assert!(listing.rows.len() <= 2);
        for row in listing.rows {
            let row = serde_json::to_string(&row).unwrap();
            assert!(seen.insert(row.clone()), "{row} came twice");
        }
        match listing.next {
            Some(next) => after = Some(next),
            None => return seen.len(),
        }
    }
}
