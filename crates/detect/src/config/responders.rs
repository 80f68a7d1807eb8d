//! The types of settings about who is told, and how.

use std::net::IpAddr;

use serde_yaml::Value;

use super::value::{Raw, Setting};
use crate::addr::Addr;
use crate::rule::Severity;

/// What can be done about a finding.
pub(crate) const RESPONDERS: [&str; 5] = ["alert", "webhook", "mail", "syslog", "isolate"];

/// `alert`, or one of several of a kind, `webhook:soc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder(pub String);

/// A receiver over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What rules call it; empty for the only one.
    pub name: String,
    pub url: String,
    /// Weaker findings are kept from it.
    pub min_severity: Severity,
}

/// What becomes of a source that is led away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a port of this host that says a little, ever so slowly.
    Tarpit,
    /// To a decoy.
    Decoy,
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogFormat {
    Rfc5424,
    /// ArcSight's Common Event Format, as the text of an RFC 5424 message.
    Cef,
}

/// Who writes prose about findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prose {
    Template,
    Ollama,
    OpenAi,
}

// === impl Responder ===

impl Responder {
    /// None when there is nothing of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (kind, one) = name.split_once(':').unwrap_or((name, "-"));
        (RESPONDERS.contains(&kind) && !one.is_empty()).then(|| Self(name.to_owned()))
    }
}

impl Setting for Responder {
    const WANTED: &'static str = "of `alert`, `webhook`, `mail`, `syslog`, `isolate`, with `:name` for one of several";
    fn read(raw: &Raw) -> Option<Self> {
        Self::parse(&raw.text()?)
    }
    fn show(&self) -> serde_json::Value {
        self.0.as_str().into()
    }
}

impl Setting for Webhook {
    const WANTED: &'static str = "`[NAME=]URL`, or a map of name, url, min_severity";
    fn read(raw: &Raw) -> Option<Self> {
        let mut webhook = Self {
            name: String::new(),
            url: String::new(),
            min_severity: Severity::Medium,
        };
        match raw {
            Raw::Yaml(Value::Mapping(map)) => {
                for (key, value) in map {
                    let text = Raw::Yaml(value.clone()).text()?;
                    match key.as_str()? {
                        "name" => webhook.name = text,
                        "url" => webhook.url = text,
                        "min_severity" => webhook.min_severity = Severity::parse(&text)?,
                        _ => return None,
                    }
                }
            }
            other => {
                let text = other.text()?;
                let (name, url) = match text.split_once('=') {
                    Some((name, url)) if !name.contains(':') => (name, url),
                    _ => ("", text.as_str()),
                };
                (webhook.name, webhook.url) = (name.trim().to_owned(), url.trim().to_owned());
            }
        }
        let reachable = webhook.url.starts_with("http://") || webhook.url.starts_with("https://");
        reachable.then_some(webhook)
    }
    fn show(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.name, "url": self.url, "min_severity": self.min_severity.name() })
    }
}

impl Setting for Severity {
    const WANTED: &'static str = "of info, low, medium, high, critical";
    fn read(raw: &Raw) -> Option<Self> {
        Self::parse(&raw.text()?)
    }
    fn show(&self) -> serde_json::Value {
        self.name().into()
    }
}

impl Setting for Way {
    const WANTED: &'static str = "`tarpit`, `decoy` or `drop`";
    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.as_str() {
            "tarpit" => Some(Self::Tarpit),
            "decoy" => Some(Self::Decoy),
            "drop" => Some(Self::Drop),
            _ => None,
        }
    }
    fn show(&self) -> serde_json::Value {
        match self {
            Self::Tarpit => "tarpit".into(),
            Self::Decoy => "decoy".into(),
            Self::Drop => "drop".into(),
        }
    }
}

impl Setting for SyslogFormat {
    const WANTED: &'static str = "`rfc5424` or `cef`";
    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.as_str() {
            "rfc5424" => Some(Self::Rfc5424),
            "cef" => Some(Self::Cef),
            _ => None,
        }
    }
    fn show(&self) -> serde_json::Value {
        match self {
            Self::Rfc5424 => "rfc5424".into(),
            Self::Cef => "cef".into(),
        }
    }
}

impl Setting for Prose {
    const WANTED: &'static str = "`template`, `ollama` or `openai`";
    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.as_str() {
            "template" => Some(Self::Template),
            "ollama" => Some(Self::Ollama),
            "openai" => Some(Self::OpenAi),
            _ => None,
        }
    }
    fn show(&self) -> serde_json::Value {
        match self {
            Self::Template => "template".into(),
            Self::Ollama => "ollama".into(),
            Self::OpenAi => "openai".into(),
        }
    }
}

impl Setting for IpAddr {
    const WANTED: &'static str = "an address";
    fn read(raw: &Raw) -> Option<Self> {
        raw.text()?.parse::<Addr>().ok().map(Addr::ip)
    }
    fn show(&self) -> serde_json::Value {
        self.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_an_address_with_a_name_or_without() {
        let read = |text: &str| Webhook::read(&Raw::Text(text.to_owned()));
        let named = read("soc=https://soc.example/in?a=b").expect("named");
        assert_eq!(
            (named.name.as_str(), named.url.as_str()),
            ("soc", "https://soc.example/in?a=b")
        );
        let alone = read("https://soc.example/in?a=b").expect("alone");
        assert_eq!(
            (alone.name.as_str(), alone.url.as_str()),
            ("", "https://soc.example/in?a=b")
        );
        assert!(read("ftp://soc.example").is_none() && read("soc").is_none());
        let map = serde_yaml::from_str("{name: soc, url: 'https://soc', min_severity: high}").expect("yaml");
        assert_eq!(
            Webhook::read(&Raw::Yaml(map)).map(|it| it.min_severity),
            Some(Severity::High)
        );
    }

    #[test]
    fn who_is_told_is_one_of_the_known_kinds() {
        for (name, known) in [
            ("alert", true),
            ("webhook:soc", true),
            ("pager", false),
            ("mail:", false),
        ] {
            assert_eq!(Responder::parse(name).is_some(), known, "{name}");
        }
    }
}
