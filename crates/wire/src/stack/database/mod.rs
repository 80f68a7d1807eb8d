//! Known stacks, in the file format of p0f version 3, and the search in them.

mod find;
mod parse;
mod pattern;

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

pub use find::{Match, Quality};
pub use parse::{FileError, Problem};
use pattern::Pattern;

use crate::{stack::Signature, tcp::Kinds};

/// Signatures of SYNs and SYN-ACKs with what they are of.
#[derive(Clone, Debug, Default)]
pub struct Database {
    labels: Vec<Label>,
    requests: Known,
    responses: Known,
    links: Vec<(u32, String)>,
}

/// What a signature is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// It fits several kinds of systems and counts only where no specific one fits.
    pub generic: bool,
    /// `unix`, `win`, ...; `None` of a program that writes its own packets.
    pub class: Option<String>,
    pub name: String,
    pub flavor: String,
    /// Systems a program runs on.
    pub systems: Vec<String>,
    pub origin: Origin,
}

/// Where a signature comes from: the `;@ {...}` line above it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// A capture it was seen in, or what it was taken from.
    pub source: String,
    /// When it was last held against the source, `YYYY-MM-DD`.
    #[serde(default)]
    pub date: String,
    /// How often it was seen on systems known otherwise; zero when it is only said to be so.
    #[serde(default)]
    pub confirmations: u32,
}

/// The signatures of one kind of packet.
#[derive(Clone, Debug, Default)]
struct Known {
    patterns: Vec<Entry>,
    /// Places in `patterns`, by the layout of options.
    by_layout: HashMap<Kinds, Vec<u32>>,
}

#[derive(Clone, Debug)]
struct Entry {
    pattern: Pattern,
    /// Place in [`Database::labels`].
    label: usize,
    line: usize,
}

static BUILTIN: LazyLock<Database> = LazyLock::new(|| {
    // A test reads the same file and shows its errors.
    Database::parse(BUILTIN_TEXT).unwrap_or_default()
});

/// The project's own signature file.
const BUILTIN_TEXT: &str = include_str!("../../../../../templates/fingerprints/tcp.fp");

// === impl Database ===

impl Database {
    /// The project's own signatures.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// How many signatures of SYNs and SYN-ACKs there are.
    pub fn len(&self) -> usize {
        self.requests.patterns.len() + self.responses.patterns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of link by what a signature's MSS leaves of a packet.
    pub fn link_of(&self, signature: &Signature) -> Option<&str> {
        let headers = if signature.version == 6 { 60 } else { 40 };
        let mtu = u32::from(signature.mss?) + headers;
        self.links
            .iter()
            .find(|(known, _)| *known == mtu)
            .map(|(_, name)| name.as_str())
    }
}

// === impl Known ===

impl Known {
    fn add(&mut self, entry: Entry) {
        let at = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
        self.by_layout.entry(entry.pattern.kinds).or_default().push(at);
        self.patterns.push(entry);
    }

    fn with_layout(&self, kinds: &Kinds) -> impl Iterator<Item = &Entry> {
        self.by_layout
            .get(kinds)
            .into_iter()
            .flatten()
            .map(|&at| &self.patterns[at as usize])
    }
}

// === impl Label ===

impl Label {
    /// Name and flavour, e.g. `Linux 4.x to 6.x`.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.name, self.flavor).trim().to_owned()
    }
}
