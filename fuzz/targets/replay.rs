//! Recordings, as text without control and as lines of a cast.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::time::Duration;

use replay::{Channel, Pace, Piece, Plain, Screen};

fuzz::target!(run);

fn run(data: &[u8]) {
    let pieces = fuzz::pieces(data);
    let mut plain = Plain::default();
    for piece in &pieces {
        let text = plain.text(piece);
        assert!(!text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
    }
    let number = |at: usize| data.get(at).copied().unwrap_or_default();
    let piece = Piece {
        at: Duration::from_micros(u64::from(number(0)) << number(1).min(55)),
        channel: [Channel::Typed, Channel::Shown, Channel::Resized][usize::from(number(2) % 3)],
        bytes: data.to_vec(),
    };
    let screen = Screen {
        cols: number(3).into(),
        rows: number(4).into(),
        term: String::from_utf8_lossy(data).into_owned(),
        started: i64::from(number(5)) << 30,
    };
    for line in [replay::cast_line(&piece), replay::cast_header(&screen)] {
        assert!(!line.contains('\n') && serde_json::from_str::<serde_json::Value>(&line).is_ok());
    }
    let speed = f64::from_bits(data.first_chunk::<8>().map_or(0, |bits| u64::from_le_bytes(*bits)));
    let pace = Pace {
        speed,
        idle: Duration::from_secs(2),
    };
    pace.pause(Duration::from_micros(7), piece.at);
}
