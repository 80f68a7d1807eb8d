//! What a User-Agent says of its sender (profile.md §3.3).

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    pub category: Category,
    /// The program, where it is known by name.
    pub tool: Option<&'static str>,
    pub signals: Vec<Signal>,
}

/// The first that fits, in this order, but for `Empty`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Scanner,
    Cli,
    Library,
    Bot,
    Browser,
    Nonstandard,
    Empty,
}

/// What is odd about the text, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Fewer than 8 characters.
    SuspiciousShort,
    /// More than 512.
    SuspiciousLong,
    /// A control character other than a tab.
    Nonprintable,
    /// Text that something else is to execute.
    InjectionLike,
}

const SHORT: usize = 8;
const LONG: usize = 512;
/// Found as whole words.
const SCANNERS: [&str; 23] = [
    "nmap",
    "masscan",
    "zgrab",
    "zmap",
    "nuclei",
    "sqlmap",
    "gobuster",
    "dirb",
    "dirbuster",
    "nikto",
    "feroxbuster",
    "wfuzz",
    "ffuf",
    "wpscan",
    "katana",
    "burp",
    "acunetix",
    "nessus",
    "openvas",
    "arachni",
    "whatweb",
    "wappalyzer",
    "sploitscan",
];
/// At the start, before a `/`.
const CLIS: [&str; 5] = ["curl", "wget", "httpie", "xh", "fetch"];
/// How a library's own agent begins, and its name here.
const LIBRARIES: [(&str, &str); 28] = [
    ("python-requests/", "python-requests"),
    ("aiohttp/", "aiohttp"),
    ("python/", "aiohttp"),
    ("python-httpx/", "httpx"),
    ("httpx/", "httpx"),
    ("python-urllib3/", "urllib"),
    ("urllib3/", "urllib"),
    ("python-urllib/", "python-stdlib"),
    ("go-http-client/", "go-stdlib"),
    ("go-resty/", "go-resty"),
    ("java/", "java-stdlib"),
    ("java-http-client/", "java-stdlib"),
    ("okhttp/", "okhttp"),
    ("apache-httpclient/", "apache-httpclient"),
    ("jersey/", "jersey"),
    ("axios/", "axios"),
    ("node-fetch", "node-fetch"),
    ("got", "got"),
    ("undici", "undici"),
    ("php/", "php-stdlib"),
    ("guzzlehttp/", "guzzle"),
    ("ruby", "ruby-stdlib"),
    ("faraday", "faraday"),
    ("httparty", "httparty"),
    (".net", "dotnet"),
    ("dotnet", "dotnet"),
    ("postmanruntime/", "postman"),
    ("insomnia/", "insomnia"),
];
const BOTS: [&str; 5] = ["bot", "crawler", "spider", "slurp", "monitor"];
const INJECTIONS: [&str; 14] = [
    "<script",
    "' or ",
    "\" or ",
    "'or'",
    "or 1=1",
    "'--",
    "';",
    "\";",
    "/*",
    "/../",
    "/etc/passwd",
    "${jndi:",
    "{{",
    "union select",
];

/// `text` is the header's value.
pub fn agent(text: &str) -> Agent {
    let lower = text.to_ascii_lowercase();
    let (category, tool) = class(&lower);
    Agent {
        category,
        tool,
        signals: signals(text, &lower),
    }
}

fn class(lower: &str) -> (Category, Option<&'static str>) {
    if lower.is_empty() {
        return (Category::Empty, None);
    }
    if let Some(tool) = SCANNERS.iter().find(|tool| has_word(lower, tool)) {
        return (Category::Scanner, Some(tool));
    }
    let is_program = |tool: &&&str| lower.strip_prefix(**tool).is_some_and(|rest| rest.starts_with('/'));
    if let Some(tool) = CLIS.iter().find(is_program) {
        return (Category::Cli, Some(tool));
    }
    if let Some((_, tool)) = LIBRARIES.iter().find(|(prefix, _)| begins(lower, prefix)) {
        return (Category::Library, Some(tool));
    }
    if BOTS.iter().any(|word| lower.contains(word)) {
        return (Category::Bot, None);
    }
    let version = lower.strip_prefix("mozilla/").and_then(|rest| rest.chars().next());
    if version.is_some_and(|first| first.is_ascii_digit()) {
        return (Category::Browser, None);
    }
    (Category::Nonstandard, None)
}

/// A prefix, and where it ends in a letter the end of a word.
fn begins(text: &str, prefix: &str) -> bool {
    let open = prefix.ends_with(|c: char| c.is_ascii_alphanumeric());
    text.strip_prefix(prefix)
        .is_some_and(|rest| !open || !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn has_word(text: &str, word: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        edge(before.chars().next_back()) && edge(after.chars().next())
    })
}

fn signals(text: &str, lower: &str) -> Vec<Signal> {
    let characters = text.chars().count();
    let odd = [
        (characters < SHORT, Signal::SuspiciousShort),
        (characters > LONG, Signal::SuspiciousLong),
        (text.chars().any(|c| c.is_control() && c != '\t'), Signal::Nonprintable),
        (
            INJECTIONS.iter().any(|word| lower.contains(word)),
            Signal::InjectionLike,
        ),
    ];
    odd.into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, signal)| signal)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// profile.md §17 and §3.3.
    #[test]
    fn an_agent_is_of_the_first_class_that_fits() {
        for (text, category, tool) in [
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", Category::Bot, None),
            ("${jndi:ldap://x}", Category::Nonstandard, None),
            ("curl/8.5.0", Category::Cli, Some("curl")),
            ("curl", Category::Nonstandard, None),
            (
                "Mozilla/5.0 (compatible; Nmap Scripting Engine)",
                Category::Scanner,
                Some("nmap"),
            ),
            ("nmapper/1.0 of something", Category::Nonstandard, None),
            ("python-requests/2.31.0", Category::Library, Some("python-requests")),
            ("Go-http-client/1.1", Category::Library, Some("go-stdlib")),
            ("gotcha 1.0", Category::Nonstandard, None),
            (
                "got (https://github.com/sindresorhus/got)",
                Category::Library,
                Some("got"),
            ),
            ("Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", Category::Browser, None),
            ("Mozilla/x", Category::Nonstandard, None),
            ("", Category::Empty, None),
        ] {
            let agent = agent(text);
            assert_eq!((agent.category, agent.tool), (category, tool), "{text:?}");
        }
    }

    #[test]
    fn what_is_odd_is_told_at_its_limit_and_not_before() {
        let signals = |text: &str| agent(text).signals;
        assert_eq!(signals("1234567"), [Signal::SuspiciousShort]);
        assert_eq!(signals("12345678"), []);
        assert_eq!(signals(&"a".repeat(512)), []);
        assert_eq!(signals(&"a".repeat(513)), [Signal::SuspiciousLong]);
        assert_eq!(signals("with a\ttab"), []);
        assert_eq!(signals("with a\u{1b}[31m"), [Signal::Nonprintable]);
        for text in [
            "${jndi:ldap://x}",
            "a' OR '1'='1",
            "<SCRIPT>alert()",
            "../../../etc/passwd",
            "{{7*7}} {{8}}",
        ] {
            assert_eq!(signals(text), [Signal::InjectionLike], "{text}");
        }
    }
}
