//! Whatever dies in between, each event is stored once.

use std::collections::HashMap;
use std::time::Duration;

use e2e::grid::{NGINX, grid};
use e2e::tools::{must, until};

/// Logins and commands in all, of which half before the crash.
const TRIES: usize = 10_000;

#[test]
fn killing_decnet_up_in_the_middle_loses_and_doubles_nothing() {
    grid();
    let script = e2e::grid::root().join("target/e2e/storm.py");
    std::fs::write(&script, STORM).unwrap();
    let storm = std::thread::spawn(move || must(&format!("python3 {} {NGINX} {TRIES}", script.display())));
    std::thread::sleep(Duration::from_secs(2));
    grid().kill_workers().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    grid().start_workers().unwrap();
    storm.join().unwrap().unwrap();
    let counts = until("all of the storm to be stored", Duration::from_secs(120), || {
        let counts = stored()?;
        Ok((counts.len() >= TRIES).then_some(counts))
    })
    .unwrap();
    assert_eq!(counts.len(), TRIES);
    let doubled: Vec<_> = counts.iter().filter(|(_, n)| **n != 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
}

#[test]
fn the_grid_and_the_collector_come_back_after_dockerd_restarted() {
    grid();
    must("if [ -d /run/systemd/system ]; then systemctl restart docker; else pkill -x dockerd; while pgrep -x dockerd >/dev/null; do sleep 0.2; done; setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null & fi").unwrap();
    until("the decky to answer after the restart", Duration::from_secs(90), || {
        Ok((e2e::tools::sh(&format!("redis-cli -h {NGINX} set after-restart 1"))?.text() == "OK\n").then_some(()))
    })
    .unwrap();
    grid()
        .event("e2e-nginx", "command", |event| {
            event["fields"].to_string().contains("after-restart")
        })
        .unwrap();
}

/// How often each numbered try of the storm is in the store.
fn stored() -> anyhow::Result<HashMap<String, usize>> {
    let database = grid().state.join("decnet.db");
    let rows = must(&format!(
        "python3 -c \"import sqlite3; [print(r[0]) for r in sqlite3.connect('file:{}?mode=ro', uri=True).execute(\\\"select fields from events where kind in ('command','auth_attempt') and fields like '%storm-%'\\\")]\"",
        database.display()
    ))?;
    let mut counts = HashMap::new();
    for row in rows.lines() {
        if let Some(at) = row.find("storm-") {
            *counts.entry(row[at..].chars().take(11).collect()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Numbered commands and numbered logins, half and half.
const STORM: &str = r#"
import socket, sys, threading
host, total = sys.argv[1], int(sys.argv[2])

def redis(numbers):
    s = socket.create_connection((host, 6379)); f = s.makefile('rb')
    for n in numbers:
        s.sendall(b'GET storm-%05d\r\n' % n); f.readline()

def logins(numbers):
    s = None
    for i, n in enumerate(numbers):
        if i % 3 == 0:
            if s: s.close()
            s = socket.create_connection((host, 6379)); f = s.makefile('rb')
        s.sendall(b'AUTH kim storm-%05d\r\n' % n); f.readline()

half = total // 2
lanes = [threading.Thread(target=redis, args=(range(0, half),))]
lanes += [threading.Thread(target=logins, args=(range(half + k, total, 4),)) for k in range(4)]
[t.start() for t in lanes]; [t.join() for t in lanes]
"#;
