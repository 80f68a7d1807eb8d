//! Zeek's conn.log, as tab-separated text or JSON lines.

use std::borrow::Cow;

use super::access::address;
use super::fields::{Flat, Scalar, seconds};
use crate::error::{Error, Result};
use crate::event::Proto;
use crate::flow::{FlowRecord, State};
use crate::time::{Span, Time};

/// Reads one conn.log, remembering what its header says.
pub struct FlowLog {
    separator: char,
    empty: String,
    unset: String,
    fields: Vec<String>,
}

/// The columns of a log without a header.
const FIELDS: [&str; 12] = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
];

/// A record in the making.
#[derive(Default)]
struct Draft {
    at: Option<Time>,
    src: Option<crate::addr::Addr>,
    dst: Option<crate::addr::Addr>,
    sport: u16,
    dport: u16,
    proto: Option<Proto>,
    duration: Span,
    out: u64,
    back: u64,
    state: Option<State>,
}

// === impl FlowLog ===

impl Default for FlowLog {
    fn default() -> Self {
        Self {
            separator: '\t',
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            fields: FIELDS.map(str::to_owned).to_vec(),
        }
    }
}

impl FlowLog {
    /// The record of a line; none for a line of the header.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn line(&mut self, line: &str) -> Result<Option<FlowRecord>> {
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(header) = line.strip_prefix('#') {
            self.header(header);
            return Ok(None);
        }
        let mut draft = Draft::default();
        if line.trim_start().starts_with('{') {
            let Flat(pairs) =
                serde_json::from_str(line).map_err(|error| Error::record(format!("not JSON: {error}")))?;
            pairs.iter().for_each(|(key, value)| draft.put(key, value));
        } else {
            for (field, value) in self.fields.iter().zip(line.split(self.separator)) {
                if value != self.unset && value != self.empty {
                    draft.put(field, &Scalar::Text(Cow::Borrowed(value)));
                }
            }
        }
        draft.finish().map(Some)
    }

    fn header(&mut self, header: &str) {
        if let Some(separator) = header.strip_prefix("separator ") {
            let code = separator
                .trim()
                .strip_prefix("\\x")
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            self.separator = code
                .map(char::from)
                .or_else(|| separator.chars().next())
                .unwrap_or('\t');
            return;
        }
        let mut words = header.split(self.separator);
        match words.next() {
            Some("empty_field") => self.empty = words.next().unwrap_or_default().to_owned(),
            Some("unset_field") => self.unset = words.next().unwrap_or_default().to_owned(),
            Some("fields") => self.fields = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
}

// === impl Draft ===

impl Draft {
    fn put(&mut self, key: &str, value: &Scalar<'_>) {
        let number = || value.number().unwrap_or(0.0);
        let host = || value.text().and_then(|text| address(&text));
        match key {
            "ts" => self.at = value.text().and_then(|text| seconds(&text)).or_else(|| value.time()),
            "id.orig_h" => self.src = host(),
            "id.resp_h" => self.dst = host(),
            "id.orig_p" => self.sport = number() as u16,
            "id.resp_p" => self.dport = number() as u16,
            "proto" => self.proto = value.text().map(|text| Proto::parse(&text)),
            "duration" => self.duration = Span::from_seconds(number().clamp(0.0, 1e9)),
            "orig_bytes" => self.out = number() as u64,
            "resp_bytes" => self.back = number() as u64,
            "conn_state" => self.state = value.text().map(|text| state(&text)),
            _ => {}
        }
    }

    fn finish(self) -> Result<FlowRecord> {
        let missing = |field: &str| Error::record(format!("no `{field}`"));
        let proto = self.proto.unwrap_or(Proto::Other);
        let portless = matches!(proto, Proto::Icmp | Proto::Icmp6);
        Ok(FlowRecord {
            at: self.at.ok_or_else(|| missing("ts"))?,
            src: self.src.ok_or_else(|| missing("id.orig_h"))?,
            dst: self.dst.ok_or_else(|| missing("id.resp_h"))?,
            sport: if portless { 0 } else { self.sport },
            dport: if portless { 0 } else { self.dport },
            proto,
            duration: self.duration,
            out: self.out,
            back: self.back,
            state: self.state.unwrap_or(State::NotAttempt),
        })
    }
}

fn state(conn_state: &str) -> State {
    match conn_state {
        "S0" | "SH" | "RSTOS0" => State::Unanswered,
        "REJ" => State::Rejected,
        "S1" | "S2" | "S3" | "SF" | "RSTO" | "RSTR" => State::Answered,
        _ => State::NotAttempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_say_the_same_and_the_header_orders_the_columns() {
        let json = r#"{"ts":1700000000.25,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":4000,"id.resp_h":"2001:db8::1","id.resp_p":22,"proto":"tcp","duration":1.5,"orig_bytes":10,"resp_bytes":20,"conn_state":"SF","new_field":[1]}"#;
        let mut log = FlowLog::default();
        let header = [
            "#separator \\x09",
            "#unset_field\t-",
            "#fields\tconn_state\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tts\tduration\torig_bytes\tresp_bytes",
            "#types\tx",
        ];
        for line in header {
            assert!(log.line(line).expect(line).is_none());
        }
        let text = "SF\t10.0.0.1\t4000\t2001:db8::1\t22\ttcp\t1700000000.250000\t1.5\t10\t20";
        let read =
            [FlowLog::default().line(json), log.line(text)].map(|line| line.expect("a record").expect("no header"));
        for record in read {
            assert_eq!(record.at, Time(1_700_000_000_250_000_000));
            assert_eq!(
                (record.sport, record.dport, record.out, record.back),
                (4000, 22, 10, 20)
            );
            assert_eq!((record.state, record.duration), (State::Answered, Span(1_500_000_000)));
        }
        assert!(log.line("SF\t-\t4000").is_err());
        assert!(log.line("{}").is_err());
    }
}
