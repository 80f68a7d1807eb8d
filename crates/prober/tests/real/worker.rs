use std::net::IpAddr;

use bus::Pattern;
use prober::policy::Rules;
use prober::{Config, Prober};
use runtime::{Cx, Worker as _};
use store::{Filter, Page, Probe, ProbeOutcome};
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::lab::{Lab, connect};

async fn account(lab: &Lab) -> Vec<Probe> {
    lab.store
        .probes()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows
}

async fn pass(lab: &Lab, config: Config) {
    let cx = Cx::alone(lab.bus.clone(), CancellationToken::new());
    Prober::new(lab.store.clone(), config).work(&cx).await.unwrap();
}

#[tokio::test]
async fn an_attacker_that_connected_is_asked_once_until_its_next_turn_and_the_bus_hears_of_it() {
    let mut lab = Lab::new().await;
    lab.serve(80, "nc", &["-lk", "80"]);
    let mut heard = lab
        .bus
        .subscribe(&Pattern::fixed("attacker.fingerprinted"))
        .await
        .unwrap();
    pass(&lab, lab.config(&["tcpfp"], &[80])).await;
    let mut payload = serde_json::Value::Null;
    while payload["attacker_ip"] != lab.peer.to_string() {
        let message = tokio::time::timeout(std::time::Duration::from_secs(5), heard.next());
        let envelope = message.await.unwrap().unwrap().envelope().unwrap();
        assert_eq!(envelope.kind, "tcpfp");
        payload = envelope.payload().unwrap();
    }
    assert_eq!(payload["port"], 80);
    assert!(payload["tcpfp_hash"].is_string() && payload["ttl"] == 64 && payload["mss"] == 1460);
    let rows = account(&lab).await;
    assert!(
        rows.iter()
            .any(|row| row.attacker_ip == lab.peer && row.outcome == ProbeOutcome::Answered)
    );
    pass(&lab, lab.config(&["tcpfp"], &[80])).await;
    assert_eq!(account(&lab).await.len(), rows.len());
}

#[tokio::test]
async fn without_consent_nothing_is_sent_and_the_refusal_stands_in_the_account() {
    let lab = Lab::new().await;
    let mut config = lab.config(&["tcpfp"], &[80]);
    config.rules.consent = false;
    pass(&lab, config).await;
    let rows = account(&lab).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.outcome == ProbeOutcome::Refused));
    assert_eq!(
        rows[0].reason.as_deref(),
        Some("the operator has not consented to probing")
    );
}

#[tokio::test]
async fn a_private_address_is_refused_unless_it_is_allowed() {
    let lab = Lab::new().await;
    let config = Config {
        rules: Rules {
            consent: true,
            ..Rules::default()
        },
        ..Config::default()
    };
    let turned = Prober::new(lab.store.clone(), config)
        .turn(lab.peer, &lab.bus)
        .await
        .unwrap();
    assert_eq!(turned.refused.as_deref(), Some("in 10.0.0.0/8, which is private"));
    assert_eq!(turned.probes.len(), 1);
}

#[tokio::test]
async fn this_hosts_own_address_is_refused_though_it_is_allowed_and_connected() {
    let lab = Lab::new().await;
    lab.store.ingest(&[connect(lab.here)]).await.unwrap();
    let turned = lab.ask(lab.here, &[], &[]).await;
    assert_eq!(
        turned.refused,
        Some(format!("in {}/32, which is the grid's own", lab.here))
    );
}

#[tokio::test]
async fn a_public_source_that_never_connected_is_refused() {
    let lab = Lab::new().await;
    let ip: IpAddr = "198.41.0.4".parse().unwrap();
    let turned = lab.ask(ip, &[], &[]).await;
    assert_eq!(
        turned.refused.as_deref(),
        Some("no connection of it came about: the address may be a lie")
    );
    let now = OffsetDateTime::now_utc();
    let candidates = lab
        .store
        .probes()
        .candidates(now - Duration::days(1), now, 10)
        .await
        .unwrap();
    assert!(candidates.iter().all(|candidate| candidate.ip != ip));
}
