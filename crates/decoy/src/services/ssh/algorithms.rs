//! What each release of OpenSSH proposes by default, in its order (`myproposal.h` of the release and the patches of
//! the distributions that keep it).

/// Name-lists of one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub kex: &'static [&'static str],
    pub ciphers: &'static [&'static str],
    pub macs: &'static [&'static str],
    /// Announced in the key exchange list to harden it against cut-off messages.
    pub strict: bool,
    /// `ext-info-s` is announced.
    pub extensions: bool,
}

const KEX_9_9: &[&str] = &[
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
];
const KEX_8_9: &[&str] = &[
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];
const KEX_8_2: &[&str] = &[
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];
const KEX_7_4: &[&str] = &[
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
];
const CIPHERS: &[&str] = &[
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
];
const MACS: &[&str] = &[
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];

/// The proposal of a release, by its version text: `OpenSSH_9.2p1 Debian-2+deb12u7`.
pub fn of(version: &str) -> Proposal {
    let number = release(version).unwrap_or((9, 2));
    Proposal {
        kex: match number {
            (9, 9..) | (10.., _) => KEX_9_9,
            (8, 9..) | (9, _) => KEX_8_9,
            (8, _) => KEX_8_2,
            _ => KEX_7_4,
        },
        ciphers: CIPHERS,
        macs: MACS,
        strict: number > (7, 4),
        extensions: number >= (9, 6),
    }
}

fn release(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.strip_prefix("OpenSSH_")?.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_proposes_what_it_did() {
        let bookworm = of("OpenSSH_9.2p1 Debian-2+deb12u7");
        assert_eq!(bookworm.kex[0], "sntrup761x25519-sha512");
        assert!(bookworm.strict && !bookworm.extensions);
        assert!(of("OpenSSH_7.4").kex.contains(&"diffie-hellman-group1-sha1"));
        assert!(of("OpenSSH_9.9p1 Debian-3").kex.contains(&"mlkem768x25519-sha256"));
        assert_eq!(of("OpenSSH_8.2p1 Ubuntu-4ubuntu0.11").kex, KEX_8_2);
    }
}
