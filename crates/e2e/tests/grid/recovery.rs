//! What an intruder took down comes back by itself, as if somebody had seen to it, and tells as before.

use std::time::Duration;

use e2e::grid::{SSH, VICTIM, grid};
use e2e::tools::{sh, until};

/// The longest pause before a killed service comes back, and some.
const PATIENCE: Duration = Duration::from_secs(330);

#[test]
fn services_that_were_killed_come_back_and_tell() {
    grid();
    let line = format!("sshpass -p mark-after ssh {SSH} -o NumberOfPasswordPrompts=1 root@{VICTIM} true");
    until("ssh to answer after it was killed", PATIENCE, || {
        let ran = sh(&line)?;
        Ok(String::from_utf8_lossy(&ran.stderr)
            .contains("Permission denied")
            .then_some(()))
    })
    .unwrap();
    until("redis to answer after it was killed", PATIENCE, || {
        Ok((sh(&format!("redis-cli -h {VICTIM} ping"))?.text() == "PONG\n").then_some(()))
    })
    .unwrap();
    grid()
        .event("e2e-victim", "auth_attempt", |event| {
            event["fields"]["secret_printable"] == "mark-after"
        })
        .unwrap();
}
