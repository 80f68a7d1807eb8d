//! An event as one RFC 5424 message (decoys.md §2.1, §2.2).

use std::fmt::Write as _;

use model::{Detail as _, Event, Origin, Report, detail};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::escape;

/// Bytes of a message.
pub const MESSAGE: usize = 12_288;
/// Bytes of a value before its quotes, backslashes and brackets are escaped.
pub const VALUE: usize = 2_048;
/// Id of the one structured-data element.
pub const ELEMENT: &str = "relay@55555";

const LOCAL0: u8 = 16;
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");
/// Params made of the event itself; fields of these names are told as `f_` and the name.
const RESERVED: [&str; 10] = [
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "session_id",
    "event_id",
    "host",
    "boot_id",
    "seq",
    "origin",
];
/// Room kept for the closing of the element, the mark that params are missing, and the text after it.
const TAIL: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Severity {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

/// The event as one message of at most [`MESSAGE`] bytes, without a line's end.
///
/// Values longer than [`VALUE`] are cut and followed by a param `<name>_trunc="1"`; params that find no room in the
/// message are left out and `fields_trunc="1"` says so.
pub fn message(event: &Event) -> String {
    let report = &event.report;
    let mut out = header(
        severity(report),
        report.at,
        event.decky.as_str(),
        &report.service,
        &report.kind,
    );
    let mut params = Params::begin(&mut out);
    if let Some(src) = report.src {
        params.add("src_ip", &src.ip.to_canonical().to_string());
        params.add("src_port", &src.port.to_string());
    }
    if let Some(dst) = report.dst {
        params.add("dst_port", &dst.port.to_string());
    }
    if let Some(session) = &report.session {
        params.add("session_id", &session.0);
    }
    if let Some(dst) = report.dst {
        params.add("dst_ip", &dst.ip.to_canonical().to_string());
    }
    params.add("event_id", &report.id.to_string());
    params.add("host", &event.host);
    params.add("boot_id", &event.boot);
    params.add("seq", &event.seq.to_string());
    match report.origin {
        Origin::Peer => {}
        Origin::Internal => params.add("origin", "internal"),
        Origin::Drill => params.add("origin", "drill"),
    }
    for (name, value) in &report.fields {
        params.field(name, value);
    }
    params.end();
    if let Some(text) = text(report) {
        // Beyond ASCII a mark must say that it is UTF-8 (RFC 5424 §6.4).
        out.push_str(if text.is_ascii() { " " } else { " \u{feff}" });
        out.push_str(&text);
    }
    out
}

pub(crate) fn header(severity: Severity, at: OffsetDateTime, host: &str, app: &str, id: &str) -> String {
    let mut out = String::with_capacity(512);
    let priority = LOCAL0 * 8 + severity as u8;
    let at = at.to_offset(time::UtcOffset::UTC);
    let at = Some(at)
        .filter(|at| (0..=9_999).contains(&at.year()))
        .and_then(|at| at.format(TIME).ok());
    let at = at.as_deref().unwrap_or("-");
    let (host, app) = (escape::header(host, 255), escape::header(app, 48));
    let id = escape::header(id, 32);
    let _ = write!(out, "<{priority}>1 {at} {host} {app} - {id} ");
    out
}

fn severity(report: &Report) -> Severity {
    let succeeded = || report.text("outcome") == Some("success");
    match &*report.kind {
        detail::ServiceDied::KIND => Severity::Error,
        detail::Login::KIND if succeeded() => Severity::Warning,
        detail::Login::KIND => Severity::Notice,
        detail::Command::KIND | detail::FileCaptured::KIND | detail::EgressBlocked::KIND => Severity::Warning,
        _ => Severity::Info,
    }
}

/// Only the comings and goings of a service are also told in words.
fn text(report: &Report) -> Option<String> {
    let words = match &*report.kind {
        detail::Startup::KIND => format!("{} startup: {}", report.service, report.text("product").unwrap_or("-")),
        detail::Shutdown::KIND => format!("{} shutdown", report.service),
        _ => return None,
    };
    Some(escape::visible(&words, TAIL / 2).0)
}

/// Writes the structured data, within the room there is.
struct Params<'a> {
    out: &'a mut String,
    /// Something did not find room.
    cut: bool,
}

// === impl Params ===

impl<'a> Params<'a> {
    fn begin(out: &'a mut String) -> Self {
        out.push('[');
        out.push_str(ELEMENT);
        Self { out, cut: false }
    }

    fn field(&mut self, name: &str, value: &Value) {
        let name = if RESERVED.contains(&name) {
            format!("f_{name}")
        } else {
            name.to_owned()
        };
        match value {
            Value::Null => {}
            Value::String(text) => self.add(&name, text),
            Value::Bool(_) | Value::Number(_) => self.add(&name, &value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                self.add(&format!("{}_json", escape::name(&name, 11)), &value.to_string());
            }
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        let (value, cut) = escape::visible(value, VALUE);
        let name = escape::name(name, if cut { 6 } else { 0 });
        let before = self.out.len();
        let _ = write!(self.out, " {name}=\"");
        escape::quote(&value, self.out);
        self.out.push('"');
        if cut {
            let _ = write!(self.out, " {name}_trunc=\"1\"");
        }
        if self.out.len() > MESSAGE - TAIL {
            self.out.truncate(before);
            self.cut = true;
        }
    }

    fn end(self) {
        self.out.push_str(if self.cut { " fields_trunc=\"1\"]" } else { "]" });
    }
}
