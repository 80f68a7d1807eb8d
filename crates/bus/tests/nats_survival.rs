//! What happens when the server comes late, dies, or forgets.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use bus::{Bus, Consumer, Durable, Envelope, Error, NatsConfig, Pattern, State, Subject};
use serde_json::{Value, json};
use testkit::nats::NatsServer;

const SOON: Duration = Duration::from_secs(30);

const READER: Durable = Durable {
    name: "reader",
    stream: "LOGS",
    filter: Pattern::fixed("event.>"),
    ack_wait: Duration::from_secs(2),
    in_flight: 256,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_without_a_server_waits_for_one_and_then_delivers() {
    let mut server = NatsServer::not_yet();
    let bus = connect(&server).await;
    assert!(matches!(
        bus.ready(Duration::from_millis(10)).await,
        Err(Error::Away(_))
    ));
    assert!(matches!(
        bus.publish(&Subject::SYSTEM_LOG, &note(1)).await,
        Err(Error::Away(_))
    ));
    let mut consumer = bus.consumer(&READER).await.unwrap();
    assert!(consumer.fetch(1, Duration::from_millis(100)).await.unwrap().is_empty());
    let mut logs = bus.subscribe(&Pattern::fixed("system.log")).await.unwrap();
    let appending = tokio::spawn({
        let bus = bus.clone();
        async move { bus.append(&event(), &note(2)).await.unwrap().await.unwrap() }
    });

    server.restart();

    assert!(!soon(appending).await.unwrap().duplicate);
    assert_eq!(drain(&mut consumer, 1).await, BTreeSet::from([2]));
    assert_eq!(bus.state(), State::Up);
    // Subscribed while away: the client brings it with it when it connects.
    soon(async {
        loop {
            bus.publish(&Subject::SYSTEM_LOG, &note(3)).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(50), logs.next())
                .await
                .is_ok()
            {
                break;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_and_restarted_again_and_again_loses_nothing_it_gave_a_receipt_for() {
    const MESSAGES: u64 = 3000;
    let mut server = NatsServer::start();
    let bus = connect(&server).await;
    let mut logs = bus.subscribe(&Pattern::fixed("system.log")).await.unwrap();
    let appending = tokio::spawn({
        let bus = bus.clone();
        async move {
            let mut receipts = Vec::new();
            for n in 0..MESSAGES {
                receipts.push(bus.append(&event(), &note(n)).await.unwrap());
            }
            for receipt in receipts {
                receipt.await.unwrap();
            }
        }
    });
    let mut consumer = bus.consumer(&READER).await.unwrap();
    let mut got = BTreeSet::new();
    for kill_at in [500, 1500, 2500] {
        while got.len() < kill_at {
            got.append(&mut drain(&mut consumer, 1).await);
        }
        server.kill();
        soon(bus.watch().wait_for(|state| *state == State::Reconnecting))
            .await
            .unwrap();
        server.restart();
    }
    soon(appending).await.unwrap();
    while got.len() < MESSAGES as usize {
        got.append(&mut drain(&mut consumer, 1).await);
    }
    assert_eq!(got, (0..MESSAGES).collect());
    bus.publish(&Subject::SYSTEM_LOG, &note(1)).await.unwrap();
    assert!(
        soon(logs.next()).await.is_some(),
        "the subscription outlived the server"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_store_is_set_up_again() {
    let mut server = NatsServer::start();
    let bus = connect(&server).await;
    let mut consumer = bus.consumer(&READER).await.unwrap();
    soon(soon(bus.append(&event(), &note(1))).await.unwrap()).await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, BTreeSet::from([1]));

    server.kill();
    server.lose_the_store();
    server.restart();

    soon(soon(bus.append(&event(), &note(2))).await.unwrap()).await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, BTreeSet::from([2]));
    bus.announce("x", &json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_grids_on_one_server_hear_nothing_of_each_other() {
    let server = NatsServer::start();
    let ours = connect(&server).await;
    ours.ready(SOON).await.unwrap();
    let config = NatsConfig {
        prefix: "other".into(),
        durables: vec![READER],
        ..NatsConfig::new(server.url(), "test")
    };
    let theirs = Bus::connect(config).await.unwrap();
    theirs.ready(SOON).await.unwrap();
    let mut hears_all = theirs.subscribe(&Pattern::fixed(">")).await.unwrap();
    let mut consumer = theirs.consumer(&READER).await.unwrap();
    ours.publish(&Subject::SYSTEM_LOG, &note(1)).await.unwrap();
    soon(ours.append(&event(), &note(1)).await.unwrap()).await.unwrap();
    assert!(consumer.fetch(1, Duration::from_millis(500)).await.unwrap().is_empty());
    soon(theirs.append(&event(), &note(2)).await.unwrap()).await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, BTreeSet::from([2]));
    assert_eq!(number(&soon(hears_all.next()).await.unwrap().envelope().unwrap()), 2);
}

#[tokio::test]
async fn an_unusable_address_is_an_error_that_does_not_show_the_password() {
    let refused = Bus::connect(NatsConfig::new("nats://u:hunter2@[", "test"))
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Config(_)));
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
}

// === helpers ===

async fn connect(server: &NatsServer) -> Bus {
    let config = NatsConfig {
        durables: vec![READER],
        ..NatsConfig::new(server.url(), "test")
    };
    Bus::connect(config).await.unwrap()
}

/// Fetches, acknowledges and returns what came, at least `least` messages.
async fn drain(consumer: &mut Consumer, least: usize) -> BTreeSet<u64> {
    let mut got = BTreeSet::new();
    soon(async {
        while got.len() < least {
            for delivery in consumer.fetch(64, SOON).await.unwrap() {
                delivery.ack().await.unwrap();
                got.insert(number(&delivery.message.envelope().unwrap()));
            }
        }
    })
    .await;
    got
}

fn event() -> Subject {
    Subject::event("local", "web-01", "ssh").unwrap()
}

fn note(n: u64) -> Envelope {
    Envelope::fresh("note", &json!({ "n": n })).unwrap()
}

fn number(envelope: &Envelope) -> u64 {
    envelope.payload::<Value>().unwrap()["n"].as_u64().unwrap()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}
