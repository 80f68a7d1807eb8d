//! How long asking many targets takes that answer nothing, at the default limits.
//!
//! `cargo run --release -p prober --example silent_targets -- 1000 10.199.0.0/16`: the network must lead nowhere, such
//! as one behind a dummy link.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use bus::Bus;
use ipnet::IpNet;
use model::{Endpoint, Event, EventId, Fields, Name, Origin, Report};
use prober::policy::Rules;
use prober::{Config, Prober};
use runtime::{Cx, Worker as _};
use store::Store;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let count: usize = args.next().map_or(1_000, |count| count.parse().unwrap());
    let net: IpNet = args
        .next()
        .map_or_else(|| "10.199.0.0/16".parse().unwrap(), |net| net.parse().unwrap());
    let store = Store::open("sqlite::memory:").await.unwrap();
    let events: Vec<_> = net.hosts().skip(1).take(count).map(connect).collect();
    store.ingest(&events).await.unwrap();
    let config = Config {
        rules: Rules {
            consent: true,
            allow: vec![net],
            ..Rules::default()
        },
        ..Config::default()
    };
    let cx = Cx::alone(Bus::in_process(), CancellationToken::new());
    let mut prober = Prober::new(store, config);
    let began = Instant::now();
    let mut done = 0;
    while done < count as u64 {
        let summary = prober.work(&cx).await.unwrap();
        done += summary.done;
        println!("{done} targets after {:.1} s", began.elapsed().as_secs_f64());
        if summary.done == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn connect(ip: std::net::IpAddr) -> Event {
    Event {
        decky: Name::new("web-01").unwrap(),
        host: "local".into(),
        boot: "0badcafe".into(),
        seq: 1,
        report: Report {
            id: EventId(Uuid::now_v7()),
            at: OffsetDateTime::now_utc(),
            service: "ssh".into(),
            kind: "connect".into(),
            src: Some(Endpoint { ip, port: 40_000 }),
            dst: None,
            session: None,
            origin: Origin::Peer,
            fields: Fields::new(),
        },
    }
}
