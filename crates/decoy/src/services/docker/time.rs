//! Times and spans as the engine writes them.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// What Go writes for no time at all.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

/// As Go's `RFC3339Nano`: no zeros at the end.
pub(super) fn nano(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| NEVER.to_owned())
}

/// Without a fraction.
pub(super) fn seconds(at: OffsetDateTime) -> String {
    nano(at.replace_nanosecond(0).unwrap_or(at))
}

/// `About an hour`, `3 weeks`.
pub(super) fn human(span: Duration) -> String {
    let (seconds, minutes) = (span.whole_seconds().max(0), span.whole_minutes());
    let hours = (span.as_seconds_f64() / 3600.0).round() as i64;
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 730 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (seconds, said) in [
            (0, "Less than a second"),
            (59, "59 seconds"),
            (61, "About a minute"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (86_400 * 3, "3 days"),
            (86_400 * 20, "2 weeks"),
            (86_400 * 90, "3 months"),
            (86_400 * 800, "2 years"),
        ] {
            assert_eq!(human(Duration::seconds(seconds)), said);
        }
    }
}
