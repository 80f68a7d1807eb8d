//! The ingester on both carriers, fed by hand.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod carriers;
#[path = "../../collector/tests/tape/mod.rs"]
mod tape;

use std::time::Duration;

use bus::{Bus, Envelope, Pattern, Subject, Subscription};
use model::{Event, Name};
use runtime::{Beat, Crew, Status};
use serde_json::{Value, json};
use store::Store;
use tape::report;
use tempfile::TempDir;
use workers::{Ingester, Presence};

const SOON: Duration = Duration::from_secs(20);

on_both_carriers! {
    what_is_appended_is_stored_and_told_once
    poison_is_buried_with_its_reason_and_holds_nothing_up
    a_message_of_one_event_is_stored_too
    the_store_remembers_who_works
}

async fn what_is_appended_is_stored_and_told_once(bus: Bus) {
    let grid = Grid::start(&bus).await;
    let mut committed = listen(&bus, "logs.ingested").await;
    let mut log = listen(&bus, "system.log").await;
    let events: Vec<_> = (1..=3).map(|seq| event("web", seq)).collect();
    let receipt = append(&bus, "web", json!({"events": events})).await;
    soon(receipt).await.unwrap();

    let notice = payload(&mut committed).await;
    assert_eq!(notice["count"], 3);
    assert_eq!(notice["first_id"], json!(events[0].report.id));
    assert_eq!(notice["last_id"], json!(events[2].report.id));
    assert_eq!(notice["by_decky"], json!({"web": 3}));
    for event in &events {
        assert_eq!(
            serde_json::from_value::<Event>(payload(&mut log).await).unwrap(),
            *event
        );
    }

    // The same events in another message: stored already.
    let more = event("web", 4);
    soon(append(&bus, "web", json!({"events": [&events[0], &events[1], &more]})).await)
        .await
        .unwrap();
    let notice = payload(&mut committed).await;
    assert_eq!(
        (&notice["count"], &notice["first_id"]),
        (&json!(1), &json!(more.report.id))
    );
    assert_eq!(grid.stored().await, 4);
    grid.crew.stop().await;
}

async fn poison_is_buried_with_its_reason_and_holds_nothing_up(bus: Bus) {
    let mut buried = listen(&bus, "system.dlq.ingest").await;
    let grid = Grid::start(&bus).await;
    let (good, late) = (event("web", 1), event("web", 2));
    let stranger = event("db", 3);
    append(
        &bus,
        "web",
        json!({"events": [good, {"seq": "not a number"}, stranger]}),
    )
    .await;
    append(&bus, "web", json!({"events": "no list"})).await;
    append(&bus, "web", json!({"nothing": "known"})).await;
    soon(append(&bus, "web", json!({"events": [late]})).await)
        .await
        .unwrap();

    let mut reasons = Vec::new();
    for _ in 0..4 {
        let letter = payload(&mut buried).await;
        assert_eq!(letter["subject"], "event.local.web.ssh");
        assert!(!letter["body"].as_str().unwrap().is_empty());
        reasons.push(letter["error"].as_str().unwrap().to_owned());
    }
    assert!(
        reasons.iter().any(|reason| reason.contains("where it does not belong")),
        "{reasons:?}"
    );
    grid.holds(2).await;
    let beats: Vec<Beat> = bus.announced().await.unwrap();
    assert!(beats.iter().all(|beat| beat.restarts == 0), "{beats:?}");
    grid.crew.stop().await;
}

async fn a_message_of_one_event_is_stored_too(bus: Bus) {
    let grid = Grid::start(&bus).await;
    soon(append(&bus, "web", serde_json::to_value(event("web", 1)).unwrap()).await)
        .await
        .unwrap();
    grid.holds(1).await;
    grid.crew.stop().await;
}

async fn the_store_remembers_who_works(bus: Bus) {
    let mut grid = Grid::start(&bus).await;
    let store = grid.store.clone();
    grid.crew.runner(move || Presence::new(store.clone()));
    let working = |beats: &[Beat]| {
        let now = time::OffsetDateTime::now_utc();
        let mut names: Vec<_> = beats
            .iter()
            .filter(|b| b.status(now) == Status::Ok)
            .map(|b| b.worker.clone())
            .collect();
        names.sort();
        names
    };
    soon(async {
        loop {
            // The first beats may have been before anyone listened.
            for worker in ["ingester", "presence"] {
                let press = runtime::Order::new(runtime::Action::TickNow, "test");
                let _ = runtime::order(&bus, worker, &press).await;
            }
            if working(&workers::presence::last_beats(&grid.store).await.unwrap()) == ["ingester", "presence"] {
                break;
            }
        }
    })
    .await;
    grid.crew.stop().await;
}

// === helpers ===

struct Grid {
    store: Store,
    crew: Crew,
    _dir: TempDir,
}

impl Grid {
    async fn start(bus: &Bus) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}/grid.db", dir.path().display()))
            .await
            .unwrap();
        let mut crew = Crew::new(bus.clone(), store::LOCAL);
        let ingest = store.clone();
        crew.runner(move || Ingester::new(ingest.clone()));
        Self { store, crew, _dir: dir }
    }

    async fn stored(&self) -> i64 {
        self.store.events().last().await.unwrap()
    }

    async fn holds(&self, count: i64) {
        soon(async {
            while self.stored().await < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(self.stored().await, count);
    }
}

fn event(decky: &str, seq: u64) -> Event {
    let fields = [("command".to_owned(), seq.into())].into_iter().collect();
    let report = report("ssh", "command", fields);
    Event {
        decky: Name::new(decky).unwrap(),
        host: "local".into(),
        boot: "0000b001".into(),
        seq,
        report,
    }
}

async fn append(bus: &Bus, decky: &str, payload: Value) -> bus::Receipt {
    let envelope = Envelope::fresh("events", &payload).unwrap();
    bus.append(&Subject::event("local", decky, "ssh").unwrap(), &envelope)
        .await
        .unwrap()
}

async fn listen(bus: &Bus, pattern: &'static str) -> Subscription {
    bus.subscribe(&Pattern::parse(pattern).unwrap()).await.unwrap()
}

async fn payload(subscription: &mut Subscription) -> Value {
    soon(subscription.next())
        .await
        .unwrap()
        .envelope()
        .unwrap()
        .payload()
        .unwrap()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}
