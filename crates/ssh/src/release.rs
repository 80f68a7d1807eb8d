//! What each release of OpenSSH proposes by default, in its order (`myproposal.h` and `kex.c` of the release, and the
//! patches of the distributions that keep it).

/// What one release says of itself in the exchange of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    pub kex: &'static [&'static str],
    pub ciphers: &'static [&'static str],
    pub macs: &'static [&'static str],
    pub compression: &'static [&'static str],
    /// What an RSA key signs by.
    pub rsa: &'static [&'static str],
    /// What peers may sign by.
    pub signatures: &'static str,
    /// Names and values of extensions after those signatures.
    pub extensions: &'static [(&'static str, &'static str)],
    /// Announced in the key exchange list to harden it against cut-off messages.
    pub strict: bool,
    /// `ext-info-s` is announced.
    pub announces_extensions: bool,
    /// It answers a ping.
    pub pings: bool,
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
const COMPRESSION: &[&str] = &["none", "zlib@openssh.com"];

const SIGNATURES_9_6: &str = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
    sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";
const SIGNATURES_9_2: &str = "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,\
    ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,\
    ssh-rsa,rsa-sha2-256,rsa-sha2-512";
const SIGNATURES_8_5: &str = "ssh-ed25519,sk-ssh-ed25519@openssh.com,ssh-rsa,rsa-sha2-256,rsa-sha2-512,ssh-dss,\
    ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,\
    webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const SIGNATURES_8_2: &str = "ssh-ed25519,sk-ssh-ed25519@openssh.com,ssh-rsa,rsa-sha2-256,rsa-sha2-512,ssh-dss,\
    ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com";
const SIGNATURES_7_4: &str = "rsa-sha2-256,rsa-sha2-512";

const HOSTBOUND: (&str, &str) = ("publickey-hostbound@openssh.com", "0");
const PING: (&str, &str) = ("ping@openssh.com", "0");

/// The release of a version text: `OpenSSH_9.2p1 Debian-2+deb12u7`.
pub fn of(version: &str) -> Release {
    let number = number(version).unwrap_or((9, 2));
    Release {
        kex: match number {
            (9, 9..) | (10.., _) => KEX_9_9,
            (8, 9..) | (9, _) => KEX_8_9,
            (8, _) => KEX_8_2,
            _ => KEX_7_4,
        },
        ciphers: CIPHERS,
        macs: MACS,
        compression: COMPRESSION,
        rsa: match number {
            (8, 7..) | (9.., _) => &["rsa-sha2-512", "rsa-sha2-256"],
            (8, _) | (7, 5..) => &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
            _ => &["ssh-rsa", "rsa-sha2-512", "rsa-sha2-256"],
        },
        signatures: match number {
            (9, 6..) | (10.., _) => SIGNATURES_9_6,
            (9, _) => SIGNATURES_9_2,
            (8, 4..) => SIGNATURES_8_5,
            (8, _) => SIGNATURES_8_2,
            _ => SIGNATURES_7_4,
        },
        extensions: match number {
            (9, 5..) | (10.., _) => &[HOSTBOUND, PING],
            (8, 9..) | (9, _) => &[HOSTBOUND],
            _ => &[],
        },
        strict: number > (7, 4),
        announces_extensions: number >= (9, 6),
        pings: number >= (9, 5),
    }
}

fn number(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.strip_prefix("OpenSSH_")?.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cipher, exchange, mac};

    #[test]
    fn a_release_proposes_what_it_did() {
        let bookworm = of("OpenSSH_9.2p1 Debian-2+deb12u7");
        assert_eq!(bookworm.kex[0], "sntrup761x25519-sha512");
        assert!(bookworm.strict && !bookworm.announces_extensions);
        assert!(of("OpenSSH_7.4").kex.contains(&"diffie-hellman-group1-sha1"));
        assert!(of("OpenSSH_9.9p1 Debian-3").kex.contains(&"mlkem768x25519-sha256"));
        assert_eq!(of("OpenSSH_8.2p1 Ubuntu-4ubuntu0.11").kex, KEX_8_2);
        assert_eq!(of("OpenSSH_9.6").extensions, [HOSTBOUND, PING]);
    }

    #[test]
    fn everything_a_release_proposes_can_be_done() {
        for version in ["7.4", "8.2p1", "8.7", "8.9p1", "9.2p1", "9.3", "9.6", "9.9p1"] {
            let release = of(&format!("OpenSSH_{version}"));
            assert!(
                release.kex.iter().all(|name| exchange::find(name).is_some()),
                "{version}"
            );
            assert!(
                release.ciphers.iter().all(|name| cipher::find(name).is_some()),
                "{version}"
            );
            assert!(release.macs.iter().all(|name| mac::find(name).is_some()), "{version}");
        }
    }
}
