//! JA3 and JA3S (Salesforce, BSD 3-Clause, <https://github.com/salesforce/ja3>).

use crate::digest::{md5_hex, push_decimal};
use crate::tls::{ClientHello, ServerHello, is_grease};

/// A fingerprint and what it was hashed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ja3 {
    /// `version,ciphers,extensions,groups,point formats`; a server's ends with the extensions.
    pub raw: String,
    /// MD5 of it, 32 hex digits.
    pub hash: String,
}

/// JA3 of a client.
pub fn ja3(hello: &ClientHello<'_>) -> Ja3 {
    Ja3::of(client(hello, hello.extensions.iter().map(|(kind, _)| kind)))
}

/// JA3 with the extensions sorted, for clients that shuffle them.
pub fn ja3n(hello: &ClientHello<'_>) -> Ja3 {
    let mut kinds: Vec<u16> = hello.extensions.iter().map(|(kind, _)| kind).collect();
    kinds.sort_unstable();
    Ja3::of(client(hello, kinds.into_iter()))
}

/// JA3S of a server.
pub fn ja3s(hello: &ServerHello<'_>) -> Ja3 {
    let mut raw = String::with_capacity(64);
    push_decimal(&mut raw, hello.legacy_version);
    raw.push(',');
    push_decimal(&mut raw, hello.cipher);
    raw.push(',');
    push_list(&mut raw, hello.extensions.iter().map(|(kind, _)| kind));
    Ja3::of(raw)
}

/// The numbers joined by `-`, GREASE left out.
pub fn list(numbers: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    push_list(&mut text, numbers);
    text
}

fn client(hello: &ClientHello<'_>, extensions: impl Iterator<Item = u16>) -> String {
    let mut raw = String::with_capacity(256);
    push_decimal(&mut raw, hello.legacy_version);
    raw.push(',');
    push_list(&mut raw, hello.ciphers());
    raw.push(',');
    push_list(&mut raw, extensions);
    raw.push(',');
    push_list(&mut raw, hello.groups());
    raw.push(',');
    push_list(&mut raw, hello.point_formats().iter().map(|&format| format.into()));
    raw
}

fn push_list(text: &mut String, numbers: impl Iterator<Item = u16>) {
    for (at, number) in numbers.filter(|number| !is_grease(*number)).enumerate() {
        if at > 0 {
            text.push('-');
        }
        push_decimal(text, number);
    }
}

// === impl Ja3 ===

impl Ja3 {
    fn of(raw: String) -> Self {
        Self {
            hash: md5_hex(raw.as_bytes()),
            raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_strings_have_their_published_hashes() {
        for (raw, hash) in [
            (
                "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
                "ada70206e40642a3e4461f35503241d5",
            ),
            (
                "769,4-5-10-9-100-98-3-6-19-18-99,,,",
                "de350869b8c85de67a350c8d186f11e6",
            ),
            ("771,49199,65281-11-35", "ccc514751b175866924439bdbb5bba34"),
        ] {
            assert_eq!(Ja3::of(raw.to_owned()).hash, hash);
        }
    }

    #[test]
    fn every_number_is_written_as_it_is_read() {
        for number in [0, 9, 10, 255, 4865, 65535] {
            assert_eq!(list([number].into_iter()), number.to_string());
        }
        assert_eq!(list([0x0a0a, 1, 0xfafa, 2].into_iter()), "1-2");
    }
}
