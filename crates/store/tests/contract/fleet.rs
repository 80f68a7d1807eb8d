use std::os::unix::fs::PermissionsExt as _;

use model::Name;
use model::fleet::{DeckySpec, DeckyState};
use serde_json::{Value, json};
use store::{DeckyRow, Error, LOCAL, OperationStatus, Store};
use time::macros::datetime;
use uuid::Uuid;

use crate::backend::Bed;

crate::contract! {
    a_decky_comes_back_as_it_was_put
    putting_a_decky_twice_replaces_it_and_of_two_in_one_call_the_last_counts
    changing_the_state_leaves_the_rest_of_the_row
    a_decky_that_is_not_there_is_named_in_the_error
    a_setting_is_read_back_and_replaced
    a_secret_is_made_once_however_many_ask_at_once
    a_cursor_is_kept_per_name
    the_journal_shows_what_a_crash_left_unfinished_with_its_steps
    opening_a_store_again_finds_everything_and_migrates_nothing
    programs_opening_a_new_store_at_once_all_get_it
}

async fn a_decky_comes_back_as_it_was_put(bed: &Bed) {
    let mut row = DeckyRow::pending(spec("web-01"));
    row.last_seen = Some(datetime!(2026-01-31 12:00:00.123456 UTC));
    row.last_error = Some("ende ⏹ \"]".into());
    row.spec_hash = Some(row.spec.spec_hash());
    bed.store.deckies().put(&row).await.unwrap();

    let mut back = bed.store.deckies().get(LOCAL, row.name()).await.unwrap().unwrap();
    assert!(back.updated_at > row.updated_at);
    back.updated_at = row.updated_at;
    assert_eq!(back, row);
    assert_eq!(bed.store.deckies().get("other-host", row.name()).await.unwrap(), None);
}

async fn putting_a_decky_twice_replaces_it_and_of_two_in_one_call_the_last_counts(bed: &Bed) {
    let rows = ["b", "a", "b"].map(|name| DeckyRow::pending(spec(name)));
    bed.store.deckies().put(&rows[0]).await.unwrap();
    let mut rows = rows.to_vec();
    rows[2].state = DeckyState::Running;
    bed.store.deckies().put_all(&rows).await.unwrap();

    let listed = bed.store.deckies().list().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|row| (row.name().as_str(), row.state)).collect();
    assert_eq!(listed, [("a", DeckyState::Pending), ("b", DeckyState::Running)]);
}

async fn changing_the_state_leaves_the_rest_of_the_row(bed: &Bed) {
    let row = DeckyRow::pending(spec("web-01"));
    let (name, at) = (row.name(), datetime!(2026-02-01 00:00 UTC));
    bed.store.deckies().put(&row).await.unwrap();
    bed.store
        .deckies()
        .set_state(LOCAL, name, DeckyState::Failed, Some("no space"))
        .await
        .unwrap();
    bed.store.deckies().set_seen(LOCAL, name, at).await.unwrap();

    let back = bed.store.deckies().get(LOCAL, name).await.unwrap().unwrap();
    assert_eq!(
        (back.state, back.last_error.as_deref()),
        (DeckyState::Failed, Some("no space"))
    );
    assert_eq!((back.last_seen, back.spec), (Some(at), row.spec.clone()));

    bed.store
        .deckies()
        .set_state(LOCAL, name, DeckyState::Running, None)
        .await
        .unwrap();
    assert_eq!(
        bed.store.deckies().get(LOCAL, name).await.unwrap().unwrap().last_error,
        None
    );
}

async fn a_decky_that_is_not_there_is_named_in_the_error(bed: &Bed) {
    let nobody = Name::new("nobody").unwrap();
    let error = bed
        .store
        .deckies()
        .set_state(LOCAL, &nobody, DeckyState::Failed, None)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the store knows no decky `nobody`");
    assert!(!bed.store.deckies().delete(LOCAL, &nobody).await.unwrap());

    let row = DeckyRow::pending(spec("nobody"));
    bed.store.deckies().put(&row).await.unwrap();
    assert!(bed.store.deckies().delete(LOCAL, &nobody).await.unwrap());
    assert_eq!(bed.store.deckies().list().await.unwrap(), []);
}

async fn a_setting_is_read_back_and_replaced(bed: &Bed) {
    let settings = bed.store.settings();
    assert_eq!(settings.get::<Value>("theme").await.unwrap(), None);
    settings.set("theme", &json!({"dark": true})).await.unwrap();
    settings.set("theme", &json!(["nul \u{0}", 1.5])).await.unwrap();
    assert_eq!(
        settings.get::<Value>("theme").await.unwrap(),
        Some(json!(["nul \u{0}", 1.5]))
    );
    assert!(matches!(settings.get::<u32>("theme").await, Err(Error::Corrupt { .. })));

    settings.secret("hidden").await.unwrap();
    assert_eq!(settings.all().await.unwrap().into_keys().collect::<Vec<_>>(), ["theme"]);
    assert!(settings.delete("theme").await.unwrap());
    assert!(!settings.delete("theme").await.unwrap());
}

async fn a_secret_is_made_once_however_many_ask_at_once(bed: &Bed) {
    let other = Store::open(&bed.url).await.unwrap();
    let asked = (0..16).map(|n| {
        let store = if n % 2 == 0 { bed.store.clone() } else { other.clone() };
        tokio::spawn(async move { store.settings().secret("drill").await.unwrap() })
    });
    let mut got = Vec::new();
    for asker in asked.collect::<Vec<_>>() {
        got.push(asker.await.unwrap());
    }
    assert!(got.iter().all(|secret| *secret == got[0]));
    assert_ne!(got[0], [0; 32]);
    assert_ne!(bed.store.settings().secret("another").await.unwrap(), got[0]);
}

async fn a_cursor_is_kept_per_name(bed: &Bed) {
    let cursors = bed.store.cursors();
    cursors
        .set("web-01", &json!({"boot": "0badcafe", "seq": 7}))
        .await
        .unwrap();
    cursors
        .set("web-01", &json!({"boot": "0badcafe", "seq": 8}))
        .await
        .unwrap();
    cursors.set("web-02", &3).await.unwrap();
    assert_eq!(
        cursors.get::<Value>("web-01").await.unwrap(),
        Some(json!({"boot": "0badcafe", "seq": 8}))
    );
    assert_eq!(cursors.get::<u8>("web-02").await.unwrap(), Some(3));
    assert!(cursors.delete("web-02").await.unwrap());
    assert_eq!(cursors.get::<u8>("web-02").await.unwrap(), None);
}

async fn the_journal_shows_what_a_crash_left_unfinished_with_its_steps(bed: &Bed) {
    let operations = bed.store.operations();
    let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    for id in ids {
        operations.begin(id, "deploy", &json!({"deckies": 3})).await.unwrap();
    }
    operations.step(ids[1], &json!("network made")).await.unwrap();
    operations.step(ids[1], &json!("web-01 created")).await.unwrap();
    operations.finish(ids[0], Ok(())).await.unwrap();
    operations.finish(ids[2], Err("address taken")).await.unwrap();

    let unfinished = operations.unfinished().await.unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!((unfinished[0].id, unfinished[0].kind.as_str()), (ids[1], "deploy"));
    assert_eq!(unfinished[0].plan, json!({"deckies": 3}));
    let steps: Vec<_> = unfinished[0].steps.iter().map(|step| step.step.clone()).collect();
    assert_eq!(steps, [json!("network made"), json!("web-01 created")]);

    let latest = operations.latest(2).await.unwrap();
    let latest: Vec<_> = latest
        .iter()
        .map(|of| (of.id, of.status, of.error.as_deref()))
        .collect();
    let expected = [
        (ids[2], OperationStatus::Failed, Some("address taken")),
        (ids[1], OperationStatus::Running, None),
    ];
    assert_eq!(latest, expected);
    assert!(matches!(
        operations.step(Uuid::now_v7(), &0).await,
        Err(Error::Unknown { .. })
    ));
}

async fn opening_a_store_again_finds_everything_and_migrates_nothing(bed: &Bed) {
    bed.store.settings().set("kept", &1).await.unwrap();
    let again = Store::open(&bed.url).await.unwrap();
    assert_eq!(again.settings().get::<u8>("kept").await.unwrap(), Some(1));
    again.ping().await.unwrap();
    again.close().await.unwrap();
    if let Some(dir) = &bed.dir {
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
        }
    }
}

async fn programs_opening_a_new_store_at_once_all_get_it(bed: &Bed) {
    for n in 0..5 {
        let new = match &bed.dir {
            Some(dir) => format!("sqlite://{}", dir.path().join(format!("new/{n}.db")).display()),
            None => crate::backend::empty_database(),
        };
        let opening: Vec<_> = (0..6)
            .map(|_| {
                tokio::spawn({
                    let new = new.clone();
                    async move { Store::open(&new).await }
                })
            })
            .collect();
        for store in opening {
            store.await.unwrap().unwrap().deckies().list().await.unwrap();
        }
    }
}

fn spec(name: &str) -> DeckySpec {
    serde_json::from_value(json!({
        "name": name, "ip": "10.20.0.14", "mac": "02:00:00:00:00:01", "distro": "debian", "image": "debian:12",
        "archetype": null, "nmap_os": "linux", "sysctls": {"net.ipv4.ip_default_ttl": "64"},
        "machine": {
            "generation": 1, "hostname": name, "distro": "debian", "seed": "00", "users": [], "keys": {},
            "services": [{"slug": "ssh", "ports": [{"port": 22}]}]
        },
        "egress": "strict", "limits": {"memory_mib": 384, "cpus": 0.5, "pids": 256, "nofile": 4096},
        "mutate_interval": null
    }))
    .unwrap()
}
