use serde_json::json;
use store::{Filter, Finding, Page};
use time::Duration;

use crate::backend::Bed;
use crate::sample::{NOON, connect};

const EVE: &str = "192.0.2.7";

crate::contract! {
    a_finding_found_again_is_the_same_and_only_grows
    findings_are_listed_newest_first_and_by_attacker_severity_and_rule
    what_somebody_has_seen_to_stays_seen_to
}

pub(crate) fn finding(n: i64, confidence: u8, severity: &str) -> Finding {
    Finding {
        id: format!("F-{n:016x}"),
        rule: if n % 2 == 0 { "decoy.touch" } else { "net.sweep" }.to_owned(),
        class: "detection".to_owned(),
        severity: severity.to_owned(),
        confidence,
        source: EVE.to_owned(),
        attacker_ip: Some(EVE.parse().unwrap()),
        stage: Some("Reconnaissance".to_owned()),
        mitre: vec!["T1046".to_owned()],
        reason: format!("number {n}"),
        first_at: NOON,
        last_at: NOON + Duration::minutes(n),
        acknowledged_at: None,
        detail: json!({ "count": n }),
    }
}

async fn a_finding_found_again_is_the_same_and_only_grows(bed: &Bed) {
    let findings = bed.store.findings();
    assert_eq!(findings.put(&[]).await.unwrap(), [""; 0]);
    let first = finding(1, 60, "high");
    assert_eq!(
        findings.put(std::slice::from_ref(&first)).await.unwrap(),
        [first.id.as_str()]
    );
    assert_eq!(findings.put(std::slice::from_ref(&first)).await.unwrap(), [""; 0]);
    assert_eq!(findings.get(&first.id).await.unwrap(), Some(first.clone()));
    let surer = Finding {
        mitre: vec!["T1110".to_owned()],
        ..finding(1, 80, "critical")
    };
    assert_eq!(
        findings.put(std::slice::from_ref(&surer)).await.unwrap(),
        [first.id.as_str()]
    );
    assert_eq!(findings.put(&[first]).await.unwrap(), [""; 0], "less sure than before");
    assert_eq!(findings.get(&surer.id).await.unwrap(), Some(surer));
    let techniques = findings.techniques(EVE.parse().unwrap()).await.unwrap();
    assert!(techniques.iter().eq(["T1110"]));
}

async fn findings_are_listed_newest_first_and_by_attacker_severity_and_rule(bed: &Bed) {
    bed.store.ingest(&[connect(1, EVE, "web-01")]).await.unwrap();
    let all: Vec<_> = (1..=4)
        .map(|n| finding(n, 60, if n < 3 { "high" } else { "medium" }))
        .collect();
    bed.store.findings().put(&all).await.unwrap();
    let list = async |filter: Filter| {
        let listed = bed.store.findings().list(&filter, &Page::newest(10)).await.unwrap();
        listed.rows.into_iter().map(|row| row.reason).collect::<Vec<_>>()
    };
    assert_eq!(
        list(Filter::default()).await,
        ["number 4", "number 3", "number 2", "number 1"]
    );
    let high = Filter {
        kind: Some("high".to_owned()),
        ..Filter::default()
    };
    assert_eq!(list(high).await, ["number 2", "number 1"]);
    let rule = Filter {
        service: Some("decoy.touch".to_owned()),
        since: Some(NOON + Duration::minutes(3)),
        ..Filter::default()
    };
    assert_eq!(list(rule).await, ["number 4"]);
    for (net, count) in [(EVE, 4), ("192.0.2.0/24", 4), ("198.51.100.0/24", 0)] {
        let from = Filter {
            attacker: Some(Filter::network(net).unwrap()),
            ..Filter::default()
        };
        assert_eq!(list(from).await.len(), count, "{net}");
    }
}

async fn what_somebody_has_seen_to_stays_seen_to(bed: &Bed) {
    let findings = bed.store.findings();
    let one = finding(1, 60, "high");
    findings.put(std::slice::from_ref(&one)).await.unwrap();
    assert!(findings.acknowledge(&one.id).await.unwrap());
    assert!(!findings.acknowledge("F-0").await.unwrap());
    findings.put(&[finding(1, 90, "critical")]).await.unwrap();
    let stored = findings.get(&one.id).await.unwrap().unwrap();
    assert!(stored.acknowledged_at.is_some() && stored.confidence == 90);
}
