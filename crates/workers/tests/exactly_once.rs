//! Every event is stored once, whatever dies in between.
#![allow(clippy::unwrap_used)]

#[path = "../../collector/tests/tape/mod.rs"]
mod tape;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bus::{Bus, NatsConfig};
use collector::{Collector, Config};
use runtime::Crew;
use store::{Filter, OriginFilter, Store};
use tape::{BOOT, Tape, command, number};
use tempfile::TempDir;
use testkit::nats::NatsServer;
use tokio::runtime::Runtime;
use workers::Ingester;

const MACHINES: u64 = 5;
const LINES: u64 = 2000;
const TOTAL: u64 = MACHINES * LINES;
const LIMIT: Duration = Duration::from_secs(150);

#[test]
fn a_process_killed_again_and_again_stores_ten_thousand_events_once_each() {
    let grid = Grid::new();
    let mut process = grid.process(None, &[Role::Collects, Role::Ingests]);
    for kill_at in [500, 2000, 4500, 7000, 9500] {
        grid.write_up_to(kill_at + 300);
        grid.wait_for(kill_at);
        kill(process);
        process = grid.process(None, &[Role::Collects, Role::Ingests]);
    }
    grid.write_up_to(TOTAL);
    grid.wait_for(TOTAL);
    kill(process);
    grid.holds_each_event_once();
}

#[test]
fn over_nats_server_collector_and_ingester_may_die_in_turn() {
    let (grid, mut server) = (Grid::new(), NatsServer::start());
    let url = server.url();
    let mut collecting = grid.process(Some(&url), &[Role::Collects]);
    let mut ingesting = grid.process(Some(&url), &[Role::Ingests]);

    grid.write_up_to(2000);
    grid.wait_for(1000);
    server.kill();
    grid.write_up_to(4000);
    server.restart();

    grid.wait_for(2500);
    kill(collecting);
    grid.write_up_to(7000);
    collecting = grid.process(Some(&url), &[Role::Collects]);

    grid.wait_for(5000);
    kill(ingesting);
    grid.write_up_to(TOTAL);
    ingesting = grid.process(Some(&url), &[Role::Ingests]);

    grid.wait_for(8500);
    server.kill();
    server.restart();
    grid.wait_for(TOTAL);
    kill(collecting);
    kill(ingesting);
    grid.holds_each_event_once();
}

// === helpers ===

/// Machines that write, and what is kept of it.
struct Grid {
    tape: Tape,
    written: Cell<u64>,
    dir: TempDir,
    /// For looking into the store from outside.
    outside: Runtime,
    store: Store,
}

#[derive(Clone, Copy)]
enum Role {
    Collects,
    Ingests,
}

impl Grid {
    fn new() -> Self {
        let (tape, dir, outside) = (Tape::new(), tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let store = outside.block_on(Store::open(&url(&dir))).unwrap();
        (0..MACHINES).for_each(|machine| tape.start(&format!("web-{machine}")));
        Self {
            tape,
            written: Cell::new(0),
            dir,
            outside,
            store,
        }
    }

    /// Everything in it lives on a runtime of its own, and dies with that wherever it stands.
    fn process(&self, nats: Option<&str>, roles: &[Role]) -> Runtime {
        let process = Runtime::new().unwrap();
        let (tape, roles) = (self.tape.clone(), roles.to_vec());
        let (url, nats) = (url(&self.dir), nats.map(str::to_owned));
        let config = Config {
            host: store::LOCAL.to_owned(),
            artifacts: self.dir.path().join("artifacts"),
        };
        process.spawn(async move {
            let store = Store::open(&url).await.unwrap();
            let bus = match nats {
                Some(url) => Bus::connect(NatsConfig::new(url, "test")).await.unwrap(),
                None => Bus::in_process(),
            };
            let mut crew = Crew::new(bus, store::LOCAL);
            for role in roles {
                let (tape, store, config) = (tape.clone(), store.clone(), config.clone());
                match role {
                    Role::Collects => {
                        crew.runner(move || Collector::new(tape.clone(), store.clone(), config.clone()));
                    }
                    Role::Ingests => crew.runner(move || Ingester::new(store.clone())),
                }
            }
            crew.ended().await
        });
        process
    }

    fn write_up_to(&self, total: u64) {
        for n in self.written.replace(total)..total {
            self.tape
                .write(&format!("web-{}", n % MACHINES), &command(BOOT, n / MACHINES + 1));
        }
    }

    fn wait_for(&self, stored: u64) {
        let began = Instant::now();
        loop {
            let last = self.outside.block_on(self.store.events().last()).unwrap();
            if last >= i64::try_from(stored).unwrap() {
                return;
            }
            assert!(began.elapsed() < LIMIT, "only {last} of {stored} events were stored");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn holds_each_event_once(&self) {
        let filter = Filter {
            origin: OriginFilter::All,
            ..Filter::default()
        };
        let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut last = 0;
        loop {
            let page = self
                .outside
                .block_on(self.store.events().follow(last, &filter, 1000))
                .unwrap();
            let Some(end) = page.last() else { break };
            last = end.n;
            for stored in page {
                assert_eq!(stored.event.report.kind, "command", "{:?}", stored.event);
                told.entry(stored.event.decky.to_string())
                    .or_default()
                    .push(number(&stored.event));
            }
        }
        assert_eq!(told.len() as u64, MACHINES);
        for (machine, mut numbers) in told {
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=LINES).collect::<Vec<_>>(), "{machine}");
        }
    }
}

fn url(dir: &TempDir) -> String {
    format!("sqlite://{}/grid.db", dir.path().display())
}

/// As `kill -9`: no task runs on from where it stands.
fn kill(process: Runtime) {
    process.shutdown_background();
}
