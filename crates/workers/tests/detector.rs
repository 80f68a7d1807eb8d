//! What attackers do on deckies is found, stored and told, on both carriers.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod carriers;

use std::time::Duration;

use bus::{Bus, Pattern, Subscription};
use detect::Setup;
use model::{Event, EventId, Name, Origin, Report};
use runtime::Crew;
use serde_json::{Value, json};
use store::{Filter, Finding, Page, Store};
use tempfile::TempDir;
use workers::Detector;

const SOON: Duration = Duration::from_secs(30);
const EVE: &str = "192.0.2.7";

on_both_carriers! {
    what_an_attacker_does_is_found_stored_and_told
    a_restart_finds_the_same_and_tells_it_no_more
    asking_for_the_ways_in_guesses_nothing
    the_grids_own_life_and_drills_are_nobodys_doing
    closed_ports_that_the_wire_saw_tried_are_a_scan
}

async fn what_an_attacker_does_is_found_stored_and_told(bus: Bus) {
    let mut told = bus.subscribe(&Pattern::parse("detect.>").unwrap()).await.unwrap();
    let grid = Grid::new().await;
    let crew = grid.start(&bus);
    let mut events = vec![event(1, "connect", json!({}))];
    events.extend((2..8).map(|seq| login(seq, "root", &format!("secret{seq}"))));
    events.push(event(8, "command", json!({ "command": "cat /etc/shadow" })));
    grid.store.ingest(&events).await.unwrap();

    let touch = grid.found("decoy.touch").await;
    assert_eq!((touch.confidence, touch.severity.as_str()), (95, "critical"));
    assert_eq!(
        (touch.attacker_ip, touch.mitre.as_slice()),
        (Some(EVE.parse().unwrap()), &["T1059".to_owned()][..])
    );
    assert_eq!(touch.detail["evidence"]["decoy"], "web");
    let guessing = grid.found("http.brute_force").await;
    assert_eq!(guessing.confidence, 90);
    // The rule of requests hears every service's logins, and says which it was (detect.md §7).
    assert_eq!(guessing.detail["evidence"]["service"], "ssh");
    let techniques = grid.store.findings().techniques(EVE.parse().unwrap()).await.unwrap();
    assert!(
        techniques.contains("T1059") && techniques.contains("T1110.001"),
        "{techniques:?}"
    );

    let incidents = grid.store.incidents();
    let all = incidents
        .list(&Filter::default(), &Page::newest(10))
        .await
        .unwrap()
        .rows;
    assert_eq!(all.len(), 1, "all of one attacker's");
    assert!(
        all[0].findings.contains(&touch.id) && all[0].source == EVE && all[0].score > 90,
        "{all:?}"
    );

    let mut subjects = Vec::new();
    while !subjects.iter().any(|subject| subject == "detect.incident.updated") {
        let (subject, payload) = next(&mut told).await;
        if subject == "detect.finding.critical" && payload["rule"] == "decoy.touch" {
            assert_eq!(payload["attacker_ip"], EVE);
            assert_eq!(payload["id"], touch.id.as_str());
        }
        subjects.push(subject);
    }
    assert!(
        subjects.iter().any(|subject| subject == "detect.finding.critical"),
        "{subjects:?}"
    );
    crew.stop().await;
}

async fn a_restart_finds_the_same_and_tells_it_no_more(bus: Bus) {
    let grid = Grid::new().await;
    let crew = grid.start(&bus);
    grid.store
        .ingest(&(1..7).map(|seq| login(seq, "root", "x")).collect::<Vec<_>>())
        .await
        .unwrap();
    let before = grid.found("http.brute_force").await;
    crew.stop().await;

    let mut told = bus.subscribe(&Pattern::parse("detect.>").unwrap()).await.unwrap();
    let crew = grid.start(&bus);
    let elsewhere = Event {
        decky: Name::new("db").unwrap(),
        ..event(9, "command", json!({ "command": "id" }))
    };
    grid.store.ingest(&[elsewhere]).await.unwrap();
    // What was done on another decky is the only news.
    let (subject, payload) = next(&mut told).await;
    assert_eq!(
        (subject.as_str(), &payload["rule"]),
        ("detect.finding.critical", &json!("decoy.touch"))
    );
    let again = grid.found("http.brute_force").await;
    assert_eq!((again.id, again.first_at), (before.id, before.first_at));
    crew.stop().await;
}

async fn asking_for_the_ways_in_guesses_nothing(bus: Bus) {
    let grid = Grid::new().await;
    let crew = grid.start(&bus);
    // Six events and three guesses; more than five would be an attack.
    let asked = |seq| {
        let mut event = login(seq, "root", "");
        let none = [("method", "none"), ("secret_kind", "none"), ("secret_b64", "")];
        event
            .report
            .fields
            .extend(none.map(|(name, value)| (name.to_owned(), json!(value))));
        event
    };
    let events = [
        asked(1),
        login(2, "root", "a"),
        asked(3),
        login(4, "root", "b"),
        asked(5),
        login(6, "root", "c"),
    ];
    grid.store.ingest(&events).await.unwrap();
    grid.store
        .ingest(&[event(7, "command", json!({ "command": "id" }))])
        .await
        .unwrap();
    while grid.found("decoy.touch").await.confidence < 95 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let guessing = Filter {
        service: Some("http.brute_force".to_owned()),
        ..Filter::default()
    };
    let found = grid.store.findings().list(&guessing, &Page::newest(1)).await.unwrap();
    assert!(found.rows.is_empty(), "{:?}", found.rows);
    crew.stop().await;
}

async fn the_grids_own_life_and_drills_are_nobodys_doing(bus: Bus) {
    let grid = Grid::new().await;
    let crew = grid.start(&bus);
    let own = |seq, origin| {
        let mut event = event(seq, "command", json!({ "command": "id" }));
        event.report.origin = origin;
        event
    };
    let theirs = event(3, "connect", json!({}));
    grid.store
        .ingest(&[own(1, Origin::Internal), own(2, Origin::Drill), theirs])
        .await
        .unwrap();
    assert_eq!(grid.found("decoy.touch").await.confidence, 60, "the connection alone");
    crew.stop().await;
}

async fn closed_ports_that_the_wire_saw_tried_are_a_scan(bus: Bus) {
    let grid = Grid::new().await;
    let crew = grid.start(&bus);
    let mut tried = event(
        1,
        "port_tries",
        json!({
            "refused": (1..=11).map(|port| json!([port, 11 - port])).collect::<Vec<_>>(), "cut_off": [[22, 5]],
        }),
    );
    tried.report.service = "sniffer".into();
    let mut few = tried.clone();
    few.report.id = EventId(uuid::Uuid::now_v7());
    few.report.src = Some("192.0.2.8:0".parse::<std::net::SocketAddr>().unwrap().into());
    few.report.fields = json!({ "refused": (1..=10).map(|port| json!([port, 0])).collect::<Vec<_>>(), "cut_off": [] })
        .as_object()
        .cloned()
        .unwrap();
    let mut broken = few.clone();
    broken.report.id = EventId(uuid::Uuid::now_v7());
    broken.report.fields = json!({ "refused": [[70000, 0], ["x"], 7, [], [9, -1]], "cut_off": "no" })
        .as_object()
        .cloned()
        .unwrap();
    grid.store.ingest(&[few, broken, tried]).await.unwrap();
    let scan = grid.found("net.boundary").await;
    assert_eq!((scan.source.as_str(), scan.confidence), (EVE, 60), "twelve ports");
    assert_eq!(
        scan.detail.get("established"),
        None,
        "anybody can send a SYN in anybody's name"
    );
    let all = Filter {
        service: Some("net.boundary".to_owned()),
        ..Filter::default()
    };
    let found = grid.store.findings().list(&all, &Page::newest(10)).await.unwrap();
    assert_eq!(found.rows.len(), 1, "ten ports are none");
    crew.stop().await;
}

// === helpers ===

struct Grid {
    store: Store,
    _dir: TempDir,
}

impl Grid {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = format!("sqlite://{}/grid.db", dir.path().display());
        let store = Store::open(&place).await.unwrap();
        Self { store, _dir: dir }
    }

    fn start(&self, bus: &Bus) -> Crew {
        let mut crew = Crew::new(bus.clone(), store::LOCAL);
        let store = self.store.clone();
        crew.worker(move || Detector::new(store.clone(), Setup::default()));
        crew
    }

    /// Waits until the rule has found something.
    async fn found(&self, rule: &str) -> Finding {
        let filter = Filter {
            service: Some(rule.to_owned()),
            ..Filter::default()
        };
        soon(async {
            loop {
                let found = self.store.findings().list(&filter, &Page::newest(1)).await.unwrap();
                if let Some(finding) = found.rows.into_iter().next() {
                    return finding;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
    }
}

fn event(seq: u64, kind: &str, fields: Value) -> Event {
    let endpoint = |text: &str| text.parse::<std::net::SocketAddr>().unwrap().into();
    let report = Report {
        id: EventId(uuid::Uuid::now_v7()),
        at: time::OffsetDateTime::now_utc() + time::Duration::milliseconds(seq as i64),
        service: "ssh".into(),
        kind: kind.to_owned().into(),
        src: Some(endpoint("192.0.2.7:40000")),
        dst: Some(endpoint("10.0.0.5:22")),
        session: None,
        origin: Origin::Peer,
        fields: fields.as_object().cloned().unwrap_or_default(),
    };
    Event {
        decky: Name::new("web".to_owned()).unwrap(),
        host: "local".to_owned(),
        boot: "0000000a".to_owned(),
        seq,
        report,
    }
}

fn login(seq: u64, user: &str, secret: &str) -> Event {
    let fields = json!({
        "principal": user, "method": "password", "outcome": "failure",
        "secret_kind": "plaintext", "secret_printable": secret, "secret_b64": "eA==",
    });
    event(seq, "auth_attempt", fields)
}

async fn next(told: &mut Subscription) -> (String, Value) {
    let message = soon(told.next()).await.unwrap();
    let subject = message.subject.as_str().to_owned();
    (subject, message.envelope().unwrap().payload().unwrap())
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}
