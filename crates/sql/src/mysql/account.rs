//! What the server keeps of passwords, and how answers to its challenges are checked with it.

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

fn joined<const N: usize>(one: [u8; N], two: [u8; N]) -> [u8; N] {
    let mut out = one;
    out.iter_mut().zip(two).for_each(|(a, b)| *a ^= b);
    out
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    Sha1::digest(bytes).into()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// `PASSWORD()`: an asterisk and 40 digits; nothing for no password.
pub fn native_hash(password: &[u8]) -> String {
    if password.is_empty() {
        return String::new();
    }
    format!("*{}", hex::encode_upper(sha1(&sha1(password))))
}

/// Whether an answer of `mysql_native_password` to a challenge is that of the password kept as `stored`.
pub fn native_matches(stored: &str, scramble: &[u8], answer: &[u8]) -> bool {
    let Ok(twice) = hex::decode(stored.trim_start_matches('*')) else {
        return false;
    };
    let Ok(answer) = <[u8; 20]>::try_from(answer) else {
        return stored.is_empty() && answer.is_empty();
    };
    let once = joined(answer, sha1(&[scramble, &twice].concat()));
    sha1(&once)[..] == twice[..]
}

/// Whether an answer of `caching_sha2_password` to a challenge is that of the password.
pub fn sha2_matches(password: &[u8], scramble: &[u8], answer: &[u8]) -> bool {
    if password.is_empty() {
        return answer.is_empty();
    }
    let once = sha256(password);
    let wanted = joined(once, sha256(&[&sha256(&once)[..], scramble].concat()));
    wanted[..] == *answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_password_is_the_products() {
        assert_eq!(native_hash(b"password"), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
        assert_eq!(native_hash(b""), "");
    }

    #[test]
    fn an_answer_is_known_by_what_is_kept() {
        // hashcat's example of mode 11200, of the password `hashcat`.
        let scramble = hex::decode("1c24ab8d0ee94d70ab1f2e814d8f0948a14d10b9").unwrap();
        let answer = hex::decode("437e93572f18ae44d9e779160c2505271f85821d").unwrap();
        assert!(native_matches(&native_hash(b"hashcat"), &scramble, &answer));
        assert!(!native_matches(&native_hash(b"hashcaT"), &scramble, &answer));
        assert!(native_matches("", &scramble, b""));
        assert!(!native_matches(&native_hash(b"hashcat"), &scramble, b""));
    }
}
