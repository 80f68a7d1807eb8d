//! Days and microseconds since the first of 2000, in UTC.

pub(crate) const DAY: i64 = 86_400_000_000;
/// The product's epoch in Unix seconds.
pub const EPOCH: i64 = 946_684_800;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

/// Year, month and day of a day since the first of 2000 (proleptic Gregorian).
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 730_425;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

pub(crate) fn days_of(year: i64, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || !(-4713..=294_276).contains(&year) {
        return None;
    }
    let last = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    Some(era * 146_097 + doe - 730_425)
}

pub(crate) fn date_text(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

pub(crate) fn time_text(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let part = micros % 1_000_000;
    if part != 0 {
        text.push_str(format!(".{part:06}").trim_end_matches('0'));
    }
    text
}

pub(crate) fn stamp_text(micros: i64) -> String {
    format!(
        "{} {}",
        date_text(micros.div_euclid(DAY)),
        time_text(micros.rem_euclid(DAY))
    )
}

/// `2024-01-31`, `2024-01-31 12:30:00.5+02`, `now`, `today`, ...; `now` in microseconds.
pub(crate) fn parse_stamp(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    let today = now.div_euclid(DAY) * DAY;
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now),
        "today" => return Some(today),
        "yesterday" => return Some(today - DAY),
        "tomorrow" => return Some(today + DAY),
        "epoch" => return Some(-EPOCH * 1_000_000),
        _ => {}
    }
    let (date, rest) = match text.find(['T', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let day = parse_date(date)?;
    if rest.is_empty() {
        return day.checked_mul(DAY);
    }
    let zone_at = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let zone = zone.trim();
    let offset = match zone {
        "" | "Z" | "z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let mut parts = zone[1..].split(':').map(|part| part.parse::<i64>().ok());
            let hours = parts.next()??;
            sign * (hours * 60 + parts.next().unwrap_or(Some(0))?) * 60_000_000
        }
    };
    day.checked_mul(DAY)?
        .checked_add(parse_time(clock.trim())?)?
        .checked_sub(offset)
}

pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let split = if text.contains('/') { '/' } else { '-' };
    let parts: Vec<u32> = text.split(split).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [month, day, year] if split == '/' => days_of(year.into(), month, day),
        [year, month, day] => days_of(year.into(), month, day),
        [whole] if text.len() == 8 => days_of((whole / 10_000).into(), whole / 100 % 100, whole % 100),
        _ => None,
    }
}

pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok()?;
    let sound = hours <= 24 && minutes < 60 && (0.0..60.0).contains(&seconds) && parts.next().is_none();
    sound.then(|| (hours * 3600 + minutes * 60) * 1_000_000 + (seconds * 1e6).round() as i64)
}

// === impl Interval ===

impl Interval {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut all = Self::default();
        let mut words = text.split_whitespace().peekable();
        let mut any = false;
        while let Some(word) = words.next() {
            if word == "ago" {
                all = all.times(-1.0);
                continue;
            }
            any = true;
            if word.contains(':') {
                let (sign, clock) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
                all.micros += sign * parse_time(clock)?;
                continue;
            }
            let end = word.find(|c: char| c.is_alphabetic()).unwrap_or(word.len());
            let count: f64 = word[..end].parse().ok()?;
            let unit = if end < word.len() { &word[end..] } else { words.next()? };
            let unit = unit.to_ascii_lowercase();
            let one = match unit.trim_end_matches('s') {
                "year" | "yr" | "y" => Self::of(12, 0, 0),
                "month" | "mon" => Self::of(1, 0, 0),
                "week" | "w" => Self::of(0, 7, 0),
                "day" | "d" => Self::of(0, 1, 0),
                "hour" | "hr" | "h" => Self::of(0, 0, 3_600_000_000),
                "minute" | "min" | "m" => Self::of(0, 0, 60_000_000),
                "second" | "sec" | "" => Self::of(0, 0, 1_000_000),
                "millisecond" => Self::of(0, 0, 1000),
                "microsecond" => Self::of(0, 0, 1),
                _ => return None,
            };
            all = all.plus(one.times(count));
        }
        any.then_some(all)
    }

    pub(crate) fn of(months: i32, days: i32, micros: i64) -> Self {
        Self { months, days, micros }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            months: self.months.saturating_add(other.months),
            days: self.days.saturating_add(other.days),
            micros: self.micros.saturating_add(other.micros),
        }
    }

    pub(crate) fn times(self, by: f64) -> Self {
        let days = f64::from(self.days) * by;
        Self {
            months: (f64::from(self.months) * by) as i32,
            days: days.trunc() as i32,
            micros: (self.micros as f64 * by + days.fract() * DAY as f64) as i64,
        }
    }

    /// A moment that much later.
    pub(crate) fn after(self, micros: i64) -> Option<i64> {
        let (mut day, clock) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        if self.months != 0 {
            let (year, month, date) = civil(day);
            let months = year * 12 + i64::from(month) - 1 + i64::from(self.months);
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
            day = (0..4).find_map(|less| days_of(year, month, date.saturating_sub(less)))?;
        }
        day.checked_add(self.days.into())?
            .checked_mul(DAY)?
            .checked_add(clock)?
            .checked_add(self.micros)
    }

    pub(crate) fn text(self) -> String {
        let mut parts = Vec::new();
        let mut put = |count: i32, one: &str| {
            if count != 0 {
                parts.push(format!("{count} {one}{}", if count == 1 { "" } else { "s" }));
            }
        };
        put(self.months / 12, "year");
        put(self.months % 12, "mon");
        put(self.days, "day");
        if self.micros != 0 || parts.is_empty() {
            let sign = if self.micros < 0 { "-" } else { "" };
            parts.push(format!("{sign}{}", time_text(self.micros.saturating_abs())));
        }
        parts.join(" ")
    }

    pub(crate) fn micros_in_all(self) -> i64 {
        (i64::from(self.months) * 30 + i64::from(self.days))
            .saturating_mul(DAY)
            .saturating_add(self.micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_there_and_back() {
        for days in (-1_000_000..1_000_000).step_by(997) {
            let (year, month, day) = civil(days);
            assert_eq!(days_of(year, month, day), Some(days));
        }
        assert_eq!(days_of(2000, 1, 1), Some(0));
        assert_eq!(days_of(2023, 2, 29), None);
    }

    #[test]
    fn moments_are_read_and_shown() {
        for (text, shown) in [
            ("2024-02-29 12:30:00.5+02", "2024-02-29 10:30:00.5"),
            ("2024-02-29T23:59:59Z", "2024-02-29 23:59:59"),
            ("1999-12-31", "1999-12-31 00:00:00"),
        ] {
            assert_eq!(stamp_text(parse_stamp(text, 0).unwrap()), shown);
        }
        assert_eq!(parse_stamp("2024-13-01", 0), None);
        let month_later = Interval::parse("1 month")
            .unwrap()
            .after(parse_stamp("2024-01-31", 0).unwrap());
        assert_eq!(stamp_text(month_later.unwrap()), "2024-02-29 00:00:00");
        assert_eq!(Interval::parse("1 day 2 hours").unwrap().text(), "1 day 02:00:00");
    }
}
