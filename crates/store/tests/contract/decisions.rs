use store::{Action, Decision, Filter, Page};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::NOON;

const EVE: &str = "192.0.2.7";

crate::contract! {
    one_decision_stands_about_a_value_and_ends_with_its_time
    a_released_decision_is_remembered_for_its_rule
    decisions_are_listed_newest_first_and_by_action_and_value
}

fn decision(n: u128, value: &str, action: Action, at: OffsetDateTime) -> Decision {
    Decision {
        id: Uuid::from_u128(n),
        at,
        scope: "ip".to_owned(),
        value: value.to_owned(),
        action,
        reason: format!("number {n}"),
        rule: Some("decoy.touch".to_owned()),
        finding: None,
        until: Some(at + Duration::hours(1)),
        by: "isolate".to_owned(),
        simulated: false,
        released_at: None,
    }
}

async fn one_decision_stands_about_a_value_and_ends_with_its_time(bed: &Bed) {
    let decisions = bed.store.decisions();
    let minute = |n| NOON + Duration::minutes(n);
    decisions
        .add(&decision(1, EVE, Action::Block, minute(0)))
        .await
        .unwrap();
    decisions
        .add(&decision(2, EVE, Action::Shunt, minute(1)))
        .await
        .unwrap();
    decisions
        .add(&decision(3, "192.0.2.8", Action::Shunt, minute(2)))
        .await
        .unwrap();
    let simulated = Decision {
        simulated: true,
        ..decision(4, EVE, Action::Shunt, minute(3))
    };
    decisions.add(&simulated).await.unwrap();
    let ids = |standing: Vec<Decision>| {
        standing
            .iter()
            .map(|decision| decision.id.as_u128())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(decisions.standing(minute(3)).await.unwrap()),
        [2, 3, 4],
        "a simulation ends nothing real"
    );
    assert_eq!(
        ids(decisions.standing(minute(61)).await.unwrap()),
        [3, 4],
        "at its time it is over"
    );
    assert_eq!(
        decisions
            .release(&Uuid::from_u128(3).to_string(), minute(4))
            .await
            .unwrap(),
        1
    );
    assert_eq!(decisions.release("192.0.2.8", minute(4)).await.unwrap(), 0);
    assert_eq!(decisions.flush(minute(5)).await.unwrap(), 2);
    assert!(decisions.standing(minute(5)).await.unwrap().is_empty());
}

async fn a_released_decision_is_remembered_for_its_rule(bed: &Bed) {
    let decisions = bed.store.decisions();
    let hour = |n| NOON + Duration::hours(n);
    decisions.add(&decision(1, EVE, Action::Shunt, NOON)).await.unwrap();
    assert!(!decisions.was_released("decoy.touch", EVE, hour(-1)).await.unwrap());
    decisions.release(EVE, NOON + Duration::minutes(5)).await.unwrap();
    assert!(decisions.was_released("decoy.touch", EVE, NOON).await.unwrap());
    assert!(
        !decisions.was_released("decoy.touch", EVE, hour(1)).await.unwrap(),
        "long ago"
    );
    assert!(
        !decisions.was_released("http.recon", EVE, NOON).await.unwrap(),
        "by another rule"
    );
}

async fn decisions_are_listed_newest_first_and_by_action_and_value(bed: &Bed) {
    let decisions = bed.store.decisions();
    let noted = [
        decision(1, EVE, Action::Block, NOON),
        decision(2, "192.0.2.8", Action::Shunt, NOON + Duration::minutes(1)),
    ];
    decisions.note(&noted).await.unwrap();
    let listed = async |filter: Filter| decisions.list(&filter, &Page::newest(10)).await.unwrap().rows;
    assert_eq!(listed(Filter::default()).await, [noted[1].clone(), noted[0].clone()]);
    let blocks = Filter {
        kind: Some("block".to_owned()),
        ..Filter::default()
    };
    assert_eq!(listed(blocks).await, [noted[0].clone()]);
    let about = Filter {
        text: Some("192.0.2.8".to_owned()),
        ..Filter::default()
    };
    assert_eq!(listed(about).await, [noted[1].clone()]);
}
