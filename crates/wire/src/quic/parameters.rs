//! Transport parameters (RFC 9000 §18).

use crate::digest::sha256_12;
use crate::read::Reader;
use crate::tls::{ClientHello, extension};

/// Id and value of each, in the order they were sent.
pub fn parameters<'a>(hello: &ClientHello<'a>) -> impl Iterator<Item = (u64, &'a [u8])> + Clone + use<'a> {
    let body = hello
        .extensions
        .get(extension::QUIC_PARAMETERS)
        .or_else(|| hello.extensions.get(extension::QUIC_PARAMETERS_DRAFT));
    let mut reader = Reader(body.unwrap_or_default());
    std::iter::from_fn(move || Some((reader.varint()?, reader.block_varint()?)))
}

/// An id that means nothing and must be passed over (RFC 9000 §18.1).
pub fn is_reserved(id: u64) -> bool {
    id % 31 == 27
}

/// Our own hash over which parameters a client sends: the first 12 hex digits of SHA-256 over the ids, decimal,
/// sorted (some clients shuffle them), joined by `-`, without reserved ones. Nothing where there are none.
pub fn parameters_hash(hello: &ClientHello<'_>) -> Option<String> {
    let mut ids: Vec<u64> = parameters(hello)
        .map(|(id, _)| id)
        .filter(|id| !is_reserved(*id))
        .collect();
    ids.sort_unstable();
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    (!ids.is_empty()).then(|| sha256_12(ids.join("-").as_bytes()))
}
