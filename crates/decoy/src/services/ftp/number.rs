//! Numbers and times as the product reads and writes them.

/// Digits of `REST` that are a number.
const MAX_DIGITS: usize = 15;

/// Anything but a number of a sane length is 0.
pub(super) fn whole(text: &[u8]) -> u64 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let sane = text.len() <= MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if sane { text.parse().unwrap_or(0) } else { 0 }
}

pub(super) fn octal(text: &[u8]) -> u32 {
    let digits = text.iter().take_while(|b| (b'0'..=b'7').contains(b));
    digits.fold(0u32, |sum, digit| {
        sum.wrapping_mul(8).wrapping_add(u32::from(digit - b'0'))
    })
}

pub(super) fn shown_octal(mode: u32) -> String {
    if mode == 0 { "0".into() } else { format!("0{mode:o}") }
}

/// `20261121114220`.
pub(super) fn numeric(seconds: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (at.date(), at.time());
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

/// The reverse, of as many digits as there are; months and days beyond their range run on.
pub(super) fn seconds_of(digits: &[u8]) -> i64 {
    let part = |from: usize, to: usize| {
        let digits = digits.get(from..to).unwrap_or_default();
        digits
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    };
    let (year, month) = (part(0, 4) as i32, part(4, 6).max(1) - 1);
    let year = year + (month / 12) as i32;
    let month = time::Month::try_from((month % 12 + 1) as u8).unwrap_or(time::Month::January);
    let first =
        time::Date::from_calendar_date(year, month, 1).map_or(0, |date| date.midnight().assume_utc().unix_timestamp());
    first + (part(6, 8) - 1) * 86_400 + part(8, 10) * 3_600 + part(10, 12) * 60 + part(12, 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_leniently_as_by_the_product() {
        for (text, number) in [
            ("5", 5),
            ("", 0),
            ("-1", 0),
            ("5x", 0),
            ("123456789012345", 123_456_789_012_345),
            ("1234567890123456", 0),
        ] {
            assert_eq!(whole(text.as_bytes()), number, "{text}");
        }
        for (text, mode) in [("0022", 0o22), ("8", 0), ("2x", 2), ("1234567", 0o1_234_567), ("", 0)] {
            assert_eq!(octal(text.as_bytes()), mode, "{text}");
        }
        assert_eq!((shown_octal(0), shown_octal(0o22)), ("0".into(), "022".into()));
    }

    #[test]
    fn times_are_read_and_written_alike() {
        for text in ["20200102030405", "20261121114220", "19700101000000"] {
            assert_eq!(numeric(seconds_of(text.as_bytes())), text);
        }
        assert_eq!(numeric(seconds_of(b"20201302030405")), "20210102030405");
        for odd in [&b"99999999999999"[..], b"", b"00000000000000", b"2020010a"] {
            numeric(seconds_of(odd));
        }
    }
}
