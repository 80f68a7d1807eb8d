//! Values of fields: what type they have, the words of a text, moments and the arithmetic of them.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::json::{Json, object};

/// Levels of objects in a document (`index.mapping.depth.limit`).
const MOST_LEVELS: usize = 20;
/// `index.mapping.total_fields.limit`
const MOST_FIELDS: usize = 1000;
const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;

/// What stands in a document under a dotted name, lists taken apart.
pub(super) fn at<'a>(document: &'a Json, name: &str) -> Vec<&'a Json> {
    let mut found = Vec::new();
    walk(document, name, &mut found);
    found
}

fn walk<'a>(value: &'a Json, name: &str, found: &mut Vec<&'a Json>) {
    if let Json::List(values) = value {
        return values.iter().for_each(|value| walk(value, name, found));
    }
    for (member, inner) in value.members() {
        if member == name {
            inner
                .each()
                .iter()
                .filter(|one| **one != Json::Null)
                .for_each(|one| found.push(one));
        } else if let Some(rest) = name
            .strip_prefix(member.as_str())
            .and_then(|rest| rest.strip_prefix('.'))
        {
            walk(inner, rest, found);
        }
    }
}

/// The words of a text as the standard analyzer cuts it.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric() && character != '_' && character != '\'');
    let words = words
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Adds to `properties` what a document has and they have not. Comes to how many fields these are, or to an error that
/// names what is too much.
pub(super) fn learn(properties: &mut Json, document: &Json) -> Result<usize, String> {
    let before = count(properties);
    add(properties, document, 0)?;
    let after = count(properties);
    if after > MOST_FIELDS {
        return Err(format!("Limit of total fields [{MOST_FIELDS}] has been exceeded"));
    }
    Ok(after - before)
}

fn count(properties: &Json) -> usize {
    let fields = properties.members().iter();
    fields
        .map(|(_, field)| 1 + field.get("properties").map_or(0, count))
        .sum()
}

fn add(properties: &mut Json, document: &Json, level: usize) -> Result<(), String> {
    if level > MOST_LEVELS {
        return Err(format!("Limit of mapping depth [{MOST_LEVELS}] has been exceeded"));
    }
    for (name, value) in document.members() {
        let Some(first) = value.each().iter().find(|one| **one != Json::Null) else {
            continue;
        };
        let Json::Map(fields) = properties else { return Ok(()) };
        let place = fields.binary_search_by(|(known, _)| known.as_str().cmp(name));
        let at = match place {
            Ok(at) => at,
            Err(at) if fields.len() < MOST_FIELDS => {
                fields.insert(at, (name.clone(), mapped(first)));
                at
            }
            Err(_) => return Err(format!("Limit of total fields [{MOST_FIELDS}] has been exceeded")),
        };
        if let Some(Json::Map(_)) = fields[at].1.get("properties") {
            let mut inner = fields[at].1.remove("properties").unwrap_or_else(Json::empty);
            let added = value.each().iter().try_for_each(|one| add(&mut inner, one, level + 1));
            fields[at].1.set("properties", inner);
            added?;
        }
    }
    Ok(())
}

/// How a value that is seen first is mapped.
fn mapped(value: &Json) -> Json {
    match value {
        Json::Map(_) => object! {"properties": Json::empty()},
        Json::Bool(_) => object! {"type": "boolean"},
        Json::Number(number) if number.is_f64() => object! {"type": "float"},
        Json::Number(_) => object! {"type": "long"},
        Json::Text(text) if is_date(text) => object! {"type": "date"},
        _ => object! {
            "type": "text",
            "fields": object! {"keyword": object! {"type": "keyword", "ignore_above": 256}},
        },
    }
}

/// What takes part in the detection of dates: not what is a number alone.
fn is_date(text: &str) -> bool {
    text.contains(['-', '/']) && text.len() >= 10 && moment(text).is_some()
}

/// The type of a field of that dotted name.
pub(super) fn type_of<'a>(properties: &'a Json, name: &str) -> Option<&'a str> {
    let (first, rest) = match properties.get(name) {
        Some(field) => (field, ""),
        None => {
            let (first, rest) = name.split_once('.')?;
            (properties.get(first)?, rest)
        }
    };
    if rest.is_empty() {
        return first.get("type").and_then(Json::text).or(Some("object"));
    }
    match first.get("properties") {
        Some(inner) => type_of(inner, rest),
        None => type_of(first.get("fields")?, rest),
    }
}

/// Milliseconds since 1970 of a date as documents have them, or a number that is one.
pub(super) fn millis(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|value| value as i64)),
        Json::Text(text) => moment(text).or_else(|| text.parse().ok()),
        _ => None,
    }
}

fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let mut parts = day.split(['-', '/']);
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let mut next = |missing: u8| parts.next().map_or(Some(missing), |part| part.parse().ok());
    let (month, day) = (next(1)?, next(1)?);
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let midnight = date.midnight().assume_utc().unix_timestamp() * SECOND;
    if time.is_empty() {
        return Some(midnight);
    }
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let mut parts = clock.split(':');
    let hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |part| part.parse().ok())?;
    let offset = match zone {
        "" | "Z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':').unwrap_or((zone.get(1..)?, "0"));
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
        }
    };
    (hour < 24 && minute < 60 && (0.0..61.0).contains(&seconds) && offset.abs() < 1440).then(|| {
        midnight + (hour * 3600 + minute * 60) * SECOND + (seconds * 1000.0).round() as i64 - offset * 60 * SECOND
    })
}

/// A moment as queries have them: a date, `now`, either with arithmetic (`now-7d/d`).
pub(super) fn reckon(value: &Json, now: i64) -> Option<i64> {
    let Json::Text(text) = value else { return millis(value) };
    let (mut at, mut sums) = match (text.strip_prefix("now"), text.split_once("||")) {
        (Some(sums), _) => (now, sums),
        (None, Some((day, sums))) => (moment(day)?, sums),
        (None, None) => return millis(value),
    };
    while !sums.is_empty() {
        let (sign, rest) = sums.split_at_checked(1)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        let (unit, rest) = rest.split_at_checked(1)?;
        let number: i64 = if number.is_empty() { 1 } else { number.parse().ok()? };
        at = match sign {
            "/" => floor(at, unit)?,
            "+" => at.checked_add(number.checked_mul(length(unit)?)?)?,
            "-" => at.checked_sub(number.checked_mul(length(unit)?)?)?,
            _ => return None,
        };
        sums = rest;
    }
    Some(at)
}

/// Milliseconds of a unit; months and years by their mean.
pub(super) fn length(unit: &str) -> Option<i64> {
    Some(match unit {
        "ms" => 1,
        "s" | "second" | "1s" => SECOND,
        "m" | "minute" | "1m" => 60 * SECOND,
        "h" | "H" | "hour" | "1h" => 3600 * SECOND,
        "d" | "day" | "1d" => DAY,
        "w" | "week" | "1w" => 7 * DAY,
        "M" | "month" | "1M" => 30 * DAY,
        "q" | "quarter" | "1q" => 91 * DAY,
        "y" | "year" | "1y" => 365 * DAY,
        _ => return None,
    })
}

/// The beginning of the unit a moment lies in.
pub(super) fn floor(at: i64, unit: &str) -> Option<i64> {
    let day = || {
        OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND))
            .ok()
            .map(OffsetDateTime::date)
    };
    let first = |year, month| Date::from_calendar_date(year, month, 1).ok();
    let date = match unit {
        "w" | "week" | "1w" => {
            // 1970 began on a Thursday.
            return Some((at.div_euclid(DAY) + 3).div_euclid(7) * 7 * DAY - 3 * DAY);
        }
        "M" | "month" | "1M" => first(day()?.year(), day()?.month())?,
        "q" | "quarter" | "1q" => {
            let month = (u8::from(day()?.month()) - 1) / 3 * 3 + 1;
            first(day()?.year(), Month::try_from(month).ok()?)?
        }
        "y" | "year" | "1y" => first(day()?.year(), Month::January)?,
        other => {
            let length = length(other)?;
            return Some(at.div_euclid(length) * length);
        }
    };
    Some(
        PrimitiveDateTime::new(date, Time::MIDNIGHT)
            .assume_utc()
            .unix_timestamp()
            * SECOND,
    )
}

/// `2024-05-06T07:08:09.123Z`
pub(super) fn stamp(at: i64) -> String {
    let whole = OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND));
    let Ok(whole) = whole else { return at.to_string() };
    let text = whole.format(&Rfc3339).unwrap_or_default();
    format!("{}.{:03}Z", text.trim_end_matches('Z'), at.rem_euclid(SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_reckoned_with() {
        let at = |text: &str| {
            reckon(&Json::from(text), 1_700_000_000_000)
                .map(stamp)
                .unwrap_or_default()
        };
        assert_eq!(at("2024-05-06"), "2024-05-06T00:00:00.000Z");
        assert_eq!(at("2024-05-06T07:08:09.5+02:00"), "2024-05-06T05:08:09.500Z");
        assert_eq!(at("now"), "2023-11-14T22:13:20.000Z");
        assert_eq!(at("now-1d/d"), "2023-11-13T00:00:00.000Z");
        assert_eq!(at("2024-05-06||/M"), "2024-05-01T00:00:00.000Z");
        assert_eq!(at("now/w"), "2023-11-13T00:00:00.000Z");
        assert_eq!(at("yesterday"), "");
        assert_eq!(at("now-99999999999999999999d"), "");
    }

    #[test]
    fn fields_are_learnt_from_documents() {
        let mut properties = Json::empty();
        let document = Json::parse(br#"{"b":{"c":[{"d":1.5}]},"a":"x","when":"2024-05-06","n":[null,3]}"#).unwrap();
        learn(&mut properties, &document).unwrap();
        for (name, wanted) in [
            ("a", "text"),
            ("a.keyword", "keyword"),
            ("b.c.d", "float"),
            ("n", "long"),
            ("when", "date"),
        ] {
            assert_eq!(type_of(&properties, name), Some(wanted), "{name}");
        }
        assert_eq!(at(&document, "b.c.d"), [&Json::from(1.5)]);
    }
}
