//! One signature as it is written, e.g. `*:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0`.

use std::str::FromStr;

use super::parse::Problem;
use crate::{
    stack::{Quirks, Signature, Window},
    tcp::Kinds,
};

/// A signature with room for what differs between machines of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// `None` for both.
    pub(super) version: Option<u8>,
    pub(super) ttl: u8,
    /// A tool that draws its TTL, up to `ttl`.
    pub(super) drawn_ttl: bool,
    pub(super) option_len: u16,
    pub(super) mss: Option<u16>,
    pub(super) window: WindowPattern,
    pub(super) scale: Option<u8>,
    pub(super) kinds: Kinds,
    pub(super) padding: u8,
    pub(super) quirks: Quirks,
    pub(super) payload: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowPattern {
    Any,
    Is(Window),
    MultipleOf(u16),
}

// === impl Pattern ===

impl FromStr for Pattern {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let fields: Vec<&str> = text.split(':').map(str::trim).collect();
        let &[version, ttl, option_len, mss, window, layout, quirks, payload] = fields.as_slice() else {
            return Err(Problem::Fields(fields.len()));
        };
        let (ttl, drawn_ttl) = parse_ttl(ttl)?;
        let (window, scale) = window
            .split_once(',')
            .ok_or_else(|| Problem::Window(window.to_owned()))?;
        let (kinds, padding) = parse_layout(layout)?;
        Ok(Self {
            version: match version {
                "*" => None,
                "4" => Some(4),
                "6" => Some(6),
                _ => return Err(Problem::Version(version.to_owned())),
            },
            ttl,
            drawn_ttl,
            option_len: option_len
                .parse()
                .map_err(|_| Problem::OptionLen(option_len.to_owned()))?,
            mss: star_or(mss).map_err(|()| Problem::Mss(mss.to_owned()))?,
            window: parse_window(window)?,
            scale: star_or(scale).map_err(|()| Problem::Scale(scale.to_owned()))?,
            kinds,
            padding,
            quirks: parse_quirks(quirks)?,
            payload: match payload {
                "*" => None,
                "0" => Some(false),
                "+" => Some(true),
                _ => return Err(Problem::Payload(payload.to_owned())),
            },
        })
    }
}

impl Pattern {
    /// The quirks that count for a packet of that version: `*` signatures say nothing of what the other one lacks.
    pub(super) fn quirks_for(&self, version: u8) -> Quirks {
        match (self.version, version) {
            (Some(_), _) => self.quirks,
            (None, 4) => self.quirks.without(Quirks::FLOW),
            (None, _) => self.quirks.without(Quirks::DF | Quirks::ID_SET | Quirks::ID_ZERO),
        }
    }
}

fn parse_ttl(text: &str) -> Result<(u8, bool), Problem> {
    let problem = || Problem::Ttl(text.to_owned());
    let number = |text: &str| text.parse::<u8>().map_err(|_| problem());
    let (ttl, drawn) = if let Some(most) = text.strip_suffix('-') {
        (number(most)?, true)
    } else if let Some((observed, distance)) = text.split_once('+') {
        (
            number(observed)?.checked_add(number(distance)?).ok_or_else(problem)?,
            false,
        )
    } else {
        (number(text)?, false)
    };
    if ttl == 0 { Err(problem()) } else { Ok((ttl, drawn)) }
}

fn parse_window(text: &str) -> Result<WindowPattern, Problem> {
    let problem = || Problem::Window(text.to_owned());
    let number = |text: &str| text.parse::<u16>().map_err(|_| problem());
    Ok(if text == "*" {
        WindowPattern::Any
    } else if let Some(times) = text.strip_prefix("mss*") {
        WindowPattern::Is(Window::Mss(number(times)?))
    } else if let Some(times) = text.strip_prefix("mtu*") {
        WindowPattern::Is(Window::Mtu(number(times)?))
    } else if let Some(unit) = text.strip_prefix('%') {
        WindowPattern::MultipleOf(number(unit).ok().filter(|unit| *unit > 1).ok_or_else(problem)?)
    } else {
        WindowPattern::Is(Window::Bytes(number(text)?))
    })
}

fn parse_layout(text: &str) -> Result<(Kinds, u8), Problem> {
    let mut kinds = Vec::new();
    let mut padding = 0;
    let names: Vec<&str> = text.split(',').filter(|name| !name.is_empty()).collect();
    for (at, &name) in names.iter().enumerate() {
        let problem = || Problem::Option(name.to_owned());
        kinds.push(match name {
            "nop" => 1,
            "mss" => 2,
            "ws" => 3,
            "sok" => 4,
            "sack" => 5,
            "ts" => 8,
            _ if let Some(kind) = name.strip_prefix('?') => kind.parse().map_err(|_| problem())?,
            _ if let Some(bytes) = name.strip_prefix("eol+") => {
                if at + 1 != names.len() {
                    return Err(Problem::AfterEol);
                }
                padding = bytes.parse().map_err(|_| problem())?;
                0
            }
            _ => return Err(problem()),
        });
    }
    Ok((kinds.into_iter().collect(), padding))
}

fn parse_quirks(text: &str) -> Result<Quirks, Problem> {
    text.split(',')
        .filter(|name| !name.is_empty())
        .try_fold(Quirks::NONE, |all, name| {
            Quirks::named(name)
                .map(|quirk| all | quirk)
                .ok_or_else(|| Problem::Quirk(name.to_owned()))
        })
}

/// `*`, or a number.
fn star_or<T: FromStr>(text: &str) -> Result<Option<T>, ()> {
    if text == "*" {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(|_| ())
    }
}

// === impl WindowPattern ===

impl WindowPattern {
    pub(super) fn fits(self, signature: &Signature) -> bool {
        match self {
            Self::Any => true,
            Self::Is(Window::Bytes(bytes)) => bytes == signature.raw_window,
            Self::Is(times) => times == signature.window,
            Self::MultipleOf(unit) => signature.raw_window.is_multiple_of(unit),
        }
    }
}
