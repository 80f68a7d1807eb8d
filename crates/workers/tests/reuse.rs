//! Which reuse of credentials is told on the bus, over a real store, pass by pass.
#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/contract/sample.rs"]
#[allow(dead_code, unreachable_pub, reason = "the contract of the store uses the rest")]
mod sample;

use std::time::Duration;

use bus::{Bus, Pattern, Subscription};
use model::{Event, Outcome};
use runtime::{Cx, Worker as _};
use sample::login;
use serde_json::{Value, json};
use store::{Filter, Page, Store};
use tokio_util::sync::CancellationToken;
use workers::ReuseCorrelator;
use workers::clustering::Config;

const ONE: &str = "192.0.2.1";
const OTHER: &str = "198.51.100.2";

#[tokio::test]
async fn a_secret_at_a_second_target_is_told_once_and_again_when_it_goes_further() {
    let mut grid = Grid::new(2).await;
    let mut told = grid.listen().await;
    grid.take_in([tried(1, ONE, "web-01", "toor"), tried(2, ONE, "web-01", "once")])
        .await;
    assert!(silent(&mut told).await, "one target is no reuse");

    grid.take_in([tried(3, ONE, "db-01", "toor")]).await;
    let first = payload(&mut told).await;
    let id = first["id"].clone();
    assert_eq!(
        first,
        json!({
            "id": id, "secret_kind": "plaintext", "target_count": 2, "attacker_count": 1, "attacker_ips": [ONE],
            "deckies": ["db-01", "web-01"], "services": ["ssh"],
        })
    );
    assert_eq!(
        grid.listed().await,
        std::slice::from_ref(&id),
        "the list calls it the same"
    );

    grid.take_in([tried(4, ONE, "db-01", "toor")]).await;
    grid.begin_anew(2);
    grid.take_in([]).await;
    assert!(silent(&mut told).await, "the same again is nothing new");

    grid.take_in([tried(5, OTHER, "db-01", "toor")]).await;
    let further = payload(&mut told).await;
    assert_eq!((&further["id"], &further["target_count"]), (&id, &json!(2)));
    assert_eq!(further["attacker_ips"], json!([ONE, OTHER]));
    assert!(silent(&mut told).await);
}

#[tokio::test]
async fn a_service_of_the_same_decky_is_a_target_and_another_principal_another_secret() {
    let mut grid = Grid::new(2).await;
    let mut told = grid.listen().await;
    let mut mail = tried(1, ONE, "web-01", "toor");
    mail.report.service = "imap".into();
    let other = login(2, ONE, "web-02", "admin", "toor", Outcome::Failure);
    grid.take_in([mail, other, tried(3, ONE, "web-01", "toor")]).await;
    let told_of = payload(&mut told).await;
    assert_eq!(told_of["deckies"], json!(["web-01"]));
    assert_eq!(told_of["services"], json!(["imap", "ssh"]));
    assert!(silent(&mut told).await);
    assert_eq!(grid.listed().await, std::slice::from_ref(&told_of["id"]));
}

#[tokio::test]
async fn fewer_targets_than_asked_for_are_not_told() {
    let mut grid = Grid::new(3).await;
    let mut told = grid.listen().await;
    grid.take_in([tried(1, ONE, "a", "toor"), tried(2, ONE, "b", "toor")])
        .await;
    assert!(silent(&mut told).await);
    grid.take_in([tried(3, OTHER, "c", "toor")]).await;
    assert_eq!(payload(&mut told).await["target_count"], 3);
}

#[tokio::test]
async fn an_event_that_comes_late_counts() {
    let mut grid = Grid::new(2).await;
    let mut told = grid.listen().await;
    grid.take_in([tried(900, ONE, "web-01", "toor"), tried(901, ONE, "web-01", "x")])
        .await;
    grid.take_in([tried(1, OTHER, "db-01", "toor")]).await;
    assert_eq!(payload(&mut told).await["attacker_ips"], json!([ONE, OTHER]));
}

struct Grid {
    store: Store,
    bus: Bus,
    correlator: ReuseCorrelator,
    _dir: tempfile::TempDir,
}

impl Grid {
    async fn new(min_targets: usize) -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}", dir.path().join("grid.db").display());
        let store = Store::open(&url).await.unwrap();
        Self {
            correlator: ReuseCorrelator::new(store.clone(), config(), min_targets),
            store,
            bus: Bus::in_process(),
            _dir: dir,
        }
    }

    fn begin_anew(&mut self, min_targets: usize) {
        self.correlator = ReuseCorrelator::new(self.store.clone(), config(), min_targets);
    }

    async fn take_in(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<_> = events.into_iter().collect();
        self.store.ingest(&events).await.unwrap();
        let cx = Cx::alone(self.bus.clone(), CancellationToken::new());
        self.correlator.work(&cx).await.unwrap();
    }

    async fn listen(&self) -> Subscription {
        let pattern = Pattern::parse("credential.>").unwrap();
        self.bus.subscribe(&pattern).await.unwrap()
    }

    /// Ids of what `credentials --reused` lists.
    async fn listed(&self) -> Vec<Value> {
        let credentials = self.store.credentials();
        let listing = credentials.reuse(&Filter::default(), &Page::default()).await.unwrap();
        listing.rows.iter().map(|reuse| json!(reuse.id)).collect()
    }
}

fn config() -> Config {
    Config {
        holder: "one".into(),
        ..Config::new("local")
    }
}

fn tried(n: u64, ip: &str, decky: &str, secret: &str) -> Event {
    login(n, ip, decky, "root", secret, Outcome::Failure)
}

async fn payload(told: &mut Subscription) -> Value {
    told.next().await.unwrap().envelope().unwrap().payload().unwrap()
}

async fn silent(told: &mut Subscription) -> bool {
    tokio::time::timeout(Duration::from_millis(50), told.next())
        .await
        .is_err()
}
