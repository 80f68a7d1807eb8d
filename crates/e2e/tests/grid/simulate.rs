//! Corpora played against the grid as real traffic: who is behind the addresses is found out within seconds.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::grid::{grid, root};
use e2e::tools::until;
use serde_json::Value;

/// From the last packet to the answer.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn one_actor_over_five_networks_is_one_identity_within_ten_seconds() {
    let played = simulate("vpn_hopping");
    assert_eq!(played.len(), 5);
    until("one identity of five addresses", SOON, || {
        Ok((identity(&played[0]).1 == played.iter().cloned().collect()).then_some(()))
    })
    .unwrap();
}

#[test]
fn two_operators_with_tools_of_their_own_are_one_campaign_within_ten_seconds() {
    let played = simulate("multi_operator");
    assert_eq!(played.len(), 2);
    let (campaign, of_them) = until("one campaign of two identities", SOON, || {
        let of_them: BTreeSet<String> = [identity(&played[0]).0, identity(&played[1]).0].into();
        let campaigns = grid().json(&["campaigns", "--json"])?;
        for campaign in campaigns.as_array().into_iter().flatten() {
            let shown = grid().json(&["campaigns", "show", text(&campaign["id"]), "--json"])?;
            if texts(&shown["of"]) == of_them {
                return Ok(Some((text(&campaign["id"]).to_owned(), of_them)));
            }
        }
        Ok(None)
    })
    .unwrap();
    assert_eq!(of_them.len(), 2, "the operators are two");
    let drawn = grid()
        .decnet(&["campaigns", "show", &campaign, "--graph", "dot"])
        .unwrap();
    let shows = |identity: &String| drawn.contains(&format!("label=\"{identity}\""));
    assert!(of_them.iter().all(shows) && drawn.contains(" -- "), "{drawn}");
}

/// Plays a description of `fixtures/campaigns`; the addresses it was played from.
fn simulate(fixture: &str) -> Vec<String> {
    let file = root().join(format!("fixtures/campaigns/{fixture}.yaml"));
    let played = grid()
        .json(&["simulate", "campaign", file.to_str().unwrap(), "--json"])
        .unwrap();
    let cast = played["cast"].as_array().unwrap().iter();
    cast.map(|cast| text(&cast["ip"]).to_owned()).collect()
}

/// Id and addresses of whoever is behind one address; nobody at first.
fn identity(ip: &str) -> (String, BTreeSet<String>) {
    let shown = grid()
        .json(&["identities", "show", ip, "--json"])
        .unwrap_or(Value::Null);
    (text(&shown["id"]).to_owned(), texts(&shown["of"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|value| text(value).to_owned())
        .collect()
}
