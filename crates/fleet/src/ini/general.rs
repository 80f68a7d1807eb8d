//! `[general]`: what holds for the whole fleet.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Reader;
use super::lines::{Entry, Section};
use crate::diagnostic::Diagnostic;
use crate::hostname;
use crate::request::{IpRange, IpStrategy};

const KEYS: [&str; 10] = [
    "net",
    "gw",
    "interface",
    "mutate_interval",
    "exclude",
    "site",
    "domain",
    "dns",
    "ip_start",
    "ip_strategy",
];

/// What the file says of the network; all of it can be detected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct General {
    pub net: Option<Ipv4Net>,
    pub gw: Option<Ipv4Addr>,
    pub interface: Option<String>,
    /// Minutes, for deckies that do not say.
    pub mutate_interval: Option<u32>,
    pub exclude: Vec<IpRange>,
    pub site: Option<String>,
    pub domain: Option<String>,
    pub resolvers: Vec<Ipv4Addr>,
    pub ip_start: Option<Ipv4Addr>,
    pub ip_strategy: Option<IpStrategy>,
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn general(&mut self, section: &Section) {
        let entries = section.by_key(&mut self.found);
        for entry in entries.into_values() {
            let value = entry.plain();
            if value.is_empty() {
                self.empty_value(section, entry);
                continue;
            }
            self.general_key(section, entry, value);
        }
    }

    fn general_key(&mut self, section: &Section, entry: &Entry, value: &str) {
        match entry.key.as_str() {
            "net" => self.fleet.general.net = self.subnet(entry, value),
            "gw" => self.fleet.general.gw = self.address(entry, value),
            "interface" => self.fleet.general.interface = Some(value.to_owned()),
            "mutate_interval" => self.fleet.general.mutate_interval = self.minutes(entry, value),
            "ip_start" => self.fleet.general.ip_start = self.address(entry, value),
            "ip_strategy" => match value.parse() {
                Ok(strategy) => self.fleet.general.ip_strategy = Some(strategy),
                Err(why) => self.wrong("E_IP_STRATEGY", why, entry, "choose one of the two"),
            },
            "exclude" => {
                for range in self.words(entry, value) {
                    match range.parse() {
                        Ok(range) => self.fleet.general.exclude.push(range),
                        Err(why) => self.wrong("E_EXCLUDE", why, entry, "write `10.0.0.50-10.0.0.99, 10.0.0.128/25`"),
                    }
                }
            }
            "dns" => {
                let words = self.words(entry, value);
                self.fleet.general.resolvers = words.into_iter().filter_map(|word| self.address(entry, word)).collect();
            }
            "site" => match hostname::split(value) {
                Some((site, domain)) if domain.is_empty() && site.len() <= 8 && !hostname::tells(&site) => {
                    self.fleet.general.site = Some(site.to_lowercase());
                }
                _ => self.wrong(
                    "E_SITE",
                    format!("`{value}` is no short name of a site"),
                    entry,
                    "write `ams` or `hq`",
                ),
            },
            "domain" => match hostname::split(value) {
                Some(_) if !hostname::tells(value) => self.fleet.general.domain = Some(value.to_lowercase()),
                _ => self.wrong(
                    "E_DOMAIN",
                    format!("`{value}` is no domain for deckies"),
                    entry,
                    "write `corp.lan`",
                ),
            },
            "log_target" => self.found.push(
                Diagnostic::warning("W_DEPRECATED", "`log_target` has no effect in a file")
                    .at([entry.place.clone()])
                    .help("use --log-target where events are forwarded, and remove the line"),
            ),
            _ => self.unknown_key(section, entry, &KEYS),
        }
    }

    fn subnet(&mut self, entry: &Entry, value: &str) -> Option<Ipv4Net> {
        let Ok(net) = value.parse::<Ipv4Net>() else {
            self.wrong(
                "E_NET",
                format!("`{value}` is no IPv4 subnet"),
                entry,
                "write `10.20.0.0/24`",
            );
            return None;
        };
        if net != net.trunc() {
            self.found.push(
                Diagnostic::warning("W_NET", format!("`{value}` is an address in {}", net.trunc()))
                    .at([entry.place.clone()])
                    .help(format!("write `{}`", net.trunc())),
            );
        }
        Some(net.trunc())
    }

    pub(super) fn address(&mut self, entry: &Entry, value: &str) -> Option<Ipv4Addr> {
        let address = value.parse().ok();
        if address.is_none() {
            self.wrong(
                "E_IP_SYNTAX",
                format!("`{value}` is no IPv4 address"),
                entry,
                "write four numbers from 0 to 255",
            );
        }
        address
    }

    pub(super) fn minutes(&mut self, entry: &Entry, value: &str) -> Option<u32> {
        let minutes = value.parse().ok().filter(|minutes| *minutes >= 1);
        if minutes.is_none() {
            self.wrong(
                "E_INTERVAL",
                format!("`{value}` is no number of minutes"),
                entry,
                "write a whole number from 1",
            );
        }
        minutes
    }

    pub(super) fn empty_value(&mut self, section: &Section, entry: &Entry) {
        self.found.push(
            Diagnostic::warning(
                "W_EMPTY",
                format!("`{}` of [{}] is empty, as if left out", entry.key, section.name),
            )
            .at([entry.place.clone()])
            .help("give it a value, or remove the line"),
        );
    }
}
