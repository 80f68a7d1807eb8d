//! Recorded sessions: as asciicast v2, as plain text, as bytes in their time. Pure.
#![forbid(unsafe_code)]

mod plain;

use std::time::Duration;

use serde_json::json;

pub use plain::Plain;

/// A piece of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Since the session began.
    pub at: Duration,
    pub channel: Channel,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Typed,
    Shown,
    /// The terminal's new size, `COLSxROWS`.
    Resized,
}

/// What the recording was made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    pub cols: u16,
    pub rows: u16,
    pub term: String,
    /// Unix time, seconds.
    pub started: i64,
}

/// The first line of an asciicast v2 file.
pub fn cast_header(screen: &Screen) -> String {
    let or = |size: u16, usual: u16| if size == 0 { usual } else { size };
    let header = json!({
        "version": 2,
        "width": or(screen.cols, 80),
        "height": or(screen.rows, 24),
        "timestamp": screen.started,
        "env": { "TERM": screen.term },
    });
    header.to_string()
}

/// A further line of an asciicast v2 file.
pub fn cast_line(piece: &Piece) -> String {
    let code = match piece.channel {
        Channel::Typed => "i",
        Channel::Shown => "o",
        Channel::Resized => "r",
    };
    json!([piece.at.as_secs_f64(), code, String::from_utf8_lossy(&piece.bytes)]).to_string()
}

/// Plays what was shown, in its time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// 2.0 plays twice as fast; not above 0 plays without pauses.
    pub speed: f64,
    /// No pause is longer, before the speed counts.
    pub idle: Duration,
}

// === impl Pace ===

impl Pace {
    /// The pause between two pieces.
    pub fn pause(&self, before: Duration, after: Duration) -> Duration {
        if self.speed.is_nan() || self.speed <= 0.0 {
            return Duration::ZERO;
        }
        let pause = after.saturating_sub(before).min(self.idle);
        Duration::try_from_secs_f64(pause.as_secs_f64() / self.speed).unwrap_or(self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_becomes_a_line_other_players_read() {
        let piece = Piece {
            at: Duration::from_micros(1_250_000),
            channel: Channel::Shown,
            bytes: b"a\x1b[1m\xff".to_vec(),
        };
        assert_eq!(cast_line(&piece), "[1.25,\"o\",\"a\\u001b[1m\u{fffd}\"]");
        let screen = Screen {
            cols: 0,
            rows: 50,
            term: "xterm".into(),
            started: 7,
        };
        let header: serde_json::Value = serde_json::from_str(&cast_header(&screen)).unwrap();
        assert_eq!(
            (&header["version"], &header["width"], &header["height"]),
            (&json!(2), &json!(80), &json!(50))
        );
    }

    #[test]
    fn pauses_are_shortened_by_speed_and_by_the_longest_allowed() {
        let pace = Pace {
            speed: 2.0,
            idle: Duration::from_secs(2),
        };
        assert_eq!(
            pace.pause(Duration::ZERO, Duration::from_secs(1)),
            Duration::from_millis(500)
        );
        assert_eq!(
            pace.pause(Duration::ZERO, Duration::from_secs(90)),
            Duration::from_secs(1)
        );
        assert_eq!(
            pace.pause(Duration::from_secs(5), Duration::from_secs(1)),
            Duration::ZERO
        );
        assert_eq!(
            Pace { speed: 0.0, ..pace }.pause(Duration::ZERO, Duration::from_secs(1)),
            Duration::ZERO
        );
    }
}
