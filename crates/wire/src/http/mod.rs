//! HTTP requests as clients write them: heads of HTTP/1, the first frames of HTTP/2.

mod h1;
mod h2;
mod hpack;
mod huffman;

pub use h1::{Head, head};
pub use h2::{PREFACE, Preface, Priority, preface};

use crate::digest::sha256_12;

/// Names that come and go with the request or with proxies on its way, not with the client.
const VOLATILE: [&str; 11] = [
    "content-length",
    "cookie",
    "authorization",
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-request-id",
    "x-correlation-id",
    "x-amzn-trace-id",
];

/// A header field as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<N> {
    pub name: N,
    pub value: N,
}

/// Whether a header comes and goes, or differs, from request to request of one client.
pub fn is_volatile(name: &[u8]) -> bool {
    VOLATILE.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Our own hash over the order of header names: the first 12 hex digits of SHA-256 over the names in lower case, joined
/// by commas, without volatile and pseudo ones.
pub fn order_hash<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut list = Vec::with_capacity(128);
    for name in names {
        if is_volatile(name) || name.starts_with(b":") {
            continue;
        }
        if !list.is_empty() {
            list.push(b',');
        }
        list.extend(name.iter().map(u8::to_ascii_lowercase));
    }
    sha256_12(&list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_names_is_hashed_without_what_changes_from_request_to_request() {
        let names = [
            ":method",
            "Host",
            "User-Agent",
            "Cookie",
            "accept",
            "Accept-Language",
            "X-Forwarded-For",
            "Accept-Encoding",
        ];
        assert_eq!(order_hash(names.map(str::as_bytes)), "813e32c09d15");
    }
}
