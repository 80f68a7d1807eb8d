//! Events a second from a line of a machine's log to a row of SQLite, on the carriers of the bus.
//!
//! `cargo run --release -p workers --example throughput [events]`
#![allow(clippy::print_stdout)]

#[path = "../../collector/tests/tape/mod.rs"]
mod tape;

use std::error::Error;
use std::time::{Duration, Instant};

use bus::{Bus, NatsConfig};
use collector::{Collector, Config};
use model::detail::{Connect, Detail as _, Disconnect, Login, Outcome, Secret};
use model::line::{Line, Said};
use model::{Endpoint, SessionId};
use runtime::Crew;
use store::Store;
use tape::{BOOT, Tape, report, said};
use testkit::nats::NatsServer;
use workers::Ingester;

/// As `decnet` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MACHINES: u64 = 20;
const LIMIT: Duration = Duration::from_secs(300);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let events = std::env::args().nth(1).map_or(Ok(200_000), |count| count.parse())?;
    measure("in process", Bus::in_process(), events).await?;
    let server = NatsServer::start();
    let bus = Bus::connect(NatsConfig::new(server.url(), "throughput")).await?;
    bus.ready(LIMIT).await?;
    measure("through JetStream", bus, events).await
}

async fn measure(carrier: &str, bus: Bus, events: u64) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(&format!("sqlite://{}/grid.db", dir.path().display())).await?;
    let tape = recorded(events);
    let config = Config {
        host: store::LOCAL.to_owned(),
        artifacts: dir.path().join("artifacts"),
    };
    let mut crew = Crew::new(bus, store::LOCAL);
    let began = Instant::now();
    crew.runner({
        let store = store.clone();
        move || Ingester::new(store.clone())
    });
    crew.runner({
        let store = store.clone();
        move || Collector::new(tape.clone(), store.clone(), config.clone())
    });
    while store.events().last().await? < i64::try_from(events)? {
        if began.elapsed() > LIMIT {
            return Err(format!("{carrier}: {events} events were not stored within {LIMIT:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{carrier}: {:.0} events/s ({events} events in {took:.2} s)",
        events as f64 / took
    );
    crew.stop().await;
    Ok(())
}

/// Logs as brute force makes them: for each connection a connect, three passwords and a disconnect.
fn recorded(events: u64) -> Tape {
    let tape = Tape::new();
    for machine in 0..MACHINES {
        let decky = format!("web-{machine}");
        tape.start(&decky);
        (1..=events / MACHINES).for_each(|seq| tape.write(&decky, &line(machine, seq)));
    }
    tape
}

fn line(machine: u64, seq: u64) -> Line {
    let connection = seq / 5;
    let mut told = match seq % 5 {
        0 => report("ssh", Connect::KIND, Connect {}.into_fields()),
        4 => {
            let end = Disconnect {
                duration_ms: 1200,
                bytes_in: 2048,
                bytes_out: 3072,
            };
            report("ssh", Disconnect::KIND, end.into_fields())
        }
        _ => {
            let login = Login {
                principal: Some("root".into()),
                method: "password".into(),
                secret: Secret::plaintext(format!("pass-{}", seq % 5000).as_bytes()),
                outcome: Outcome::Failure,
            };
            report("ssh", Login::KIND, login.into_fields())
        }
    };
    let attacker = [198, 51, 100, (connection % 50) as u8];
    told.src = Some(Endpoint {
        ip: attacker.into(),
        port: 1024 + (connection % 60_000) as u16,
    });
    told.session = Some(SessionId(format!("{machine:04x}{connection:012x}")));
    said(BOOT, seq, Said::Report(told))
}
