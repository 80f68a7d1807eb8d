//! What a machine says to its host on stdout, and hears from it on stdin: one JSON object a line (deploy.md §7.3).

use serde::{Deserialize, Serialize};

use crate::event::Report;
use crate::machine::MachineSpec;

/// A line on stdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Flat")]
pub struct Line {
    /// Counts from 1 within one boot, without gaps.
    pub seq: u64,
    /// 8 hex digits, new at each start of the machine.
    pub boot: String,
    /// Generation of the spec in force.
    pub generation: u64,
    #[serde(flatten)]
    pub said: Said,
}

/// A line as it is written, which says one thing.
#[derive(Deserialize)]
struct Flat {
    seq: u64,
    boot: String,
    generation: u64,
    report: Option<Report>,
    blob: Option<Blob>,
    ack: Option<Ack>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Report(Report),
    Blob(Blob),
    /// A spec is in force (`error` absent) or was refused and the one before stays.
    Ack(Ack),
}

/// A piece of a file, in order of `index` from 0; the piece with `last` set completes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blob {
    /// Of the whole file, 64 lower-case hex digits.
    pub sha256: String,
    pub index: u32,
    pub last: bool,
    /// Standard base64 of at most [`Blob::PIECE`] bytes.
    pub data: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    pub generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A line on stdin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The wall around the machine stands: listeners may open. Nothing listens before this was heard once a boot.
    Go {},
    /// Make this spec the one in force; services that did not change keep running.
    Sync(Box<MachineSpec>),
    /// Remove files planted by the host.
    Delete {
        paths: Vec<String>,
    },
    Shutdown,
}

// === impl Line ===

impl Line {
    /// Container runtimes split log lines at 16 KiB; nothing we say is longer.
    pub const MAX: usize = 12_288;
}

impl TryFrom<Flat> for Line {
    type Error = &'static str;

    fn try_from(flat: Flat) -> Result<Self, Self::Error> {
        let said = match (flat.report, flat.blob, flat.ack) {
            (Some(report), None, None) => Said::Report(report),
            (None, Some(blob), None) => Said::Blob(blob),
            (None, None, Some(ack)) => Said::Ack(ack),
            _ => return Err("a line says one thing: a `report`, a `blob` or an `ack`"),
        };
        Ok(Self {
            seq: flat.seq,
            boot: flat.boot,
            generation: flat.generation,
            said,
        })
    }
}

impl Said {
    /// What a service says at once is no longer, so that the line it becomes fits.
    pub const MAX: usize = Line::MAX - 96;
}

impl Blob {
    pub const PIECE: usize = 8_192;
    /// A larger file is reported by hash and size only.
    pub const MAX_FILE: u64 = 16 << 20;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_one_thing() {
        let ack = r#"{"seq":3,"boot":"00aa00aa","generation":2,"ack":{"generation":2}}"#;
        let line: Line = serde_json::from_str(ack).unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), ack);
        let blob = r#""blob":{"sha256":"00","index":0,"last":true,"data":""}"#;
        for wrong in [
            r#"{"seq":3,"boot":"00aa00aa","generation":2}"#.to_owned(),
            ack.replace(r#""ack""#, &format!(r#"{blob},"ack""#)),
        ] {
            assert!(serde_json::from_str::<Line>(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_order_to_go_is_an_object_with_one_empty_field() {
        assert_eq!(serde_json::to_string(&Order::Go {}).unwrap(), r#"{"go":{}}"#);
        assert_eq!(serde_json::from_str::<Order>(r#"{"go":{}}"#).unwrap(), Order::Go {});
    }
}
