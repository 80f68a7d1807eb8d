//! The engine goes and comes back.

use std::time::Duration;

use e2e::grid::{NGINX, grid};
use e2e::tools::{must, sh, until};

#[test]
fn the_grid_and_the_collector_come_back_after_dockerd_restarted() {
    grid();
    must(RESTART).unwrap();
    until(
        "the decky to answer after the restart",
        Duration::from_secs(180),
        || Ok((sh(&format!("redis-cli -h {NGINX} set after-restart 1"))?.text() == "OK\n").then_some(())),
    )
    .unwrap();
    grid()
        .event("e2e-nginx", "command", |event| {
            event["fields"].to_string().contains("after-restart")
        })
        .unwrap();
    let pid = must("docker inspect -f '{{.State.Pid}}' e2e-nginx").unwrap();
    let rules = must(&format!("nsenter -t {} -n nft list table inet wall", pid.trim())).unwrap();
    assert!(rules.contains("policy drop"), "{rules}");
}

const RESTART: &str = "\
if [ -d /run/systemd/system ]; then systemctl restart docker; exit; fi
old=$(cat /var/run/docker.pid)
kill $old
while kill -0 $old 2>/dev/null; do sleep 0.2; done
setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null &
";
