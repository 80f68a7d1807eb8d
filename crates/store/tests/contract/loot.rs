//! What attackers tried and what they left, found again: credentials and artifacts.

use model::Outcome;
use store::{Filter, Page};
use time::Duration;

use crate::backend::Bed;
use crate::sample::{NOON, file, login, piece};

const EVE: &str = "192.0.2.7";
const MAL: &str = "2001:db8::7";

crate::contract! {
    reuse_is_one_secret_for_one_principal_in_several_places
    secrets_that_change_with_each_challenge_are_not_reuse
    credentials_are_found_by_outcome
    artifacts_are_found_by_who_brought_them_and_where
}

async fn reuse_is_one_secret_for_one_principal_in_several_places(bed: &Bed) {
    let events = [
        login(1, EVE, "web-01", "root", "toor", Outcome::Failure),
        login(2, EVE, "db-01", "root", "toor", Outcome::Success),
        login(3, EVE, "web-01", "admin", "toor", Outcome::Failure),
        login(4, EVE, "web-01", "root", "once", Outcome::Failure),
        login(5, EVE, "web-01", "root", "once", Outcome::Failure),
        login(6, EVE, "web-01", "bob", "bob", Outcome::Failure),
        login(7, MAL, "web-01", "bob", "bob", Outcome::Failure),
    ];
    bed.store.ingest(&events).await.unwrap();

    let reuse = bed
        .store
        .credentials()
        .reuse(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    let told: Vec<_> = reuse
        .iter()
        .map(|reuse| {
            (
                reuse.principal.as_deref().unwrap(),
                reuse.deckies.len(),
                reuse.attackers.len(),
                reuse.attempts,
            )
        })
        .collect();
    assert_eq!(told, [("bob", 1, 2, 2), ("root", 2, 1, 2)]);
    assert_eq!(
        (reuse[1].secret.secret_printable.as_str(), reuse[1].successes),
        ("toor", 1)
    );
    assert_eq!(
        (reuse[1].first_seen, reuse[1].last_seen),
        (NOON + Duration::seconds(1), NOON + Duration::seconds(2))
    );

    let first = bed
        .store
        .credentials()
        .reuse(&Filter::default(), &Page::newest(1))
        .await
        .unwrap();
    let second = Page {
        limit: 1,
        after: first.next,
        ..Page::default()
    };
    let second = bed
        .store
        .credentials()
        .reuse(&Filter::default(), &second)
        .await
        .unwrap();
    assert_eq!(
        (first.rows[0].clone(), second.rows[0].clone(), second.next),
        (reuse[0].clone(), reuse[1].clone(), None)
    );
}

async fn secrets_that_change_with_each_challenge_are_not_reuse(bed: &Bed) {
    let events: Vec<_> = (0..4)
        .map(|n| {
            let kind = ["ntlmssp_v2", "scram_sha256", "mysql_native_password", "ssh_pubkey"][n];
            [("web-01", n * 2), ("db-01", n * 2 + 1)].map(|(decky, n)| {
                let mut event = login(n as u64, EVE, decky, "root", "toor", Outcome::Failure);
                event.report.fields["secret_kind"] = kind.into();
                event
            })
        })
        .collect::<Vec<_>>()
        .concat();
    bed.store.ingest(&events).await.unwrap();
    let reuse = bed
        .store
        .credentials()
        .reuse(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    let kinds: Vec<_> = reuse.iter().map(|reuse| reuse.secret.secret_kind.as_ref()).collect();
    assert_eq!(kinds, ["ssh_pubkey"]);
}

async fn credentials_are_found_by_outcome(bed: &Bed) {
    bed.store
        .ingest(&[
            login(1, EVE, "web-01", "root", "no", Outcome::Failure),
            login(2, EVE, "web-01", "root", "yes", Outcome::Success),
        ])
        .await
        .unwrap();
    let worked = Filter {
        outcome: Some(Outcome::Success),
        ..Filter::default()
    };
    let worked = bed
        .store
        .credentials()
        .list(&worked, &Page::default())
        .await
        .unwrap()
        .rows;
    assert_eq!((worked.len(), worked[0].secret.secret_printable.as_str()), (1, "yes"));
    let text = Filter {
        text: Some("NO".into()),
        kind: Some("plaintext".into()),
        ..Filter::default()
    };
    assert_eq!(
        bed.store
            .credentials()
            .list(&text, &Page::default())
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
}

async fn artifacts_are_found_by_who_brought_them_and_where(bed: &Bed) {
    let events = [
        file(1, EVE, "web-01", 'a', "/tmp/miner"),
        file(2, MAL, "db-01", 'b', "/tmp/x"),
        piece(3, EVE, "web-01", "s:0", 0, ""),
    ];
    bed.store.ingest(&events).await.unwrap();
    let filters = [
        (
            Filter {
                attacker: Some(Filter::network(EVE).unwrap()),
                ..Filter::default()
            },
            "a",
        ),
        (
            Filter {
                decky: Some("db-01".into()),
                ..Filter::default()
            },
            "b",
        ),
        (
            Filter {
                text: Some("MINER".into()),
                ..Filter::default()
            },
            "a",
        ),
        (
            Filter {
                text: Some("bbbb".into()),
                ..Filter::default()
            },
            "b",
        ),
        (
            Filter {
                since: Some(NOON + Duration::seconds(2)),
                ..Filter::default()
            },
            "b",
        ),
    ];
    for (filter, expected) in filters {
        let found = bed
            .store
            .artifacts()
            .list(&filter, &Page::default())
            .await
            .unwrap()
            .rows;
        let found: Vec<_> = found.iter().map(|artifact| &artifact.sha256[..1]).collect();
        assert_eq!(found, [expected], "{filter:?}");
    }
}
