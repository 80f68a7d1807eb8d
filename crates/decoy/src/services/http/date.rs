//! Dates in the three forms HTTP knows (RFC 9110 §5.6.7).

use time::{Date, Month, OffsetDateTime, Time};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(in crate::services) fn format(at: OffsetDateTime) -> String {
    let day = DAYS[at.weekday().number_days_from_monday() as usize];
    let month = MONTHS[at.month() as usize - 1];
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!(
        "{day}, {:02} {month} {} {hour:02}:{minute:02}:{second:02} GMT",
        at.day(),
        at.year()
    )
}

/// Seconds since 1970.
pub(super) fn format_unix(seconds: i64) -> String {
    format(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// Seconds since 1970 of a date in any of the three forms.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    match text.split_once(',') {
        Some((_, rest)) => parse_after_day(rest.trim_start()),
        None => parse_asctime(text),
    }
}

/// `06 Nov 1994 08:49:37 GMT` or `06-Nov-94 08:49:37 GMT`.
fn parse_after_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(5, [' ', '-']);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let year: i32 = year.parse().ok()?;
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    seconds(year, month, day, parts.next()?)
}

/// `Sun Nov  6 08:49:37 1994`.
fn parse_asctime(text: &str) -> Option<i64> {
    let mut parts = text.split_ascii_whitespace();
    let (_, month, day, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    seconds(parts.next()?.parse().ok()?, month, day, clock)
}

fn seconds(year: i32, month: &str, day: &str, clock: &str) -> Option<i64> {
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = Month::try_from(month as u8 + 1).ok()?;
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(clock.next()??, clock.next()??, clock.next()??).ok()?;
    let date = Date::from_calendar_date(year, month, day.parse().ok()?).ok()?;
    Some(date.with_time(time).assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_all_three_forms_and_written_in_the_first() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(format_unix(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov",
            ",",
            "\u{ff}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
