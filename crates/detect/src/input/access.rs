//! Access logs: common, combined, or JSON lines.

use std::net::IpAddr;

use super::json;
use crate::addr::Addr;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{Body, Event, Http};
use crate::http::canon::Target;
use crate::time::Time;
use crate::world::Nets;

/// Reads one access log.
pub struct AccessLog {
    proxies: Nets,
}

/// A line's request before its target is taken apart.
#[derive(Default)]
pub(super) struct Line {
    pub(super) at: Option<Time>,
    pub(super) client: Option<Addr>,
    pub(super) forwarded: String,
    pub(super) http: Http,
}

const SENSOR: &str = "http";

// === impl AccessLog ===

impl AccessLog {
    pub fn new(config: &Config) -> Self {
        Self {
            proxies: Nets::new(config.http_trusted_proxies.clone()),
        }
    }

    /// The event of a line.
    ///
    /// # Errors
    /// Says what is missing, when the line is no request of a client.
    pub fn line(&self, line: &str) -> Result<Event> {
        let line = line.trim();
        let mut read = if line.starts_with('{') {
            json::line(line)?
        } else {
            common(line)?
        };
        let client = read.client.ok_or_else(|| Error::record("no client address"))?;
        let at = read.at.ok_or_else(|| Error::record("no time"))?;
        read.http.src = Some(self.behind(client, &read.forwarded));
        let target = Target::read(&read.http.target);
        (read.http.path, read.http.query, read.http.traversal) = (target.path, target.query, target.traversal);
        Ok(Event::new(at, SENSOR, Body::Http(Box::new(read.http))))
    }

    /// The client behind trusted proxies: the right-most hop that is none of them.
    fn behind(&self, peer: Addr, forwarded: &str) -> Addr {
        if forwarded.is_empty() || !self.proxies.contains(peer) {
            return peer;
        }
        let hops = forwarded.rsplit(',').map_while(|hop| address(hop.trim()));
        let mut last = peer;
        for hop in hops {
            last = hop;
            if !self.proxies.contains(hop) {
                break;
            }
        }
        last
    }
}

/// An address, with a port or in brackets perhaps.
pub(super) fn address(text: &str) -> Option<Addr> {
    if let Ok(addr) = text.parse::<Addr>() {
        return Some(addr);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    let (host, port) = text.rsplit_once(':')?;
    let host: IpAddr = host.parse().ok()?;
    (host.is_ipv4() && port.parse::<u16>().is_ok()).then(|| host.into())
}

/// `CLIENT IDENT USER [DATE] "METHOD TARGET VERSION" STATUS BYTES "REFERER" "AGENT" "FORWARDED"`, the last three perhaps,
/// the virtual host before it perhaps.
fn common(line: &str) -> Result<Line> {
    let broken = |what: &str| Error::record(format!("not an access log line: {what}"));
    let (date_from, date_to) = line
        .find('[')
        .zip(line.find(']'))
        .filter(|(from, to)| from < to)
        .ok_or_else(|| broken("no date"))?;
    let mut words = line[..date_from].split_ascii_whitespace();
    let first = words.next().ok_or_else(|| broken("no client"))?;
    let client = address(first)
        .or_else(|| address(words.next()?))
        .ok_or_else(|| broken("no client address"))?;
    let user = words.nth(1).unwrap_or("-");
    let mut rest = &line[date_to + 1..];
    let request = quoted(&mut rest).ok_or_else(|| broken("no request"))?;
    let mut numbers = rest.trim_start().splitn(3, ' ');
    let status = numbers
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| broken("no status"))?;
    let bytes = numbers.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let mut rest = numbers.next().unwrap_or_default();
    let referer = quoted(&mut rest).unwrap_or_default();
    let user_agent = quoted(&mut rest).unwrap_or_default();
    let forwarded = quoted(&mut rest).unwrap_or_default();
    let (method, target) = request_line(&request);
    Ok(Line {
        at: Time::parse_clf(&line[date_from + 1..date_to]),
        client: Some(client),
        forwarded,
        http: Http {
            method,
            target,
            status,
            bytes,
            user: user.to_owned(),
            referer,
            user_agent,
            ..Http::default()
        },
    })
}

/// Method and target of a request line; what is no request line is all target.
pub(super) fn request_line(request: &str) -> (String, String) {
    let mut words = request.splitn(2, ' ');
    let method = words.next().unwrap_or_default();
    match words.next() {
        Some(rest) if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
            (method.to_ascii_uppercase(), target.to_owned())
        }
        _ => (String::new(), request.to_owned()),
    }
}

/// The next `"..."`, with `\"` and `\xHH` undone.
fn quoted(rest: &mut &str) -> Option<String> {
    let from = rest.find('"')? + 1;
    let bytes = rest.as_bytes();
    let mut to = from;
    while *bytes.get(to)? != b'"' {
        to += if bytes[to] == b'\\' { 2 } else { 1 };
    }
    let text = rest.get(from..to)?;
    *rest = rest.get(to + 1..)?;
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    Some(unescaped(text))
}

fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                let byte = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                out.extend(byte);
                at += 4;
            }
            [b'\\', b'"', ..] => {
                out.push(b'"');
                at += 2;
            }
            [b'\\', b'\\', ..] => {
                out.push(b'\\');
                at += 2;
            }
            [byte, ..] => {
                out.push(*byte);
                at += 1;
            }
            [] => break,
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(line: &str) -> (Time, Http) {
        let event = AccessLog::new(&Config::default()).line(line).expect(line);
        let Body::Http(http) = event.body else {
            panic!("no request")
        };
        (event.at, *http)
    }

    #[test]
    fn all_three_forms_of_a_line_say_the_same() {
        let common = r#"203.0.113.5 - alice [14/Nov/2023:22:13:20 +0000] "GET /admin?x=1 HTTP/1.1" 403 12"#;
        let combined = format!(r#"{common} "-" "curl/8 \"x\"""#);
        let json = r#"{"ip":"203.0.113.5","ts":1700000000,"method":"get","endpoint":"/admin?x=1","status_code":403,"user":"alice","bytes":12}"#;
        for line in [common, &combined, json] {
            let (at, http) = http(line);
            assert_eq!(at, Time::from_seconds(1_700_000_000.0), "{line}");
            assert_eq!(http.src.map(|src| src.to_string()), Some("203.0.113.5".to_owned()));
            let told = (
                http.method.as_str(),
                http.path.as_str(),
                http.query.as_str(),
                http.status,
                http.bytes,
            );
            assert_eq!(told, ("GET", "/admin", "x=1", 403, 12), "{line}");
            assert_eq!(http.user, "alice");
        }
        assert_eq!(http(&combined).1.user_agent, "curl/8 \"x\"");
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        let log = AccessLog::new(&Config::default());
        for line in [
            "",
            "hello",
            "{}",
            "{\"ip\":\"1.2.3.4\"}",
            "x - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 1",
            "1.2.3.4 - - [14/Nov/2023:22:13:20 +0000] \"GET /",
            "{\"ip\":",
        ] {
            assert!(log.line(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_client_behind_a_trusted_proxy_is_found_and_not_believed_otherwise() {
        let mut config = Config::default();
        let line = r#"{"ip":"10.0.0.1","ts":1,"method":"GET","path":"/","status":200,"x_forwarded_for":"6.6.6.6, 198.51.100.9, 10.0.0.2"}"#;
        let src = |config: &Config| {
            AccessLog::new(config)
                .line(line)
                .ok()
                .and_then(|event| event.src())
                .map(|src| src.to_string())
        };
        assert_eq!(src(&config), Some("10.0.0.1".to_owned()));
        config.http_trusted_proxies = vec!["10.0.0.0/8".parse().expect("net")];
        assert_eq!(src(&config), Some("198.51.100.9".to_owned()));
    }
}
