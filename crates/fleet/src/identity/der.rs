//! The few extension bodies certificates of stock tools carry (RFC 5280 §4.2.1), byte for byte.

pub(super) const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
pub(super) const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
pub(super) const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
pub(super) const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
pub(super) const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
pub(super) const AUTHORITY_KEY_ID: &[u64] = &[2, 5, 29, 35];
pub(super) const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
/// `[2]` of GeneralName.
const DNS_NAME: u8 = 0x82;

pub(super) fn basic_constraints(is_ca: bool) -> Vec<u8> {
    tlv(SEQUENCE, if is_ca { &[0x01, 0x01, 0xff] } else { &[] })
}

pub(super) fn dns(name: &str) -> Vec<u8> {
    tlv(SEQUENCE, &tlv(DNS_NAME, name.as_bytes()))
}

pub(super) fn permitted_dns(name: &str) -> Vec<u8> {
    tlv(SEQUENCE, &tlv(0xa0, &dns(name)))
}

pub(super) fn key_id(id: &[u8]) -> Vec<u8> {
    tlv(OCTETS, id)
}

pub(super) fn authority(id: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &tlv(0x80, id))
}

/// Digital signature, key encipherment.
pub(super) fn server_usage() -> Vec<u8> {
    vec![0x03, 0x02, 0x05, 0xa0]
}

/// Certificate signing.
pub(super) fn ca_usage() -> Vec<u8> {
    vec![0x03, 0x02, 0x02, 0x04]
}

/// 1.3.6.1.5.5.7.3.1
pub(super) fn server_auth() -> Vec<u8> {
    tlv(SEQUENCE, &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01])
}

fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => out.push(short),
        Ok(byte) => out.extend([0x81, byte]),
        Err(_) => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        assert_eq!(tlv(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }
}
