//! Settings from where they lie: files, environment, flags, in that order.

use std::path::Path;

use detect::config::{Layers, Origin, Warning};
use detect::{Config, Intel, Ruleset};

use crate::error::Error;

const SYSTEM: &str = "/etc/decnet/detect.yaml";
const LOCAL: &str = "decnet.yaml";

/// The settings, what was odd about them, and where each that is no default came from.
pub type Settings = (Config, Vec<Warning>, std::collections::BTreeMap<&'static str, Origin>);

/// Built-in defaults, then the system's file, `./decnet.yaml`, the given file, the environment, flags.
///
/// # Errors
/// Names the layer and the key that cannot be.
pub fn settings(given: Option<&Path>, flags: &[(String, String)]) -> Result<Settings, Error> {
    let mut layers = Layers::default();
    for path in [Path::new(SYSTEM), Path::new(LOCAL)] {
        if path.is_file() {
            layers.file(&path.display().to_string(), &read(path)?)?;
        }
    }
    if let Some(path) = given {
        layers.file(&path.display().to_string(), &read(path)?)?;
    }
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    layers.environment(variables)?;
    for (key, value) in flags {
        layers.flag(key, value)?;
    }
    Ok(layers.finish()?)
}

/// The lists of indicators that the settings name.
///
/// # Errors
/// When one cannot be read.
pub fn intel(config: &Config) -> Result<Intel, Error> {
    let mut intel = Intel::default();
    for name in &config.intel_lists {
        intel.add(name, &read(Path::new(name))?);
    }
    Ok(intel)
}

/// The rules of a file, or of every `.yaml` and `.yml` of a folder, in order of their names.
///
/// # Errors
/// When a file cannot be read, or holds a rule that cannot be.
pub fn rules(path: &Path) -> Result<Ruleset, Error> {
    let mut set = Ruleset::default();
    let mut files = Vec::new();
    if path.is_dir() {
        let listed = std::fs::read_dir(path).map_err(|error| Error::io(&path.display().to_string(), error))?;
        for entry in listed {
            let entry = entry.map_err(|error| Error::io(&path.display().to_string(), error))?;
            let is_rules = entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "yaml" || ending == "yml");
            if is_rules {
                files.push(entry.path());
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    for file in files {
        set.add(&file.display().to_string(), &read(&file)?)?;
    }
    set.check()?;
    Ok(set)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::io(&path.display().to_string(), error))
}
