//! Access logs, as JSON lines and as combined text.

use super::draw::Draw;
use super::{EPOCH, SEED};

/// One request.
#[derive(Clone, Debug)]
struct Request {
    /// Milliseconds since the begin.
    at: u64,
    ip: String,
    method: &'static str,
    target: String,
    status: u16,
    user: String,
}

/// An attack of the demonstration: which it is and its lines.
pub struct Scenario {
    pub rule: &'static str,
    pub lines: Vec<String>,
}

const PAGES: [&str; 8] = [
    "/",
    "/index.html",
    "/about",
    "/products",
    "/products/17",
    "/static/app.js",
    "/static/site.css",
    "/contact",
];

fn request(at: u64, ip: &str, method: &'static str, target: impl Into<String>, status: u16) -> Request {
    Request {
        at,
        ip: ip.to_owned(),
        method,
        target: target.into(),
        status,
        user: String::new(),
    }
}

fn login(at: u64, ip: &str, user: &str, status: u16) -> Request {
    Request {
        user: user.to_owned(),
        ..request(at, ip, "POST", "/login", status)
    }
}

fn quiet() -> Vec<Request> {
    let mut draw = Draw::new(SEED);
    let mut at = 0;
    let mut all = Vec::new();
    for number in 0..200 {
        let ip = format!("198.51.100.{}", draw.between(10, 40));
        all.push(request(
            at,
            &ip,
            "GET",
            PAGES[draw.between(0, PAGES.len() as u64) as usize],
            200,
        ));
        if number % 40 == 7 {
            all.push(login(at + 200, &ip, "alice", if number % 80 == 7 { 401 } else { 302 }));
        }
        at += draw.between(300, 2_500);
    }
    all
}

fn guesses(ip: &str, count: u64) -> Vec<Request> {
    (0..count)
        .map(|number| login(number * 2_000, ip, "admin", 401))
        .collect()
}

fn knocks(ip: &str) -> Vec<Request> {
    let paths = [
        "/admin",
        "/config",
        "/.env",
        "/internal/status",
        "/api/keys",
        "/settings",
    ];
    paths
        .iter()
        .enumerate()
        .map(|(number, path)| request(number as u64 * 1_500, ip, "GET", *path, 404))
        .collect()
}

fn refusals(ip: &str) -> Vec<Request> {
    (0..9)
        .map(|number| request(number * 1_000, ip, "GET", format!("/reports/{number}"), 403))
        .collect()
}

fn names(ip: &str) -> Vec<Request> {
    (0..12)
        .map(|number| login(number * 1_000, ip, &format!("user{number}"), 401))
        .collect()
}

fn takeover(ip: &str) -> Vec<Request> {
    let mut all: Vec<Request> = (0..4).map(|number| login(number * 3_000, ip, "carol", 401)).collect();
    all.push(login(15_000, ip, "carol", 302));
    all
}

fn records(ip: &str) -> Vec<Request> {
    (0..30)
        .map(|number| request(number * 500, ip, "GET", format!("/data/customers?page={number}"), 200))
        .collect()
}

fn climbs(ip: &str) -> Vec<Request> {
    let targets = [
        "/static/../../etc/passwd",
        "/download?file=..%2f..%2f..%2fetc%2fshadow",
        "/%2e%2e/%2e%2e/boot.ini",
    ];
    targets
        .iter()
        .enumerate()
        .map(|(number, target)| request(number as u64 * 4_000, ip, "GET", *target, 404))
        .collect()
}

fn flood(ip: &str) -> Vec<Request> {
    (0..320)
        .map(|number| request(number * 100, ip, "GET", "/", 200))
        .collect()
}

fn json(all: &[Request], tag: Option<&str>) -> Vec<String> {
    all.iter().map(|request| line(request, EPOCH * 1000, tag)).collect()
}

fn line(request: &Request, begin: u64, tag: Option<&str>) -> String {
    let Request {
        at,
        ip,
        method,
        target,
        status,
        user,
    } = request;
    let millis = begin + at;
    let mut line = format!(
        r#"{{"ts":{}.{:03},"ip":"{ip}","method":"{method}","endpoint":"{target}","status_code":{status},"bytes":512"#,
        millis / 1000,
        millis % 1000,
    );
    if !user.is_empty() {
        line.push_str(&format!(r#","user":"{user}""#));
    }
    if let Some(tag) = tag {
        line.push_str(&format!(r#","tag":"{tag}""#));
    }
    line.push('}');
    line
}

fn text(all: &[Request]) -> Vec<String> {
    all.iter()
        .map(|request| {
            let Request {
                at,
                ip,
                method,
                target,
                status,
                user,
            } = request;
            let user = if user.is_empty() { "-" } else { user };
            let date = clf(EPOCH + at / 1000);
            format!(r#"{ip} - {user} [{date}] "{method} {target} HTTP/1.1" {status} 512 "-" "Mozilla/5.0""#)
        })
        .collect()
}

/// All samples lie within one day of November 2023.
fn clf(seconds: u64) -> String {
    let of_day = seconds % 86_400;
    let day = 14 + (seconds - of_day - (EPOCH - EPOCH % 86_400)) / 86_400;
    format!(
        "{day:02}/Nov/2023:{:02}:{:02}:{:02} +0000",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

fn file(lines: &[String]) -> Vec<u8> {
    let mut text = lines.join("\n");
    text.push('\n');
    text.into_bytes()
}

macro_rules! samples {
    ($($json:ident $text:ident = $requests:expr;)*) => {
        $(
            pub(super) fn $json() -> Vec<u8> {
                file(&json(&$requests, None))
            }

            pub(super) fn $text() -> Vec<u8> {
                file(&text(&$requests))
            }
        )*
    };
}

samples! {
    brute_force brute_force_text = guesses("203.0.113.11", 8);
    recon recon_text = knocks("203.0.113.12");
    auth_scan auth_scan_text = refusals("203.0.113.13");
    cred_stuffing cred_stuffing_text = names("203.0.113.14");
    account_takeover account_takeover_text = takeover("203.0.113.15");
    data_exfil data_exfil_text = records("203.0.113.16");
    path_traversal path_traversal_text = climbs("203.0.113.17");
    dos_flood dos_flood_text = flood("203.0.113.18");
    normal normal_text = quiet();
}

/// A cycle's benign requests, two to five, at `begin` (milliseconds since 1970).
pub fn benign(cycle: u64, begin: u64, tag: &str) -> Vec<String> {
    let mut draw = Draw::new(SEED ^ cycle);
    let count = draw.between(2, 6);
    (0..count)
        .map(|number| {
            let ip = format!("198.51.100.{}", draw.between(10, 200));
            let page = PAGES[draw.between(0, PAGES.len() as u64) as usize];
            line(&request(number * 300, &ip, "GET", page, 200), begin, Some(tag))
        })
        .collect()
}

/// The eight attacks in their order, each from its own address, beginning at `begin` (milliseconds since 1970).
pub fn scenarios(begin: u64, tag: &str) -> Vec<Scenario> {
    let all = [
        ("http.brute_force", guesses("203.0.113.21", 8)),
        ("http.recon", knocks("203.0.113.22")),
        ("http.auth_scan", refusals("203.0.113.23")),
        ("http.cred_stuffing", names("203.0.113.24")),
        ("http.account_takeover", takeover("203.0.113.25")),
        ("http.data_exfil", records("203.0.113.26")),
        ("http.path_traversal", climbs("203.0.113.27")),
        ("http.dos_flood", flood("203.0.113.28")),
    ];
    all.into_iter()
        .map(|(rule, requests)| Scenario {
            rule,
            lines: requests.iter().map(|request| line(request, begin, Some(tag))).collect(),
        })
        .collect()
}
