//! What an attacker's machine looks like, for a person.

use store::{Footprint, OsEvidence, Shown};
use time::OffsetDateTime;

use crate::feed::clean;
use crate::output::ago;

/// Values of one kind that are shown; `--json` has them all.
const SHOWN: usize = 8;

/// Lines of the portrait; none when nothing is known.
pub fn lines(seen: &Footprint, now: OffsetDateTime) -> Vec<String> {
    let mut lines = machine(seen);
    for (name, shown) in [
        ("tool", &seen.scanner_tools),
        ("stack", &seen.stacks),
        ("ja4", &seen.ja4),
        ("ja4 quic", &seen.ja4_quic),
        ("ja3", &seen.ja3),
        ("hassh", &seen.hassh_client),
        ("ssh says", &seen.ssh_client_banners),
        ("kex", &seen.kex_order_raw),
        ("http/2", &seen.h2),
        ("headers", &seen.http_order),
        ("changed", &seen.host_change_reasons),
    ] {
        lines.extend(shown.iter().rev().take(SHOWN).map(|one| value(name, one)));
        if shown.len() > SHOWN {
            lines.push(format!("  {name:<9} and {} more", shown.len() - SHOWN));
        }
    }
    for state in &seen.probes {
        let port = state.port.map(|port| format!(":{port}")).unwrap_or_default();
        let turns = if state.load_balanced {
            ", servers take turns"
        } else {
            ""
        };
        let changed = match state.rotation_count {
            0 => String::new(),
            1 => ", changed once".to_owned(),
            n => format!(", changed {n} times"),
        };
        lines.push(format!(
            "  answered  {}{port} {} (since {}, last {}{changed}{turns})",
            state.probe,
            clean(&state.hash),
            ago(state.first_seen, now),
            ago(state.last_seen, now)
        ));
    }
    lines
}

fn machine(seen: &Footprint) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(os) = &seen.os_guess {
        let by = match os.by {
            OsEvidence::Signature => "by its first packets",
            OsEvidence::Coarse => "by a few values of its first packets",
            OsEvidence::Ttl => "by its time to live",
        };
        let others: Vec<_> = os.votes.iter().skip(1).map(|vote| clean(&vote.label)).collect();
        let rest = if others.is_empty() {
            String::new()
        } else {
            format!("; else {}", others.join(", "))
        };
        lines.push(format!(
            "  system    {} ({:.0} %, {by}{rest})",
            clean(&os.label),
            os.share * 100.0
        ));
    }
    let facts = [
        seen.hop_distance.map(|hops| format!("{hops} hops away")),
        seen.client_rtt_ms.map(|ms| format!("{ms:.1} ms away")),
        seen.link_type.as_deref().map(|link| format!("link {}", clean(link))),
        seen.uptime
            .as_ref()
            .map(|uptime| format!("up for {} h", uptime.seconds / 3_600)),
        seen.ipid_class
            .as_deref()
            .map(|class| format!("IP ids {}", clean(class))),
        seen.isn_class
            .as_deref()
            .map(|class| format!("sequence numbers {}", clean(class))),
        (seen.retransmit_count > 0).then(|| format!("{} retransmits", seen.retransmit_count)),
    ];
    let facts: Vec<_> = facts.into_iter().flatten().collect();
    if !facts.is_empty() {
        lines.push(format!("  network   {}", facts.join(", ")));
    }
    if let Some(tcp) = &seen.tcp_fingerprint {
        let of = |name: &str| {
            tcp.flat
                .get(name)
                .filter(|value| !value.is_null())
                .map(|value| match value {
                    serde_json::Value::String(text) => clean(text),
                    other => other.to_string(),
                })
        };
        let shown: Vec<_> = [
            ("window", "window"),
            ("scale", "wscale"),
            ("mss", "mss"),
            ("options", "options_sig"),
            ("dscp", "dscp"),
            ("ecn", "ecn"),
        ]
        .iter()
        .filter_map(|(name, field)| Some(format!("{name} {}", of(field)?)))
        .collect();
        if !shown.is_empty() {
            lines.push(format!("  tcp       {}", shown.join(", ")));
        }
    }
    lines
}

fn value(name: &str, shown: &Shown) -> String {
    let deckies: Vec<_> = shown.deckies.iter().map(String::as_str).collect();
    let on = if deckies.is_empty() {
        String::new()
    } else {
        format!(" on {}", deckies.join(" "))
    };
    format!("  {name:<9} {} ({}x{on})", clean(&shown.value), shown.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_known_is_nothing_said() {
        assert!(lines(&Footprint::default(), OffsetDateTime::UNIX_EPOCH).is_empty());
    }

    #[test]
    fn what_an_attacker_calls_himself_moves_no_terminal() {
        let shown = Shown {
            value: "SSH-2.0-\x1b[2J".to_owned(),
            detail: serde_json::Value::Null,
            count: 3,
            first_seen: OffsetDateTime::UNIX_EPOCH,
            last_seen: OffsetDateTime::UNIX_EPOCH,
            deckies: ["web-01".to_owned()].into(),
            ports: Default::default(),
        };
        let seen = Footprint {
            ssh_client_banners: vec![shown],
            ..Footprint::default()
        };
        let said = lines(&seen, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(said, ["  ssh says  SSH-2.0-\\u{1b}[2J (3x on web-01)"]);
    }
}
