//! How to reach NATS.

use std::path::PathBuf;

use crate::registry::{self, Durable};

#[derive(Clone)]
pub struct NatsConfig {
    /// `nats://host:4222`, `tls://...`; several separated by commas.
    pub url: String,
    /// A `.creds` file.
    pub credentials: Option<PathBuf>,
    /// Shown by the server: `<worker>@<host>`.
    pub name: String,
    /// Before every subject on the wire; empty in an account of its own.
    pub prefix: String,
    /// Consumers that are created before anything is appended.
    pub durables: Vec<Durable>,
}

// === impl NatsConfig ===

impl NatsConfig {
    pub fn new(url: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            name: name.into(),
            prefix: "decnet".to_owned(),
            durables: registry::DURABLES.iter().copied().cloned().collect(),
        }
    }

    pub(super) fn wire_prefix(&self) -> String {
        if self.prefix.is_empty() {
            String::new()
        } else {
            format!("{}.", self.prefix)
        }
    }

    /// The addresses without user names and passwords.
    pub(super) fn shown_url(&self) -> String {
        let without_user = |url: &str| match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            (None, Some((_, host))) => host.to_owned(),
            (_, None) => url.to_owned(),
        };
        self.url.split(',').map(without_user).collect::<Vec<_>>().join(",")
    }
}

impl std::fmt::Debug for NatsConfig {
    /// Without the secrets an address may hold.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsConfig")
            .field("url", &self.shown_url())
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_is_never_shown() {
        for url in [
            "nats://u:hunter2@h:4222",
            "u:hunter2@h:4222",
            "nats://a:4222,nats://u:hunt@er2@h:1",
        ] {
            let shown = format!("{:?}", NatsConfig::new(url, "x"));
            assert!(!shown.contains("hunt") && !shown.contains("er2"), "{shown}");
        }
        assert_eq!(NatsConfig::new("nats://u:p@h:1", "x").shown_url(), "nats://h:1");
    }
}
