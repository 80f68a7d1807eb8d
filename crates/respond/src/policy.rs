//! Who may be led away, and for what (detect.md §11). Pure: what it goes by is given.

use std::collections::BTreeSet;
use std::net::IpAddr;

use detect::{Addr, Config, HomeNets};
use ipnet::IpNet;
use store::Finding;

/// What is asked before a source is led away.
#[derive(Clone, Debug)]
pub struct Policy {
    min_confidence: u8,
    /// Hosts inside may be led away as well.
    internal: bool,
    home: HomeNets,
    never: Vec<IpNet>,
    /// This host's own addresses, its gateways and resolvers, and the deckies.
    vital: BTreeSet<IpAddr>,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only what counts for a verdict is a reason.
    Notice,
    Unsure,
    /// It rests on what anybody can send in somebody else's name.
    Spoofable,
    /// Many, a user, an agent, a hardware address.
    NoAddress,
    /// No single host's: a group, everybody, nobody.
    NoHost,
    Never,
    Vital,
    Internal,
}

// === impl Policy ===

impl Policy {
    pub fn new(config: &Config) -> Self {
        let allowed = config.allow.iter().filter_map(|allow| allow.net);
        let lists = [
            &config.never_isolate,
            &config.trusted_ips,
            &config.trusted_scanners,
            &config.decoys,
            &config.exclude_sources,
        ];
        Self {
            min_confidence: config.isolate_confidence.0,
            internal: config.isolate_internal,
            home: HomeNets::new(config.home_nets.clone()),
            never: lists.into_iter().flatten().copied().chain(allowed).collect(),
            vital: BTreeSet::new(),
        }
    }

    /// These must stay reachable, whatever they are found to do.
    pub fn protect(&mut self, vital: impl IntoIterator<Item = IpAddr>) {
        self.vital = vital.into_iter().map(|address| address.to_canonical()).collect();
    }

    /// Whose address is to be led away for this finding.
    ///
    /// # Errors
    /// Why nobody is.
    pub fn judge(&self, finding: &Finding) -> Result<IpAddr, Refusal> {
        if finding.class != "detection" {
            return Err(Refusal::Notice);
        }
        if finding.confidence < self.min_confidence {
            return Err(Refusal::Unsure);
        }
        let established = finding.detail.get("established").and_then(serde_json::Value::as_u64);
        if established.unwrap_or(0) < u64::from(self.min_confidence) {
            return Err(Refusal::Spoofable);
        }
        let address = finding.attacker_ip.ok_or(Refusal::NoAddress)?.to_canonical();
        self.may_be_led(address)?;
        Ok(address)
    }

    /// Whether this address may be led away at all, whoever wants it.
    ///
    /// # Errors
    /// Why not.
    pub fn may_be_led(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let link_local = match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() || link_local {
            return Err(Refusal::NoHost);
        }
        if self.never.iter().any(|net| net.contains(&address)) {
            return Err(Refusal::Never);
        }
        if self.vital.contains(&address) {
            return Err(Refusal::Vital);
        }
        if !self.internal && self.home.is_internal(Addr::from(address)) {
            return Err(Refusal::Internal);
        }
        Ok(())
    }
}

// === impl Refusal ===

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Notice => "notices lead nobody away",
            Self::Unsure => "it is not sure enough",
            Self::Spoofable => "it rests on what anybody can send in somebody else's name",
            Self::NoAddress => "it is no single address's doing",
            Self::NoHost => "the address is no single host's",
            Self::Never => "the settings protect the address",
            Self::Vital => "this host needs the address: its own, a gateway, a resolver or a decky",
            Self::Internal => "the address is inside, and `isolate.internal` is off",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::OffsetDateTime;

    fn finding(source: &str, confidence: u8, established: u8) -> Finding {
        Finding {
            id: "F-1".to_owned(),
            rule: "decoy.touch".to_owned(),
            class: "detection".to_owned(),
            severity: "critical".to_owned(),
            confidence,
            source: source.to_owned(),
            attacker_ip: source.parse().ok(),
            stage: None,
            mitre: Vec::new(),
            reason: String::new(),
            first_at: OffsetDateTime::UNIX_EPOCH,
            last_at: OffsetDateTime::UNIX_EPOCH,
            acknowledged_at: None,
            detail: if established > 0 {
                json!({ "established": established })
            } else {
                json!({})
            },
        }
    }

    fn policy(change: impl FnOnce(&mut Config)) -> Policy {
        let mut config = Config::default();
        change(&mut config);
        let mut policy = Policy::new(&config);
        policy.protect(["198.51.100.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
        policy
    }

    #[test]
    fn a_source_is_led_away_for_what_is_sure_and_cannot_be_in_its_name_only() {
        let policy = policy(|_| ());
        for (confidence, established, judged) in [
            (85, 85, Ok("203.0.113.7".parse().unwrap())),
            (84, 84, Err(Refusal::Unsure)),
            (100, 84, Err(Refusal::Spoofable)),
            (100, 0, Err(Refusal::Spoofable)),
        ] {
            assert_eq!(policy.judge(&finding("203.0.113.7", confidence, established)), judged);
        }
        let notice = Finding {
            class: "notice".to_owned(),
            ..finding("203.0.113.7", 95, 95)
        };
        assert_eq!(policy.judge(&notice), Err(Refusal::Notice));
        assert_eq!(policy.judge(&finding("root", 95, 95)), Err(Refusal::NoAddress));
    }

    #[test]
    fn addresses_that_must_not_be_cut_off_never_are() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let policy = policy(|config| {
            config.never_isolate = vec![net("203.0.113.0/25"), net("2001:db8:1::/48")];
            config.trusted_scanners = vec![net("203.0.113.200/32")];
            config.decoys = vec![net("198.51.100.128/25")];
            config.allow = vec![detect::config::Allow {
                net: Some(net("203.0.113.201/32")),
                ..Default::default()
            }];
        });
        for (address, refusal) in [
            ("203.0.113.7", Refusal::Never),
            ("::ffff:203.0.113.7", Refusal::Never),
            ("2001:db8:1::7", Refusal::Never),
            ("203.0.113.200", Refusal::Never),
            ("203.0.113.201", Refusal::Never),
            ("198.51.100.200", Refusal::Never),
            ("198.51.100.1", Refusal::Vital),
            ("2001:db8::1", Refusal::Vital),
            ("10.1.2.3", Refusal::Internal),
            ("fd00::7", Refusal::Internal),
            ("127.0.0.9", Refusal::NoHost),
            ("224.0.0.1", Refusal::NoHost),
            ("255.255.255.255", Refusal::NoHost),
            ("0.0.0.0", Refusal::NoHost),
            ("fe80::1", Refusal::NoHost),
            ("ff02::1", Refusal::NoHost),
        ] {
            assert_eq!(policy.judge(&finding(address, 95, 95)), Err(refusal), "{address}");
        }
    }

    #[test]
    fn hosts_inside_are_led_away_only_where_that_is_wanted() {
        let policy = policy(|config| config.isolate_internal = true);
        assert!(policy.judge(&finding("10.1.2.3", 95, 95)).is_ok());
    }
}
