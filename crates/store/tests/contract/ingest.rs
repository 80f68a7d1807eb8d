use model::{Event, EventId, Fields, Origin, Outcome};
use serde_json::json;
use store::{AttackerSort, Filter, OriginFilter, Page, Store};
use time::Duration;
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::{NOON, command, connect, end, event, file, login, piece, start};

const EVE: &str = "192.0.2.7";
const MAL: &str = "2001:db8::7";

crate::contract! {
    an_event_comes_back_as_it_was_told
    an_event_told_twice_is_stored_and_counted_once
    an_attacker_is_counted_over_batches_by_address
    a_v4_address_in_v6_clothes_is_one_attacker
    a_session_comes_together_from_pieces_in_any_order
    the_pieces_of_a_recording_lie_with_their_session_and_not_among_the_events
    the_same_try_again_raises_its_counters_and_another_is_another_credential
    asking_for_the_ways_in_is_no_credential
    hostile_bytes_are_kept_or_marked_and_never_refused
    an_event_whose_fields_do_not_fit_its_kind_is_stored_all_the_same
    files_are_told_apart_by_what_they_hold
    what_the_grid_does_itself_counts_nowhere
    a_drill_is_marked_and_counts_nowhere_and_only_while_it_runs
    a_forged_drill_hides_nobody
    two_workers_with_the_same_events_store_each_once
    many_events_in_one_call_are_all_stored
}

async fn an_event_comes_back_as_it_was_told(bed: &Bed) {
    let fields = json!({"path": "/a\u{0}\"]\\\r\n", "list": [1, null, {"ü": true}], "big": 1.5});
    let told = event(1, MAL, "web-01", "request", fields.as_object().unwrap().clone());
    let done = bed.store.ingest(std::slice::from_ref(&told)).await.unwrap();
    assert_eq!((done.new, done.duplicates, done.new_ids), (1, 0, vec![told.report.id]));

    let kept = bed.store.events().get(told.report.id).await.unwrap().unwrap();
    assert_eq!(kept.event, told);
    assert_eq!(bed.store.events().last().await.unwrap(), kept.n);
    assert_eq!(bed.store.events().get(EventId(Uuid::from_u128(9))).await.unwrap(), None);
}

async fn an_event_told_twice_is_stored_and_counted_once(bed: &Bed) {
    let events = [
        connect(1, EVE, "web-01"),
        login(2, EVE, "web-01", "root", "toor", Outcome::Failure),
        command(3, EVE, "web-01", "id"),
        start(4, EVE, "web-01", "s:0"),
        piece(5, EVE, "web-01", "s:0", 0, "hello"),
        file(6, EVE, "web-01", 'a', "/tmp/x"),
        connect(1, EVE, "web-01"),
    ];
    let done = bed.store.ingest(&events).await.unwrap();
    assert_eq!((done.new, done.duplicates), (6, 1));
    let before = everything(&bed.store).await;
    let done = bed.store.ingest(&events).await.unwrap();
    assert_eq!((done.new, done.duplicates, done.new_ids.len()), (0, 7, 0));
    assert_eq!(everything(&bed.store).await, before);

    let eve = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    let counts = [
        eve.events,
        eve.logins,
        eve.credentials,
        eve.commands,
        eve.sessions,
        eve.files,
    ];
    assert_eq!(counts, [5, 1, 1, 1, 1, 1]);
}

async fn an_attacker_is_counted_over_batches_by_address(bed: &Bed) {
    bed.store
        .ingest(&[connect(5, EVE, "web-01"), connect(3, MAL, "db-01")])
        .await
        .unwrap();
    bed.store
        .ingest(&[connect(2, EVE, "db-01"), connect(9, EVE, "web-01")])
        .await
        .unwrap();

    let eve = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(eve.events, 3);
    assert_eq!(
        (eve.first_seen, eve.last_seen),
        (NOON + Duration::seconds(2), NOON + Duration::seconds(9))
    );
    assert_eq!(eve.deckies.iter().collect::<Vec<_>>(), ["db-01", "web-01"]);
    assert_eq!(eve.services.iter().collect::<Vec<_>>(), ["ssh"]);
    let mal = bed.store.attackers().get(MAL.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((mal.events, mal.deckies.len()), (1, 1));
}

async fn a_v4_address_in_v6_clothes_is_one_attacker(bed: &Bed) {
    bed.store
        .ingest(&[connect(1, EVE, "web-01"), connect(2, "::ffff:192.0.2.7", "web-01")])
        .await
        .unwrap();
    let all = bed
        .store
        .attackers()
        .list(&Filter::default(), AttackerSort::Recent, &Page::default())
        .await
        .unwrap();
    assert_eq!(all.rows.len(), 1);
    assert_eq!((all.rows[0].ip.to_string().as_str(), all.rows[0].events), (EVE, 2));
}

async fn a_session_comes_together_from_pieces_in_any_order(bed: &Bed) {
    let told = [
        start(10, EVE, "web-01", "s:0"),
        piece(11, EVE, "web-01", "s:0", 0, "$ "),
        piece(12, EVE, "web-01", "s:0", 1, "exit\r\n"),
        end(15, EVE, "web-01", "s:0"),
    ];
    let elsewhere = told.clone().map(|mut event| {
        event.decky = model::Name::new("db-01").unwrap();
        event.report.id = EventId(Uuid::from_u128(event.report.id.0.as_u128() + 100));
        event
    });
    bed.store.ingest(&told).await.unwrap();
    for event in elsewhere.iter().rev() {
        bed.store.ingest(std::slice::from_ref(event)).await.unwrap();
    }

    let listed = bed
        .store
        .sessions()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    assert_eq!(listed.len(), 2);
    for session in &listed {
        assert_eq!((session.sid.as_str(), session.mode.as_deref()), ("s:0", Some("shell")));
        assert_eq!(
            (session.user.as_deref(), session.attacker_ip.as_deref()),
            (Some("root"), Some(EVE))
        );
        assert_eq!(
            (session.cols, session.rows, session.chunks, session.recorded),
            (Some(120), Some(40), 2, 8)
        );
        assert_eq!(session.ended_at, Some(NOON + Duration::seconds(15)));
        assert_eq!(
            (session.duration_ms, session.bytes, session.truncated),
            (Some(5_000), Some(11), true)
        );
        assert_eq!(
            (session.exit_status, session.reason.as_deref()),
            (Some(127), Some("exit"))
        );
        assert_eq!(session.started_at, NOON + Duration::seconds(10));
    }
    assert_ne!(listed[0].decky, listed[1].decky);
}

async fn the_pieces_of_a_recording_lie_with_their_session_and_not_among_the_events(bed: &Bed) {
    let pieces: Vec<_> = (0..5)
        .rev()
        .map(|n| piece(n, EVE, "web-01", "s:0", n, &format!("{n}\u{0}é")))
        .collect();
    bed.store.ingest(&pieces).await.unwrap();
    let all = Filter {
        origin: OriginFilter::All,
        ..Filter::default()
    };
    assert_eq!(bed.store.events().list(&all, &Page::default()).await.unwrap().rows, []);

    let session = bed.store.sessions().find("s:").await.unwrap().remove(0);
    assert_eq!((session.chunks, session.mode.as_deref()), (5, None));
    let begin = bed.store.sessions().recording(&session, None, 2).await.unwrap();
    let rest = bed
        .store
        .sessions()
        .recording(&session, Some(begin[1].n), 100)
        .await
        .unwrap();
    let data: Vec<_> = begin
        .iter()
        .chain(&rest)
        .map(|chunk| (chunk.n, chunk.data.clone()))
        .collect();
    assert_eq!(
        data,
        (0..5)
            .map(|n| (n, format!("{n}\u{0}é").into_bytes()))
            .collect::<Vec<_>>()
    );
    assert_eq!((rest[0].t_us, rest[0].ch, rest[0].hidden), (2_000, 'o', false));
}

async fn the_same_try_again_raises_its_counters_and_another_is_another_credential(bed: &Bed) {
    bed.store
        .ingest(&[
            login(1, EVE, "web-01", "root", "toor", Outcome::Failure),
            login(2, EVE, "web-01", "root", "toor", Outcome::Success),
        ])
        .await
        .unwrap();
    bed.store
        .ingest(&[
            login(9, EVE, "web-01", "root", "toor", Outcome::Failure),
            login(4, EVE, "web-01", "admin", "toor", Outcome::Failure),
        ])
        .await
        .unwrap();

    let listed = bed
        .store
        .credentials()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    assert_eq!(listed.len(), 2);
    let toor = &listed[0];
    assert_eq!(
        (toor.principal.as_deref(), toor.attempts, toor.successes, toor.failures),
        (Some("root"), 3, 1, 2)
    );
    assert_eq!(
        (toor.first_seen, toor.last_seen),
        (NOON + Duration::seconds(1), NOON + Duration::seconds(9))
    );
    assert_eq!(
        (toor.secret.secret_kind.as_ref(), toor.secret.bytes().unwrap()),
        ("plaintext", b"toor".to_vec())
    );
    assert_eq!(toor.fields, *json!({"method": "password"}).as_object().unwrap());
    assert!(
        !format!("{toor:?}").contains("dG9vcg"),
        "a secret shows in debug output"
    );
    let eve = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((eve.logins, eve.credentials), (4, 2));
}

async fn asking_for_the_ways_in_is_no_credential(bed: &Bed) {
    let mut asked = login(1, EVE, "web-01", "root", "", Outcome::Failure);
    asked.report.fields.insert("secret_kind".into(), json!("none"));
    bed.store.ingest(&[asked]).await.unwrap();
    let (all, page) = (Filter::default(), Page::default());
    let listed = bed.store.credentials().list(&all, &page).await.unwrap();
    assert!(listed.rows.is_empty());
    let eve = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((eve.events, eve.logins, eve.credentials), (1, 0, 0));
}

async fn hostile_bytes_are_kept_or_marked_and_never_refused(bed: &Bed) {
    let nasty = "a\u{0}b'; DROP TABLE events; --\u{202e}\"\\%_\r\n";
    let long = "x".repeat(100_000);
    let events = [
        login(1, EVE, "web-01", nasty, nasty, Outcome::Failure),
        login(2, EVE, "web-01", &long, &long, Outcome::Failure),
        command(3, EVE, "web-01", nasty),
        command(4, EVE, "web-01", &long),
        file(5, EVE, "web-01", 'b', nasty),
        start(6, EVE, "web-01", nasty),
        piece(7, EVE, "web-01", nasty, u64::MAX, nasty),
        event(
            8,
            EVE,
            "web-01",
            "request",
            Fields::from_iter([(long.clone(), json!(long))]),
        ),
    ];
    assert_eq!(bed.store.ingest(&events).await.unwrap().new, 8);

    let commands = bed
        .store
        .commands()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    assert_eq!(commands[1].command, nasty.replace('\0', "\u{fffd}"));
    assert!((1_000..100_000).contains(&commands[0].command.len()));
    let kept = bed.store.events().get(events[2].report.id).await.unwrap().unwrap();
    assert_eq!(kept.event, events[2]);
    let cut = bed.store.events().get(events[7].report.id).await.unwrap().unwrap();
    assert_eq!(cut.event.report.fields["fields_trunc"], true);
    let found = Filter {
        text: Some("%_\r\n".into()),
        ..Filter::default()
    };
    assert_eq!(
        bed.store
            .commands()
            .list(&found, &Page::default())
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
    assert!(
        bed.store
            .events()
            .list(&found, &Page::default())
            .await
            .unwrap()
            .rows
            .len()
            >= 3
    );
}

async fn an_event_whose_fields_do_not_fit_its_kind_is_stored_all_the_same(bed: &Bed) {
    let fields = || {
        json!({"sid": 7, "command": [], "secret_b64": "*", "sha256": "nope"})
            .as_object()
            .unwrap()
            .clone()
    };
    let kinds = [
        "tty",
        "command",
        "auth_attempt",
        "session_start",
        "session_end",
        "file_captured",
    ];
    let events: Vec<_> = (0..)
        .zip(kinds)
        .map(|(n, kind)| event(n, EVE, "web-01", kind, fields()))
        .collect();
    assert_eq!(bed.store.ingest(&events).await.unwrap().new, 6);
    assert_eq!(bed.store.ingest(&events).await.unwrap().new, 0);
    let eve = bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((eve.events, eve.commands, eve.logins, eve.files), (6, 0, 0, 0));
}

async fn files_are_told_apart_by_what_they_hold(bed: &Bed) {
    bed.store
        .ingest(&[
            file(1, EVE, "web-01", 'a', "/tmp/x"),
            file(2, MAL, "db-01", 'a', "/dev/shm/y"),
        ])
        .await
        .unwrap();
    bed.store.ingest(&[file(3, EVE, "db-01", 'b', "/tmp/z")]).await.unwrap();

    let listed = bed
        .store
        .artifacts()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    let digits: Vec<_> = listed
        .iter()
        .map(|artifact| (&artifact.sha256[..1], artifact.sightings))
        .collect();
    assert_eq!(digits, [("b", 1), ("a", 2)]);
    let seen: Vec<_> = listed[1]
        .seen
        .iter()
        .map(|seen| (seen.path.as_str(), seen.decky.as_str()))
        .collect();
    assert_eq!(seen, [("/dev/shm/y", "db-01"), ("/tmp/x", "web-01")]);
    assert_eq!(
        (listed[1].size, listed[1].first_seen),
        (42, NOON + Duration::seconds(1))
    );
    let one = bed.store.artifacts().get(&"a".repeat(64)).await.unwrap().unwrap();
    assert_eq!(one, listed[1]);
}

async fn what_the_grid_does_itself_counts_nowhere(bed: &Bed) {
    let own = every_kind(EVE).map(|mut event| {
        event.report.origin = Origin::Internal;
        event
    });
    assert_eq!(bed.store.ingest(&own).await.unwrap().new, own.len());
    assert_eq!(everything(&bed.store).await, nothing());
    let own = Filter {
        origin: OriginFilter::Only(Origin::Internal),
        ..Filter::default()
    };
    assert_eq!(
        bed.store
            .events()
            .list(&own, &Page::default())
            .await
            .unwrap()
            .rows
            .len(),
        6
    );
}

async fn a_drill_is_marked_and_counts_nowhere_and_only_while_it_runs(bed: &Bed) {
    let drill = bed.store.drills().begin(EVE.parse().unwrap()).await.unwrap();
    let during = every_kind(EVE).map(|event| at(event, drill.started_at + Duration::seconds(1)));
    let done = bed.store.ingest(&during).await.unwrap();
    assert_eq!((done.new, done.drill_ids.len()), (6, 6));
    assert_eq!(everything(&bed.store).await, nothing());
    bed.store.drills().end(drill.id).await.unwrap();

    let before = at(connect(50, EVE, "web-01"), drill.started_at - Duration::microseconds(1));
    let late = at(connect(51, EVE, "web-01"), drill.started_at + Duration::seconds(30));
    let after = at(connect(52, EVE, "web-01"), drill.started_at + Duration::hours(1));
    let other = at(connect(53, MAL, "web-01"), drill.started_at + Duration::seconds(1));
    let done = bed
        .store
        .ingest(&[before.clone(), late.clone(), after.clone(), other.clone()])
        .await
        .unwrap();
    assert_eq!(done.drill_ids.into_iter().collect::<Vec<_>>(), [late.report.id]);

    let drilled = bed.store.drills().events(drill.id).await.unwrap();
    assert_eq!(drilled.len(), 7);
    assert!(drilled.iter().all(|event| event.event.report.origin == Origin::Drill));
    let peers = bed
        .store
        .events()
        .list(&Filter::default(), &Page::default())
        .await
        .unwrap()
        .rows;
    let peers: Vec<_> = peers.iter().map(|event| event.event.report.id).collect();
    assert_eq!(peers, [after.report.id, other.report.id, before.report.id]);
}

async fn a_forged_drill_hides_nobody(bed: &Bed) {
    let genuine = bed.store.drills().begin(MAL.parse().unwrap()).await.unwrap();
    bed.alter(&format!("UPDATE drills SET ip = '{EVE}'")).await;
    let during = at(connect(1, EVE, "web-01"), genuine.started_at + Duration::seconds(1));
    assert_eq!(bed.store.ingest(&[during]).await.unwrap().drill_ids.len(), 0);
    assert_eq!(
        bed.store
            .attackers()
            .get(EVE.parse().unwrap())
            .await
            .unwrap()
            .unwrap()
            .events,
        1
    );
}

async fn two_workers_with_the_same_events_store_each_once(bed: &Bed) {
    let other = Store::open(&bed.url).await.unwrap();
    let events: Vec<_> = (0..1_200)
        .map(|n| {
            login(
                n,
                if n % 3 == 0 { EVE } else { MAL },
                "web-01",
                "root",
                &format!("{}", n % 50),
                Outcome::Failure,
            )
        })
        .collect();
    let workers = [bed.store.clone(), other].map(|store| {
        let events = events.clone();
        tokio::spawn(async move {
            let mut new = 0;
            for batch in events.chunks(97) {
                new += store.ingest(batch).await.unwrap().new;
            }
            new
        })
    });
    let mut new = 0;
    for worker in workers {
        new += worker.await.unwrap();
    }
    assert_eq!(new, 1_200);
    let attackers = bed.store.attackers();
    let (eve, mal) = (
        attackers.get(EVE.parse().unwrap()).await.unwrap().unwrap(),
        attackers.get(MAL.parse().unwrap()).await.unwrap().unwrap(),
    );
    assert_eq!((eve.events, mal.events, eve.logins + mal.logins), (400, 800, 1_200));
    assert_eq!((eve.credentials, mal.credentials), (50, 50));
    let tried = bed
        .store
        .credentials()
        .list(&Filter::default(), &Page::newest(1_000))
        .await
        .unwrap()
        .rows;
    assert_eq!(tried.iter().map(|credential| credential.attempts).sum::<i64>(), 1_200);
}

async fn many_events_in_one_call_are_all_stored(bed: &Bed) {
    let events: Vec<_> = (0..1_777).map(|n| connect(n, EVE, "web-01")).collect();
    let done = bed.store.ingest(&events).await.unwrap();
    assert_eq!((done.new, done.new_ids.len()), (1_777, 1_777));
    assert_eq!(done.new_ids[1_776], events[1_776].report.id);
    assert_eq!(
        bed.store
            .attackers()
            .get(EVE.parse().unwrap())
            .await
            .unwrap()
            .unwrap()
            .events,
        1_777
    );
    assert_eq!(bed.store.ingest(&[]).await.unwrap().new, 0);
}

fn at(mut event: Event, at: time::OffsetDateTime) -> Event {
    event.report.at = at;
    event
}

fn every_kind(ip: &str) -> [Event; 6] {
    [
        connect(1, ip, "web-01"),
        login(2, ip, "web-01", "root", "toor", Outcome::Success),
        command(3, ip, "web-01", "id"),
        start(4, ip, "web-01", "s:0"),
        piece(5, ip, "web-01", "s:0", 0, "hello"),
        file(6, ip, "web-01", 'a', "/tmp/x"),
    ]
}

/// Rows an attacker could have made, as JSON by table.
async fn everything(store: &Store) -> Vec<serde_json::Value> {
    let (filter, page) = (Filter::default(), Page::default());
    vec![
        json!(store.events().list(&filter, &page).await.unwrap().rows),
        json!(
            store
                .attackers()
                .list(&filter, AttackerSort::Active, &page)
                .await
                .unwrap()
                .rows
        ),
        json!(store.sessions().list(&filter, &page).await.unwrap().rows),
        json!(store.commands().list(&filter, &page).await.unwrap().rows),
        json!(store.credentials().list(&filter, &page).await.unwrap().rows),
        json!(store.artifacts().list(&filter, &page).await.unwrap().rows),
    ]
}

fn nothing() -> Vec<serde_json::Value> {
    vec![json!([]); 6]
}
