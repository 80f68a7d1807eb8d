//! Files into a catalogue: the compiled-in ones, or those of an override folder in their place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;

use super::Catalogue;
use super::check;
use super::schema::{Archetype, Distro, Hostnames, OsFamily, Ouis, Passwords, Service, UpcomingFile};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

static BUILTIN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// Larger files are refused unread.
const MAX_FILE: usize = 64 * 1024;
const MAX_FILES: usize = 1_000;

/// A file of the catalogue.
#[derive(Clone, Debug)]
pub struct Source {
    /// As shown to people.
    pub shown: String,
    pub text: String,
}

/// By path within the catalogue, `distros/debian.yaml`.
pub type Sources = BTreeMap<String, Source>;

/// The YAML files of a folder laid out as `templates/` is: what this library reads from disk, all of it.
pub fn read_overrides(dir: &Path) -> Result<Sources, Diagnostics> {
    let unreadable = |error: &io::Error| {
        Diagnostic::error("E_TEMPLATES", format!("cannot read the templates: {error}"))
            .at([Place::file(dir.display().to_string())])
            .help("name a readable folder with --templates or DECNET_TEMPLATES, or leave it out")
    };
    let mut files = Sources::new();
    let mut folders = vec![(dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&error))? {
            let path = entry.map_err(|error| unreadable(&error))?.path();
            if path.is_dir() && depth < 2 {
                folders.push((path, depth + 1));
            } else if path.extension().is_some_and(|ext| ext == "yaml") {
                if files.len() == MAX_FILES {
                    return Err(unreadable(&io::Error::other(format!("more than {MAX_FILES} files"))).into());
                }
                let key = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
                let source = read(&path).map_err(|error| unreadable(&error))?;
                files.insert(key, source);
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> io::Result<Source> {
    let shown = path.display().to_string();
    let size = fs::metadata(path)?.len();
    if size > MAX_FILE as u64 {
        return Err(io::Error::other(format!(
            "{shown} has {size} bytes, more than {MAX_FILE}"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| io::Error::other(format!("{shown}: {error}")))?;
    Ok(Source { shown, text })
}

pub(super) fn builtin() -> Sources {
    let mut files = Sources::new();
    let mut folders = vec![&BUILTIN];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().to_string_lossy().into_owned();
            if let (true, Some(text)) = (path.ends_with(".yaml"), file.contents_utf8()) {
                let source = Source {
                    shown: format!("templates/{path}"),
                    text: text.to_owned(),
                };
                files.insert(path, source);
            }
        }
    }
    files
}

/// Reads all files and tells all that is wrong with them.
pub(super) fn load(mut sources: Sources, overrides: Sources) -> Result<Catalogue, Diagnostics> {
    let mut loader = Loader::default();
    for (path, source) in overrides {
        if !is_known(&path, &sources) {
            loader.found.push(unknown_file(&path, &source));
            continue;
        }
        sources.insert(path, source);
    }
    loader.sources = sources;
    let loaded = loader.catalogue();
    let mut found = loader.found;
    match loaded {
        Some(catalogue) if !found.has_errors() => {
            found.extend(check::all(&catalogue, &loader.sources));
            found.and(catalogue).map(|(catalogue, _)| catalogue)
        }
        _ => Err(found),
    }
}

/// New distros, archetypes and families may be added; a new service needs code.
fn is_known(path: &str, builtin: &Sources) -> bool {
    let in_folder = ["distros/", "archetypes/", "os_families/"]
        .iter()
        .any(|folder| path.starts_with(folder));
    builtin.contains_key(path) || (in_folder && path.matches('/').count() == 1)
}

fn unknown_file(path: &str, source: &Source) -> Diagnostic {
    let place = Place::file(&source.shown);
    match path
        .strip_prefix("services/")
        .and_then(|rest| rest.strip_suffix("/service.yaml"))
    {
        Some(slug) => Diagnostic::error(
            "E_TEMPLATE_SERVICE",
            format!("there is no service `{slug}` to describe"),
        )
        .at([place])
        .help("a template changes a service that exists; remove the file"),
        None => Diagnostic::error("E_TEMPLATE_FILE", format!("`{path}` is no file of the catalogue"))
            .at([place])
            .help("files lie under distros/, archetypes/, os_families/ and services/<slug>/service.yaml"),
    }
}

#[derive(Default)]
struct Loader {
    sources: Sources,
    found: Diagnostics,
}

// === impl Loader ===

impl Loader {
    fn catalogue(&mut self) -> Option<Catalogue> {
        let distros = self.folder::<Distro>("distros/", ".yaml");
        let archetypes = self.folder::<Archetype>("archetypes/", ".yaml");
        let os_families = self.folder::<OsFamily>("os_families/", ".yaml");
        let services = self.folder::<Service>("services/", "/service.yaml");
        let upcoming = self.file::<UpcomingFile>("services/upcoming.yaml");
        let ouis = self.file::<Ouis>("oui.yaml");
        let hostnames = self.file::<Hostnames>("hostnames.yaml");
        let passwords = self.file::<Passwords>("passwords.yaml");
        let mut upcoming: BTreeMap<_, _> = upcoming?.services.into_iter().map(|s| (s.slug.clone(), s)).collect();
        upcoming.retain(|slug, _| !services.contains_key(slug));
        Some(Catalogue {
            distros,
            archetypes,
            os_families,
            services,
            upcoming,
            ouis: ouis?,
            hostnames: hostnames?,
            passwords: passwords?.passwords,
        })
    }

    /// All files between a folder and an ending, by slug; the slug inside must be the one in the path.
    fn folder<T: DeserializeOwned + Slugged>(&mut self, folder: &str, ending: &str) -> BTreeMap<String, T> {
        let slug_of = |path: &str| Some(path.strip_prefix(folder)?.strip_suffix(ending)?.to_owned());
        let paths: Vec<(String, String)> = self
            .sources
            .keys()
            .filter_map(|path| Some((path.clone(), slug_of(path)?)))
            .collect();
        let mut all = BTreeMap::new();
        for (path, slug) in paths
            .into_iter()
            .filter(|(_, slug)| slug != "upcoming" && !slug.contains('/'))
        {
            let Some(value) = self.file::<T>(&path) else { continue };
            if value.slug() == slug {
                all.insert(slug, value);
                continue;
            }
            let said = Diagnostic::error("E_TEMPLATE_SLUG", format!("`slug` is `{}` here", value.slug()))
                .at([self.place(&path)])
                .help(format!("write `slug: {slug}`, or rename the file"));
            self.found.push(said);
        }
        all
    }

    fn file<T: DeserializeOwned>(&mut self, path: &str) -> Option<T> {
        let source = self.sources.get(path)?;
        match parse(source) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.found.push(wrong);
                None
            }
        }
    }

    fn place(&self, path: &str) -> Place {
        Place::file(self.sources.get(path).map_or(path, |source| &source.shown))
    }
}

/// One file, or what is wrong with it and where.
pub(super) fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Diagnostic> {
    if source.text.len() > MAX_FILE {
        return Err(
            Diagnostic::error("E_TEMPLATE_SIZE", format!("the file has more than {MAX_FILE} bytes"))
                .at([Place::file(&source.shown)])
                .help("shorten it"),
        );
    }
    serde_yaml::from_str(&source.text).map_err(|error| {
        let mut place = Place::file(&source.shown);
        if let Some(location) = error.location() {
            let text = source
                .text
                .lines()
                .nth(location.line().saturating_sub(1))
                .unwrap_or_default();
            place = place.line(location.line(), location.column()).text(text.trim());
        }
        Diagnostic::error("E_TEMPLATE_YAML", format!("the template cannot be read: {error}"))
            .at([place])
            .help("compare it with the file of the same name that comes with the product")
    })
}

trait Slugged {
    fn slug(&self) -> &str;
}

macro_rules! slugged {
    ($($kind:ty),*) => { $(impl Slugged for $kind { fn slug(&self) -> &str { &self.slug } })* };
}
slugged!(Distro, Archetype, OsFamily, Service);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_loader_panic(text in "\\PC{0,400}", mangled in "[a-z:\\-\\[\\]{},&*!|>'\" \n]{0,400}") {
            for text in [text, mangled] {
                let source = Source { shown: "x.yaml".into(), text };
                let _ = parse::<Service>(&source);
                let _ = parse::<Distro>(&source);
                let _ = parse::<Archetype>(&source);
                let _ = parse::<OsFamily>(&source);
                let _ = parse::<Hostnames>(&source);
                let _ = parse::<Ouis>(&source);
            }
        }
    }
}
