//! The types of settings, read from YAML or from text (environment, flags).

use ipnet::IpNet;
use serde_yaml::Value;

use crate::addr::Addr;
use crate::agent::Decision;
use crate::time::{Span, Time};

/// A value as a layer wrote it.
#[derive(Clone, Debug)]
pub enum Raw {
    Yaml(Value),
    Text(String),
}

pub trait Setting: Sized {
    /// What a value must look like, for error messages.
    const WANTED: &'static str;
    fn read(raw: &Raw) -> Option<Self>;
    fn show(&self) -> serde_json::Value;
}

/// A count of at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Positive(pub u64);

/// 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u8);

/// What the agents' playbooks do with their verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// A block is only reported.
    Observe,
}

/// Something that is allowed: all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    pub net: Option<IpNet>,
    pub agent: Option<String>,
    pub user: Option<String>,
    pub rule: Option<String>,
    pub until: Option<Time>,
}

// === impl Raw ===

impl Raw {
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.trim().to_owned()),
            Self::Yaml(Value::String(text)) => Some(text.trim().to_owned()),
            Self::Yaml(Value::Number(number)) => Some(number.to_string()),
            Self::Yaml(Value::Bool(value)) => Some(value.to_string()),
            Self::Yaml(_) => None,
        }
    }

    /// A YAML list, or text cut at commas.
    fn items(&self) -> Option<Vec<Raw>> {
        match self {
            Self::Yaml(Value::Sequence(items)) => Some(items.iter().cloned().map(Raw::Yaml).collect()),
            Self::Yaml(Value::Null) => Some(Vec::new()),
            other => {
                let text = other.text()?;
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(|part| Raw::Text(part.to_owned())).collect())
            }
        }
    }
}

impl Setting for Positive {
    const WANTED: &'static str = "a whole number of at least 1";
    fn read(raw: &Raw) -> Option<Self> {
        raw.text()?.parse().ok().filter(|&value| value >= 1).map(Self)
    }
    fn show(&self) -> serde_json::Value {
        self.0.into()
    }
}

impl Setting for Percent {
    const WANTED: &'static str = "a whole number from 0 to 100";
    fn read(raw: &Raw) -> Option<Self> {
        raw.text()?.parse().ok().filter(|&value| value <= 100).map(Self)
    }
    fn show(&self) -> serde_json::Value {
        self.0.into()
    }
}

impl Setting for Span {
    const WANTED: &'static str = "a length of time above 0: `10s`, `5m`, `1h`, `2d`, or seconds";
    fn read(raw: &Raw) -> Option<Self> {
        Self::parse(&raw.text()?).filter(|span| span.0 > 0)
    }
    fn show(&self) -> serde_json::Value {
        self.as_seconds().into()
    }
}

impl Setting for bool {
    const WANTED: &'static str = "true or false (1, yes, on; 0, no, off)";
    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }
    fn show(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl Setting for String {
    const WANTED: &'static str = "a text";
    fn read(raw: &Raw) -> Option<Self> {
        raw.text()
    }
    fn show(&self) -> serde_json::Value {
        self.as_str().into()
    }
}

impl Setting for u16 {
    const WANTED: &'static str = "a port from 0 to 65535";
    fn read(raw: &Raw) -> Option<Self> {
        raw.text()?.parse().ok()
    }
    fn show(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl Setting for IpNet {
    const WANTED: &'static str = "an address or a net like 10.0.0.0/8";
    fn read(raw: &Raw) -> Option<Self> {
        net(&raw.text()?)
    }
    fn show(&self) -> serde_json::Value {
        self.to_string().into()
    }
}

impl Setting for Mode {
    const WANTED: &'static str = "`enforce` or `observe`";
    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.as_str() {
            "enforce" => Some(Self::Enforce),
            "observe" => Some(Self::Observe),
            _ => None,
        }
    }
    fn show(&self) -> serde_json::Value {
        match self {
            Self::Enforce => "enforce".into(),
            Self::Observe => "observe".into(),
        }
    }
}

impl Setting for Decision {
    const WANTED: &'static str = "`allow`, `flag` or `block`";
    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.as_str() {
            "allow" => Some(Self::Allow),
            "flag" => Some(Self::Flag),
            "block" => Some(Self::Block),
            _ => None,
        }
    }
    fn show(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

impl Setting for Allow {
    const WANTED: &'static str =
        "an address, a net, `agent:ID`, `user:NAME`, `rule:ID`, or a map of ip, cidr, agent, user, rule, until";
    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Yaml(Value::Mapping(map)) => {
                let mut allow = Self::default();
                for (key, value) in map {
                    let text = Raw::Yaml(value.clone()).text()?;
                    match key.as_str()? {
                        "ip" | "cidr" => allow.net = Some(net(&text)?),
                        "agent" => allow.agent = Some(text),
                        "user" => allow.user = Some(text.to_lowercase()),
                        "rule" => allow.rule = Some(text),
                        "until" | "expires" => allow.until = Some(Time::parse_rfc3339(&text)?),
                        _ => return None,
                    }
                }
                (allow != Self::default()).then_some(allow)
            }
            other => {
                let text = other.text()?;
                let mut allow = Self::default();
                if let Some(agent) = text.strip_prefix("agent:") {
                    allow.agent = Some(agent.to_owned());
                } else if let Some(user) = text.strip_prefix("user:") {
                    allow.user = Some(user.to_lowercase());
                } else if let Some(rule) = text.strip_prefix("rule:") {
                    allow.rule = Some(rule.to_owned());
                } else {
                    allow.net = Some(net(&text)?);
                }
                Some(allow)
            }
        }
    }
    fn show(&self) -> serde_json::Value {
        let mut map = serde_json::Map::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.into());
            }
        };
        put("cidr", self.net.map(|net| net.to_string()));
        put("agent", self.agent.clone());
        put("user", self.user.clone());
        put("rule", self.rule.clone());
        put("until", self.until.map(Time::rfc3339));
        map.into()
    }
}

impl<T: Setting> Setting for Vec<T> {
    const WANTED: &'static str = T::WANTED;
    fn read(raw: &Raw) -> Option<Self> {
        raw.items()?.iter().map(T::read).collect()
    }
    fn show(&self) -> serde_json::Value {
        self.iter().map(Setting::show).collect()
    }
}

/// An address alone is the net of itself; IPv4-mapped addresses become IPv4.
fn net(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .ok()
        .map(|net| net.trunc())
        .or_else(|| text.parse::<Addr>().ok().map(|addr| IpNet::from(addr.ip())))
}
