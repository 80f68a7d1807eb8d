//! Text into sections and entries with their places; nothing of what they mean (deploy.md §4.1).

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// `[name]` and what stands under it.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// As written, without outer blanks.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) entries: Vec<Entry>,
    /// Values of this section are taken whole, may go on in deeper lines, and are not shown.
    pub(super) verbatim: bool,
}

#[derive(Clone)]
pub(super) struct Entry {
    /// In lower case, `_` for `-`.
    pub(super) key: String,
    /// Without outer blanks; comments still in it.
    pub(super) value: String,
    /// Of the key.
    pub(super) place: Place,
    /// Blanks before the key.
    indent: usize,
}

/// All sections; `verbatim` tells by its name which one takes values whole.
pub(super) fn read(text: &str, file: &str, verbatim: impl Fn(&str) -> bool, found: &mut Diagnostics) -> Vec<Section> {
    let mut reader = Reader {
        file,
        sections: Vec::new(),
        broken: false,
        blanks: 0,
        found,
    };
    let unix = text
        .trim_start_matches('\u{feff}')
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    for (n, line) in unix.split('\n').enumerate() {
        reader.line(n + 1, line, &verbatim);
    }
    reader.sections
}

struct Reader<'a> {
    file: &'a str,
    sections: Vec<Section>,
    /// The header above was no header: what follows belongs to nobody.
    broken: bool,
    /// Empty lines since the last entry.
    blanks: usize,
    found: &'a mut Diagnostics,
}

// === impl Reader ===

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str, verbatim: &impl Fn(&str) -> bool) {
        let content = line.trim();
        if content.is_empty() {
            self.blanks += 1;
            return;
        }
        if content.starts_with(['#', ';']) {
            return;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        let place = Place::file(self.file).line(number, indent + 1);
        if self.goes_on(indent, content) {
            return;
        }
        self.blanks = 0;
        if content.starts_with('[') {
            self.header(content, place, verbatim);
        } else if !self.broken {
            self.entry(content, indent, place);
        }
    }

    /// A line deeper than the entry above it continues that entry's value, where values may be long.
    fn goes_on(&mut self, indent: usize, content: &str) -> bool {
        let section = self
            .sections
            .last_mut()
            .filter(|section| section.verbatim && !self.broken);
        let Some(entry) = section
            .and_then(|section| section.entries.last_mut())
            .filter(|entry| indent > entry.indent)
        else {
            return false;
        };
        let breaks = self.blanks + 1;
        entry.value.extend(std::iter::repeat_n('\n', breaks));
        entry.value.push_str(content);
        self.blanks = 0;
        true
    }

    fn header(&mut self, content: &str, place: Place, verbatim: &impl Fn(&str) -> bool) {
        self.broken = true;
        let place = place.text(content);
        let Some((name, rest)) = content[1..].split_once(']') else {
            self.wrong(
                "E_SYNTAX",
                "a section's name ends with `]`",
                place,
                "write `[name]` on a line of its own",
            );
            return;
        };
        let (name, rest) = (name.trim(), rest.trim());
        if !rest.is_empty() && !rest.starts_with(['#', ';']) {
            self.wrong(
                "E_SYNTAX",
                "something follows the section's name",
                place,
                "put it on a line of its own",
            );
            return;
        }
        if name.is_empty() {
            self.wrong("E_SYNTAX", "a section needs a name", place, "write `[web-01]`");
            return;
        }
        self.broken = false;
        self.sections.push(Section {
            verbatim: verbatim(name),
            name: name.to_owned(),
            place,
            entries: Vec::new(),
        });
    }

    fn entry(&mut self, content: &str, indent: usize, place: Place) {
        let Some(section) = self.sections.last_mut() else {
            let help = "begin with a section, `[web-01]`";
            self.wrong(
                "E_SYNTAX",
                "this line stands before the first section",
                place.text(content),
                help,
            );
            return;
        };
        let Some((key, value)) = content.split_once(['=', ':']) else {
            // In a service's section this may be a stray line of a key or a password.
            let shown = if section.verbatim {
                "a line".to_owned()
            } else {
                format!("`{}`", brief(content))
            };
            let place = if section.verbatim { place } else { place.text(content) };
            let help = "write `key = value`, or put `#` before a comment";
            self.wrong("E_KEY_NO_VALUE", &format!("{shown} has no value"), place, help);
            return;
        };
        let place = place.text(if section.verbatim { "" } else { content });
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            self.wrong(
                "E_SYNTAX",
                "there is no key before the value",
                place,
                "write `key = value`",
            );
            return;
        }
        section.entries.push(Entry {
            key: key.to_lowercase().replace('-', "_"),
            value: value.to_owned(),
            place,
            indent,
        });
    }

    fn wrong(&mut self, code: &'static str, what: &str, place: Place, help: &str) {
        self.found.push(Diagnostic::error(code, what).at([place]).help(help));
    }
}

// === impl Section ===

impl Section {
    /// Its entries by key; a key given twice is told, and its first value stands.
    pub(super) fn by_key(&self, found: &mut Diagnostics) -> BTreeMap<&str, &Entry> {
        let mut entries: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in &self.entries {
            if let Some(first) = entries.get(entry.key.as_str()) {
                found.push(
                    Diagnostic::error(
                        "E_DUPLICATE_KEY",
                        format!("`{}` is set twice in [{}]", entry.key, self.name),
                    )
                    .at([first.place.clone(), entry.place.clone()])
                    .help("keep one of the lines"),
                );
                continue;
            }
            entries.insert(&entry.key, entry);
        }
        entries
    }
}

// === impl Entry ===

impl Entry {
    /// The value without a comment behind it: ` ;` or ` #` and the rest.
    pub(super) fn plain(&self) -> &str {
        let starts_comment = |(at, c): &(usize, char)| {
            let before = self.value[..*at].chars().next_back();
            matches!(c, ';' | '#') && before.is_none_or(char::is_whitespace)
        };
        let end = self
            .value
            .char_indices()
            .find(starts_comment)
            .map_or(self.value.len(), |(at, _)| at);
        self.value[..end].trim_end()
    }
}

impl std::fmt::Debug for Entry {
    /// The value may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({})", self.key)
    }
}

/// As much of a line as fits a message.
fn brief(line: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = line.chars().take(LONGEST).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}
