//! Small things about text from outside.

use sha2::{Digest as _, Sha256};

/// Most characters of hostile text that a finding carries.
const SHOWN: usize = 200;

/// A key for text of any length. Cryptographic, so that nobody can make two names look like one.
pub(crate) fn digest(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The begin of a text, without control characters.
pub(crate) fn clipped(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(SHOWN)
        .collect()
}
