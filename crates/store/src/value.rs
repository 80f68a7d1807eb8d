//! Between Rust and what the columns hold: times as microseconds since 1970, structures as JSON text.

use std::net::IpAddr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::{Error, Result};

pub(crate) fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// Times outside the years the `time` crate knows become 1970: no row is unreadable for its clock.
pub(crate) fn moment(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(crate) fn now() -> i64 {
    micros(OffsetDateTime::now_utc())
}

/// Columns have no unsigned numbers; larger ones than they hold are the largest they hold.
pub(crate) fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// 16 bytes in the order of addresses, IPv4 as IPv6 maps it.
pub(crate) fn addr(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

pub(crate) fn to_json<T: Serialize + ?Sized>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Value {
        what,
        reason: error.to_string(),
    })
}

pub(crate) fn from_json<T: DeserializeOwned>(what: impl FnOnce() -> String, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Corrupt {
        what: what(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_to_the_microsecond() {
        let at = time::macros::datetime!(2026-01-31 12:00:00.123456 UTC);
        assert_eq!(moment(micros(at)), at);
        assert_eq!(moment(i64::MAX), OffsetDateTime::UNIX_EPOCH);
    }
}
