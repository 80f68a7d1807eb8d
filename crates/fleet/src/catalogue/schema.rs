//! The shapes of the files under `templates/`.

use std::collections::BTreeMap;

use model::machine::Port;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `distros/<slug>.yaml`: a distribution a machine can be (deploy.md §2.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distro {
    pub slug: String,
    /// Distros are dealt to deckies in this order.
    pub order: u32,
    pub display: String,
    /// Image reference.
    pub image: String,
    pub hostname_style: HostnameStyle,
    pub package_manager: PackageManager,
    /// What the self-signed certificate of a fresh install looks like.
    pub certificate: CertificateStyle,
    /// Names the ordinary account is drawn from.
    pub accounts: Vec<String>,
    pub userland: Userland,
    /// None: without its image there is no such machine.
    #[serde(default)]
    pub debootstrap: Option<Debootstrap>,
}

/// How the root file system is made from packages where the image cannot be had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debootstrap {
    /// Whose mirrors carry it: `debian`, `ubuntu` ...
    pub family: String,
    /// Code name of the release.
    pub suite: String,
    /// `/etc/apt/sources.list` as a fresh install has it; `{archive}` stands for the archive debootstrap itself names.
    pub sources: String,
}

/// What a bare image lacks for people at a shell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Userland {
    /// Commands that must be on the path; one missing means the packages are installed.
    pub tools: Vec<String>,
    pub packages: Vec<String>,
    /// Shell commands, each to succeed; `{packages}` stands for the list.
    pub install: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostnameStyle {
    Generic,
    Rhel,
    Minimal,
    Rolling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    Apt,
    Dnf,
    Yum,
    Apk,
    Pacman,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStyle {
    /// Debian's `ssl-cert`: the host name alone, ten years.
    Snakeoil,
    /// Red Hat 8 and later.
    Sscg,
    /// CentOS 7's `mod_ssl` package.
    ModSsl,
    /// `openssl req -x509` with the answers left as offered.
    Openssl,
}

/// `archetypes/<slug>.yaml`: a kind of machine (deploy.md §2.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archetype {
    pub slug: String,
    pub display: String,
    pub description: String,
    /// Service slugs, also those not built yet.
    pub services: Vec<String>,
    /// Distro slugs, taken in turn.
    pub distros: Vec<String>,
    pub os_family: String,
    /// `linux`, or a class of `hostnames.yaml`.
    pub hostname_class: String,
    /// Words for what such a machine does, as they appear in host names.
    pub roles: Vec<String>,
    /// Groups of `oui.yaml`.
    pub vendors: Vec<String>,
}

/// `os_families/<slug>.yaml`: what the network stack claims to be (deploy.md §2.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OsFamily {
    pub slug: String,
    pub display: String,
    /// Where no archetype says.
    pub hostname_class: String,
    /// Where no archetype says.
    pub vendors: Vec<String>,
    pub sysctls: BTreeMap<String, String>,
    /// Keys not every kernel keeps per network namespace: a machine does without where they fail.
    pub extra: BTreeMap<String, String>,
}

/// `oui.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ouis {
    /// First three bytes of hardware addresses, by kind of machine.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// `hostnames.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hostnames {
    pub sites: Vec<String>,
    pub envs: Vec<String>,
    pub words: Vec<String>,
    /// By the name of a [`HostnameStyle`].
    pub linux: BTreeMap<String, Patterns>,
    pub classes: BTreeMap<String, Patterns>,
    pub netbios_max: usize,
    pub netbios: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patterns {
    pub patterns: Vec<String>,
    #[serde(default)]
    pub domain: String,
}

/// `passwords.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Passwords {
    pub passwords: Vec<String>,
}

/// `services/<slug>/service.yaml`: a service that exists (deploy.md §3.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub slug: String,
    pub label: String,
    pub description: String,
    pub ports: Vec<Port>,
    /// How to see that it answers.
    pub hello: Hello,
    /// Peers get a real shell: the machine needs the limits of one.
    #[serde(default)]
    pub shell: bool,
    /// Keys an operator may set.
    #[serde(default)]
    pub config: Vec<ConfigField>,
    /// What product it claims to be; each machine draws one.
    pub personas: Vec<Persona>,
}

/// The shortest conversation that only a service that works can hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// What a client says first; empty where the service does.
    #[serde(default)]
    pub send: String,
    /// What the answer contains.
    pub expect: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigField {
    pub key: String,
    pub label: String,
    #[serde(rename = "type")]
    pub kind: FieldType,
    #[serde(default)]
    pub help: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub placeholder: String,
    /// Other spellings, from older files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// For `enum` and `multi_enum`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Never shown back; a `password` always is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// An empty value is one too: it switches the thing off. Elsewhere an empty value is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blank: bool,
    #[serde(default)]
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    String,
    Password,
    Textarea,
    Int,
    Bool,
    Enum,
    MultiEnum,
}

/// Who acts on a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    Service,
    /// Planning: it becomes an account, a name or a key of the whole machine.
    Machine,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// The same in two services of one machine: the same product, so it claims both or neither.
    pub id: String,
    /// Distros that carry it; empty for any.
    #[serde(default)]
    pub distros: Vec<String>,
    #[serde(default = "one")]
    pub weight: u32,
    pub values: BTreeMap<String, Value>,
}

/// `services/upcoming.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpcomingFile {
    pub services: Vec<Upcoming>,
}

/// A service known by name and port that cannot run yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upcoming {
    pub slug: String,
    pub label: String,
    pub ports: Vec<Port>,
    /// Once per fleet, never part of a decky.
    #[serde(default)]
    pub singleton: bool,
}

fn one() -> u32 {
    1
}

// === impl Userland ===

impl Userland {
    /// One script for `sh -e`.
    pub fn script(&self) -> String {
        self.install.join("\n").replace("{packages}", &self.packages.join(" "))
    }
}

// === impl Distro ===

impl Distro {
    pub fn style(&self) -> &'static str {
        match self.hostname_style {
            HostnameStyle::Generic => "generic",
            HostnameStyle::Rhel => "rhel",
            HostnameStyle::Minimal => "minimal",
            HostnameStyle::Rolling => "rolling",
        }
    }
}

// === impl ConfigField ===

impl ConfigField {
    pub fn is_secret(&self) -> bool {
        self.secret || self.kind == FieldType::Password
    }

    pub fn answers_to(&self, key: &str) -> bool {
        self.key == key || self.aliases.iter().any(|alias| alias == key)
    }
}

// === impl Service ===

impl Service {
    /// The field of that key or alias; `-` and `_` and case make no difference.
    pub fn field(&self, key: &str) -> Option<&ConfigField> {
        let key = key.to_ascii_lowercase().replace('-', "_");
        self.config.iter().find(|field| field.answers_to(&key))
    }

    /// What it can claim to be on that distro.
    pub fn personas_on<'a>(&'a self, distro: &'a str) -> impl Iterator<Item = &'a Persona> {
        self.personas
            .iter()
            .filter(move |persona| persona.distros.is_empty() || persona.distros.iter().any(|slug| slug == distro))
    }
}
