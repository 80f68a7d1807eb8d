//! Labels: the only way we find again what we made.

use std::collections::HashMap;

/// On everything of ours: containers, networks, images.
pub const MANAGED: &str = "decnet.managed";
/// Which set of machines it belongs to.
pub const SCOPE: &str = "decnet.scope";
pub const DECKY: &str = "decnet.decky";
pub const SPEC_HASH: &str = "decnet.spec_hash";
pub const CONTAINER_HASH: &str = "decnet.container_hash";
/// Generation of the spec the container was created with.
pub const GENERATION: &str = "decnet.generation";
/// The link-layer address asked for: see `mac`.
pub const MAC: &str = "decnet.mac";

/// A set of machines that see each other and nothing else, e.g. `fleet`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(String);

impl Scope {
    /// The scope of `deploy`.
    pub fn fleet() -> Self {
        Self("fleet".to_owned())
    }

    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels of anything that belongs to the scope.
    pub fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (MANAGED.to_owned(), "true".to_owned()),
            (SCOPE.to_owned(), self.0.clone()),
        ])
    }

    /// A `filters` value of the engine's API that matches what carries [`Self::labels`].
    pub(crate) fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([(
            "label".to_owned(),
            vec![format!("{MANAGED}=true"), format!("{SCOPE}={}", self.0)],
        )])
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
