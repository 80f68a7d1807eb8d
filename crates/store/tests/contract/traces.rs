use model::Outcome;
use store::Changed;
use time::Duration;

use crate::backend::Bed;
use crate::sample::{NOON, command, connect, event, file, login};

const EVE: &str = "192.0.2.7";
const MAL: &str = "2001:db8::7";

crate::contract! {
    what_addresses_left_is_read_together
    of_a_flood_the_oldest_is_read
    whoever_something_was_stored_of_has_changed
    a_first_contact_is_told_once
}

async fn what_addresses_left_is_read_together(bed: &Bed) {
    let kex = serde_json::from_value(serde_json::json!({"hassh": "aa11"})).unwrap();
    let events = [
        connect(1, EVE, "web-01"),
        event(2, EVE, "web-01", "ssh_client_kex", kex),
        login(3, EVE, "web-01", "root", "guess", Outcome::Failure),
        login(4, EVE, "web-01", "root", "right", Outcome::Success),
        command(5, EVE, "web-01", "uname -a"),
        file(6, EVE, "db-01", 'a', "/tmp/x"),
        connect(7, MAL, "db-01"),
    ];
    bed.store.ingest(&events).await.unwrap();
    let asked = [EVE, MAL, "192.0.2.99"].map(str::to_owned);
    let traces = bed.store.traces().of(&asked).await.unwrap();
    assert_eq!(
        traces.iter().map(|trace| trace.ip.as_str()).collect::<Vec<_>>(),
        [EVE, MAL]
    );
    let eve = &traces[0];
    let at = |n: i64| NOON + Duration::seconds(n);
    assert_eq!((eve.first_seen, eve.last_seen, eve.identity), (at(1), at(6), None));
    assert_eq!(
        eve.marks
            .iter()
            .map(|mark| (&*mark.kind, &*mark.value))
            .collect::<Vec<_>>(),
        [("hassh", "aa11")]
    );
    assert_eq!((eve.commands.len(), &*eve.commands[0].command), (1, "uname -a"));
    assert_eq!((&*eve.files[0].decky, eve.files[0].at), ("db-01", at(6)));
    let tried: Vec<_> = eve
        .attempts
        .iter()
        .map(|attempt| (&*attempt.secret, attempt.successes, attempt.failures))
        .collect();
    assert_eq!(tried, [("guess", 0, 1), ("right", 1, 0)]);
    assert_eq!(eve.contacts.len(), 2);
    assert!(traces[1].commands.is_empty() && traces[1].contacts.len() == 1);
    assert_eq!(bed.store.traces().addresses(None, 1).await.unwrap(), [EVE]);
    assert_eq!(bed.store.traces().addresses(Some(EVE), 9).await.unwrap(), [MAL]);
}

async fn of_a_flood_the_oldest_is_read(bed: &Bed) {
    let flood: Vec<_> = (1..=2_100)
        .map(|n| command(n, EVE, "web-01", &format!("echo {n}")))
        .collect();
    bed.store.ingest(&flood).await.unwrap();
    let traces = bed.store.traces().of(&[EVE.to_owned()]).await.unwrap();
    let commands = &traces[0].commands;
    assert_eq!(
        (commands.len(), &*commands[0].command, &*commands[1_999].command),
        (2_000, "echo 1", "echo 2000")
    );
}

async fn whoever_something_was_stored_of_has_changed(bed: &Bed) {
    bed.store
        .ingest(&[connect(1, EVE, "web-01"), connect(2, MAL, "web-01")])
        .await
        .unwrap();
    let first = bed.store.traces().changed(0, 1).await.unwrap();
    assert_eq!(
        (first.ips.into_iter().collect::<Vec<_>>(), first.more),
        (vec![EVE.to_owned()], true)
    );
    let rest = bed.store.traces().changed(first.last, 10).await.unwrap();
    assert_eq!(
        (rest.ips.into_iter().collect::<Vec<_>>(), rest.more),
        (vec![MAL.to_owned()], false)
    );
    let nothing = bed.store.traces().changed(rest.last, 10).await.unwrap();
    assert_eq!(
        nothing,
        Changed {
            last: rest.last,
            ..Changed::default()
        }
    );
}

async fn a_first_contact_is_told_once(bed: &Bed) {
    let done = bed
        .store
        .ingest(&[connect(2, EVE, "web-01"), connect(1, EVE, "db-01")])
        .await
        .unwrap();
    assert_eq!(done.first.len(), 1);
    let first = &done.first[0];
    assert_eq!(
        (first.ip.to_string(), &*first.decky, &*first.kind),
        (EVE.to_owned(), "db-01", "connect")
    );
    assert_eq!(first.at, NOON + Duration::seconds(1));
    let again = bed
        .store
        .ingest(&[connect(3, EVE, "web-01"), connect(4, MAL, "web-01")])
        .await
        .unwrap();
    assert_eq!(
        again.first.iter().map(|first| first.ip.to_string()).collect::<Vec<_>>(),
        [MAL]
    );
}
