//! Where messages go: `udp://host:port`, `tcp://host:port`, `tls://host:port`, the last with `?ca=/path/to/ca.pem`
//! where the system's authorities are not the ones to trust.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// One message a datagram (RFC 5426).
    Udp,
    /// Octet-counted (RFC 6587).
    Tcp,
    /// Octet-counted (RFC 5425).
    Tls,
}

// === impl Target ===

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Target {
            given: text.to_owned(),
            reason,
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let scheme = [Scheme::Udp, Scheme::Tcp, Scheme::Tls]
            .into_iter()
            .find(|known| known.name() == scheme)
            .ok_or_else(|| wrong("its scheme is unknown"))?;
        let (place, ca) = match rest.split_once('?') {
            None => (rest, None),
            Some((place, query)) => {
                let ca = query
                    .strip_prefix("ca=")
                    .filter(|ca| !ca.is_empty() && scheme == Scheme::Tls);
                (
                    place,
                    Some(PathBuf::from(
                        ca.ok_or_else(|| wrong("only `?ca=FILE` may follow, and only for tls"))?,
                    )),
                )
            }
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (
                host,
                port.parse()
                    .ok()
                    .filter(|&port| port != 0)
                    .ok_or_else(|| wrong("its port is no port"))?,
            ),
            _ => (place, scheme.default_port()),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains(':') {
            return Err(wrong("an IPv6 address stands in brackets"));
        }
        let host = bare.unwrap_or(host);
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(fit) {
            return Err(wrong("its host is no name and no address"));
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            ca,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

// === impl Scheme ===

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// As IANA assigns them; plain TCP has none of its own and is commonly where UDP is.
    fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls => 6_514,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_scheme_a_host_and_a_port() {
        let read = |text: &str| text.parse::<Target>().map(|target| (target.to_string(), target.ca));
        assert_eq!(
            read("udp://siem.example.org:5514").unwrap().0,
            "udp://siem.example.org:5514"
        );
        assert_eq!(read("tls://[2001:db8::1]").unwrap().0, "tls://[2001:db8::1]:6514");
        assert_eq!(read("tcp://192.0.2.1").unwrap().0, "tcp://192.0.2.1:514");
        assert_eq!(
            read("tls://siem:1/?ca=/etc/ca.pem").unwrap().1,
            Some("/etc/ca.pem".into())
        );
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for bad in [
            "siem:514",
            "http://siem",
            "udp://",
            "udp://:514",
            "udp://siem:0",
            "udp://siem:99999",
            "udp://siem:x",
            "tcp://siem:1?ca=/x",
            "tls://siem?ca=",
            "tls://siem?x=y",
            "udp://2001:db8::1",
            "udp://a b:1",
        ] {
            let error = bad.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("give udp://host:port"), "{bad}: {error}");
        }
    }
}
