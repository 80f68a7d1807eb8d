//! The order and the spelling of header names (profile.md §3.4).

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wire::http::is_volatile;

/// Hex digits of the hashes.
const DIGITS: usize = 16;
/// How the headers of clients begin that send them in the clear; the first that fits counts.
const ORDERS: [(&str, &[&str]); 4] = [
    ("curl", &["host", "user-agent", "accept"]),
    (
        "python-requests",
        &["host", "user-agent", "accept-encoding", "accept", "connection"],
    ),
    ("go-http-client", &["host", "user-agent", "accept-encoding"]),
    ("nmap-nse", &["host", "user-agent"]),
];

/// Volatile names are left out of all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quirks {
    /// Of the names in lower case, a line each.
    pub order_hash: String,
    /// Of how each is spelt, a line each.
    pub casing_hash: String,
    pub casing_category: Casing,
    pub stable_count: usize,
    pub tool_guess: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Casing {
    Upper,
    Lower,
    Title,
    Mixed,
}

/// Names as they were written and in their order; none when all of them are volatile.
pub fn quirks<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<Quirks> {
    let stable = names.into_iter().filter(|name| !is_volatile(name.as_bytes()));
    let (lower, casings): (Vec<_>, Vec<_>) = stable.map(|name| (name.to_ascii_lowercase(), Casing::of(name))).unzip();
    let casing = *casings.first()?;
    let starts = |order: &&(_, &[&str])| {
        lower
            .iter()
            .map(String::as_str)
            .take(order.1.len())
            .eq(order.1.iter().copied())
    };
    Some(Quirks {
        order_hash: hash(&lower),
        casing_hash: hash(
            &casings
                .iter()
                .map(|casing| casing.name().to_owned())
                .collect::<Vec<_>>(),
        ),
        casing_category: if casings.iter().all(|other| *other == casing) {
            casing
        } else {
            Casing::Mixed
        },
        stable_count: lower.len(),
        tool_guess: ORDERS.iter().find(starts).map(|(tool, _)| *tool),
    })
}

fn hash(lines: &[String]) -> String {
    let mut text = hex::encode(Sha256::digest(lines.join("\n")));
    text.truncate(DIGITS);
    text
}

// === impl Casing ===

impl Casing {
    fn of(name: &str) -> Self {
        let is = |fits: fn(&char) -> bool| name.chars().filter(char::is_ascii_alphabetic).all(|c| fits(&c));
        // `X-A` is titled: a single letter that is a capital says no more.
        let titled = |word: &str| {
            let mut letters = word.chars();
            letters.next().is_none_or(|first| !first.is_ascii_lowercase()) && letters.all(|c| !c.is_ascii_uppercase())
        };
        if is(char::is_ascii_lowercase) {
            Self::Lower
        } else if name.split('-').all(titled) {
            Self::Title
        } else if is(char::is_ascii_uppercase) {
            Self::Upper
        } else {
            Self::Mixed
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Upper => "upper",
            Self::Lower => "lower",
            Self::Title => "title",
            Self::Mixed => "mixed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// profile.md §17.
    #[test]
    fn order_and_spelling_give_the_client_away() {
        let seen = quirks(["Host", "User-Agent", "Accept"]).unwrap();
        assert_eq!(
            (&*seen.order_hash, &*seen.casing_hash),
            ("b1c589ad3fbc85b1", "113bf582974f3124")
        );
        assert_eq!((seen.casing_category, seen.tool_guess), (Casing::Title, Some("curl")));

        let seen = quirks(["Host", "User-Agent", "Accept-Encoding", "Accept", "Connection"]).unwrap();
        assert_eq!(
            (&*seen.order_hash, seen.tool_guess),
            ("3e39aee767340d97", Some("python-requests"))
        );
        assert_eq!(
            quirks(["Host", "User-Agent", "Accept-Encoding"]).unwrap().tool_guess,
            Some("go-http-client")
        );
        assert_eq!(
            quirks(["Host", "User-Agent", "Connection"]).unwrap().tool_guess,
            Some("nmap-nse")
        );
        assert_eq!(quirks(["Host", "Accept"]).unwrap().tool_guess, None);
    }

    #[test]
    fn what_changes_from_request_to_request_says_nothing() {
        assert_eq!(
            quirks(["Host", "Cookie", "User-Agent", "Accept"]),
            quirks(["Host", "User-Agent", "Accept"])
        );
        assert_eq!(quirks(["Cookie"]), None);
        assert_eq!(quirks([]), None);
    }

    #[test]
    fn a_name_is_spelt_in_one_of_four_ways() {
        for (name, casing) in [
            ("host", Casing::Lower),
            ("Content-Type", Casing::Title),
            ("X-A", Casing::Title),
            ("HOST", Casing::Upper),
            ("DNT", Casing::Upper),
            ("hOST", Casing::Mixed),
            ("Content-type", Casing::Mixed),
        ] {
            assert_eq!(Casing::of(name), casing, "{name}");
        }
    }
}
