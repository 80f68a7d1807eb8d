//! How what identities show held, over a real store, pass by pass.
#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/contract/sample.rs"]
#[allow(dead_code, unreachable_pub, reason = "the contract of the store uses the rest")]
mod sample;

use std::time::Duration;

use bus::{Bus, Pattern, Subscription};
use model::Event;
use model::detail::SessionStart;
use runtime::{Cx, Worker as _};
use sample::{event, of};
use serde_json::{Value, json};
use store::{AttributionState, AttributionWriting, Group, Page, Store};
use tokio_util::sync::CancellationToken;
use workers::clustering::Config;
use workers::{Attributor, Clusterer};

const ONE: &str = "192.0.2.1";
const OTHER: &str = "198.51.100.2";

#[tokio::test]
async fn a_tool_that_is_changed_drifts_and_that_is_told_once() {
    let mut grid = Grid::new().await;
    let mut told = grid.listen().await;
    grid.take_in([tool(1, ONE, "a")]).await;
    let first = payload(&mut told).await;
    assert_eq!(
        (&first["primitive"], &first["old_state"], &first["new_state"]),
        (&json!("ssh.hassh"), &json!(null), &json!("stable"))
    );
    let state = grid.states().await.remove(0);
    assert_eq!((state.confidence, state.observation_count), (1.0, 1));

    grid.take_in([tool(2, ONE, "b")]).await;
    let then = payload(&mut told).await;
    assert_eq!(
        (&then["old_state"], &then["new_state"]),
        (&json!("stable"), &json!("drifting"))
    );
    assert_eq!(
        (&then["current_value"], &then["confidence"]),
        (&json!("b"), &json!(0.5))
    );

    let before = grid.states().await;
    grid.take_in([]).await;
    assert_eq!(grid.states().await, before);
    grid.begin_anew();
    grid.take_in([]).await;
    assert_eq!(
        grid.states().await,
        before,
        "a worker that starts anew writes nothing new"
    );
    assert!(silent(&mut told).await);
}

#[tokio::test]
async fn two_terminals_that_take_turns_are_suspected_to_be_two_hands_once() {
    let mut grid = Grid::new().await;
    let mut told = grid.listen().await;
    let turns = |n: u64| match n % 2 {
        0 => terminal(n, "xterm-256color", 120, 30),
        _ => terminal(n, "vt100", 80, 24),
    };
    grid.take_in((1..=5).map(turns)).await;
    for _ in 0..2 {
        assert_eq!(payload(&mut told).await["new_state"], "multi_actor");
    }
    let suspected = payload(&mut told).await;
    assert_eq!(suspected["primitives"], json!(["terminal.size", "terminal.type"]));
    assert_eq!(suspected["confidence"], 0.6);
    grid.take_in([turns(6)]).await;
    assert!(silent(&mut told).await);
}

#[tokio::test]
async fn what_was_merged_is_judged_as_one() {
    let mut grid = Grid::new().await;
    grid.take_in([tool(1, ONE, "a"), tool(2, OTHER, "b")]).await;
    assert_eq!(grid.identities().await.len(), 2);
    assert_eq!(grid.states().await.len(), 2);
    grid.take_in([tool(3, ONE, "shared"), tool(4, OTHER, "shared")]).await;
    assert_eq!(grid.identities().await.len(), 1);
    let states = grid.states().await;
    assert_eq!(
        states.len(),
        1,
        "the one that was merged has none of its own: {states:?}"
    );
    assert_eq!((states[0].state.as_str(), states[0].observation_count), ("drifting", 4));
}

#[tokio::test]
async fn what_is_no_longer_shown_is_no_longer_kept() {
    let mut grid = Grid::new().await;
    grid.take_in([tool(1, ONE, "a")]).await;
    let kept = grid.states().await;
    let of_others = AttributionState {
        primitive: "tls.ja3".into(),
        ..kept[0].clone()
    };
    let now = time::OffsetDateTime::now_utc();
    let leases = grid.store.leases();
    let lease = leases
        .take("attribution", "one", time::Duration::seconds(30), now)
        .await;
    let writing = AttributionWriting {
        states: vec![of_others],
        ..AttributionWriting::default()
    };
    let states = grid.store.attributions();
    states.write(&lease.unwrap().unwrap(), &writing, now).await.unwrap();
    assert_eq!(grid.states().await.len(), 2);
    grid.begin_anew();
    grid.take_in([]).await;
    assert_eq!(grid.states().await, kept);
}

struct Grid {
    store: Store,
    bus: Bus,
    attributor: Attributor,
    _dir: tempfile::TempDir,
}

impl Grid {
    async fn new() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}", dir.path().join("grid.db").display());
        let store = Store::open(&url).await.unwrap();
        Self {
            attributor: Attributor::new(store.clone(), config()),
            store,
            bus: Bus::in_process(),
            _dir: dir,
        }
    }

    fn begin_anew(&mut self) {
        self.attributor = Attributor::new(self.store.clone(), config());
    }

    /// Stores the events, finds out whose they are, and judges.
    async fn take_in(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<_> = events.into_iter().collect();
        self.store.ingest(&events).await.unwrap();
        let cx = Cx::alone(self.bus.clone(), CancellationToken::new());
        Clusterer::new(self.store.clone(), config()).work(&cx).await.unwrap();
        self.attributor.work(&cx).await.unwrap();
    }

    async fn listen(&self) -> Subscription {
        let pattern = Pattern::parse("attribution.>").unwrap();
        self.bus.subscribe(&pattern).await.unwrap()
    }

    async fn identities(&self) -> Vec<Group> {
        self.store.identities().list(&Page::newest(1_000)).await.unwrap().rows
    }

    /// Of every row there is, merged or not.
    async fn states(&self) -> Vec<AttributionState> {
        let all = self.store.identities().since(-1, None, 1_000).await.unwrap();
        let ids: Vec<_> = all.iter().map(|group| group.id).collect();
        self.store.attributions().of(&ids).await.unwrap()
    }
}

fn config() -> Config {
    Config {
        holder: "one".into(),
        ..Config::new("local")
    }
}

fn tool(n: u64, ip: &str, hassh: &str) -> Event {
    let fields = serde_json::from_value(json!({ "hassh": hassh })).unwrap();
    event(n, ip, "web-01", "ssh_client_kex", fields)
}

fn terminal(n: u64, term: &str, cols: u16, rows: u16) -> Event {
    let start = SessionStart {
        sid: format!("{n:016x}:0"),
        mode: "shell".into(),
        user: "root".into(),
        term: term.into(),
        cols,
        rows,
        command: None,
    };
    of(n, ONE, "web-01", start)
}

async fn payload(told: &mut Subscription) -> Value {
    told.next().await.unwrap().envelope().unwrap().payload().unwrap()
}

async fn silent(told: &mut Subscription) -> bool {
    tokio::time::timeout(Duration::from_millis(50), told.next())
        .await
        .is_err()
}
