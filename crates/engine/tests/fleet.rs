//! Whole fleets on a real engine: what is touched, what is not, and what a failure leaves.
#![allow(clippy::unwrap_used)]

mod rig;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use engine::apply::{Change, Health};
use engine::mirror::Mirror;
use engine::progress::Step;
use engine::{Engine, Error, Kind, Options, Outcome, Progress};
use fleet::catalogue::Distro;
use model::Name;
use model::fleet::{DeckySpec, DeckyState};
use rig::{Rig, run};
use store::LOCAL;
use tempfile::TempDir;

/// A fleet of a test: engine, distro, and the state they share.
struct Grid {
    rig: Rig,
    engine: Engine,
    distros: [Distro; 1],
    state: TempDir,
}

#[tokio::test]
async fn a_fleet_comes_up_and_the_same_again_touches_nothing() {
    let grid = Grid::new("up", 51).await;
    let fleet = [grid.spec("a", 5, &[80, 22]), grid.spec("b", 6, &[80])];
    let outcome = grid.deploy(&fleet).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(greeting(fleet[0].ip, 22), "hello");
    let before = grid.ids().await;
    let rows = grid.rows().await;
    assert!(rows.values().all(|row| row.0 == DeckyState::Running && row.1.is_none()));
    assert_eq!(
        Mirror::read(&grid.state.path().join("state.json"))
            .unwrap()
            .unwrap()
            .config
            .len(),
        2
    );

    let (progress, told) = recording();
    let again = grid
        .engine
        .apply(&grid.rig.fleet(&fleet), &grid.distros, &Options::default(), &progress)
        .await
        .unwrap();
    assert_eq!((again.changed(), again.is_complete()), (0, true));
    assert!(
        !told
            .lock()
            .unwrap()
            .iter()
            .any(|step| matches!(step, Step::Decky { .. })),
        "{told:?}"
    );
    assert_eq!(grid.ids().await, before);
    grid.end().await;
}

#[tokio::test]
async fn only_what_changed_is_touched_and_neighbours_learn_of_a_new_one() {
    let grid = Grid::new("only", 52).await;
    let (a, mut b) = (grid.spec("a", 5, &[80]), grid.spec("b", 6, &[80]));
    grid.deploy(&[a.clone(), b.clone()]).await;
    let before = grid.ids().await;

    b.machine.services[0].ports[0].port = 8080;
    let c = grid.spec("c", 7, &[80]);
    let plan = grid
        .engine
        .plan(&grid.rig.fleet(&[a.clone(), b.clone(), c.clone()]), &grid.distros, true)
        .await
        .unwrap();
    let changes: Vec<_> = plan.iter().map(|item| item.change).collect();
    assert_eq!(changes, [Change::Noop, Change::Update, Change::Create]);
    assert_eq!(grid.ids().await, before, "a plan touches nothing");

    let outcome = grid.deploy(&[a.clone(), b.clone(), c.clone()]).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let after = grid.ids().await;
    assert_eq!(
        (&after["eng-only-a"], &after["eng-only-b"]),
        (&before["eng-only-a"], &before["eng-only-b"])
    );
    assert_eq!(greeting(b.ip, 8080), "hello");
    let inside_a = rig::Up {
        id: after["eng-only-a"].clone(),
        name: a.name.clone(),
        ip: a.ip,
    };
    assert_eq!(
        grid.rig.inside(&inside_a, &["tcp", &format!("{}:80", c.ip)]).await,
        "open hello"
    );

    let outcome = grid.deploy(&[a.clone(), c]).await;
    assert_eq!(outcome.deckies[1].change, Change::Delete);
    assert_eq!(
        grid.ids().await.keys().collect::<Vec<_>>(),
        ["eng-only-a", "eng-only-c"]
    );
    grid.end().await;
}

#[tokio::test]
async fn a_decky_that_fails_is_rolled_back_alone() {
    let grid = Grid::new("alone", 53).await;
    let mut broken = grid.spec("b", 6, &[80]);
    broken.machine.hostname = "broken".to_owned();
    let outcome = grid
        .deploy(&[grid.spec("a", 5, &[80]), broken, grid.spec("c", 7, &[80])])
        .await;
    assert!(!outcome.is_complete());
    let states: Vec<_> = outcome.deckies.iter().map(|d| d.state).collect();
    assert_eq!(states, [DeckyState::Running, DeckyState::Failed, DeckyState::Running]);
    assert!(outcome.first_error().unwrap().contains("eng-alone-b"), "{outcome:?}");
    assert_eq!(grid.ids().await.len(), 2);
    assert_eq!(grid.rows().await["eng-alone-b"].0, DeckyState::Failed);
    grid.end().await;
}

#[tokio::test]
async fn a_replacement_that_fails_leaves_the_old_one_running() {
    let grid = Grid::new("old", 54).await;
    let a = grid.spec("a", 5, &[80]);
    grid.deploy(std::slice::from_ref(&a)).await;
    let before = grid.ids().await;
    let mut worse = a.clone();
    worse.machine.hostname = "broken".to_owned();
    let outcome = grid.deploy(&[worse]).await;
    assert_eq!(outcome.deckies[0].change, Change::Recreate);
    assert_eq!(outcome.deckies[0].state, DeckyState::Running, "as before");
    assert!(outcome.deckies[0].error.is_some());
    assert_eq!(grid.ids().await, before);
    assert_eq!(greeting(a.ip, 80), "hello", "behind its wall, and let go again");

    let mut moved = a.clone();
    moved.ip = Ipv4Addr::new(10, 213, 54, 9);
    assert!(grid.deploy(std::slice::from_ref(&moved)).await.is_complete());
    assert_eq!(greeting(moved.ip, 80), "hello");
    let after = grid.ids().await;
    assert_ne!(after, before);
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        ["eng-old-a"],
        "the new one has the name"
    );
    grid.end().await;
}

#[tokio::test]
async fn all_or_nothing_puts_everything_back() {
    let grid = Grid::new("atomic", 55).await;
    let (a, b) = (grid.spec("a", 5, &[80]), grid.spec("b", 6, &[80]));
    grid.deploy(&[a.clone(), b.clone()]).await;
    let before = (grid.ids().await, grid.rows().await);
    let mut moved = a.clone();
    moved.limits.memory_mib += 1;
    let mut updated = b.clone();
    updated.machine.services[0].ports[0].port = 8080;
    let mut broken = grid.spec("d", 8, &[80]);
    broken.machine.hostname = "broken".to_owned();
    let fleet = grid.rig.fleet(&[moved, updated, grid.spec("c", 7, &[80]), broken]);
    let options = Options {
        atomic: true,
        ..Options::default()
    };
    let outcome = grid
        .engine
        .apply(&fleet, &grid.distros, &options, &Progress::silent())
        .await
        .unwrap();
    assert!(outcome.rolled_back);
    let after = grid.rows().await;
    assert_eq!(grid.ids().await, before.0);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.1.keys().collect::<Vec<_>>());
    assert_eq!(
        (greeting(a.ip, 80), greeting(b.ip, 80)),
        ("hello".to_owned(), "hello".to_owned())
    );
    let plan = grid
        .engine
        .plan(&grid.rig.fleet(&[a, b]), &grid.distros, true)
        .await
        .unwrap();
    assert!(plan.iter().all(|item| item.change == Change::Noop), "{plan:?}");
    grid.end().await;
}

#[tokio::test]
async fn two_deckies_may_change_places() {
    let grid = Grid::new("swap", 56).await;
    let (mut a, mut b) = (grid.spec("a", 5, &[80]), grid.spec("b", 6, &[80]));
    grid.deploy(&[a.clone(), b.clone()]).await;
    std::mem::swap(&mut a.ip, &mut b.ip);
    let outcome = grid.deploy(&[a, b]).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    grid.end().await;
}

#[tokio::test]
async fn some_closed_ports_are_degraded_and_none_open_is_a_failure() {
    let grid = Grid::new("ports", 57).await;
    let options = Options {
        patience: Duration::from_secs(2),
        ..Options::default()
    };
    let fleet = grid.rig.fleet(&[grid.spec("a", 5, &[80, 9]), grid.spec("b", 6, &[9])]);
    let outcome = grid
        .engine
        .apply(&fleet, &grid.distros, &options, &Progress::silent())
        .await
        .unwrap();
    let states: Vec<_> = outcome.deckies.iter().map(|d| d.state).collect();
    assert_eq!(states, [DeckyState::Degraded, DeckyState::Failed]);
    assert_eq!(
        outcome.deckies[0].closed.iter().map(|p| p.port).collect::<Vec<_>>(),
        [9]
    );
    let status = grid.engine.status().await.unwrap();
    let health: Vec<_> = status.iter().map(|s| (s.health, s.container.as_str())).collect();
    assert_eq!(health, [(Health::Degraded, "running"), (Health::Down, "absent")]);
    grid.end().await;
}

#[tokio::test]
async fn a_restarted_machine_is_found_silent_and_let_go_again() {
    let grid = Grid::new("silent", 58).await;
    let a = grid.spec("a", 5, &[80]);
    grid.deploy(std::slice::from_ref(&a)).await;
    run("docker", &["restart", "-t", "1", "eng-silent-a"]);
    assert!(
        TcpStream::connect((a.ip, 80)).is_err(),
        "without its wall it serves nothing"
    );
    let outcome = grid.deploy(std::slice::from_ref(&a)).await;
    assert_eq!(outcome.deckies[0].change, Change::Start);
    assert_eq!(greeting(a.ip, 80), "hello");
    grid.end().await;
}

#[tokio::test]
async fn a_deploy_that_dies_at_any_moment_is_completed_by_the_next() {
    let grid = Grid::new("dies", 59).await;
    let a = grid.spec("a", 5, &[80]);
    grid.deploy(std::slice::from_ref(&a)).await;
    let mut moved = a.clone();
    moved.limits.memory_mib += 1;
    let fleet = [moved, grid.spec("b", 6, &[80]), grid.spec("c", 7, &[80])];
    // Dropping the work is what a killed process does: nothing more happens, and the lock is free.
    for moment in [30, 150, 300, 500, 700, 900, 1200] {
        let options = Options::default();
        let wanted = grid.rig.fleet(&fleet);
        let silent = Progress::silent();
        let work = grid.engine.apply(&wanted, &grid.distros, &options, &silent);
        let _ = tokio::time::timeout(Duration::from_millis(moment), work).await;
    }
    let outcome = grid.deploy(&fleet).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(
        grid.ids().await.keys().collect::<Vec<_>>(),
        ["eng-dies-a", "eng-dies-b", "eng-dies-c"]
    );
    for decky in &fleet {
        assert_eq!(greeting(decky.ip, 80), "hello");
    }
    assert_eq!(grid.deploy(&fleet).await.changed(), 0);
    grid.end().await;
}

#[tokio::test]
async fn one_is_torn_down_alone_and_the_last_one_with_all_that_was_made() {
    let grid = Grid::new("down", 60).await;
    grid.deploy(&[grid.spec("a", 5, &[80]), grid.spec("b", 6, &[80])]).await;
    let unknown = grid
        .engine
        .teardown(&Name::new("nobody").unwrap(), &Progress::silent())
        .await
        .unwrap_err();
    assert!(matches!(unknown, Error::NoDecky { .. }) && unknown.kind() == Kind::Invalid);
    grid.engine
        .teardown(&Name::new("eng-down-a").unwrap(), &Progress::silent())
        .await
        .unwrap();
    assert_eq!(grid.ids().await.keys().collect::<Vec<_>>(), ["eng-down-b"]);
    let mirror = Mirror::read(&grid.state.path().join("state.json")).unwrap().unwrap();
    assert_eq!(mirror.tombstones[0].name.as_str(), "eng-down-a");

    let outcome = grid.engine.teardown_all(&Progress::silent()).await.unwrap();
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(grid.rows().await.is_empty() && grid.ids().await.is_empty());
    assert_eq!(grid.rig.networks.find().await.unwrap(), None);
    assert_eq!(Mirror::read(&grid.state.path().join("state.json")).unwrap(), None);
    assert!(
        grid.rig.images.list().await.unwrap().is_empty(),
        "with the images we made"
    );
    assert_eq!(rig::host_state(&["10.213.60.", "eng_down"]), Vec::<String>::new());
    assert!(
        grid.engine
            .teardown_all(&Progress::silent())
            .await
            .unwrap()
            .is_complete(),
        "again is no error"
    );
    grid.end().await;
}

#[tokio::test]
async fn a_second_hand_is_told_of_the_first() {
    let grid = Grid::new("lock", 61).await;
    let (a, b) = (grid.spec("a", 5, &[80]), grid.spec("b", 6, &[80]));
    let other = grid.rig.engine(grid.state.path()).await;
    let (first, second) = (grid.rig.fleet(std::slice::from_ref(&a)), grid.rig.fleet(&[b]));
    let (options, silent) = (Options::default(), Progress::silent());
    let both = tokio::join!(
        grid.engine.apply(&first, &grid.distros, &options, &silent),
        other.apply(&second, &grid.distros, &options, &silent),
    );
    let refused = both.0.err().or(both.1.err()).expect("one of them is refused");
    assert!(
        matches!(&refused, Error::Locked { holder, .. } if holder.contains("deploy")),
        "{refused}"
    );
    assert_eq!(refused.kind(), Kind::Conflict);
    grid.end().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_made() {
    let grid = Grid::new("never", 62).await;
    let refused = async |deckies: &[DeckySpec], options: Options| {
        let fleet = grid.rig.fleet(deckies);
        grid.engine
            .apply(&fleet, &grid.distros, &options, &Progress::silent())
            .await
            .unwrap_err()
    };
    let twice = refused(
        &[grid.spec("a", 5, &[80]), grid.spec("b", 5, &[80])],
        Options::default(),
    )
    .await;
    assert!(matches!(twice, Error::Twice { .. }), "{twice}");
    let mut greedy = grid.spec("a", 5, &[80]);
    greedy.limits.memory_mib = 1 << 30;
    assert!(matches!(
        refused(&[greedy], Options::default()).await,
        Error::MemoryFull { .. }
    ));
    let strange = DeckySpec {
        distro: "plan9".to_owned(),
        ..grid.spec("a", 5, &[80])
    };
    assert!(matches!(
        refused(&[strange], Options::default()).await,
        Error::NoDistro { .. }
    ));
    assert!(grid.ids().await.is_empty() && grid.rows().await.is_empty());
    grid.end().await;
}

#[tokio::test]
async fn an_address_or_name_somebody_else_has_is_told_and_theirs_is_left_alone() {
    let grid = Grid::new("theirs", 63).await;
    let a = grid.spec("a", 5, &[80]);
    run(
        "docker",
        &[
            "create",
            "--name",
            "eng-theirs-a",
            "--label",
            "decnet.scope=eng-other",
            &grid.rig.base,
            "/sbin/init",
        ],
    );
    let outcome = grid.deploy(std::slice::from_ref(&a)).await;
    assert!(outcome.first_error().unwrap().contains("is not ours"), "{outcome:?}");
    run("docker", &["rm", "eng-theirs-a"]);

    let image = grid
        .rig
        .images
        .with_decoy(&grid.rig.base, &rig::machine())
        .await
        .unwrap();
    run(
        "docker",
        &[
            "run",
            "-di",
            "--name",
            "eng-theirs-x",
            "--network",
            &grid.rig.network,
            "--ip",
            &a.ip.to_string(),
            &image,
        ],
    );
    let outcome = grid.deploy(std::slice::from_ref(&a)).await;
    run("docker", &["rm", "-f", "eng-theirs-x"]);
    assert!(
        outcome.first_error().unwrap().contains("in use on its network"),
        "{outcome:?}"
    );
    grid.end().await;
}

// === impl Grid ===

impl Grid {
    async fn new(name: &str, subnet: u8) -> Self {
        let rig = Rig::new(name, subnet).await;
        let state = tempfile::tempdir().unwrap();
        let engine = rig.engine(state.path()).await;
        let distros = [rig.distro().await];
        Self {
            rig,
            engine,
            distros,
            state,
        }
    }

    fn spec(&self, name: &str, last_byte: u8, ports: &[u16]) -> DeckySpec {
        self.rig.spec(&format!("{}-{name}", self.rig.scope), last_byte, ports)
    }

    async fn deploy(&self, deckies: &[DeckySpec]) -> Outcome {
        let fleet = self.rig.fleet(deckies);
        self.engine
            .apply(&fleet, &self.distros, &Options::default(), &Progress::silent())
            .await
            .unwrap()
    }

    /// Container ids by decky, of those that run.
    async fn ids(&self) -> BTreeMap<String, String> {
        let all = self.rig.containers.list().await.unwrap();
        assert!(all.iter().all(|c| !c.is_next && c.is_running), "{all:?}");
        all.into_iter().map(|c| (c.decky.to_string(), c.id)).collect()
    }

    async fn rows(&self) -> BTreeMap<String, (DeckyState, Option<String>)> {
        let store = store::Store::open(&format!("sqlite://{}", self.state.path().join("grid.db").display()))
            .await
            .unwrap();
        let rows = store.deckies().list().await.unwrap();
        rows.into_iter()
            .filter(|r| r.host == LOCAL)
            .map(|r| (r.name().to_string(), (r.state, r.last_error)))
            .collect()
    }

    async fn end(self) {
        self.rig.end().await;
    }
}

fn recording() -> (Progress, std::sync::Arc<std::sync::Mutex<Vec<Step>>>) {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = told.clone();
    (Progress::new(move |step| tell.lock().unwrap().push(step)), told)
}

fn greeting(ip: Ipv4Addr, port: u16) -> String {
    let mut text = String::new();
    let mut stream = TcpStream::connect((ip, port)).unwrap();
    stream.read_to_string(&mut text).unwrap();
    text
}
