//! Events as machines tell them.

use model::detail::{Command, FileCaptured, Login, SessionEnd, SessionStart, Tty};
use model::{Detail, Endpoint, Event, EventId, Fields, Name, Origin, Outcome, Report, Secret, SessionId};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub(crate) const NOON: OffsetDateTime = datetime!(2026-01-31 12:00:00.123456 UTC);

/// Event number `n` (its id and the second after noon) of an attacker.
pub(crate) fn event(n: u64, ip: &str, decky: &str, kind: &'static str, fields: Fields) -> Event {
    Event {
        decky: Name::new(decky).unwrap(),
        host: "local".into(),
        boot: "0badcafe".into(),
        seq: n,
        report: Report {
            id: EventId(Uuid::from_u128(n.into())),
            at: NOON + Duration::seconds(n.try_into().unwrap()),
            service: "ssh".into(),
            kind: kind.into(),
            src: Some(Endpoint {
                ip: ip.parse().unwrap(),
                port: 4_000,
            }),
            dst: Some(Endpoint {
                ip: "10.20.0.14".parse().unwrap(),
                port: 22,
            }),
            session: Some(SessionId("00112233aabbccdd".into())),
            origin: Origin::Peer,
            fields,
        },
    }
}

pub(crate) fn of<D: Detail>(n: u64, ip: &str, decky: &str, detail: D) -> Event {
    event(n, ip, decky, D::KIND, detail.into_fields())
}

pub(crate) fn connect(n: u64, ip: &str, decky: &str) -> Event {
    event(n, ip, decky, "connect", Fields::new())
}

pub(crate) fn login(n: u64, ip: &str, decky: &str, user: &str, password: &str, outcome: Outcome) -> Event {
    let secret = Secret::plaintext(password.as_bytes());
    of(
        n,
        ip,
        decky,
        Login {
            principal: Some(user.into()),
            method: "password".into(),
            secret,
            outcome,
        },
    )
}

pub(crate) fn command(n: u64, ip: &str, decky: &str, command: &str) -> Event {
    of(
        n,
        ip,
        decky,
        Command {
            command: command.into(),
            user: Some("root".into()),
        },
    )
}

pub(crate) fn file(n: u64, ip: &str, decky: &str, digit: char, path: &str) -> Event {
    let sha256 = digit.to_string().repeat(64);
    let user = Some("root".to_owned());
    of(
        n,
        ip,
        decky,
        FileCaptured {
            sha256,
            size: 42,
            path: path.into(),
            way: "upload".into(),
            user,
        },
    )
}

pub(crate) fn start(n: u64, ip: &str, decky: &str, sid: &str) -> Event {
    let start = SessionStart {
        sid: sid.into(),
        mode: "shell".into(),
        user: "root".into(),
        term: "xterm-256color".into(),
        cols: 120,
        rows: 40,
        command: None,
    };
    of(n, ip, decky, start)
}

pub(crate) fn piece(n: u64, ip: &str, decky: &str, sid: &str, order: u64, data: &str) -> Event {
    let tty = Tty {
        sid: sid.into(),
        n: order,
        t_us: order.saturating_mul(1_000),
        ch: "o".into(),
        data: data.into(),
        hidden: false,
    };
    of(n, ip, decky, tty)
}

pub(crate) fn end(n: u64, ip: &str, decky: &str, sid: &str) -> Event {
    let end = SessionEnd {
        sid: sid.into(),
        duration_ms: 5_000,
        bytes: 11,
        truncated: true,
        exit_status: Some(127),
        reason: "exit".into(),
    };
    of(n, ip, decky, end)
}
