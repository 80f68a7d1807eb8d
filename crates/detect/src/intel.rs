//! Lists of indicators: one a line, CSV (`indicator,type,category,score,expires`), or JSON lines of the same names.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;

use crate::addr::Addr;
use crate::table::Map;
use crate::time::Time;

/// All lists together; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Intel(Arc<Lists>);

#[derive(Clone, Debug, Default)]
struct Lists {
    addrs: Map<Addr, Indicator>,
    nets: Vec<(IpNet, Indicator)>,
    domains: Map<String, Indicator>,
    urls: Map<String, Indicator>,
    hashes: Map<String, Indicator>,
    bad_rows: u64,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    pub value: String,
    pub category: String,
    /// 0 to 100.
    pub score: u8,
    pub expires: Option<Time>,
    pub list: String,
}

#[derive(Deserialize, Default)]
struct Row {
    indicator: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    category: String,
    score: Option<u8>,
    #[serde(default)]
    expires: String,
}

const DEFAULT_SCORE: u8 = 70;

// === impl Intel ===

impl Intel {
    pub fn is_empty(&self) -> bool {
        let lists = &self.0;
        lists.addrs.is_empty()
            && lists.nets.is_empty()
            && lists.domains.is_empty()
            && lists.urls.is_empty()
            && lists.hashes.is_empty()
    }

    /// Rows that could not be read.
    pub fn bad_rows(&self) -> u64 {
        self.0.bad_rows
    }

    /// Adds a list's text under its name.
    pub fn add(&mut self, name: &str, text: &str) {
        let lists = Arc::make_mut(&mut self.0);
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if line.to_ascii_lowercase().starts_with("indicator,") {
                continue;
            }
            let row = if line.starts_with('{') {
                serde_json::from_str(line).ok()
            } else {
                from_csv(line)
            };
            let added = row.and_then(|row| lists.add(name, row));
            lists.bad_rows += u64::from(added.is_none());
        }
    }

    pub(crate) fn addr(&self, addr: Addr, now: Time) -> Option<&Indicator> {
        let exact = self.0.addrs.get(&addr);
        let nets = || {
            self.0
                .nets
                .iter()
                .find(|(net, _)| net.contains(&addr.ip()))
                .map(|(_, indicator)| indicator)
        };
        exact.or_else(nets).filter(|indicator| indicator.is_current(now))
    }

    /// A listed name covers the names below it.
    pub(crate) fn domain(&self, name: &str, now: Time) -> Option<&Indicator> {
        if self.0.domains.is_empty() {
            return None;
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut rest = Some(name.as_str());
        while let Some(name) = rest {
            if let Some(indicator) = self.0.domains.get(name).filter(|indicator| indicator.is_current(now)) {
                return Some(indicator);
            }
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
        None
    }

    pub(crate) fn url(&self, host: &str, target: &str, now: Time) -> Option<&Indicator> {
        if self.0.urls.is_empty() {
            return None;
        }
        let wanted = bare_url(&format!("{host}{target}"));
        self.0.urls.get(&wanted).filter(|indicator| indicator.is_current(now))
    }

    pub(crate) fn hash(&self, hash: &str, now: Time) -> Option<&Indicator> {
        self.0
            .hashes
            .get(&hash.to_ascii_lowercase())
            .filter(|indicator| indicator.is_current(now))
    }
}

// === impl Lists ===

impl Lists {
    fn add(&mut self, name: &str, row: Row) -> Option<()> {
        let value = row.indicator.trim().to_owned();
        let expires = match row.expires.trim() {
            "" => None,
            text => Some(Time::parse_rfc3339(text).or_else(|| Time::parse_rfc3339(&format!("{text}T00:00:00Z")))?),
        };
        let indicator = Indicator {
            category: row.category.trim().to_owned(),
            score: row.score.unwrap_or(DEFAULT_SCORE).min(100),
            expires,
            list: name.to_owned(),
            value: value.clone(),
        };
        let kind = row.kind.trim().to_ascii_lowercase();
        match if kind.is_empty() { guess(&value)? } else { kind.as_str() } {
            "ip" | "ipv4" | "ipv6" => drop(self.addrs.insert(value.parse().ok()?, indicator)),
            "cidr" | "net" => self.nets.push((value.parse().ok()?, indicator)),
            "domain" | "hostname" => {
                let name = value
                    .trim_start_matches("*.")
                    .trim_end_matches('.')
                    .to_ascii_lowercase();
                self.domains.insert(name, indicator);
            }
            "url" => drop(self.urls.insert(bare_url(&value), indicator)),
            "ja3" | "ja3s" | "ja4" | "hash" | "md5" | "sha1" | "sha256" => {
                self.hashes.insert(value.to_ascii_lowercase(), indicator);
            }
            _ => return None,
        }
        Some(())
    }
}

// === impl Indicator ===

impl Indicator {
    fn is_current(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| now <= expires)
    }
}

fn from_csv(line: &str) -> Option<Row> {
    let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"').to_owned());
    let mut cell = || cells.next().unwrap_or_default();
    let (indicator, kind, category, score, expires) = (cell(), cell(), cell(), cell(), cell());
    let score = if score.is_empty() {
        None
    } else {
        Some(score.parse().ok()?)
    };
    Some(Row {
        indicator,
        kind,
        category,
        score,
        expires,
    })
}

fn guess(value: &str) -> Option<&'static str> {
    let is_hash = matches!(value.len(), 32 | 40 | 64) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if value.parse::<Addr>().is_ok() {
        Some("ip")
    } else if value.parse::<IpNet>().is_ok() {
        Some("cidr")
    } else if value.contains("://") {
        Some("url")
    } else if is_hash {
        Some("hash")
    } else if value.contains('.')
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_*".contains(&byte))
    {
        Some("domain")
    } else {
        None
    }
}

/// Without scheme, lower-case host, no trailing slash.
fn bare_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{}{}", host.to_ascii_lowercase(), path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_all_three_forms_and_bad_rows_counted() {
        let mut intel = Intel::default();
        intel.add("plain", "# comment\n203.0.113.9\nevil.example\nnot an indicator\n");
        intel.add("csv", "indicator,type,category,score,expires\n198.51.100.0/24,,c2,90,\n2001:db8::bad,ip,c2,50,2020-01-01\nx,ip,,,\n");
        intel.add(
            "json",
            "{\"indicator\":\"e7d705a3286e19ea42f587b344ee6865\",\"type\":\"ja3\",\"score\":65}\n{broken\n",
        );
        let (past, now) = (Time(0), Time::parse_rfc3339("2024-01-01T00:00:00Z").expect("time"));
        let addr = |text: &str| text.parse::<Addr>().expect("address");
        assert_eq!(intel.addr(addr("203.0.113.9"), now).map(|found| found.score), Some(70));
        assert_eq!(
            intel.addr(addr("198.51.100.77"), now).map(|found| found.score),
            Some(90)
        );
        assert!(intel.addr(addr("2001:db8::bad"), past).is_some());
        assert!(intel.addr(addr("2001:db8::bad"), now).is_none(), "expired");
        assert!(intel.domain("a.b.Evil.example.", now).is_some());
        assert!(intel.domain("notevil.example", now).is_none());
        assert!(intel.hash("E7D705A3286E19EA42F587B344EE6865", now).is_some());
        assert_eq!(intel.bad_rows(), 3);
    }
}
