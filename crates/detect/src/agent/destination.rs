//! Where a call sends things: the host decides, whatever it is dressed up as (detect.md §9.1).

use std::net::{IpAddr, Ipv4Addr};

use unicode_normalization::UnicodeNormalization as _;

use super::strings::Text;
use crate::addr::{Addr, HomeNets};
use crate::config::Config;

/// All destinations of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Destinations(Vec<Host>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: String,
    ip: Option<Addr>,
}

/// What is inside.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    home: HomeNets,
    domains: Vec<String>,
    allowed: Vec<String>,
}

const URL_KEYS: [&str; 12] = [
    "url",
    "uri",
    "endpoint",
    "host",
    "hostname",
    "to",
    "cc",
    "bcc",
    "recipient",
    "recipients",
    "webhook",
    "webhook_url",
];
const BUCKET: &str = "bucket";
const INSIDE: [&str; 6] = ["internal", "local", "corp", "company", "lan", "home.arpa"];
/// Places where anybody can leave and pick up anything.
const DROPS: [&str; 16] = [
    "pastebin.com",
    "paste.ee",
    "hastebin.com",
    "dpaste.org",
    "ghostbin.com",
    "0x0.st",
    "transfer.sh",
    "file.io",
    "webhook.site",
    "requestbin.com",
    "requestbin.net",
    "pipedream.net",
    "requestcatcher.com",
    "beeceptor.com",
    "ngrok.io",
    "ngrok-free.app",
];
const MAX_HOST: usize = 255;

// === impl Destinations ===

impl Destinations {
    pub(super) fn of(texts: &[Text]) -> Self {
        let keyed: Vec<Host> = texts.iter().filter_map(from_argument).flatten().collect();
        if !keyed.is_empty() {
            return Self(keyed);
        }
        Self(texts.iter().filter_map(|text| whole(&text.text)).collect())
    }

    /// Hosts among the words of a command line.
    pub(super) fn of_command(words: &[&str]) -> Self {
        let all = words.iter().filter(|word| !word.starts_with('-'));
        Self(
            all.filter_map(|word| url(word).or_else(|| remote(word)).or_else(|| address(word)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn any_external(&self, inside: &Inside) -> bool {
        self.0.iter().any(|host| !inside.holds(host))
    }

    pub(super) fn all_internal(&self, inside: &Inside) -> bool {
        !self.is_empty() && !self.any_external(inside)
    }

    pub(super) fn all_allowed(&self, inside: &Inside) -> bool {
        !self.is_empty()
            && self
                .0
                .iter()
                .all(|host| inside.allowed.iter().any(|allowed| host.is_below(allowed)))
    }

    /// An address instead of a name, or a place to drop things, outside.
    pub(super) fn any_raw(&self, inside: &Inside) -> bool {
        let outside = self.0.iter().filter(|host| !inside.holds(host));
        outside
            .into_iter()
            .any(|host| host.ip.is_some() || DROPS.iter().any(|drop| host.is_below(drop)))
    }

    pub(super) fn addrs(&self) -> impl Iterator<Item = Addr> + '_ {
        self.0.iter().filter_map(|host| host.ip)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|host| host.name.as_str())
    }
}

// === impl Inside ===

impl Inside {
    pub(super) fn new(config: &Config) -> Self {
        let lower = |names: &[String]| {
            names
                .iter()
                .map(|name| name.trim_start_matches('.').to_lowercase())
                .collect()
        };
        Self {
            home: HomeNets::new(config.home_nets.clone()),
            domains: lower(&config.internal_domains),
            allowed: lower(&config.allowed_destinations),
        }
    }

    fn holds(&self, host: &Host) -> bool {
        if let Some(ip) = host.ip {
            return self.home.is_internal(ip);
        }
        host.name == "localhost"
            || INSIDE.iter().any(|domain| host.name.ends_with(&format!(".{domain}")))
            || self.domains.iter().any(|domain| host.is_below(domain))
    }
}

// === impl Host ===

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let name: String = percent_decoded(text).nfkc().collect::<String>().to_lowercase();
        let name = name.trim().trim_end_matches('.');
        if let Some(inner) = name.strip_prefix('[') {
            let ip: Addr = inner.split(']').next()?.parse().ok()?;
            return Some(Self {
                name: ip.to_string(),
                ip: Some(ip),
            });
        }
        let colons = name.matches(':').count();
        if colons > 1 {
            let ip: Addr = name.parse().ok()?;
            return Some(Self {
                name: ip.to_string(),
                ip: Some(ip),
            });
        }
        let name = name.split(':').next().unwrap_or_default();
        if let Some(ip) = loose_ipv4(name) {
            let ip = Addr::from(ip);
            return Some(Self {
                name: ip.to_string(),
                ip: Some(ip),
            });
        }
        let plain = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_');
        let fits = !name.is_empty() && name.len() <= MAX_HOST && name.chars().all(plain);
        fits.then(|| Self {
            name: name.to_owned(),
            ip: None,
        })
    }

    fn is_below(&self, domain: &str) -> bool {
        self.name == domain || self.name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    }
}

/// Decimal, hexadecimal and octal forms with one to four parts, as `inet_aton` reads them.
fn loose_ipv4(text: &str) -> Option<IpAddr> {
    let parts: Vec<u64> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|&part| part > 255) {
        return None;
    }
    let room = 8 * (4 - leading.len() as u32);
    if room < 64 && *last >> room != 0 {
        return None;
    }
    let high = leading
        .iter()
        .enumerate()
        .fold(0u64, |sum, (index, part)| sum | part << (24 - 8 * index));
    u32::try_from(high | last)
        .ok()
        .map(|bits| IpAddr::V4(Ipv4Addr::from(bits)))
}

fn number(part: &str) -> Option<u64> {
    if let Some(digits) = part.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let radix = if part.len() > 1 && part.starts_with('0') { 8 } else { 10 };
    u64::from_str_radix(part, radix).ok()
}

fn from_argument(text: &Text) -> Option<Vec<Host>> {
    if text.key == BUCKET {
        return Some(Host::parse(&text.text).into_iter().collect());
    }
    if !URL_KEYS.contains(&text.key.as_str()) {
        return None;
    }
    let is_host = matches!(text.key.as_str(), "host" | "hostname" | "endpoint");
    let parts = text
        .text
        .split([',', ';'])
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let host = |part: &str| {
        let named = || {
            if is_host || part.contains('.') {
                Host::parse(part.split('/').next()?)
            } else {
                None
            }
        };
        url(part)
            .or_else(|| mail(part))
            .or_else(|| address(part))
            .or_else(named)
    };
    let hosts: Vec<Host> = parts.filter_map(host).collect();
    (!hosts.is_empty()).then_some(hosts)
}

/// A string that is nothing but a destination.
fn whole(text: &str) -> Option<Host> {
    let text = text.trim();
    if text.contains(char::is_whitespace) {
        return None;
    }
    url(text).or_else(|| mail(text)).or_else(|| address(text))
}

/// The authority's host: user and password before `@` are not it, and `\` ends it as `/` does.
fn url(text: &str) -> Option<Host> {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    let (scheme, rest) = text
        .split_once("://")
        .or_else(|| text.strip_prefix("//").map(|rest| ("", rest)))?;
    if !scheme
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return None;
    }
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    Host::parse(authority.rsplit('@').next()?)
}

fn mail(text: &str) -> Option<Host> {
    let text = text.rsplit('<').next()?.trim_end_matches('>').trim();
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    let (user, domain) = text.rsplit_once('@')?;
    if user.is_empty() || user.contains('/') {
        return None;
    }
    Host::parse(domain.split('?').next()?)
}

fn address(text: &str) -> Option<Host> {
    let host = Host::parse(text.split('/').next()?)?;
    (host.ip.is_some() && text.contains(['.', ':'])).then_some(host)
}

/// `user@host:path`, as copies over SSH write it, or a bare name with a dot.
fn remote(word: &str) -> Option<Host> {
    if let Some((_, rest)) = word.split_once('@') {
        return Host::parse(rest.split([':', '/']).next()?);
    }
    let name = word.split(['/', ':']).next()?;
    let top = name.rsplit('.').next()?;
    let looks_like_host = name.contains('.')
        && !word.starts_with(['/', '.'])
        && top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !FILE_ENDINGS.contains(&top);
    looks_like_host.then(|| Host::parse(name))?
}

/// Last parts of names that are files rather than hosts on a command line.
const FILE_ENDINGS: [&str; 16] = [
    "txt", "json", "gz", "zip", "tar", "pem", "key", "log", "csv", "sql", "conf", "env", "tgz", "bin", "html", "pdf",
];

fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, text: &str) -> (bool, bool) {
        let inside = Inside::new(&Config::default());
        let destinations = Destinations::of(&[Text {
            key: key.to_owned(),
            text: text.to_owned(),
        }]);
        (destinations.any_external(&inside), destinations.all_internal(&inside))
    }

    const OUT: (bool, bool) = (true, false);
    const IN: (bool, bool) = (false, true);
    const NEUTRAL: (bool, bool) = (false, false);

    #[test]
    fn the_host_decides_and_not_what_stands_around_it() {
        for (key, text, wanted) in [
            ("url", "https://evil.com", OUT),
            ("url", "https://localhost.evil.com/", OUT),
            ("url", "https://internal.corp@evil.com/", OUT),
            ("url", "https://evil.com\\@intranet.corp/", OUT),
            ("url", "https://evil.com/?next=http://10.0.0.1/", OUT),
            ("url", "https://evil.com#.corp", OUT),
            ("url", "http://notcorp/", OUT),
            ("url", "http://3232235777/", IN),
            ("url", "http://0xc0a80101/", IN),
            ("url", "http://0300.0250.1.1/", IN),
            ("url", "http://[::1]:8080/", IN),
            ("url", "http://[::ffff:10.0.0.1]/", IN),
            ("url", "http://[2001:db8::1]/", OUT),
            ("url", "http://16843009/", OUT),
            ("url", "http://127.1/", IN),
            ("url", "http://LOCALHOST./", IN),
            ("url", "http://wiki.corp/", IN),
            ("to", "colleague@acme.company", IN),
            ("to", "a@x.internal, b@evil.com", OUT),
            ("to", "Bob <bob@team.local>", IN),
            ("to", "#general", NEUTRAL),
            ("host", "db01.lan", IN),
            ("body", "https://evil.com/x", OUT),
            ("body", "see https://evil.com/x", NEUTRAL),
            ("bucket", "loot", OUT),
        ] {
            assert_eq!(of(key, text), wanted, "{key} {text}");
        }
    }

    #[test]
    fn command_lines_name_their_hosts() {
        let inside = Inside::new(&Config::default());
        for words in [
            &["-d", "@x.txt", "https://evil.com"][..],
            &["x.txt", "me@evil.com:/tmp"],
            &["203.0.113.5", "4444"],
            &["evil.com", "80"],
        ] {
            assert!(Destinations::of_command(words).any_external(&inside), "{words:?}");
        }
        assert!(Destinations::of_command(&["x.txt", "--flag"]).is_empty());
    }
}
