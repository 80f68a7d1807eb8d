//! Whatever dies in between, each event is stored once.

use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::apart::Nats;
use e2e::grid::{NGINX, grid, root};
use e2e::tools::{must, sh_within, until};

/// Logins and commands in all.
const TRIES: usize = 10_000;
/// Something dies when so many of them are stored, and again after so many more.
const STEP: usize = 1_500;

#[test]
fn killing_decnet_up_in_the_middle_loses_and_doubles_nothing() {
    let storm = Storm::start("calm");
    storm.wait_for(STEP);
    grid().kill_workers().unwrap();
    storm.is_raging();
    grid().start_workers().unwrap();
    storm.ends_stored_exactly_once();
}

#[test]
fn over_nats_collector_ingester_and_server_die_in_turn_and_nothing_is_lost_or_doubled() {
    let apart = Nats::instead_of_one_process();
    let mut server = apart.serve();
    let (mut collector, mut ingester) = (apart.work("collect"), apart.work("ingest"));
    let storm = Storm::start("nats");
    storm.wait_for(STEP);
    storm.is_raging();
    collector.kill();
    collector = apart.work("collect");
    storm.wait_for(2 * STEP);
    ingester.kill();
    ingester = apart.work("ingest");
    storm.wait_for(3 * STEP);
    server.kill();
    server = apart.serve();
    storm.ends_stored_exactly_once();
    drop((collector, ingester, server));
    grid().start_workers().unwrap();
}

/// Numbered commands and logins, half and half, under way.
struct Storm {
    mark: &'static str,
    thread: JoinHandle<Result<String>>,
}

// === impl Storm ===

impl Storm {
    fn start(mark: &'static str) -> Self {
        grid();
        let script = root().join("target/e2e/storm.py");
        std::fs::write(&script, STORM).unwrap();
        let line = format!("python3 {} {NGINX} {mark} {TRIES}", script.display());
        let thread = std::thread::spawn(move || {
            let ran = sh_within(&line, Duration::from_secs(600))?;
            ensure!(ran.code == 0, "{}", String::from_utf8_lossy(&ran.stderr));
            Ok(ran.text())
        });
        Self { mark, thread }
    }

    fn wait_for(&self, count: usize) {
        until("the storm to be stored so far", Duration::from_secs(180), || {
            Ok((self.stored()?.len() >= count).then_some(()))
        })
        .unwrap();
    }

    fn is_raging(&self) {
        assert!(!self.thread.is_finished(), "the storm was over before anything died");
    }

    fn ends_stored_exactly_once(self) {
        let stored = || self.stored();
        let counts = until("all of the storm to be stored", Duration::from_secs(300), || {
            let counts = stored()?;
            Ok((counts.len() >= TRIES).then_some(counts))
        });
        let counts = counts
            .with_context(|| format!("{} of {TRIES} are there", stored().map_or(0, |counts| counts.len())))
            .unwrap();
        assert_eq!(counts.len(), TRIES);
        let doubled: Vec<_> = counts.iter().filter(|(_, n)| **n != 1).collect();
        assert!(doubled.is_empty(), "{doubled:?}");
        let gaps = grid().json(&["events", "--json", "--kind", "log_gap"]).unwrap();
        assert_eq!(gaps.as_array().map(Vec::len), Some(0), "lines were called lost: {gaps}");
        self.thread.join().unwrap().unwrap();
    }

    /// How often each numbered try is in the store.
    fn stored(&self) -> Result<HashMap<String, usize>> {
        let (database, mark) = (grid().state.join("decnet.db"), self.mark);
        let rows = must(&format!(
            "python3 -c \"import sqlite3; [print(r[0]) for r in sqlite3.connect('file:{}?mode=ro', uri=True, timeout=30).execute(\\\"select fields from events where kind in ('command','auth_attempt') and fields like '%{mark}-%'\\\")]\"",
            database.display()
        ))?;
        let mut counts = HashMap::new();
        for row in rows.lines() {
            if let Some(at) = row.find(&format!("{mark}-")) {
                let number = row[at..].chars().take(mark.len() + 6).collect();
                *counts.entry(number).or_default() += 1;
            }
        }
        Ok(counts)
    }
}

const STORM: &str = r#"
import socket, sys, threading, time
# So long at least, that something can die in the middle of it.
LASTS = 20
host, mark, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
failed = []

def lane(work):
    def run(numbers):
        try: work(numbers)
        except Exception as e: failed.append(repr(e))
    return run

@lane
def commands(numbers):
    s = socket.create_connection((host, 6379)); f = s.makefile('rb')
    for n in numbers:
        time.sleep(LASTS / len(numbers))
        s.sendall(b'GET %s-%05d\r\n' % (mark.encode(), n))
        if not f.readline(): raise EOFError(n)

@lane
def logins(numbers):
    s = None
    for i, n in enumerate(numbers):
        time.sleep(LASTS / len(numbers))
        if i % 3 == 0:
            if s: s.close()
            s = socket.create_connection((host, 6379)); f = s.makefile('rb')
        s.sendall(b'AUTH kim %s-%05d\r\n' % (mark.encode(), n))
        if not f.readline(): raise EOFError(n)

half = total // 2
lanes = [threading.Thread(target=commands, args=(range(0, half),))]
lanes += [threading.Thread(target=logins, args=(range(half + k, total, 4),)) for k in range(4)]
[t.start() for t in lanes]; [t.join() for t in lanes]
if failed: sys.exit('; '.join(failed))
"#;
