use store::Narrative;
use time::Duration;

use crate::backend::Bed;
use crate::findings::finding;
use crate::sample::NOON;

crate::contract! {
    each_detection_is_written_about_once_and_again_when_that_failed
    what_was_written_is_shown_with_the_finding_and_outlives_its_growth
}

fn narrative(status: &str, digest: &str) -> Narrative {
    Narrative {
        status: status.to_owned(),
        model: "small".to_owned(),
        hypothesis: "h".to_owned(),
        report: "r".to_owned(),
        cached: false,
        digest: digest.to_owned(),
    }
}

async fn each_detection_is_written_about_once_and_again_when_that_failed(bed: &Bed) {
    let mut notice = finding(3, 60, "high");
    notice.class = "notice".to_owned();
    let found = [finding(1, 60, "high"), finding(2, 60, "high"), notice];
    bed.store.findings().put(&found).await.unwrap();
    let narratives = bed.store.narratives();
    let missing = async |before| -> Vec<String> {
        let missing = narratives.missing(before, 10).await.unwrap();
        missing.into_iter().map(|finding| finding.id).collect()
    };
    assert_eq!(missing(NOON).await, [found[1].id.clone(), found[0].id.clone()]);
    narratives.put(&found[0].id, &narrative("ok", "a"), NOON).await.unwrap();
    narratives
        .put(&found[1].id, &narrative("offline", "b"), NOON)
        .await
        .unwrap();
    assert!(missing(NOON - Duration::minutes(1)).await.is_empty());
    assert_eq!(missing(NOON + Duration::minutes(1)).await, [found[1].id.clone()]);
    assert_eq!(narratives.of_digest("a").await.unwrap(), Some(narrative("ok", "a")));
    assert_eq!(
        narratives.of_digest("b").await.unwrap(),
        None,
        "a failure is nothing to copy"
    );
}

async fn what_was_written_is_shown_with_the_finding_and_outlives_its_growth(bed: &Bed) {
    let findings = bed.store.findings();
    findings.put(&[finding(1, 60, "high")]).await.unwrap();
    let id = finding(1, 60, "high").id;
    bed.store
        .narratives()
        .put(&id, &narrative("ok", "a"), NOON)
        .await
        .unwrap();
    findings.put(&[finding(1, 90, "critical")]).await.unwrap();
    let shown = findings.get(&id).await.unwrap().unwrap();
    assert_eq!(
        (shown.confidence, &shown.detail["narrative"]["report"]),
        (90, &"r".into())
    );
    assert_eq!(shown.detail["count"], 1);
}
