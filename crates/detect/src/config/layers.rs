//! Layers: built-in defaults < system file < `./decnet.yaml` < `--config` < environment < flags.

use std::collections::BTreeMap;
use std::fmt;

use serde_yaml::Value;

use super::keys::{Config, KEYS, Key};
use super::value::Raw;
use crate::error::{Error, Result};

/// Which layer a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(String),
    Environment,
    Flag,
}

/// A key nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub String);

/// Settings as the layers so far made them.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    config: Config,
    origins: BTreeMap<&'static str, Origin>,
    unknown: Vec<String>,
}

// === impl Layers ===

impl Layers {
    /// Adds a file's text. Nested maps and dotted keys mean the same.
    pub fn file(&mut self, name: &str, text: &str) -> Result<()> {
        let broken = |what: String| Error::Config {
            layer: name.to_owned(),
            what,
        };
        let value: Value = serde_yaml::from_str(text).map_err(|error| broken(error.to_string()))?;
        match value {
            Value::Null => Ok(()),
            Value::Mapping(map) => self.map("", &map, &Origin::File(name.to_owned())),
            _ => Err(broken("the file is not a map of settings".to_owned())),
        }
    }

    /// Adds variables; those that are no key of ours are somebody else's.
    pub fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        for key in KEYS {
            if let Some(value) = variables.get(&key.variable()) {
                self.set(key, Raw::Text(value.clone()), Origin::Environment)?;
            }
        }
        Ok(())
    }

    /// Adds one `--set KEY=VALUE`.
    pub fn flag(&mut self, path: &str, value: &str) -> Result<()> {
        let key = Key::of(path).ok_or_else(|| Error::Config {
            layer: "flags".to_owned(),
            what: format!("there is no setting `{path}`"),
        })?;
        self.set(key, Raw::Text(value.to_owned()), Origin::Flag)
    }

    /// The settings; unknown keys are warnings, or an error under `strict_config`.
    pub fn finish(self) -> Result<(Config, Vec<Warning>, BTreeMap<&'static str, Origin>)> {
        if self.config.strict_config && !self.unknown.is_empty() {
            return Err(Error::Config {
                layer: "configuration".to_owned(),
                what: format!("unknown: {}", self.unknown.join(", ")),
            });
        }
        let warnings = self.unknown.iter().map(|text| Warning(text.clone())).collect();
        Ok((self.config, warnings, self.origins))
    }

    fn map(&mut self, prefix: &str, map: &serde_yaml::Mapping, origin: &Origin) -> Result<()> {
        for (name, value) in map {
            let name = name.as_str().unwrap_or("?");
            let path = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}.{name}")
            };
            match (Key::of(&path), value) {
                (Some(key), value) => self.set(key, Raw::Yaml(value.clone()), origin.clone())?,
                (None, Value::Mapping(inner)) => self.map(&path, inner, origin)?,
                (None, _) => self.unknown.push(format!("unknown setting `{path}` in {origin}")),
            }
        }
        Ok(())
    }

    fn set(&mut self, key: &'static Key, raw: Raw, origin: Origin) -> Result<()> {
        if !key.set(&mut self.config, &raw) {
            let name = if origin == Origin::Environment {
                key.variable()
            } else {
                key.path.to_owned()
            };
            return Err(Error::Config {
                layer: origin.to_string(),
                what: format!("`{name}` must be {}", key.wanted),
            });
        }
        self.origins.insert(key.path, origin);
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name) => f.write_str(name),
            Self::Environment => f.write_str("environment"),
            Self::Flag => f.write_str("flags"),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn a_later_layer_wins_and_the_origin_tells_which() {
        let mut layers = Layers::default();
        layers
            .file("system.yaml", "sweep: {threshold: 30}\nboundary.port_threshold: 12")
            .expect("file");
        layers.file("decnet.yaml", "sweep.threshold: 31").expect("file");
        layers
            .environment([("DECNET_SWEEP_THRESHOLD".to_owned(), "32".to_owned())])
            .expect("environment");
        let (config, warnings, origins) = layers.clone().finish().expect("valid");
        assert_eq!((config.sweep_threshold.0, config.boundary_ports.0), (32, 12));
        assert!(warnings.is_empty());
        assert_eq!(origins["sweep.threshold"], Origin::Environment);
        assert_eq!(
            origins["boundary.port_threshold"],
            Origin::File("system.yaml".to_owned())
        );
        layers.flag("sweep.threshold", "33").expect("flag");
        assert_eq!(layers.finish().expect("valid").0.sweep_threshold.0, 33);
    }

    #[test]
    fn a_bad_value_names_its_layer_and_key() {
        for (text, key) in [
            ("sweep.threshold: 0", "sweep.threshold"),
            ("sweep.window_seconds: -3", "sweep.window_seconds"),
            ("sensitive_ports: [22, 70000]", "sensitive_ports"),
            ("min_confidence: 101", "min_confidence"),
            ("allow: [nonsense]", "allow"),
        ] {
            let error = Layers::default().file("x.yaml", text).expect_err(text).to_string();
            assert!(error.contains("x.yaml") && error.contains(key), "{error}");
        }
        let bad = [("DECNET_MIN_CONFIDENCE".to_owned(), "many".to_owned())];
        let error = Layers::default().environment(bad).expect_err("bad").to_string();
        assert!(error.contains("DECNET_MIN_CONFIDENCE"), "{error}");
    }

    #[test]
    fn an_unknown_key_warns_or_fails_when_strict() {
        let mut layers = Layers::default();
        layers.file("x.yaml", "sweep: {treshold: 3}").expect("file");
        assert_eq!(layers.clone().finish().expect("valid").1.len(), 1);
        layers.file("x.yaml", "strict_config: yes").expect("file");
        assert!(layers.finish().is_err());
    }

    #[test]
    fn lists_are_cut_at_commas_in_the_environment() {
        let mut layers = Layers::default();
        let given = [
            ("DECNET_SENSITIVE_PORTS".to_owned(), "22, 2222".to_owned()),
            ("DECNET_HOME_NETS".to_owned(), "10.0.0.0/8,fd00::/8".to_owned()),
            ("DECNET_SLOW_SCAN_WINDOW_SECONDS".to_owned(), "2m".to_owned()),
        ];
        layers.environment(given).expect("environment");
        let config = layers.finish().expect("valid").0;
        assert_eq!(config.sensitive_ports, [22, 2222]);
        assert_eq!(config.home_nets.len(), 2);
        assert_eq!(config.slow_window, Span::seconds(120));
    }
}
