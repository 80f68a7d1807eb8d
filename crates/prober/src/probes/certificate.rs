//! What a certificate says, as fields.

use model::Fields;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wire::tls::certificate::Certificate;

use crate::finding::fields;

/// The fields of a leaf certificate; of what is none, only its digest.
pub(super) fn describe(der: &[u8]) -> Fields {
    let Some(read) = Certificate::read(der) else {
        return fields([("cert_sha256", sha256(der).into())]);
    };
    match serde_json::to_value(&read) {
        Ok(Value::Object(fields)) => fields,
        _ => Fields::new(),
    }
}

/// A name the certificate is for, to ask for it by.
pub(super) fn server_name(der: &[u8]) -> Option<String> {
    let read = Certificate::read(der)?;
    let names = read.sans.into_iter().chain(read.subject_cn);
    let is_name = |name: &String| {
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        name.contains('.')
            && !is_address
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
    };
    names.map(|name| name.trim_start_matches("*.").to_owned()).find(is_name)
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_has_a_digest_and_nothing_else() {
        for bytes in [&b""[..], b"junk", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(describe(bytes).len(), 1);
            assert_eq!(server_name(bytes), None);
        }
    }
}
