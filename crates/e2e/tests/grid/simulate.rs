//! Corpora played against the grid as real traffic: who is behind the addresses is found out within seconds.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::apart::{Nats, Running};
use e2e::grid::{grid, root};
use e2e::tools::until;
use serde_json::Value;

/// From the last packet to the answer.
const SOON: Duration = Duration::from_secs(10);
/// Until the lease of a leader that died has run out, and the next pass.
const FAILOVER: Duration = Duration::from_secs(25);

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

#[test]
fn whoever_kills_the_clusterers_while_operators_are_at_it_changes_nothing_in_the_end() {
    let apart = Nats::instead_of_one_process();
    let server = apart.serve();
    let others = ["collect", "ingest", "sniffer"].map(|part| apart.work(part));
    let clusterers = || ["clusterer", "campaign-clusterer"].map(|part| apart.work(part));
    let mut leading = clusterers();
    let played = std::thread::scope(|scope| {
        let playing = scope.spawn(|| simulate("multi_operator"));
        until("the operators to have begun", Duration::from_secs(120), || {
            let logins = grid().json(&["events", "--json", "--kind", "auth_attempt", "--since", "5s"])?;
            Ok(logins.as_array().is_some_and(|logins| !logins.is_empty()).then_some(()))
        })
        .unwrap();
        // Those that take over wait until the leases of the dead have run out, and are killed as well.
        while !playing.is_finished() {
            leading.iter_mut().for_each(Running::kill);
            leading = clusterers();
            std::thread::sleep(FAILOVER);
        }
        playing.join().unwrap()
    });
    leading.iter_mut().for_each(Running::kill);
    let last = clusterers();
    until("one campaign of two identities", FAILOVER + SOON, || {
        let [one, other] = [identity(&played[0]).0, identity(&played[1]).0];
        let campaigns = grid().json(&["campaigns", "--json"])?;
        for campaign in campaigns.as_array().into_iter().flatten() {
            let of = texts(&grid().json(&["campaigns", "show", text(&campaign["id"]), "--json"])?["of"]);
            if one != other && of.contains(&one) && of.contains(&other) {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
    .unwrap();
    drop((last, others, server));
    grid().start_workers().unwrap();
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
