//! How many events a second the store takes in: `cargo run --release -p store --example ingest_rate [EVENTS] [URL]`.
//!
//! Two loads: `noise` (connections and nothing else), and `visits`, in which each attacker tries four passwords, gets
//! a shell, types five commands and is recorded. Without an address, into a new SQLite file.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use model::detail::{Command, Login, SessionEnd, SessionStart, Tty};
use model::{Detail, Endpoint, Event, EventId, Fields, Name, Origin, Outcome, Report, Secret, SessionId};
use store::Store;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const BATCH: usize = 500;
const ATTACKERS: usize = 200;
const DECKIES: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let events = args.next().map_or(Ok(200_000), |events| events.parse())?;
    let dir = tempfile::TempDir::new()?;
    let url = args
        .next()
        .unwrap_or_else(|| format!("sqlite://{}", dir.path().join("rate.db").display()));
    let store = Store::open(&url).await?;
    for (name, load) in [("noise", noise as fn(&mut Teller, usize)), ("visits", visit)] {
        let mut teller = Teller {
            told: Vec::new(),
            began: OffsetDateTime::now_utc(),
            at: 0,
        };
        for n in 0.. {
            if teller.told.len() >= events {
                break;
            }
            load(&mut teller, n);
        }
        let began = Instant::now();
        let mut new = 0;
        for batch in teller.told.chunks(BATCH) {
            new += store.ingest(batch).await?.new;
        }
        let took = began.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let rate = new as f64 / took;
        println!("{name:8} {new} events in {took:.2} s: {rate:.0} events/s");
    }
    Ok(())
}

struct Teller {
    told: Vec<Event>,
    began: OffsetDateTime,
    at: i64,
}

impl Teller {
    fn tell(&mut self, n: usize, kind: &'static str, fields: Fields) {
        self.at += 137;
        let at = self.began + Duration::microseconds(self.at);
        let attacker = u8::try_from(n % ATTACKERS).unwrap_or_default();
        let report = Report {
            id: EventId(Uuid::now_v7()),
            at,
            service: "ssh".into(),
            kind: kind.into(),
            src: Some(Endpoint {
                ip: [192, 0, 2, attacker].into(),
                port: 40_000,
            }),
            dst: Some(Endpoint {
                ip: [10, 20, 0, 14].into(),
                port: 22,
            }),
            session: Some(SessionId(format!("{n:016x}"))),
            origin: Origin::Peer,
            fields,
        };
        let decky = Name::normalise(&format!("decky-{:02}", n % DECKIES));
        let seq = self.told.len() as u64;
        self.told.extend(decky.map(|decky| Event {
            decky,
            host: "local".into(),
            boot: "0badcafe".into(),
            seq,
            report,
        }));
    }

    fn detail<D: Detail>(&mut self, n: usize, detail: D) {
        self.tell(n, D::KIND, detail.into_fields());
    }
}

fn noise(teller: &mut Teller, n: usize) {
    let fields = serde_json::json!({"duration_ms": 12, "bytes_in": 345, "bytes_out": 678});
    teller.tell(n, "disconnect", fields.as_object().cloned().unwrap_or_default());
}

fn visit(teller: &mut Teller, n: usize) {
    teller.tell(n, "connect", Fields::new());
    for try_ in 0..4 {
        let secret = Secret::plaintext(format!("password{}", n * 7 + try_).as_bytes());
        let (principal, outcome) = (Some("root".to_owned()), Outcome::from(try_ == 3));
        teller.detail(
            n,
            Login {
                principal,
                method: "password".into(),
                secret,
                outcome,
            },
        );
    }
    let (sid, user) = (format!("{n:016x}:0"), "root".to_owned());
    let (mode, term) = ("shell".into(), "xterm-256color".to_owned());
    teller.detail(
        n,
        SessionStart {
            sid: sid.clone(),
            mode,
            user,
            term,
            cols: 120,
            rows: 40,
            command: None,
        },
    );
    for order in 0..10 {
        let data = "root@web-01:~# cat /etc/passwd\r\nroot:x:0:0:root:/root:/bin/bash\r\n".to_owned();
        let (t_us, ch) = (order * 50_000, "o".into());
        teller.detail(
            n,
            Tty {
                sid: sid.clone(),
                n: order,
                t_us,
                ch,
                data,
                hidden: false,
            },
        );
        if order % 2 == 0 {
            let command = format!("cat /etc/passwd | grep -v nologin # {order}");
            teller.detail(
                n,
                Command {
                    command,
                    user: Some("root".to_owned()),
                },
            );
        }
    }
    let (duration_ms, reason) = (512, "exit".into());
    let end = SessionEnd {
        sid,
        duration_ms,
        bytes: 700,
        truncated: false,
        exit_status: Some(0),
        reason,
    };
    teller.detail(n, end);
    teller.tell(n, "disconnect", Fields::new());
}
