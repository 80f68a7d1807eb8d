//! One event as one line for a person. Attackers choose much of the text, so nothing of theirs reaches the terminal
//! unescaped.

use std::fmt::Write as _;

use model::detail::{Command, EgressBlocked, FileCaptured, Login, Outcome, SessionEnd, SessionStart};
use model::event::{Event, Origin};
use owo_colors::{OwoColorize, Style};
use serde_json::Value;
use time::macros::format_description;

/// Longest text of an attacker's on one line.
const SHOWN: usize = 160;

/// What of the many values of an observation of the wire says who it is.
const GIST: &[(&str, &[&str])] = &[
    (
        "tcp_syn_fingerprint",
        &["os_label", "os_flavor", "scanner", "stack_sig"],
    ),
    ("tls_client_hello", &["ja4", "sni", "alpn"]),
    ("quic_client_hello", &["ja4_quic", "sni", "alpn"]),
    ("ssh_client_banner", &["ssh_version"]),
    ("ssh_client_kex", &["hassh"]),
    ("hassh", &["hassh"]),
    ("http_request_fingerprint", &["user_agent", "http_order_hash"]),
    (
        "tcp_flow_timing",
        &["flows", "packets", "bytes", "handshake", "retransmits"],
    ),
];

/// The line, or none for what only machines care about (a piece of a recording, a closed connection).
pub fn line(event: &Event, colour: bool) -> Option<String> {
    let report = &event.report;
    let (text, style) = told(event)?;
    let paint = |text: String, style: Style| if colour { text.style(style).to_string() } else { text };
    let time = report
        .at
        .format(format_description!("[hour]:[minute]:[second]"))
        .unwrap_or_default();
    let peer = report.src.map_or_else(|| "-".to_owned(), |src| src.ip.to_string());
    let mark = if report.origin == Origin::Drill { " [drill]" } else { "" };
    Some(format!(
        "{}  {:<15}  {:<16} {:<8} {}{mark}",
        paint(time, Style::new().dimmed()),
        peer,
        paint(format!("{:<16}", event.decky.as_str()), Style::new().blue()).trim_end(),
        report.service,
        paint(text, style),
    ))
}

fn told(event: &Event) -> Option<(String, Style)> {
    let report = &event.report;
    let plain = Style::new();
    if let Some(login) = report.detail::<Login>() {
        // How an SSH client asks what it may try; it tries nothing by it.
        if login.method == "none" {
            return None;
        }
        let who = clean(login.principal.as_deref().unwrap_or("-"));
        let secret = clean(&login.secret.secret_printable);
        return Some(match login.outcome {
            Outcome::Success => (format!("logged in as {who} with {secret}"), plain.red().bold()),
            Outcome::Failure => (format!("tried {who} with {secret}"), plain.yellow()),
        });
    }
    if let Some(command) = report.detail::<Command>() {
        return Some((format!("$ {}", clean(&command.command)), plain.cyan()));
    }
    if let Some(file) = report.detail::<FileCaptured>() {
        let hash = file.sha256.get(..12).unwrap_or_default();
        return Some((
            format!("left {} ({} bytes, sha256 {hash})", clean(&file.path), file.size),
            plain.magenta(),
        ));
    }
    if let Some(start) = report.detail::<SessionStart>() {
        return Some((
            format!("{} session {} of {}", start.mode, start.sid, clean(&start.user)),
            plain.green(),
        ));
    }
    if let Some(end) = report.detail::<SessionEnd>() {
        let seconds = end.duration_ms as f64 / 1000.0;
        return Some((
            format!("session {} ended after {seconds:.1} s", end.sid),
            plain.dimmed(),
        ));
    }
    if let Some(blocked) = report.detail::<EgressBlocked>() {
        let to = format!("{} {}:{}", blocked.proto, blocked.dst_ip, blocked.dst_port);
        return Some((format!("wall stopped {to}"), plain.red()));
    }
    match &*report.kind {
        "connect" => Some(("connected".to_owned(), plain.dimmed())),
        "request" => {
            let of = |field| clean(report.text(field).unwrap_or_default());
            let status = report.fields.get("status").and_then(Value::as_u64).unwrap_or_default();
            Some((format!("{} {} -> {status}", of("method"), of("path")), plain.cyan()))
        }
        "tty" | "tls_session" | "disconnect" | "startup" | "shutdown" | "sftp_op" | "env_req" | "pty_req"
        | "window_change" => None,
        kind => Some((format!("{kind}{}", brief(kind, &report.fields)), plain)),
    }
}

fn brief(kind: &str, fields: &model::Fields) -> String {
    let gist = GIST.iter().find(|(of, _)| *of == kind).map(|(_, names)| *names);
    let says = |name: &str| gist.map_or(!name.ends_with("_b64"), |names| names.contains(&name));
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(name, _)| says(name)) {
        if text.len() > SHOWN {
            text.push_str(" ...");
            break;
        }
        let _ = match value {
            Value::String(value) => write!(text, " {name}={}", clean(value)),
            Value::Number(value) => write!(text, " {name}={value}"),
            Value::Bool(value) => write!(text, " {name}={value}"),
            _ => Ok(()),
        };
    }
    text
}

/// Printable and short: control characters, and those that turn the writing direction, are shown as escapes.
pub fn clean(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= SHOWN {
            out.push_str("...");
            break;
        }
        if model::is_hidden(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attackers_escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(clean("a\x1b[2J\r\nb\u{202e}"), "a\\u{1b}[2J\\r\\nb\\u{202e}");
        assert!(clean(&"x".repeat(5000)).len() < 200);
    }

    #[test]
    fn an_observation_of_the_wire_says_who_and_not_everything() {
        let fields = serde_json::json!({"ja3": "aa", "ja4": "t13d_b_c", "sni": "a.test", "hello_len": 512});
        assert_eq!(
            brief("tls_client_hello", fields.as_object().unwrap()),
            " ja4=t13d_b_c sni=a.test"
        );
    }

    #[test]
    fn a_login_names_who_with_what_and_whether_it_worked() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "decky": "decky-01", "host": "local", "boot": "00000000", "seq": 1,
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "at": "2026-01-31T12:00:00.000001Z",
            "service": "ssh", "kind": "auth_attempt", "src": {"ip": "192.0.2.7", "port": 4000},
            "fields": {"principal": "root", "method": "password", "secret_kind": "plaintext",
                       "secret_printable": "toor", "secret_b64": "dG9vcg==", "outcome": "success"}
        }))
        .unwrap();
        let line = line(&event, false).unwrap();
        assert!(line.contains("12:00:00  192.0.2.7"), "{line}");
        assert!(line.contains("decky-01"), "{line}");
        assert!(line.ends_with("logged in as root with toor"), "{line}");
    }
}
