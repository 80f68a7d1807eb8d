use time::Duration;

use crate::backend::Bed;
use crate::findings::finding;
use crate::sample::NOON;

crate::contract! {
    a_finding_is_to_be_told_once_and_again_when_it_is_graver
    what_is_put_off_is_due_later_and_what_is_settled_never
}

async fn a_finding_is_to_be_told_once_and_again_when_it_is_graver(bed: &Bed) {
    let (findings, deliveries) = (bed.store.findings(), bed.store.deliveries());
    findings.put(&[finding(1, 60, "high")]).await.unwrap();
    let unanswered = deliveries.unanswered(10).await.unwrap();
    assert_eq!(unanswered.len(), 1);
    let to = ["alert".to_owned(), "webhook:soc".to_owned()];
    assert_eq!(deliveries.plan(&unanswered[0], &to, NOON).await.unwrap(), [""; 0]);
    assert!(deliveries.unanswered(10).await.unwrap().is_empty());
    // Surer, and as grave as before: no news.
    findings.put(&[finding(1, 70, "high")]).await.unwrap();
    assert!(deliveries.unanswered(10).await.unwrap().is_empty());
    findings.put(&[finding(1, 90, "critical")]).await.unwrap();
    let unanswered = deliveries.unanswered(10).await.unwrap();
    assert_eq!(unanswered[0].severity, "critical");
    for _ in 0..2 {
        deliveries.plan(&unanswered[0], &to, NOON).await.unwrap();
    }
    let due = deliveries.due("alert", NOON, 10).await.unwrap();
    let mut severities: Vec<_> = due.iter().map(|delivery| delivery.severity.as_str()).collect();
    severities.sort_unstable();
    assert_eq!(severities, ["critical", "high"]);
    assert_eq!(deliveries.waiting("webhook:soc").await.unwrap(), 2);
}

async fn what_is_put_off_is_due_later_and_what_is_settled_never(bed: &Bed) {
    let (findings, deliveries) = (bed.store.findings(), bed.store.deliveries());
    let found = [finding(1, 60, "high"), finding(2, 60, "high"), finding(3, 60, "high")];
    findings.put(&found).await.unwrap();
    for found in &found {
        deliveries.plan(found, &["alert".to_owned()], NOON).await.unwrap();
    }
    let due = deliveries.due("alert", NOON, 10).await.unwrap();
    let soon = NOON + Duration::seconds(2);
    deliveries.put_off(&due[0], "away", soon).await.unwrap();
    deliveries.told(&due[1]).await.unwrap();
    deliveries.give_up(&due[2], "refused").await.unwrap();
    assert!(deliveries.due("alert", NOON, 10).await.unwrap().is_empty());
    let again = deliveries.due("alert", soon, 10).await.unwrap();
    assert_eq!((again.len(), again[0].tries), (1, 1));
    assert_eq!(again[0].finding.id, due[0].finding.id);
    let later = NOON + Duration::days(31);
    assert_eq!(deliveries.forget(Duration::days(30), later).await.unwrap(), 2);
    assert_eq!(
        deliveries.waiting("alert").await.unwrap(),
        1,
        "what waits is not forgotten"
    );
}
