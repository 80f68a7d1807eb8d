//! A finding as one RFC 5424 message, with its facts as structured data or as ArcSight's Common Event Format.

use std::fmt::Write as _;

use store::Finding;

use crate::escape;
use crate::format::{ELEMENT, Severity, VALUE, header};

const APP: &str = "detector";
/// What the text of a CEF message begins with: version 0, and who made it.
const CEF: &str = "CEF:0|Grid|Detector|1";

/// The facts as structured data, the reason as text.
pub fn message(finding: &Finding, host: &str) -> String {
    let mut out = start(finding, host);
    let _ = write!(out, "[{ELEMENT}");
    for (name, value) in facts(finding) {
        let (value, _) = escape::visible(&value, VALUE);
        let _ = write!(out, " {name}=\"");
        escape::quote(&value, &mut out);
        out.push('"');
    }
    out.push(']');
    let (text, _) = escape::visible(&finding.reason, VALUE);
    out.push_str(if text.is_ascii() { " " } else { " \u{feff}" });
    out.push_str(&text);
    out
}

/// The facts as the extension of a CEF text.
pub fn cef(finding: &Finding, host: &str) -> String {
    let mut out = start(finding, host);
    let title = escape::visible(&finding.reason, VALUE).0;
    let severity = match finding.severity.as_str() {
        "critical" => 10,
        "high" => 8,
        "medium" => 5,
        "low" => 3,
        _ => 1,
    };
    let (rule, title) = (pipe(&finding.rule), pipe(&title));
    let _ = write!(out, "- {CEF}|{rule}|{title}|{severity}|");
    let source = if finding.attacker_ip.is_some() { "src" } else { "suser" };
    for (name, value) in [
        ("externalId", finding.id.clone()),
        (source, finding.source.clone()),
        ("cat", finding.class.clone()),
        ("cn1Label", "confidence".to_owned()),
        ("cn1", finding.confidence.to_string()),
        ("cs1Label", "technique".to_owned()),
        ("cs1", finding.mitre.join(" ")),
    ] {
        let _ = write!(out, "{name}={} ", extension(&escape::visible(&value, VALUE).0));
    }
    out.truncate(out.trim_end().len());
    out
}

fn start(finding: &Finding, host: &str) -> String {
    let severity = match finding.severity.as_str() {
        "critical" => Severity::Error,
        "high" | "medium" => Severity::Warning,
        _ => Severity::Notice,
    };
    header(severity, finding.last_at, host, APP, "finding")
}

fn facts(finding: &Finding) -> [(&'static str, String); 9] {
    [
        ("finding_id", finding.id.clone()),
        ("rule", finding.rule.clone()),
        ("class", finding.class.clone()),
        ("severity", finding.severity.clone()),
        ("confidence", finding.confidence.to_string()),
        ("source", finding.source.clone()),
        (
            "src_ip",
            finding.attacker_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        ),
        ("stage", finding.stage.clone().unwrap_or_default()),
        ("mitre", finding.mitre.join(" ")),
    ]
}

/// In the header of CEF `|` and `\` are escaped.
fn pipe(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|")
}

/// In its extension `=` and `\` are.
fn extension(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use time::macros::datetime;

    fn finding(reason: &str) -> Finding {
        Finding {
            id: "F-0000000000000001".to_owned(),
            rule: "decoy.touch".to_owned(),
            class: "detection".to_owned(),
            severity: "critical".to_owned(),
            confidence: 95,
            source: "192.0.2.7".to_owned(),
            attacker_ip: Some("192.0.2.7".parse().unwrap()),
            stage: Some("Execution".to_owned()),
            mitre: vec!["T1059".to_owned()],
            reason: reason.to_owned(),
            first_at: datetime!(2026-01-31 12:00 UTC),
            last_at: datetime!(2026-01-31 12:00 UTC),
            acknowledged_at: None,
            detail: Value::Null,
        }
    }

    #[test]
    fn a_finding_reads_back_with_its_facts() {
        let text = message(&finding("Decoy touched: 192.0.2.7"), "grid");
        assert!(
            text.starts_with("<131>1 2026-01-31T12:00:00.000000+00:00 grid detector - finding [relay@55555 "),
            "{text}"
        );
        assert!(
            text.contains("confidence=\"95\"") && text.ends_with("] Decoy touched: 192.0.2.7"),
            "{text}"
        );
        assert!(crate::parse::message(text.as_bytes()).is_ok(), "{text}");
    }

    #[test]
    fn what_an_attacker_wrote_ends_neither_line_nor_field() {
        let evil = "x|y=z\\ ]\"\nCEF:0|other";
        let text = cef(&finding(evil), "grid");
        assert!(!text.contains('\n'));
        assert!(text.contains("|x\\|y=z\\\\ ]\"\\\\x0ACEF:0\\|other|10|"), "{text}");
        let text = message(&finding(evil), "grid");
        assert!(!text.contains('\n'), "{text}");
    }
}
