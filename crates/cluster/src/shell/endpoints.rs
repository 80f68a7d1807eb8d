//! Whom a line calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{cut, name, pieces};

/// Endpoints taken from one line.
const ENDPOINTS: usize = 16;

/// Whom the line calls: `host` or `host:port`, lower case. Addresses no stranger can have are left out.
pub fn endpoints(line: &str) -> Vec<String> {
    let line = cut(line).to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, _) in line.match_indices("://") {
        let scheme = line[..at]
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+')
            .next();
        let known = [
            "http",
            "https",
            "ftp",
            "ftps",
            "tftp",
            "ws",
            "wss",
            "stratum+tcp",
            "tcp",
            "udp",
            "ldap",
            "rmi",
        ];
        if scheme.is_some_and(|scheme| known.contains(&scheme)) {
            add(authority(&line[at + 3..]), &mut found);
        }
    }
    for device in ["/dev/tcp/", "/dev/udp/"] {
        for (at, _) in line.match_indices(device) {
            let mut parts = line[at + device.len()..].split('/');
            let port = parts.clone().nth(1).map(digits).filter(|port| !port.is_empty());
            let host = parts.next().unwrap_or_default();
            add(
                port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
                &mut found,
            );
        }
    }
    pieces(&line).for_each(|piece| called(&piece, &mut found));
    found.truncate(ENDPOINTS);
    found
}

/// `wget host/file`, `curl host:8080/x`, `nc host 4444`: what is called without saying the scheme.
fn called(words: &[&str], found: &mut Vec<String>) {
    let Some(command) = words.first().map(|word| name(word)) else {
        return;
    };
    let arguments: Vec<&str> = words[1..]
        .iter()
        .copied()
        .filter(|word| !word.starts_with('-'))
        .collect();
    match command {
        "nc" | "ncat" | "netcat" | "telnet" => {
            let scans = words[1..]
                .iter()
                .any(|word| word.starts_with('-') && (word.contains('z') || word.contains('l')));
            let pair = arguments.windows(2).find(|pair| pair[1].parse::<u16>().is_ok());
            if let Some(pair) = pair.filter(|_| !scans) {
                add(format!("{}:{}", pair[0], pair[1]), found);
            }
        }
        "wget" | "curl" | "tftp" => {
            let bare = arguments
                .iter()
                .filter(|word| !word.contains("://") && !word.starts_with(['/', '.', '@', '~', '$']));
            for word in bare {
                let place = authority(word);
                let host = place.split(':').next().unwrap_or_default();
                // A bare word is a file's name as likely: it must look like a machine's.
                if host.parse::<Ipv4Addr>().is_ok() || (is_name(host) && word.contains('/')) {
                    add(place, found);
                }
            }
        }
        _ => {}
    }
}

/// `user@host:port` of a URL, without the user.
fn authority(rest: &str) -> String {
    let end = rest.find(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '/' | '"' | '\'' | '?' | '#' | '`' | ';' | '|' | '&' | '>' | ')' | '\\' | ','
            )
    });
    let authority = &rest[..end.unwrap_or(rest.len())];
    let place = authority.rsplit('@').next().unwrap_or_default();
    place.trim_end_matches(['.', ':']).to_owned()
}

fn digits(text: &str) -> String {
    text.chars().take_while(char::is_ascii_digit).collect()
}

fn add(place: String, found: &mut Vec<String>) {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place.as_str(), None),
        },
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let is_host = match host.parse::<IpAddr>() {
        Ok(ip) => may_be_a_strangers(ip),
        Err(_) => is_name(host),
    };
    if is_port && is_host && !found.contains(&place) {
        found.push(place);
    }
}

/// A name with a dot in it and a letter at its end, as those of machines that are found from anywhere.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let local = [".local", ".localdomain", ".internal", ".lan", ".home.arpa"];
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(label)
        && host
            .rsplit('.')
            .next()
            .is_some_and(|last| last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()))
        && !local.iter().any(|end| host.ends_with(end))
}

/// Whether the address may be that of somebody's machine out there.
fn may_be_a_strangers(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_documentation()
                || shared
                || a == 0
                || a >= 224)
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(v4) => may_be_a_strangers(IpAddr::V4(v4)),
            None => is_global(ip),
        },
    }
}

fn is_global(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}
