//! `decnet drill` proves every hop, and is counted nowhere.

use e2e::grid::grid;
use serde_json::Value;

#[test]
fn a_drill_is_green_on_every_hop_of_every_decky_and_changes_no_count() {
    let before = grid().json(&["attackers", "--json"]).unwrap();
    for decky in ["e2e-nginx", "e2e-apache"] {
        let hops = grid().json(&["drill", "--json", "--decky", decky]).unwrap();
        let hops = hops.as_array().unwrap();
        for hop in ["reach", "decoy", "collector", "bus", "store"] {
            let row = hops.iter().find(|row| row["decky"] == decky && row["hop"] == hop);
            let row = row.unwrap_or_else(|| panic!("no line for {hop} of {decky}: {hops:?}"));
            assert_eq!(row["ok"], true, "{row}");
        }
    }
    let after = grid().json(&["attackers", "--json"]).unwrap();
    let ips = |rows: &Value| -> Vec<String> {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["ip"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ips(&before), ips(&after), "the drill's address is no attacker");
}
