//! The second field of `/etc/shadow`: crypt(5) hashes, checked and made.

use sha_crypt::{CustomizedPasswordHasher as _, PasswordVerifier as _, ShaCrypt};
use yescrypt::{PasswordHasher as _, Yescrypt};

/// Work an intruder can have us do by writing a costly hash: 64 MiB of yescrypt, this many rounds of SHA-crypt.
const MAX_YESCRYPT: u64 = 64 << 20;
const MAX_ROUNDS: u32 = 1_000_000;
/// Rounds of SHA-crypt when the hash names none.
const DEFAULT_ROUNDS: u32 = 5_000;
/// Longer passwords are no passwords (PAM's limit).
const MAX_PASSWORD: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Yescrypt,
    Sha512,
}

/// How a distro hashes the passwords set on it.
pub fn method_of(distro: &str) -> Method {
    match distro {
        "debian" | "ubuntu22" | "fedora" | "kali" | "arch" => Method::Yescrypt,
        _ => Method::Sha512,
    }
}

/// The hash field of `name` in the text of `/etc/shadow`.
pub fn field_of<'a>(shadow: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = shadow.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.next()).flatten())
}

/// Whether the password is the one of the hash. Locked, empty and unknown fields fit no password.
pub fn verify(field: &str, password: &[u8]) -> bool {
    if password.len() > MAX_PASSWORD {
        return false;
    }
    match field.get(..3) {
        Some("$y$") => verify_yescrypt(field, password),
        Some("$6$" | "$5$") => verify_sha(field, password),
        _ => false,
    }
}

/// A field for `/etc/shadow`, as the distro's `passwd` writes it. `salt`: 16 bytes.
pub fn hash(method: Method, password: &[u8], salt: &[u8]) -> Option<String> {
    match method {
        Method::Yescrypt => Some(
            Yescrypt::default()
                .hash_password_with_salt(password, salt)
                .ok()?
                .as_str()
                .to_owned(),
        ),
        Method::Sha512 => {
            let rounds = sha_crypt::Params::new(DEFAULT_ROUNDS).ok()?;
            let salt = salt.get(..12)?;
            let hash = ShaCrypt::default()
                .hash_password_customized(password, salt, Some("6"), None, rounds)
                .ok()?;
            Some(hash.as_str().replacen(&format!("rounds={DEFAULT_ROUNDS}$"), "", 1))
        }
    }
}

/// Compares without telling by the time it takes where the difference is.
pub fn is_same(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differing) == 0 && left.len() == right.len()
}

fn verify_yescrypt(field: &str, password: &[u8]) -> bool {
    let params = field
        .split('$')
        .nth(2)
        .and_then(|text| text.parse::<yescrypt::Params>().ok());
    let Some(params) = params else { return false };
    let memory = params
        .n()
        .saturating_mul(u64::from(params.r()))
        .saturating_mul(128 * u64::from(params.p()));
    // Any other parameter, of which time without memory is one, is of no hash that a distro's tools make.
    let plain = yescrypt::Params::new(yescrypt::Mode::default(), params.n(), params.r(), params.p());
    plain == Ok(params)
        && memory <= MAX_YESCRYPT
        && yescrypt::PasswordVerifier::verify_password(&Yescrypt::default(), password, field).is_ok()
}

fn verify_sha(field: &str, password: &[u8]) -> bool {
    let Some((id, rest)) = field.get(1..2).zip(field.get(3..)) else {
        return false;
    };
    let (rounds, rest) = match rest.strip_prefix("rounds=").and_then(|rest| rest.split_once('$')) {
        Some((rounds, rest)) => match rounds.parse::<u32>() {
            Ok(rounds) => (rounds.max(sha_crypt::Params::ROUNDS_MIN), rest),
            Err(_) => return false,
        },
        None => (DEFAULT_ROUNDS, rest),
    };
    let explicit = format!("${id}$rounds={rounds}${rest}");
    rounds <= MAX_ROUNDS && ShaCrypt::default().verify_password(password, explicit.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Debian 12's `chpasswd` (libxcrypt) and by `openssl passwd`.
    const GENUINE: [(&str, &str); 6] = [
        (
            "hunter2",
            "$y$j9T$gGCtPAOlaQ5OrCFxwDPEf0$hbfDSbjHRHTvIWxCDZproz5B4irXeOyRcabXcUHbgY9",
        ),
        (
            "p\u{e4}ss wort 12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "$y$j9T$.emXx.PCBfqZEPPePcS.l.$YgUT.KOsTUH65S9xGzx4latEpf/nky.7amdDFe8j2f1",
        ),
        ("x", "$y$j75T$abcdefgh$wPWF6ZngZZxi0TBX8BqPcYXMIarFww.baLy6hMEGMb9"),
        (
            "letmein",
            "$6$qFhY1drNAvK1hQ.j$.vB93YAWsp3jfOWBBBhA/lAxxSLZ6zg0zubpc377yinost6lyfvy0JCytZrh3i7Q5bF8urq./E9W8Gr1y1JvF0",
        ),
        (
            "letmein",
            "$5$rounds=12000$CdImPmSbVeeuVWR3$zTjh1QY5iPDlfztjE2QENANSdmLK5Wwe8spYBWvPWc9",
        ),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
    ];

    #[test]
    fn hashes_of_the_genuine_tools_fit_their_passwords_only() {
        for (password, field) in GENUINE {
            assert!(verify(field, password.as_bytes()), "{field}");
            assert!(!verify(field, format!("{password}x").as_bytes()), "{field}");
            assert!(!verify(field, b""), "{field}");
        }
    }

    #[test]
    fn a_locked_account_fits_no_password() {
        for (password, field) in GENUINE {
            assert!(!verify(&format!("!{field}"), password.as_bytes()));
        }
        for locked in [
            "",
            "*",
            "!",
            "!!",
            "!*",
            "x",
            "$",
            "$y",
            "$y$",
            "$6$",
            "$6$$",
            "$5$rounds=x$a$b",
        ] {
            assert!(!verify(locked, b""), "{locked}");
            assert!(!verify(locked, locked.as_bytes()), "{locked}");
        }
    }

    #[test]
    fn our_hashes_look_like_the_distros_and_fit() {
        for (distro, start) in [
            ("debian", "$y$j9T$"),
            ("ubuntu22", "$y$j9T$"),
            ("rocky9", "$6$"),
            ("alpine", "$6$"),
        ] {
            let field = hash(method_of(distro), b"s3cret", &[7; 16]).unwrap();
            assert!(field.starts_with(start) && !field.contains("rounds"), "{field}");
            assert!(verify(&field, b"s3cret"));
            assert_ne!(hash(method_of(distro), b"s3cret", &[8; 16]).unwrap(), field);
        }
    }

    #[test]
    fn a_hash_made_to_keep_us_busy_fits_nothing() {
        let costly = [
            "$6$rounds=999999999$CdImPmSbVeeuVWR3$zTjh1QY5iPDlfztjE2QENANSdmLK5Wwe8spYBWvPWc9",
            "$y$jFT$abcdefgh$kh8xQrLw4WEFH5TNkA/dNLLMhYcmL4YIQTHU9yfFRf6",
            "$y$jzT$abcdefgh$kh8xQrLw4WEFH5TNkA/dNLLMhYcmL4YIQTHU9yfFRf6",
            "$y$j9T/zzzzz$abcdefgh$kh8xQrLw4WEFH5TNkA/dNLLMhYcmL4YIQTHU9yfFRf6",
        ];
        for field in costly {
            assert!(!verify(field, b"x"), "{field}");
        }
    }

    #[test]
    fn the_field_is_found_by_the_whole_name() {
        let shadow = "rooty:a:1:\nroot:b:2:\nno-field\n";
        assert_eq!(field_of(shadow, "root"), Some("b"));
        assert_eq!(field_of(shadow, "oot"), None);
        assert_eq!(field_of(shadow, "no-field"), None);
    }
}
