//! A decky's event in the engine's words.

use detect::{Addr, Auth, Body, Decoy, Engine, Event, FlowRecord, Http, Proto, Span, State, Time, Tls, canon};
use model::detail::{Login, Secret};
use model::{Origin, Outcome, Report};

const SENSOR: &str = "bus";
/// Tell of the wire, and not of what somebody did on a decky.
const OBSERVERS: [&str; 2] = ["sniffer", "prober"];
/// Ports that one telling of the wire has.
const MOST_TRIES: usize = 1024;
/// Ends and pieces of what was told when it began.
const NOTHING_NEW: [&str; 4] = ["disconnect", "session_end", "tty", "egress_blocked"];

/// Shows the engine what an attacker did; the grid's own doings are passed over.
pub(super) fn feed(engine: &mut Engine, event: &model::Event) {
    let report = &event.report;
    let Some(src) = report.src.filter(|_| report.origin == Origin::Peer) else {
        return;
    };
    let observed = OBSERVERS.contains(&report.service.as_ref());
    let (from, to) = (Addr::from(src.ip), report.dst.map(|dst| Addr::from(dst.ip)));
    let at = Time(i64::try_from(report.at.unix_timestamp_nanos()).unwrap_or(i64::MAX));
    if let Some(to) = to.filter(|_| !observed) {
        engine.know_decoy(to, event.decky.as_str());
    }
    if report.kind == "port_tries" {
        return tries(engine, event, from, at);
    }
    let mut show = |body: Body| engine.event(Event::new(at, SENSOR, body));
    match report.kind.as_ref() {
        "tls_client_hello" => show(Body::Tls(Box::new(hello(report, from, to)))),
        _ if observed => {}
        kind if NOTHING_NEW.contains(&kind) => {}
        "connect" => {
            let Some(dst) = report.dst else { return };
            engine.flow(FlowRecord {
                at,
                src: from,
                dst: Addr::from(dst.ip),
                sport: src.port,
                dport: dst.port,
                proto: Proto::Tcp,
                duration: Span(0),
                out: 0,
                back: 0,
                state: State::Answered,
            });
        }
        "auth_attempt" => {
            let Some(login) = report.detail::<Login>() else { return };
            // Every SSH client asks so before it tries: it guesses nothing.
            if login.secret.secret_kind == Secret::NONE {
                return show(touch(event, from, to, "auth_methods"));
            }
            show(Body::Auth(Box::new(auth(report, &login, from, to))));
        }
        "request" => {
            show(Body::Http(Box::new(request(report, from))));
            show(touch(event, from, to, "request"));
        }
        kind => show(touch(event, from, to, kind)),
    }
}

/// What the wire told of a scan: ports that no decky ever heard of being tried.
fn tries(engine: &mut Engine, event: &model::Event, src: Addr, at: Time) {
    let Some(dst) = event.report.dst.map(|dst| Addr::from(dst.ip)) else {
        return;
    };
    engine.know_decoy(dst, event.decky.as_str());
    for (field, state) in [("refused", State::Rejected), ("cut_off", State::Answered)] {
        let list = event.report.fields.get(field).and_then(|list| list.as_array());
        for pair in list.into_iter().flatten().take(MOST_TRIES) {
            let number = |place: usize| pair.get(place).and_then(serde_json::Value::as_u64);
            let Some(dport) = number(0).and_then(|port| u16::try_from(port).ok()) else {
                continue;
            };
            let before = number(1).and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
            engine.flow(FlowRecord {
                at: Time(at.0.saturating_sub(before.saturating_mul(1_000_000))),
                src,
                dst,
                sport: 0,
                dport,
                proto: Proto::Tcp,
                duration: Span(0),
                out: 0,
                back: 0,
                state,
            });
        }
    }
}

fn auth(report: &Report, login: &Login, src: Addr, dst: Option<Addr>) -> Auth {
    Auth {
        src,
        dst,
        service: report.service.to_string(),
        user: login.principal.as_deref().unwrap_or_default().trim().to_lowercase(),
        success: login.outcome == Outcome::Success,
        secret: login.secret.secret_printable.clone(),
    }
}

fn request(report: &Report, src: Addr) -> Http {
    let text = |field: &str| report.text(field).unwrap_or_default().to_owned();
    let number = |field: &str| {
        report
            .fields
            .get(field)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    };
    let target = text("path");
    let read = canon::Target::read(&target);
    Http {
        src: Some(src),
        method: text("method"),
        path: read.path,
        query: read.query,
        traversal: read.traversal,
        target,
        status: u16::try_from(number("status")).unwrap_or(0),
        bytes: number("bytes"),
        host: text("host"),
        user_agent: text("user_agent"),
        ..Http::default()
    }
}

fn hello(report: &Report, src: Addr, dst: Option<Addr>) -> Tls {
    let text = |field: &str| report.text(field).unwrap_or_default().to_owned();
    Tls {
        src: Some(src),
        dst,
        dport: report.dst.map_or(0, |dst| dst.port),
        ja3: text("ja3"),
        ja3s: String::new(),
        ja4: text("ja4"),
        sni: text("sni"),
    }
}

fn touch(event: &model::Event, src: Addr, dst: Option<Addr>, kind: &str) -> Body {
    let report = &event.report;
    Body::Decoy(Box::new(Decoy {
        src,
        dst,
        decoy: event.decky.to_string(),
        service: report.service.to_string(),
        kind: kind.to_owned(),
        user: report.text("user").unwrap_or_default().to_owned(),
        secret: String::new(),
        text: report.text("command").unwrap_or_default().to_owned(),
    }))
}
