//! Points in time as people say them.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::exit::{Code, Failure, Result};

/// `90s`, `10m`, `2h`, `7d` before `now`, or RFC 3339.
pub fn parse(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime> {
    ago(text)
        .map(|age| now - age)
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok())
        .ok_or_else(|| {
            Failure::new(Code::Invalid, format!("`{text}` is not a point in time"))
                .help("say how long ago, as `10m`, `2h` or `7d`, or a time as `2026-01-31T12:00:00Z`")
                .into()
        })
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    Some(Duration::seconds(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times_are_understood_and_the_rest_refused() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(30);
        assert_eq!(parse("2h", now).unwrap(), now - Duration::hours(2));
        assert_eq!(
            parse("1970-01-02T00:00:00Z", now).unwrap(),
            OffsetDateTime::UNIX_EPOCH + Duration::DAY
        );
        for bad in ["", "h", "2", "2w", "-2h", "yesterday", "2ä"] {
            assert!(parse(bad, now).is_err(), "{bad}");
        }
    }
}
