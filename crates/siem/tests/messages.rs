//! Whatever an event holds, its message is one message by the letter of RFC 5424.
#![allow(clippy::unwrap_used)]

use model::{Endpoint, Event, EventId, Fields, Name, Origin, Report, SessionId};
use proptest::prelude::*;
use serde_json::{Value, json};
use siem::format::{self, ELEMENT, MESSAGE, VALUE};
use siem::parse::{self, Message};
use time::macros::datetime;
use uuid::Uuid;

#[test]
fn a_login_reads_as_the_specification_shows_it() {
    let event = event(
        "auth_attempt",
        json!({"principal": "root", "secret_printable": "a\"]\\", "outcome": "failure"}),
    );
    let expected = concat!(
        r#"<133>1 2026-01-31T12:00:00.123456+00:00 web-01 ssh - auth_attempt [relay@55555 src_ip="192.0.2.7" "#,
        r#"src_port="4000" dst_port="22" session_id="00112233aabbccdd" dst_ip="10.20.0.14" "#,
        r#"event_id="00000000-0000-0000-0000-000000000007" host="local" boot_id="0badcafe" seq="9" "#,
        r#"outcome="failure" principal="root" secret_printable="a\"\]\\"]"#
    );
    assert_eq!(format::message(&event), expected);
}

#[test]
fn what_matters_more_has_a_graver_severity() {
    let severity = |kind: &'static str, fields| read(&format::message(&event(kind, fields))).severity;
    assert_eq!(severity("connect", json!({})), 6);
    assert_eq!(severity("auth_attempt", json!({"outcome": "failure"})), 5);
    assert_eq!(severity("auth_attempt", json!({"outcome": "success"})), 4);
    assert_eq!(severity("command", json!({})), 4);
    assert_eq!(severity("service_died", json!({})), 3);
}

#[test]
fn a_line_cannot_be_ended_from_within_and_no_event_be_forged() {
    let forged = "x\r\n<134>1 - web-01 ssh - auth_attempt [relay@55555 src_ip=\"6.6.6.6\"]\n\0\u{85}\u{2028}";
    let message = format::message(&event("command", json!({"command": forged, forged: forged})));
    assert!(!message.contains(['\r', '\n', '\0', '\u{85}', '\u{2028}']));
    let read = read(&message);
    assert_eq!(
        (read.elements.len(), read.elements[0].param("src_ip")),
        (1, Some("192.0.2.7"))
    );
    let command = read.elements[0].param("command").unwrap();
    assert!(command.starts_with(r"x\x0D\x0A<134>1 - web-01") && command.ends_with(r"\x0A\x00\xC2\x85\xE2\x80\xA8"));
}

#[test]
fn a_field_cannot_stand_in_for_what_we_say_ourselves() {
    let read = read(&format::message(&event(
        "connect",
        json!({"src_ip": "6.6.6.6", "origin": "internal", "seq": 1}),
    )));
    let params = &read.elements[0];
    assert_eq!(
        (params.param("src_ip"), params.param("f_src_ip")),
        (Some("192.0.2.7"), Some("6.6.6.6"))
    );
    assert_eq!(
        (params.param("origin"), params.param("f_origin"), params.param("seq")),
        (None, Some("internal"), Some("9"))
    );
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let long = "é\n".repeat(VALUE);
    let read_long = read(&format::message(&event("command", json!({"command": long}))));
    let params = &read_long.elements[0];
    assert!(params.param("command").unwrap().len() <= VALUE);
    assert_eq!(params.param("command_trunc"), Some("1"));

    let many: Fields = (0..50)
        .map(|n| (format!("field{n}"), Value::from("\"".repeat(500))))
        .collect();
    let message = format::message(&event("command", Value::Object(many)));
    assert!(
        (MESSAGE - 1_500..=MESSAGE).contains(&message.len()),
        "{}",
        message.len()
    );
    assert_eq!(read(&message).elements[0].param("fields_trunc"), Some("1"));
}

#[test]
fn lists_travel_as_json_and_absent_values_not_at_all() {
    let read = read(&format::message(&event(
        "request",
        json!({"headers": ["a\n"], "none": null, "ok": true, "n": 1.5}),
    )));
    let params = &read.elements[0];
    assert_eq!(
        (params.param("headers_json"), params.param("none")),
        (Some(r#"["a\n"]"#), None)
    );
    assert_eq!((params.param("ok"), params.param("n")), (Some("true"), Some("1.5")));
}

#[test]
fn only_comings_and_goings_are_told_in_words() {
    let text = |kind, fields| read(&format::message(&event(kind, fields))).text;
    assert_eq!(
        text("startup", json!({"product": "OpenSSH 9.2"})).as_deref(),
        Some("ssh startup: OpenSSH 9.2")
    );
    assert_eq!(
        text("startup", json!({"product": "né\n"})).as_deref(),
        Some("ssh startup: né\\x0A")
    );
    assert_eq!(text("shutdown", json!({})).as_deref(), Some("ssh shutdown"));
    assert_eq!(text("connect", json!({})), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_event_makes_a_sound_message(event in any_event()) {
        let message = format::message(&event);
        prop_assert!(message.len() <= MESSAGE);
        prop_assert!(!message.chars().any(char::is_control));
        let read = read(&message);
        prop_assert_eq!(read.hostname.as_deref(), Some(event.decky.as_str()));
        prop_assert_eq!(read.elements.len(), 1);
        prop_assert_eq!(&read.elements[0].id, ELEMENT);
        let src = event.report.src.map(|src| src.ip.to_canonical().to_string());
        prop_assert_eq!(read.elements[0].param("src_ip"), src.as_deref());
        let id = event.report.id.to_string();
        prop_assert_eq!(read.elements[0].param("event_id"), Some(id.as_str()));
    }

    #[test]
    fn printable_values_come_back_to_the_letter(value in "[ -~éß漢]{0,400}") {
        let read = read(&format::message(&event("command", json!({"command": value}))));
        prop_assert_eq!(read.elements[0].param("command"), Some(value.as_str()));
    }

    #[test]
    fn the_parser_takes_any_bytes_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse::message(&bytes);
        let begun = [b"<34>1 - - - - - [a b=\"".as_slice(), &bytes].concat();
        let _ = parse::message(&begun);
    }
}

fn read(message: &str) -> Message {
    parse::message(message.as_bytes()).unwrap_or_else(|error| panic!("{error}: {message}"))
}

fn event(kind: &'static str, fields: Value) -> Event {
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    Event {
        decky: Name::new("web-01").unwrap(),
        host: "local".into(),
        boot: "0badcafe".into(),
        seq: 9,
        report: Report {
            id: EventId(Uuid::from_u128(7)),
            at: datetime!(2026-01-31 13:00:00.123456 +1),
            service: "ssh".into(),
            kind: kind.into(),
            src: Some(Endpoint {
                ip: "192.0.2.7".parse().unwrap(),
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

fn any_event() -> impl Strategy<Value = Event> {
    let word = || prop_oneof![any::<String>(), "[\"\\\\\\]\r\n\\x00-\\x1f]{0,3000}", ".{0,4000}"];
    let value = prop_oneof![
        word().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        prop::collection::vec(word().prop_map(Value::from), 0..3).prop_map(Value::from),
    ];
    let fields = prop::collection::btree_map(word(), value, 0..8);
    let source = prop::option::of((any::<std::net::IpAddr>(), any::<u16>()));
    (
        word(),
        word(),
        word(),
        word(),
        word(),
        fields,
        source,
        any::<(u64, u128)>(),
    )
        .prop_map(|(host, boot, service, kind, session, fields, source, (seq, id))| {
            let mut event = event("connect", json!({}));
            (event.host, event.boot, event.seq) = (host, boot, seq);
            let report = &mut event.report;
            report.id = EventId(Uuid::from_u128(id));
            report.src = source.map(|(ip, port)| Endpoint { ip, port });
            (report.service, report.kind) = (service.into(), kind.into());
            report.session = Some(SessionId(session));
            report.fields = fields.into_iter().collect();
            event
        })
}
