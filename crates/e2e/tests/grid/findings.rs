//! What the rules find in the work of real tools.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::attacker::Attacker;
use e2e::grid::{APACHE, grid, root};
use e2e::tools::until;
use serde_json::Value;

/// Until a finding is judged, stored and listed.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_scan_and_guesses_at_a_password_are_found_and_are_one_incident() {
    grid();
    let attacker = Attacker::on_the_bridge().unwrap();
    let words = root().join("target/e2e/words");
    std::fs::write(&words, (0..12).map(|n| format!("guess-{n:02}\n")).collect::<String>()).unwrap();
    attacker.must(&format!("nmap -n -Pn -sS -p 1-200 {APACHE}")).unwrap();
    let guesses = format!("hydra -I -q -t 2 -l root -P {} ssh://{APACHE}", words.display());
    attacker.sh(&guesses).unwrap();
    let rules = ["net.boundary", "http.brute_force"].map(str::to_owned);
    until(&format!("findings of {rules:?}"), SOON, || {
        let found = of(&["findings"], attacker.address);
        let names: BTreeSet<_> = found.iter().map(|finding| text(finding, "rule")).collect();
        Ok(rules.iter().all(|rule| names.contains(rule)).then_some(()))
    })
    .unwrap();
    let incidents = of(&["incidents"], attacker.address);
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let shown = grid().json(&["attackers", "show", attacker.address, "--json"]).unwrap();
    let techniques = shown["techniques"].to_string();
    assert!(
        techniques.contains("T1046") && techniques.contains("T1110"),
        "{techniques}"
    );
}

/// Rows of a list that speak of this address.
fn of(list: &[&str], address: &str) -> Vec<Value> {
    let rows = grid().json(&[list, &["--json", "--limit", "1000"]].concat()).unwrap();
    let mine = |row: &&Value| row["source"] == address || row["entity"] == address || row["attacker_ip"] == address;
    rows.as_array().unwrap().iter().filter(mine).cloned().collect()
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}
