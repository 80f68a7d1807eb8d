//! Events from JSON: as they are, by kind, and as messages for other people's collectors.
#![cfg_attr(feature = "libfuzzer", no_main)]

use model::Event;
use model::detail::{Command, FileCaptured, Login, ProtocolError, SessionEnd, SessionStart, Tty};

fuzz::target!(run);

fn run(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        return;
    };
    let written = serde_json::to_vec(&event).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(serde_json::from_slice::<Event>(&written).ok().as_ref(), Some(&event));
    let report = &event.report;
    let _ = (
        report.detail::<Login>(),
        report.detail::<Command>(),
        report.detail::<Tty>(),
    );
    let _ = (report.detail::<SessionStart>(), report.detail::<SessionEnd>());
    let _ = (report.detail::<FileCaptured>(), report.detail::<ProtocolError>());
    let message = siem::format::message(&event);
    assert!(
        message.len() <= siem::format::MESSAGE && !message.contains(['\n', '\r']),
        "{message}"
    );
    siem::parse::message(message.as_bytes()).unwrap_or_else(|error| panic!("{error}: {message}"));
}
