//! Event time: nanoseconds since 1970, UTC. Nothing here knows what time it is.

use std::fmt;

use serde::{Serialize, Serializer};

pub(crate) const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A moment, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

// === impl Span ===

impl Span {
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Rounded to the nanosecond; what does not fit is cut to what does.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * SECOND as f64).round() as i64)
    }

    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// `10s`, `5m`, `1h`, `2d`, `250ms`, or seconds as a number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let seconds = match unit.trim() {
            "" | "s" => number,
            "ms" => number / 1000.0,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            "d" => number * DAY as f64,
            _ => return None,
        };
        seconds.is_finite().then(|| Self::from_seconds(seconds))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.as_seconds())
    }
}

// === impl Time ===

impl Time {
    pub fn from_seconds(seconds: f64) -> Self {
        Self(Span::from_seconds(seconds).0)
    }

    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// `2023-11-14T22:13:20.000000000Z`.
    pub fn rfc3339(self) -> String {
        let (seconds, nanos) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }

    /// RFC 3339, with `T` or a blank, any number of decimals, `Z`, an offset, or nothing (then UTC).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 19 || bytes[4] != b'-' || bytes[7] != b'-' || !matches!(bytes[10], b'T' | b't' | b' ') {
            return None;
        }
        let date = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..10])?);
        let clock = clock(&bytes[11..19])?;
        let (nanos, rest) = fraction(&bytes[19..])?;
        let offset = match rest {
            [] | [b'Z' | b'z'] => 0,
            rest => offset(rest)?,
        };
        Self::assemble(date, clock - offset, nanos)
    }

    /// The date of a common log line, `10/Oct/2000:13:55:36 -0700`.
    pub fn parse_clf(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 20 || bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' {
            return None;
        }
        let month = month(&bytes[3..6])?;
        let date = (number(&bytes[7..11])?, month, number(&bytes[..2])?);
        let clock = clock(&bytes[12..20])?;
        let offset = match &bytes[20..] {
            [] => 0,
            [b' ', rest @ ..] => offset(rest)?,
            _ => return None,
        };
        Self::assemble(date, clock - offset, 0)
    }

    fn assemble((year, month, day): (i64, i64, i64), seconds: i64, nanos: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let total = days(year, month, day) * DAY + seconds;
        total.checked_mul(SECOND)?.checked_add(nanos).map(Self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |sum, &digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Seconds of the day in `HH:MM:SS`.
fn clock(text: &[u8]) -> Option<i64> {
    if text[2] != b':' || text[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&text[..2])?, number(&text[3..5])?, number(&text[6..8])?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', rest @ ..] = text else {
        return Some((0, text));
    };
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    let digits = rest[..end].iter().map(|digit| i64::from(digit - b'0'));
    let nanos = digits
        .chain(std::iter::repeat(0))
        .take(9)
        .fold(0, |nanos, digit| nanos * 10 + digit);
    (end > 0).then_some((nanos, &rest[end..]))
}

/// Seconds east of Greenwich in `+HHMM` or `+HH:MM`.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [_, _, b':', _, _] => (number(&rest[..2])?, number(&rest[3..])?),
        [_, _, _, _] => (number(&rest[..2])?, number(&rest[2..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn month(name: &[u8]) -> Option<i64> {
    const NAMES: &[u8] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let found = NAMES.chunks(3).position(|known| known.eq_ignore_ascii_case(name))?;
    Some(found as i64 + 1)
}

/// Days since 1970 of a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_the_forms_logs_write_them() {
        for (text, nanos) in [
            ("2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
            ("2023-11-14 22:13:20", 1_700_000_000 * SECOND),
            ("2023-11-14T23:13:20.5+01:00", 1_700_000_000 * SECOND + SECOND / 2),
            ("2023-11-14T22:13:20.1234567899Z", 1_700_000_000 * SECOND + 123_456_789),
            ("1969-12-31T23:59:59Z", -SECOND),
            ("2000-02-29T00:00:00Z", 951_782_400 * SECOND),
        ] {
            assert_eq!(Time::parse_rfc3339(text), Some(Time(nanos)), "{text}");
        }
        assert_eq!(
            Time::parse_clf("14/Nov/2023:15:13:20 -0700"),
            Some(Time(1_700_000_000 * SECOND))
        );
        for broken in [
            "2023-13-14T22:13:20Z",
            "2023-11-14T22:13",
            "x",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T25:13:20Z",
        ] {
            assert_eq!(Time::parse_rfc3339(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_moment_is_written_as_it_was_read() {
        for text in [
            "2023-11-14T22:13:20.000000001Z",
            "1601-01-01T00:00:00.000000000Z",
            "2262-04-11T23:47:16.000000000Z",
        ] {
            if let Some(time) = Time::parse_rfc3339(text) {
                assert_eq!(time.rfc3339(), text);
            }
        }
        assert_eq!(Time(0).rfc3339(), "1970-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn spans_take_units_or_plain_seconds() {
        assert_eq!(Span::parse("10s"), Some(Span::seconds(10)));
        assert_eq!(Span::parse("5m"), Some(Span::seconds(300)));
        assert_eq!(Span::parse("2d"), Some(Span::seconds(172_800)));
        assert_eq!(Span::parse("0.05"), Some(Span(50_000_000)));
        assert_eq!(Span::parse("1w"), None);
        assert_eq!(Span::parse("-3s"), None);
    }
}
