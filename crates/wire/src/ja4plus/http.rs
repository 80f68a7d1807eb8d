//! JA4H of HTTP requests.

use crate::digest::sha256_12;
use crate::ja4::push_count;

/// What of a request is hashed.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub method: &'a [u8],
    /// 10, 11, 20 or 30.
    pub version: u8,
    /// Names and values in the order they were sent. Those of pseudo-headers are left out here.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
}

const NOTHING: &str = "000000000000";

/// JA4H of a request.
pub fn ja4h(request: &Request<'_>) -> String {
    let fields = request.fields.iter().filter(|(name, _)| !name.starts_with(b":"));
    let named = |known: &'static str| request.fields.iter().filter(move |(name, _)| is(name, known));
    let counted: Vec<&[u8]> = fields
        .map(|(name, _)| *name)
        .filter(|name| !is(name, "cookie") && !is(name, "referer"))
        .collect();
    let mut text = String::with_capacity(52);
    text.extend(
        request
            .method
            .iter()
            .take(2)
            .map(|letter| char::from(letter.to_ascii_lowercase())),
    );
    push_count(&mut text, request.version.into());
    text.push(if named("cookie").next().is_some() { 'c' } else { 'n' });
    text.push(if named("referer").next().is_some() { 'r' } else { 'n' });
    push_count(&mut text, counted.len());
    text.push_str(&language(
        named("accept-language").next().map_or(&[][..], |(_, value)| value),
    ));
    text.push('_');
    text.push_str(&sha256_12(&counted.join(&b","[..])));
    let (names, pairs) = cookies(named("cookie").map(|(_, value)| *value));
    for part in [names, pairs] {
        text.push('_');
        match part {
            Some(list) => text.push_str(&sha256_12(&list)),
            None => text.push_str(NOTHING),
        }
    }
    text
}

fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

/// Four letters of the first language.
fn language(value: &[u8]) -> String {
    let first = value
        .split(|byte| matches!(byte, b',' | b';'))
        .next()
        .unwrap_or_default();
    let letters = first.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let letters = letters.map(|letter| char::from(letter.to_ascii_lowercase()));
    letters.chain(std::iter::repeat('0')).take(4).collect()
}

/// Names, and pairs in the order of the names, each joined by commas.
fn cookies<'a>(values: impl Iterator<Item = &'a [u8]>) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let pairs = values.flat_map(|value| value.split(|byte| *byte == b';'));
    let mut pairs: Vec<&[u8]> = pairs.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()).collect();
    if pairs.is_empty() {
        return (None, None);
    }
    pairs.sort_by_key(|pair| name_of(pair));
    let names: Vec<&[u8]> = pairs.iter().map(|pair| name_of(pair)).collect();
    (Some(names.join(&b","[..])), Some(pairs.join(&b","[..])))
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[(&'static str, &'static str)]) -> String {
        ja4h(&Request {
            method: b"GET",
            version: 11,
            fields: fields
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
                .collect(),
        })
    }

    #[test]
    fn a_request_of_curl_has_the_published_ja4h() {
        assert_eq!(
            request(&[("Host", "a"), ("User-Agent", "curl"), ("Accept", "*/*")]),
            "ge11nn030000_fe444ad14866_000000000000_000000000000"
        );
    }

    #[test]
    fn cookies_are_sorted_and_not_counted_among_the_names() {
        assert_eq!(
            request(&[
                (":path", "/"),
                ("Host", "a"),
                ("User-Agent", "b"),
                ("Cookie", "sid=xyz; a=1"),
                ("Accept", "c"),
                ("Referer", "d")
            ]),
            "ge11cr030000_fe444ad14866_485ab0ac9965_5848ddf7f4f6"
        );
    }

    #[test]
    fn the_first_language_takes_four_letters() {
        assert_eq!(language(b"en-US,en;q=0.9"), "enus");
        assert_eq!(language(b"de;q=0.5"), "de00");
        assert_eq!(language(b""), "0000");
    }
}
