//! Hashes as the fingerprints write them.

use md5::Md5;
use sha2::{Digest, Sha256};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// MD5, 32 hex digits.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// SHA-256, 64 hex digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The first 12 hex digits of SHA-256.
pub(crate) fn sha256_12(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        push_hex(&mut text, byte);
    }
    text
}

/// Two digits.
pub(crate) fn push_hex(text: &mut String, byte: u8) {
    text.push(char::from(HEX[usize::from(byte >> 4)]));
    text.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Four digits.
pub(crate) fn push_hex16(text: &mut String, number: u16) {
    for byte in number.to_be_bytes() {
        push_hex(text, byte);
    }
}

/// Decimal, without the machinery of `format!`.
pub(crate) fn push_decimal(text: &mut String, number: u16) {
    let mut digits = [0; 5];
    let mut rest = number;
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}
