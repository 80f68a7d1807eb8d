//! `[<decky>.<service>]`: settings of one service, for a decky or a whole group.

use std::collections::BTreeSet;

use model::Name;
use serde_json::Value;

use super::Reader;
use super::lines::{Entry, Section};
use crate::Catalogue;
use crate::catalogue::{FieldType, Known, Service};
use crate::coerce::{self, Given};
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::request::Options;

/// The decky's and the service's part of a section's name; none when it ends with no service (deploy.md §4.1).
pub(super) fn service_of<'a>(
    section: &'a str,
    catalogue: &Catalogue,
    custom: &BTreeSet<String>,
) -> Option<(&'a str, String)> {
    let (decky, last) = section.rsplit_once('.')?;
    let slug = last.trim().to_lowercase();
    let spelt = [slug.replace('-', "_"), slug];
    let known = |slug: &&String| catalogue.known(slug).is_some() || custom.contains(*slug);
    spelt.iter().find(known).map(|slug| (decky.trim(), slug.clone()))
}

// === impl Reader ===

impl Reader<'_> {
    /// It names a section that made several deckies.
    pub(super) fn is_group(&self, decky: &str) -> bool {
        let Ok(name) = Name::normalise(decky) else { return false };
        self.groups.get(&name).is_some_and(|group| group.members.len() > 1)
    }

    pub(super) fn settings(&mut self, section: &Section, decky: &str, slug: &str) {
        let Some(members) = self.members(decky) else {
            self.orphan(section, decky);
            return;
        };
        let service = match self.catalogue.known(slug) {
            Some(Known::Built(service)) => service,
            Some(Known::Upcoming(_)) | None => {
                self.found.push(
                    Diagnostic::warning(
                        "W_SERVICE_NOT_BUILT",
                        format!("`{slug}` is not built yet: its settings are ignored"),
                    )
                    .at([section.place.clone()])
                    .help("the section may stay; it will be read once the service exists"),
                );
                return;
            }
        };
        let entries = section.by_key(&mut self.found);
        let given: Vec<Given> = entries
            .into_values()
            .filter_map(|entry| self.given(service, entry))
            .collect();
        let keys: BTreeSet<&str> = given.iter().filter_map(|given| key_of(service, given)).collect();
        for n in members {
            let config = self.fleet.deckies[n].config.entry(service.slug.clone()).or_default();
            // A member's own setting stands above its group's, which came first.
            config.retain(|before| key_of(service, before).is_none_or(|key| !keys.contains(key)));
            config.extend(given.iter().cloned());
        }
    }

    /// The decky of that name, a member of a group too; else the group of that section.
    fn members(&self, decky: &str) -> Option<std::ops::Range<usize>> {
        let name = Name::normalise(decky).ok()?;
        let one = self
            .fleet
            .deckies
            .iter()
            .position(|decky| decky.name == name)
            .map(|n| n..n + 1);
        one.or_else(|| self.groups.get(&name).map(|group| group.members.clone()))
    }

    fn orphan(&mut self, section: &Section, decky: &str) {
        if self.unread.contains(&decky.to_lowercase()) {
            return;
        }
        let sections = self.groups.keys().map(Name::as_str).take(Options::MAX_LIMIT);
        let help = match nearest(decky, sections) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("add a section [{decky}], or remove this one"),
        };
        let what = format!("[{}] belongs to no decky: there is no [{decky}]", section.name);
        self.found.push(
            Diagnostic::warning("W_SUBSECTION_ORPHAN", what)
                .at([section.place.clone()])
                .help(help),
        );
    }

    fn given(&mut self, service: &Service, entry: &Entry) -> Option<Given> {
        let Some(field) = service.field(&entry.key) else {
            self.found
                .push(coerce::unknown(service, &entry.key, Some(entry.place.clone())));
            return None;
        };
        let is_text = matches!(
            field.kind,
            FieldType::String | FieldType::Password | FieldType::Textarea
        );
        let value = if is_text { entry.value.as_str() } else { entry.plain() };
        if is_text && field.kind != FieldType::Textarea && entry.plain() != entry.value {
            let what = format!("what looks like a comment is part of `{}`", entry.key);
            self.found.push(
                Diagnostic::warning("W_COMMENT_IN_VALUE", what)
                    .at([entry.place.clone()])
                    .help("texts are taken whole: put the comment on a line of its own"),
            );
        }
        if value.len() > coerce::MAX_VALUE {
            self.found.push(coerce::too_long(&field.key, Some(entry.place.clone())));
            return None;
        }
        let mut place = entry.place.clone();
        // Shown only where it is known to be no secret.
        if !field.is_secret() && value.len() <= 80 && !value.contains('\n') {
            place.text = format!("{} = {value}", entry.key);
        }
        Some(Given {
            key: entry.key.clone(),
            value: Value::from(value),
            place: Some(place),
        })
    }
}

fn key_of<'a>(service: &'a Service, given: &Given) -> Option<&'a str> {
    service.field(&given.key).map(|field| field.key.as_str())
}
