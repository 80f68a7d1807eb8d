//! How fast input is judged, on one core: `cargo bench -p detect`.

#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::time::{Duration, Instant};

use detect::input::AccessLog;
use detect::{Addr, Call, Carried, Config, Engine, Input, Packet, Setup, TcpFlags, Time};
use serde_json::json;

const EPOCH: i64 = 1_700_000_000_000_000_000;

fn main() {
    lines("combined", |n| {
        let (host, second) = (n % 250, n / 2_000 % 60);
        format!(
            r#"198.51.100.{host} - - [14/Nov/2023:22:{:02}:{second:02} +0000] "GET /products/{} HTTP/1.1" 200 512 "-" "Mozilla/5.0""#,
            n / 120_000 % 60,
            n % 977
        )
    });
    lines("JSON", |n| {
        let ts = 1_700_000_000 + n / 2_000;
        format!(
            r#"{{"ts":{ts},"ip":"198.51.100.{}","method":"GET","endpoint":"/products/{}","status_code":200,"bytes":512}}"#,
            n % 250,
            n % 977
        )
    });
    checks();
    packets();
}

fn rate(what: &str, count: u64, took: Duration) {
    println!("{what:<44} {:>12.0} a second", count as f64 / took.as_secs_f64());
}

fn lines(form: &str, make: impl Fn(u64) -> String) {
    const COUNT: u64 = 400_000;
    let all: Vec<String> = (0..COUNT).map(make).collect();
    let log = AccessLog::new(&Config::default());
    let mut engine = Engine::new(Setup::default(), Input::Http);
    let begin = Instant::now();
    for line in &all {
        if let Ok(event) = log.line(line) {
            engine.event(event);
        }
    }
    let _ = engine.finish();
    rate(&format!("access log lines, {form}"), COUNT, begin.elapsed());
}

fn checks() {
    const COUNT: u64 = 200_000;
    let tools = [
        ("read_file", json!({ "path": "src/main.rs" })),
        ("list_files", json!({ "path": "src" })),
        (
            "http_post",
            json!({ "url": "https://api.partner.com/v1/sync", "body": { "name": "x", "items": [1, 2, 3] } }),
        ),
        (
            "query_database",
            json!({ "query": "SELECT name, price FROM products WHERE id = 7" }),
        ),
        ("think", json!({ "thought": "what next" })),
        ("execute", json!({ "command": "cargo test --workspace | tail -3" })),
        ("read_file", json!({ "path": "/app/.env" })),
    ];
    let mut engine = Engine::new(Setup::default(), Input::Tools);
    let mut took = Vec::with_capacity(COUNT as usize);
    let begin = Instant::now();
    for n in 0..COUNT {
        let (name, arguments) = &tools[(n % 7) as usize];
        let agent = format!("agent-{}", n % 500);
        let call = Call {
            agent,
            name: (*name).to_owned(),
            arguments: arguments.clone(),
            ..Call::default()
        };
        let one = Instant::now();
        engine.check(Time(EPOCH + n as i64 * 1_000_000), &call);
        took.push(one.elapsed());
    }
    rate("tool calls checked", COUNT, begin.elapsed());
    took.sort_unstable();
    println!(
        "{:<44} {:>12.1} microseconds",
        "p99 of a check",
        took[took.len() * 99 / 100].as_secs_f64() * 1e6
    );
}

fn packets() {
    const COUNT: u32 = 2_000_000;
    let host = |net: u8, n: u32| -> Addr { std::net::Ipv4Addr::new(10, net, (n >> 8) as u8, n as u8).into() };
    let mut engine = Engine::new(Setup::default(), Input::Packets);
    let begin = Instant::now();
    for n in 0..COUNT {
        let (flow, step) = (n / 20, n % 20);
        let (client, server) = (host(1, flow % 2_000), host(2, flow % 97));
        let sport = 1_024 + (flow % 60_000) as u16;
        let out = step % 2 == 0;
        let (src, dst, sport, dport) = if out {
            (client, server, sport, 443)
        } else {
            (server, client, 443, sport)
        };
        let flags = TcpFlags(match step {
            0 => 0x02,
            1 => 0x12,
            _ => 0x18,
        });
        let carried = Carried::Tcp {
            sport,
            dport,
            flags,
            payload: 100,
        };
        engine.packet(Packet {
            at: Time(EPOCH + i64::from(n) * 20_000),
            src,
            dst,
            carried,
        });
    }
    let _ = engine.finish();
    rate("packets, dissected already", COUNT.into(), begin.elapsed());
}
