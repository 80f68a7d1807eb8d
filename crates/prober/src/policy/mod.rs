//! Whom we may ask back. Pure: what is known is passed in, and so is the time (fingerprint.md §16.1).

use std::net::IpAddr;

use ipnet::IpNet;
use model::special;
use time::{Duration, OffsetDateTime};

/// What the operator wants, and what is his own.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Nothing is ever asked without it.
    pub consent: bool,
    /// Networks that may be asked although they are special-purpose. Not more than that: what is denied or our own
    /// stays so.
    pub allow: Vec<IpNet>,
    /// Networks that are never asked.
    pub deny: Vec<IpNet>,
    /// Networks and addresses of the grid and of the host it stands on.
    pub own: Vec<IpNet>,
    /// Time between two turns of one target.
    pub cooldown: Duration,
}

/// What the record says of a target.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Connections of it that came about.
    pub handshakes: i64,
    pub probed_at: Option<OffsetDateTime>,
    /// The operator named the address himself, and it lies in an allowed network.
    pub vouched: bool,
}

/// Why a target is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the operator has not consented to probing")]
    NoConsent,
    #[error("in {0}, which is the grid's own")]
    Own(IpNet),
    #[error("in {0}, which is denied")]
    Denied(IpNet),
    #[error("in {net}, which is {what}")]
    Special { net: IpNet, what: &'static str },
    #[error("no connection of it came about: the address may be a lie")]
    Spoofable,
    #[error("asked {0} s ago")]
    TooSoon(i64),
}

// === impl Known ===

impl Known {
    pub(crate) fn of(candidate: &store::Candidate, vouched: bool) -> Self {
        Self {
            handshakes: candidate.handshakes,
            probed_at: candidate.probed_at,
            vouched,
        }
    }
}

// === impl Rules ===

impl Rules {
    pub const COOLDOWN: Duration = Duration::hours(1);

    /// Whether `ip` may be asked now. The gravest reason against it is given.
    pub fn judge(&self, ip: IpAddr, known: &Known, now: OffsetDateTime) -> Result<(), Refusal> {
        let ip = ip.to_canonical();
        if !self.consent {
            return Err(Refusal::NoConsent);
        }
        if let Some(net) = within(&self.own, ip) {
            return Err(Refusal::Own(net));
        }
        if let Some(net) = within(&self.deny, ip) {
            return Err(Refusal::Denied(net));
        }
        if let Some((net, what)) = special(ip)
            && within(&self.allow, ip).is_none()
        {
            return Err(Refusal::Special { net, what });
        }
        if never(ip) {
            let net = IpNet::from(ip);
            return Err(Refusal::Special {
                net,
                what: "no single host",
            });
        }
        if known.handshakes <= 0 && !known.vouched {
            return Err(Refusal::Spoofable);
        }
        match known.probed_at.map(|at| now - at) {
            Some(ago) if ago < self.cooldown => Err(Refusal::TooSoon(ago.whole_seconds())),
            _ => Ok(()),
        }
    }

    /// Whether the operator's list covers it.
    pub fn allows(&self, ip: IpAddr) -> bool {
        within(&self.allow, ip.to_canonical()).is_some()
    }
}

/// What no list can allow.
fn never(ip: IpAddr) -> bool {
    ip.is_multicast() || ip.is_unspecified() || ip.is_loopback() || ip == IpAddr::from([255; 4])
}

fn within(nets: &[IpNet], ip: IpAddr) -> Option<IpNet> {
    nets.iter().find(|net| net.contains(&ip)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);
    const SEEN: Known = Known {
        handshakes: 1,
        probed_at: None,
        vouched: false,
    };

    fn nets(of: &[&str]) -> Vec<IpNet> {
        of.iter().map(|net| net.parse().unwrap()).collect()
    }

    fn rules() -> Rules {
        Rules {
            consent: true,
            cooldown: Rules::COOLDOWN,
            ..Rules::default()
        }
    }

    fn judge(rules: &Rules, ip: &str) -> Result<(), Refusal> {
        rules.judge(ip.parse().unwrap(), &SEEN, NOW)
    }

    #[test]
    fn a_public_address_that_connected_may_be_asked() {
        for ip in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert_eq!(judge(&rules(), ip), Ok(()), "{ip}");
        }
    }

    #[test]
    fn nothing_is_asked_without_consent() {
        let rules = Rules {
            consent: false,
            ..rules()
        };
        assert_eq!(judge(&rules, "8.8.8.8"), Err(Refusal::NoConsent));
    }

    #[test]
    fn private_local_and_bogus_addresses_are_refused_in_every_writing() {
        for ip in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "240.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:0a00:0001::1",
            "2001::1",
            "::7f00:1",
            "4000::1",
        ] {
            assert!(matches!(judge(&rules(), ip), Err(Refusal::Special { .. })), "{ip}");
        }
    }

    #[test]
    fn an_allowed_private_network_may_be_asked_and_its_neighbour_not() {
        let rules = Rules {
            allow: nets(&["10.9.0.0/16", "fd00:9::/64"]),
            ..rules()
        };
        assert_eq!(judge(&rules, "10.9.1.1"), Ok(()));
        assert_eq!(judge(&rules, "fd00:9::1"), Ok(()));
        assert!(judge(&rules, "10.8.1.1").is_err());
    }

    #[test]
    fn no_list_allows_loopback_or_a_group() {
        let rules = Rules {
            allow: nets(&["0.0.0.0/0", "::/0"]),
            ..rules()
        };
        for ip in [
            "127.0.0.1",
            "224.0.0.251",
            "255.255.255.255",
            "0.0.0.0",
            "::1",
            "ff02::1",
        ] {
            assert!(matches!(judge(&rules, ip), Err(Refusal::Special { .. })), "{ip}");
        }
        assert_eq!(judge(&rules, "10.0.0.1"), Ok(()));
    }

    #[test]
    fn what_is_denied_or_our_own_stays_so_though_it_is_allowed() {
        let everything = nets(&["0.0.0.0/0"]);
        let own = Rules {
            allow: everything.clone(),
            own: nets(&["10.213.0.0/24"]),
            ..rules()
        };
        assert!(matches!(judge(&own, "10.213.0.9"), Err(Refusal::Own(_))));
        let denied = Rules {
            allow: everything,
            deny: nets(&["8.8.8.0/24"]),
            ..rules()
        };
        assert!(matches!(judge(&denied, "8.8.8.8"), Err(Refusal::Denied(_))));
        assert_eq!(judge(&denied, "8.8.4.4"), Ok(()));
    }

    #[test]
    fn a_source_that_never_connected_may_be_a_lie() {
        let unseen = Known { handshakes: 0, ..SEEN };
        let ip = "8.8.8.8".parse().unwrap();
        assert_eq!(rules().judge(ip, &unseen, NOW), Err(Refusal::Spoofable));
        let vouched = Known {
            vouched: true,
            ..unseen
        };
        assert_eq!(rules().judge(ip, &vouched, NOW), Ok(()));
    }

    #[test]
    fn a_target_rests_between_two_turns() {
        let ip = "8.8.8.8".parse().unwrap();
        let at = |ago| Known {
            probed_at: Some(NOW - ago),
            ..SEEN
        };
        assert_eq!(
            rules().judge(ip, &at(Duration::minutes(59)), NOW),
            Err(Refusal::TooSoon(59 * 60))
        );
        assert_eq!(rules().judge(ip, &at(Duration::minutes(60)), NOW), Ok(()));
    }
}
