//! `[custom-<name>]`: a service from an image of the operator's own (deploy.md §3.7).

use std::collections::BTreeSet;

use model::machine::{Port, Proto};

use super::Reader;
use super::lines::{Entry, Section};
use crate::diagnostic::{Diagnostic, Place};

const KEYS: [&str; 3] = ["binary", "exec", "ports"];
const PREFIX: &str = "custom-";

#[derive(Clone, Debug, PartialEq)]
pub struct CustomService {
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Command in the image; its own when empty.
    pub argv: Vec<String>,
    pub ports: Vec<Port>,
    pub(super) place: Place,
    pub(super) used: bool,
}

/// What the section is called after its prefix.
pub(super) fn name_of(section: &str) -> Option<&str> {
    let prefix = section.get(..PREFIX.len())?;
    prefix
        .eq_ignore_ascii_case(PREFIX)
        .then(|| &section[PREFIX.len()..])
        .filter(|name| !name.contains('.'))
}

/// All such names, before anything else is read: they decide what a section with a dot is.
pub(super) fn names(text: &str) -> BTreeSet<String> {
    let header = |line: &str| {
        let name = line.trim().strip_prefix('[')?.split_once(']')?.0;
        name_of(name.trim()).map(str::to_lowercase)
    };
    text.split(['\n', '\r']).filter_map(header).collect()
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn custom(&mut self, section: &Section) {
        let name = name_of(&section.name).unwrap_or_default().trim().to_lowercase();
        let mut wrong = |code, what: String, help: &str| {
            self.found
                .push(Diagnostic::error(code, what).at([section.place.clone()]).help(help));
        };
        let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if name.is_empty() || !name.bytes().all(slug) {
            wrong(
                "E_CUSTOM_NAME",
                format!("`{name}` is no name for a service"),
                "use lower-case letters, digits, `_` and `-`",
            );
            return;
        }
        if self.catalogue.known(&name).is_some() {
            wrong(
                "E_CUSTOM_NAME",
                format!("there is already a service `{name}`"),
                "choose another name",
            );
            return;
        }
        let mut service = CustomService {
            name,
            image: String::new(),
            argv: Vec::new(),
            ports: Vec::new(),
            place: section.place.clone(),
            used: false,
        };
        for entry in section.by_key(&mut self.found).into_values() {
            let value = entry.plain();
            match entry.key.as_str() {
                "binary" => service.image = value.to_owned(),
                "exec" => service.argv = self.argv(entry, value),
                "ports" => {
                    let words = self.words(entry, value);
                    service.ports = words.into_iter().filter_map(|port| self.port(entry, port)).collect();
                }
                _ => self.unknown_key(section, entry, &KEYS),
            }
        }
        if service.image.is_empty() {
            let what = format!("[{}] names no image", section.name);
            let help = "add `binary = registry/image@sha256:…`";
            self.found.push(
                Diagnostic::error("E_CUSTOM_IMAGE", what)
                    .at([section.place.clone()])
                    .help(help),
            );
        }
        self.fleet.custom.push(service);
    }

    pub(super) fn unused_custom(&mut self) {
        let unused = self.fleet.custom.iter().filter(|service| !service.used);
        let warnings = unused.map(|service| {
            let what = format!(
                "services from images of your own cannot run yet: `{}` is ignored",
                service.name
            );
            Diagnostic::warning("W_CUSTOM_NOT_BUILT", what)
                .at([service.place.clone()])
                .help("the section may stay")
        });
        self.found.extend(warnings);
    }

    fn port(&mut self, entry: &Entry, text: &str) -> Option<Port> {
        let (number, proto) = match text.rsplit_once('/') {
            Some((number, proto)) if proto.eq_ignore_ascii_case("udp") => (number, Proto::Udp),
            Some((number, proto)) if proto.eq_ignore_ascii_case("tcp") => (number, Proto::Tcp),
            _ => (text, Proto::Tcp),
        };
        let port = number.parse().ok().filter(|port| *port != 0).map(|port| Port {
            port,
            proto,
            tls: false,
        });
        if port.is_none() {
            self.wrong(
                "E_PORT",
                format!("`{text}` is no port"),
                entry,
                "write 1 to 65535, with `/udp` where it is not TCP",
            );
        }
        port
    }

    /// Words as a shell splits them: quotes and backslashes, nothing more.
    fn argv(&mut self, entry: &Entry, text: &str) -> Vec<String> {
        split(text).unwrap_or_else(|| {
            self.wrong(
                "E_EXEC",
                "a quote in `exec` is not closed",
                entry,
                "close it, or write `\\\"` for the sign itself",
            );
            Vec::new()
        })
    }
}

fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (sign, quote) {
            (sign, Some(open)) if sign == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => word.get_or_insert_default().push(signs.next()?),
            (sign, None) if sign.is_whitespace() => words.extend(word.take()),
            (sign, _) => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_would() {
        let words = |text| split(text).map(|words| words.join("|"));
        assert_eq!(
            words("/bin/x  -a 'b c' \"d \\\" e\" f\\ g").as_deref(),
            Some("/bin/x|-a|b c|d \" e|f g")
        );
        assert_eq!(words("a '' b").as_deref(), Some("a||b"));
        assert_eq!(words("").as_deref(), Some(""));
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("a \\"), None);
    }
}
