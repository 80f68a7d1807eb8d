//! What the bus promises, asked of both carriers. A carrier that differs is wrong.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bus::{Bus, Durable, Envelope, Error, NatsConfig, Pattern, State, Subject};
use serde_json::{Value, json};
use testkit::nats::NatsServer;
use uuid::Uuid;

/// Long enough for anything that should happen.
const SOON: Duration = Duration::from_secs(10);
/// Long enough for what should not happen to have happened.
const A_WHILE: Duration = Duration::from_millis(200);
const ACK_WAIT: Duration = Duration::from_secs(1);

const READER: Durable = Durable {
    name: "reader",
    stream: "LOGS",
    filter: Pattern::fixed("event.>"),
    ack_wait: ACK_WAIT,
    in_flight: 256,
};

macro_rules! contract {
    ($($name:ident)*) => {
        mod in_process { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Bus::in_process_with(&[&super::READER])).await }
        )* }
        mod nats { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let server = super::NatsServer::start();
                super::$name(super::connect(&server).await).await
            }
        )* }
    };
}

contract! {
    a_subscriber_hears_what_its_pattern_matches_and_nothing_else
    everyone_who_listens_gets_a_copy
    a_slow_subscriber_loses_its_oldest_messages_and_counts_them
    a_request_is_answered_once
    a_request_nobody_can_answer_fails_at_once
    a_request_left_unanswered_times_out
    each_way_refuses_the_subjects_of_the_other
    a_message_too_large_is_refused_before_it_is_sent
    what_is_appended_is_delivered_in_order_and_once_when_acknowledged
    those_who_listen_hear_durable_messages_too
    what_was_appended_before_the_consumer_opened_waits_for_it
    an_unacknowledged_message_comes_again_after_the_wait
    a_refused_message_comes_again_after_its_delay
    a_terminated_message_never_comes_again
    a_prolonged_message_does_not_come_again_meanwhile
    a_message_id_is_kept_once
    instances_of_a_consumer_share_its_messages
    a_consumer_knows_its_backlog
    a_filter_keeps_other_subjects_away
    a_fetch_with_nothing_to_fetch_ends_in_time
    a_record_is_announced_and_replaced
    closing_ends_subscriptions_and_refuses_publishing
    patterns_mean_the_same_on_every_carrier
}

async fn a_subscriber_hears_what_its_pattern_matches_and_nothing_else(bus: Bus) {
    let mut beats = bus.subscribe(&Pattern::fixed("system.*.health")).await.unwrap();
    bus.publish(&Subject::control("collector").unwrap(), &note(0))
        .await
        .unwrap();
    bus.publish(&Subject::health("collector").unwrap(), &note(1))
        .await
        .unwrap();
    let heard = soon(beats.next()).await.unwrap();
    assert_eq!(heard.subject, Subject::health("collector").unwrap());
    assert_eq!(number(&heard.envelope().unwrap()), 1);
    assert!(tokio::time::timeout(A_WHILE, beats.next()).await.is_err());
}

async fn everyone_who_listens_gets_a_copy(bus: Bus) {
    let mut first = bus.subscribe(&Pattern::fixed("logs.ingested")).await.unwrap();
    let mut second = bus.subscribe(&Pattern::fixed(">")).await.unwrap();
    bus.publish(&Subject::LOGS_INGESTED, &note(5)).await.unwrap();
    assert_eq!(number(&soon(first.next()).await.unwrap().envelope().unwrap()), 5);
    assert_eq!(number(&soon(second.next()).await.unwrap().envelope().unwrap()), 5);
}

async fn a_slow_subscriber_loses_its_oldest_messages_and_counts_them(bus: Bus) {
    let mut slow = bus.subscribe(&Pattern::fixed("system.log")).await.unwrap();
    for n in 0..1100 {
        bus.publish(&Subject::SYSTEM_LOG, &note(n)).await.unwrap();
    }
    until(|| slow.dropped() == 76).await;
    assert_eq!(number(&soon(slow.next()).await.unwrap().envelope().unwrap()), 76);
}

async fn a_request_is_answered_once(bus: Bus) {
    let subject = Subject::control("collector").unwrap();
    let mut orders = bus.subscribe(&Pattern::from(&subject)).await.unwrap();
    let answering = tokio::spawn(async move {
        let order = orders.next().await.unwrap();
        assert!(order.wants_answer());
        let n = number(&order.envelope().unwrap());
        order.respond(&note(n + 1)).await.unwrap();
        order.respond(&note(n + 2)).await.unwrap();
    });
    let answer = bus.request(&subject, &note(1), SOON).await.unwrap();
    assert_eq!(number(&answer), 2);
    answering.await.unwrap();
}

async fn a_request_nobody_can_answer_fails_at_once(bus: Bus) {
    let began = Instant::now();
    let answer = bus
        .request(&Subject::control("collector").unwrap(), &note(1), SOON)
        .await;
    assert!(matches!(answer, Err(Error::NoResponders(_))), "{answer:?}");
    assert!(began.elapsed() < SOON / 2);
}

async fn a_request_left_unanswered_times_out(bus: Bus) {
    let subject = Subject::control("collector").unwrap();
    let _orders = bus.subscribe(&Pattern::from(&subject)).await.unwrap();
    let answer = bus.request(&subject, &note(1), A_WHILE).await;
    assert!(matches!(answer, Err(Error::TimedOut(_))), "{answer:?}");
}

async fn each_way_refuses_the_subjects_of_the_other(bus: Bus) {
    assert!(matches!(
        bus.publish(&event("ssh"), &note(1)).await,
        Err(Error::IsDurable(_))
    ));
    assert!(matches!(
        bus.append(&Subject::SYSTEM_LOG, &note(1)).await,
        Err(Error::NotDurable(_))
    ));
}

async fn a_message_too_large_is_refused_before_it_is_sent(bus: Bus) {
    let large = Envelope::fresh("t", &json!({"x": "y".repeat(Envelope::MAX)})).unwrap();
    assert!(matches!(
        bus.publish(&Subject::SYSTEM_LOG, &large).await,
        Err(Error::Envelope(_))
    ));
    assert!(matches!(
        bus.append(&event("ssh"), &large).await,
        Err(Error::Envelope(_))
    ));
    bus.publish(&Subject::SYSTEM_LOG, &note(1))
        .await
        .expect("the connection stands");
}

async fn what_is_appended_is_delivered_in_order_and_once_when_acknowledged(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let mut receipts = Vec::new();
    for n in 0..500 {
        receipts.push(bus.append(&event("ssh"), &note(n)).await.unwrap());
        if n % 100 == 99 {
            let got = collect(&mut consumer, 100).await;
            assert_eq!(got, (n - 99..=n).collect::<Vec<_>>());
        }
    }
    for receipt in receipts {
        assert!(!soon(receipt).await.unwrap().duplicate);
    }
    assert!(consumer.fetch(1, ACK_WAIT * 2).await.unwrap().is_empty());
}

async fn those_who_listen_hear_durable_messages_too(bus: Bus) {
    let mut listener = bus.subscribe(&Pattern::fixed("event.local.>")).await.unwrap();
    let _receipt = bus.append(&event("ssh"), &note(3)).await.unwrap();
    assert_eq!(number(&soon(listener.next()).await.unwrap().envelope().unwrap()), 3);
}

async fn what_was_appended_before_the_consumer_opened_waits_for_it(bus: Bus) {
    let _receipt = bus.append(&event("ssh"), &note(4)).await.unwrap();
    let mut consumer = bus.consumer(&READER).await.unwrap();
    assert_eq!(collect(&mut consumer, 1).await, [4]);
}

async fn an_unacknowledged_message_comes_again_after_the_wait(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let receipt = bus.append(&event("ssh"), &note(1)).await.unwrap();
    let began = Instant::now();
    let first = consumer.fetch(10, SOON).await.unwrap();
    assert_eq!((first.len(), first[0].deliveries), (1, 1));
    let again = consumer.fetch(10, SOON).await.unwrap();
    assert_eq!((again.len(), again[0].deliveries), (1, 2));
    assert!(began.elapsed() >= ACK_WAIT / 2);
    again[0].ack().await.unwrap();
    soon(receipt).await.unwrap();
}

async fn a_refused_message_comes_again_after_its_delay(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let _receipts = (
        bus.append(&event("ssh"), &note(1)).await.unwrap(),
        bus.append(&event("ssh"), &note(2)).await,
    );
    let first = fetch_one(&mut consumer).await;
    let began = Instant::now();
    first.nak(Duration::from_millis(400)).await.unwrap();
    let second = fetch_one(&mut consumer).await;
    assert_eq!(number(&second.message.envelope().unwrap()), 2, "the others do not wait");
    second.ack().await.unwrap();
    let again = fetch_one(&mut consumer).await;
    assert_eq!(number(&again.message.envelope().unwrap()), 1);
    assert!(began.elapsed() >= Duration::from_millis(350));
    again.ack().await.unwrap();
}

async fn a_terminated_message_never_comes_again(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let receipt = bus.append(&event("ssh"), &note(1)).await.unwrap();
    fetch_one(&mut consumer).await.term().await.unwrap();
    assert!(consumer.fetch(1, ACK_WAIT * 2).await.unwrap().is_empty());
    soon(receipt)
        .await
        .expect("nobody waits for a message that was given up");
}

async fn a_prolonged_message_does_not_come_again_meanwhile(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let _receipt = bus.append(&event("ssh"), &note(1)).await.unwrap();
    let delivery = fetch_one(&mut consumer).await;
    for _ in 0..4 {
        assert!(consumer.fetch(1, ACK_WAIT / 2).await.unwrap().is_empty());
        delivery.prolong().await.unwrap();
    }
    delivery.ack().await.unwrap();
}

async fn a_message_id_is_kept_once(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let message = note(1);
    let first = bus.append(&event("ssh"), &message).await.unwrap();
    let second = bus.append(&event("ssh"), &message).await.unwrap();
    assert_eq!(collect(&mut consumer, 1).await, [1]);
    assert!(!soon(first).await.unwrap().duplicate);
    assert!(soon(second).await.unwrap().duplicate);
    let late = bus.append(&event("ssh"), &message).await.unwrap();
    assert!(soon(late).await.unwrap().duplicate);
    assert!(consumer.fetch(1, A_WHILE).await.unwrap().is_empty());
}

async fn instances_of_a_consumer_share_its_messages(bus: Bus) {
    let appending = {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in 0..300 {
                drop(bus.append(&event("ssh"), &note(n)).await.unwrap());
            }
        })
    };
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..3 {
        let (bus, sender) = (bus.clone(), sender.clone());
        tokio::spawn(async move {
            let mut consumer = bus.consumer(&READER).await.unwrap();
            loop {
                for delivery in consumer.fetch(7, SOON).await.unwrap() {
                    delivery.ack().await.unwrap();
                    sender.send(number(&delivery.message.envelope().unwrap())).unwrap();
                }
            }
        });
    }
    appending.await.unwrap();
    let mut all = Vec::new();
    while all.len() < 300 {
        all.push(soon(received.recv()).await.unwrap());
    }
    assert!(
        tokio::time::timeout(ACK_WAIT * 2, received.recv()).await.is_err(),
        "something was delivered twice"
    );
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 300);
}

async fn a_consumer_knows_its_backlog(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let mut receipts = Vec::new();
    for n in 0..5 {
        receipts.push(bus.append(&event("ssh"), &note(n)).await.unwrap());
    }
    fetch_one(&mut consumer).await.ack().await.unwrap();
    let deadline = Instant::now() + SOON;
    while consumer.backlog().await.unwrap() != 4 {
        assert!(Instant::now() < deadline, "backlog is {:?}", consumer.backlog().await);
        tokio::task::yield_now().await;
    }
}

async fn a_filter_keeps_other_subjects_away(bus: Bus) {
    let only_ftp = Durable {
        name: "only-ftp",
        filter: Pattern::fixed("event.*.*.ftp"),
        ..READER
    };
    let mut consumer = bus.consumer(&only_ftp).await.unwrap();
    assert!(consumer.fetch(1, A_WHILE).await.unwrap().is_empty());
    let _receipts = (
        bus.append(&event("ssh"), &note(1)).await,
        bus.append(&event("ftp"), &note(2)).await,
    );
    assert_eq!(collect(&mut consumer, 1).await, [2]);
}

async fn a_fetch_with_nothing_to_fetch_ends_in_time(bus: Bus) {
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let began = Instant::now();
    assert!(consumer.fetch(1, A_WHILE).await.unwrap().is_empty());
    assert!(began.elapsed() >= A_WHILE && began.elapsed() < SOON);
}

async fn a_record_is_announced_and_replaced(bus: Bus) {
    bus.announce("local/collector/1", &json!({"n": 1})).await.unwrap();
    bus.announce("local/ingest.er/1", &json!({"n": 2})).await.unwrap();
    bus.announce("local/collector/1", &json!({"n": 3})).await.unwrap();
    let records: Vec<Value> = bus.announced().await.unwrap();
    let numbers: BTreeSet<_> = records.iter().map(|record| record["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, BTreeSet::from([2, 3]));
    let unreadable: Vec<String> = bus.announced().await.unwrap();
    assert!(unreadable.is_empty());
}

async fn closing_ends_subscriptions_and_refuses_publishing(bus: Bus) {
    let mut subscription = bus.subscribe(&Pattern::fixed(">")).await.unwrap();
    bus.publish(&Subject::SYSTEM_LOG, &note(1)).await.unwrap();
    bus.close().await;
    bus.close().await;
    soon(async { while subscription.next().await.is_some() {} }).await;
    assert_eq!(bus.state(), State::Closed);
    assert!(matches!(
        bus.publish(&Subject::SYSTEM_LOG, &note(1)).await,
        Err(Error::Closed)
    ));
    assert!(matches!(
        soon(bus.append(&event("ssh"), &note(1))).await,
        Err(Error::Closed)
    ));
    let mut late = bus.subscribe(&Pattern::fixed(">")).await.unwrap();
    assert!(soon(late.next()).await.is_none());
    bus.tell(&Subject::SYSTEM_LOG, "t", &json!({})).await;
}

/// 10 000 pairs of a pattern and a subject, judged by the carrier and by [`Pattern::matches`].
async fn patterns_mean_the_same_on_every_carrier(bus: Bus) {
    let tokens = ["health", "control", "a", "b"];
    let mut subjects = Vec::new();
    for first in tokens {
        for second in ["x", "y", "x:y", "X", "=2E"] {
            subjects.push(Subject::health(&format!("{first}{second}")).unwrap());
            subjects.push(Subject::control(&format!("{first}{second}")).unwrap());
        }
    }
    subjects.extend((0..60).map(|n| Subject::health(&format!("w{n}")).unwrap()));
    let mut patterns = vec![
        ">".to_owned(),
        "system.>".into(),
        "*.*.*".into(),
        "*.>".into(),
        "system.*".into(),
    ];
    patterns.extend(subjects.iter().take(50).map(ToString::to_string));
    patterns.extend((0..45).map(|n| {
        let subject = subjects[n].to_string();
        let mut parts: Vec<_> = subject.split('.').collect();
        parts[n % 3] = "*";
        if n % 2 == 0 {
            parts.truncate(2);
            parts.push(">")
        }
        parts.join(".")
    }));
    assert_eq!((subjects.len(), patterns.len()), (100, 100));
    let patterns: Vec<_> = patterns
        .iter()
        .map(|pattern| Pattern::parse(pattern).unwrap())
        .collect();
    let mut subscriptions = Vec::new();
    for pattern in &patterns {
        subscriptions.push(bus.subscribe(pattern).await.unwrap());
    }
    for subject in &subjects {
        bus.publish(subject, &note(0)).await.unwrap();
    }
    for (pattern, subscription) in patterns.iter().zip(&mut subscriptions) {
        for subject in subjects.iter().filter(|subject| pattern.matches(subject)) {
            assert_eq!(&soon(subscription.next()).await.unwrap().subject, subject, "{pattern}");
        }
    }
    let end = Subject::health("end").unwrap();
    bus.publish(&end, &note(0)).await.unwrap();
    for (pattern, subscription) in patterns.iter().zip(&mut subscriptions) {
        if pattern.matches(&end) {
            assert_eq!(
                soon(subscription.next()).await.unwrap().subject,
                end,
                "{pattern} matched more than it says"
            );
        }
    }
}

// === helpers ===

async fn connect(server: &NatsServer) -> Bus {
    let config = NatsConfig {
        durables: vec![READER],
        ..NatsConfig::new(server.url(), "test")
    };
    let bus = Bus::connect(config).await.unwrap();
    bus.ready(SOON).await.unwrap();
    bus
}

fn event(service: &str) -> Subject {
    Subject::event("local", "web-01", service).unwrap()
}

fn note(n: u64) -> Envelope {
    Envelope::new(
        Uuid::now_v7(),
        time::OffsetDateTime::UNIX_EPOCH,
        "note",
        &json!({ "n": n }),
    )
    .unwrap()
}

fn number(envelope: &Envelope) -> u64 {
    envelope.payload::<Value>().unwrap()["n"].as_u64().unwrap()
}

/// Fetches and acknowledges exactly `count`.
async fn collect(consumer: &mut bus::Consumer, count: usize) -> Vec<u64> {
    let mut got = Vec::new();
    while got.len() < count {
        let deliveries = consumer.fetch(count - got.len(), SOON).await.unwrap();
        assert!(!deliveries.is_empty(), "only {} of {count} came", got.len());
        for delivery in deliveries {
            got.push(number(&delivery.message.envelope().unwrap()));
            delivery.ack().await.unwrap();
        }
    }
    got
}

async fn fetch_one(consumer: &mut bus::Consumer) -> bus::Delivery {
    let mut deliveries = consumer.fetch(1, SOON).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}

async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await
}
