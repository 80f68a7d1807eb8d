//! `authorized_keys` (sshd(8)). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as B64, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use ssh::Key;

/// Bytes of such a file that are read.
pub const MAX_FILE: usize = 256 * 1024;

/// Whether the file lets the key in.
pub fn lists(file: &[u8], key: &Key) -> bool {
    let wanted = B64.encode(&key.blob);
    let text = String::from_utf8_lossy(&file[..file.len().min(MAX_FILE)]);
    text.lines()
        .filter_map(blob_of)
        .any(|blob| blob.trim_end_matches('=') == wanted.trim_end_matches('='))
}

/// `SHA256:` and 43 characters, as ssh-keygen prints it.
pub fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

/// The third field from the end of options: they may hold blanks in quotes, the key never does.
fn blob_of(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let mut words = line.split_ascii_whitespace();
    words.find(|word| word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-"))?;
    words.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            algorithm: "ssh-ed25519".into(),
            blob: (0..51).collect(),
        }
    }

    #[test]
    fn a_listed_key_is_found_with_and_without_options() {
        let line = format!("ssh-ed25519 {} me@home", B64.encode(key().blob));
        for text in [
            line.clone(),
            format!("# x\n\nssh-rsa AAAA b\n  {line}\n"),
            format!("command=\"echo a b\",no-pty {line}"),
        ] {
            assert!(lists(text.as_bytes(), &key()), "{text}");
        }
    }

    #[test]
    fn another_key_and_a_comment_are_not() {
        let line = format!("ssh-ed25519 {} me@home", B64.encode(key().blob));
        for text in [
            format!("#{line}"),
            "ssh-ed25519 AAAA".into(),
            "ssh-ed25519".into(),
            String::new(),
        ] {
            assert!(!lists(text.as_bytes(), &key()), "{text}");
        }
    }
}
