//! Which release the machine itself has: what `ssh -V` says in a shell is what the banner must say.

use crate::machine::Machine;

/// Where dpkg keeps what is installed.
const STATUS: &str = "/var/lib/dpkg/status";
const PACKAGE: &str = "Package: openssh-client";

/// `OpenSSH_9.2p1 Debian-2+deb12u7`, as it follows `SSH-2.0-`, and the same as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub version: String,
    pub product: String,
}

// === impl Release ===

impl Release {
    /// The installed release in place of `claimed`, where both are of one distribution's packages; else none.
    pub fn installed(machine: &Machine, claimed: &str) -> Option<Self> {
        let status = std::fs::read(machine.path(STATUS)).ok()?;
        Self::of_status(&String::from_utf8_lossy(&status), claimed)
    }

    fn of_status(status: &str, claimed: &str) -> Option<Self> {
        let (_, vendor) = claimed.split_once(' ')?;
        let (vendor, _) = vendor.split_once('-')?;
        let package = status
            .split("\n\n")
            .find(|stanza| stanza.lines().any(|line| line == PACKAGE))?;
        let version = package.lines().find_map(|line| line.strip_prefix("Version: "))?;
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let (upstream, revision) = version.split_once('-')?;
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        (is_plain(upstream) && is_plain(revision)).then(|| Self {
            version: format!("OpenSSH_{upstream} {vendor}-{revision}"),
            product: format!("OpenSSH {upstream} {vendor} {revision}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: openssh-sftp-server\nVersion: 1:1.1p1-1\n\n\
        Package: openssh-client\nStatus: install ok installed\nVersion: 1:9.2p1-2+deb12u10\nDepends: x\n\n\
        Package: zlib1g\nVersion: 1:1.2\n";

    #[test]
    fn the_installed_patch_level_is_claimed_in_the_distributions_own_words() {
        let debian = Release::of_status(STATUS, "OpenSSH_9.2p1 Debian-2+deb12u7").unwrap();
        assert_eq!(debian.version, "OpenSSH_9.2p1 Debian-2+deb12u10");
        assert_eq!(debian.product, "OpenSSH 9.2p1 Debian 2+deb12u10");
        let ubuntu = STATUS.replace("9.2p1-2+deb12u10", "8.9p1-3ubuntu0.13");
        let ubuntu = Release::of_status(&ubuntu, "OpenSSH_8.9p1 Ubuntu-3ubuntu0.10").unwrap();
        assert_eq!(ubuntu.version, "OpenSSH_8.9p1 Ubuntu-3ubuntu0.13");
    }

    #[test]
    fn without_a_package_or_a_distributions_claim_there_is_none() {
        assert_eq!(Release::of_status("", "OpenSSH_9.2p1 Debian-2"), None);
        assert_eq!(Release::of_status(STATUS, "OpenSSH_8.7"), None);
    }
}
