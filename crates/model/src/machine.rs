//! Everything one machine needs to know of itself: the boot spec (deploy.md §7.3).
//!
//! This is what lies in the machine's memory, so it names neither the grid nor the machine's place in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineSpec {
    /// Rises with each change of the spec.
    pub generation: u64,
    pub hostname: String,
    /// DNS domain, empty when none.
    #[serde(default)]
    pub domain: String,
    /// Distro slug of the catalogue, `debian` ...: selects banners and texts.
    pub distro: String,
    /// 64 hex digits; every seeded draw of the machine is HMAC-SHA-256(seed, purpose).
    pub seed: String,
    pub users: Vec<User>,
    pub keys: Keys,
    pub services: Vec<ServiceSpec>,
    /// Paths to unlink before any service listens.
    #[serde(default)]
    pub unlink: Vec<String>,
    /// `nameserver` lines of `/etc/resolv.conf`.
    #[serde(default)]
    pub resolvers: Vec<String>,
}

/// An account of the machine, in `/etc/passwd` and `/etc/shadow` like any other.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    /// Plain; empty locks the account's password.
    pub password: String,
    /// 0 for root.
    pub uid: u32,
    #[serde(default)]
    pub sudo: bool,
}

/// Key material made by the host and kept on the machine's row: stable across recreation, shared by no two machines.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Keys {
    /// OpenSSH private-key files, PEM text.
    #[serde(default)]
    pub ssh_ed25519: String,
    #[serde(default)]
    pub ssh_ecdsa: String,
    #[serde(default)]
    pub ssh_rsa: String,
    /// Certificate chain and PKCS#8 key, PEM text.
    #[serde(default)]
    pub tls_cert: String,
    #[serde(default)]
    pub tls_key: String,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Slug of the service registry.
    pub slug: String,
    pub ports: Vec<Port>,
    /// After coercion (deploy.md §3.2): only known keys, right types.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// Texts, versions and defaults of the product claimed, from `templates/services/<slug>/`.
    #[serde(default)]
    pub persona: BTreeMap<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    pub port: u16,
    #[serde(default)]
    pub proto: Proto,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    #[default]
    Tcp,
    Udp,
}

// === impl ServiceSpec ===

impl ServiceSpec {
    /// The configured text, else the persona's, else none.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).or_else(|| self.persona.get(key))?.as_str()
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.config.get(key).or_else(|| self.persona.get(key))?.as_bool()
    }

    pub fn number(&self, key: &str) -> Option<i64> {
        self.config.get(key).or_else(|| self.persona.get(key))?.as_i64()
    }
}

impl std::fmt::Debug for MachineSpec {
    /// Without the seed, from which the machine's secrets follow.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MachineSpec")
            .field("generation", &self.generation)
            .field("hostname", &self.hostname)
            .field("distro", &self.distro)
            .field("users", &self.users)
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ServiceSpec {
    /// Configured values may be passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceSpec")
            .field("slug", &self.slug)
            .field("ports", &self.ports)
            .field("config", &self.config.keys())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({}, uid {})", self.name, self.uid)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}
