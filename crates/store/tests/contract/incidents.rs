use serde_json::json;
use store::{Filter, Incident, Page};
use time::Duration;

use crate::backend::Bed;
use crate::sample::NOON;

const EVE: &str = "192.0.2.7";

crate::contract! {
    an_incident_grows_and_what_an_earlier_state_says_is_passed_over
    incidents_are_listed_newest_first_and_by_attacker
}

fn incident(id: &str, source: &str, minutes: i64, findings: &[&str]) -> Incident {
    Incident {
        id: id.to_owned(),
        scope: "ip".to_owned(),
        source: source.to_owned(),
        attacker_ip: source.parse().ok(),
        score: 86,
        severity: "critical".to_owned(),
        stages: vec!["Reconnaissance".to_owned(), "Execution".to_owned()],
        findings: findings.iter().map(|&id| id.to_owned()).collect(),
        first_at: NOON,
        last_at: NOON + Duration::minutes(minutes),
        detail: json!({ "id": id, "asset_count": 2 }),
    }
}

async fn an_incident_grows_and_what_an_earlier_state_says_is_passed_over(bed: &Bed) {
    let incidents = bed.store.incidents();
    incidents.put(&[]).await.unwrap();
    incidents.put(&[incident("I-1", EVE, 1, &["F-1"])]).await.unwrap();
    let grown = incident("I-1", EVE, 5, &["F-1", "F-2"]);
    incidents.put(std::slice::from_ref(&grown)).await.unwrap();
    incidents.put(&[incident("I-1", EVE, 2, &["F-1"])]).await.unwrap();
    assert_eq!(incidents.get("I-1").await.unwrap(), Some(grown));
    assert_eq!(incidents.get("I-2").await.unwrap(), None);
}

async fn incidents_are_listed_newest_first_and_by_attacker(bed: &Bed) {
    let incidents = bed.store.incidents();
    let both = [
        incident("I-1", EVE, 1, &["F-1"]),
        incident("I-2", "agent-9", 2, &["F-2"]),
    ];
    incidents.put(&both).await.unwrap();
    let listed = incidents.list(&Filter::default(), &Page::newest(10)).await.unwrap();
    assert_eq!(listed.rows, [both[1].clone(), both[0].clone()]);
    let filter = Filter {
        attacker: Some(EVE.parse::<std::net::IpAddr>().unwrap().into()),
        ..Filter::default()
    };
    let listed = incidents.list(&filter, &Page::newest(10)).await.unwrap();
    assert_eq!(listed.rows, [both[0].clone()]);
}
