//! What one call does: the features playbooks are made of.

use std::sync::Arc;

use serde_json::Value;

use super::content::{Content, only_scratch};
use super::destination::{Destinations, Inside};
use super::sensitivity::Sensitivity;
use super::strings::{Text, collect};
use super::verb::Verb;
use crate::config::Config;
use crate::event::{Call, Signal};

/// A call, or one part of a compound command, classified.
#[derive(Clone, Debug, Default)]
pub(super) struct Features {
    pub(super) sensitivity: Sensitivity,
    pub(super) outbound: bool,
    pub(super) exec: bool,
    pub(super) recon: bool,
    pub(super) destructive: bool,
    pub(super) encoding: bool,
    pub(super) memory_write: bool,
    pub(super) file_write: bool,
    pub(super) install: bool,
    pub(super) content: Content,
    pub(super) external: bool,
    pub(super) internal_only: bool,
    pub(super) raw_destination: bool,
    pub(super) allowed_destination: bool,
    pub(super) approved_package: bool,
    pub(super) scratch_only: bool,
    pub(super) decoy: bool,
    /// The caller itself is worried.
    pub(super) signal: bool,
    /// Conditions of playbooks' steps that its fields meet, a bit each; none when there are no such.
    pub(super) met: Arc<[u64]>,
}

/// What classification needs to know of the settings.
pub(super) struct Knowledge {
    pub(super) inside: Inside,
    packages: Vec<String>,
    honeytokens: Vec<String>,
    decoys: crate::world::Nets,
}

const READERS: [&str; 5] = ["read", "get", "fetch", "load", "open"];
const READ: [&str; 5] = ["file", "secret", "credential", "config", "env"];
const QUERIES: [&str; 3] = ["query", "select", "read"];
const STORES: [&str; 3] = ["db", "database", "table"];
const OUTBOUND: [&str; 15] = [
    "http",
    "post",
    "curl",
    "wget",
    "send",
    "push",
    "upload",
    "publish",
    "notify",
    "email",
    "slack",
    "webhook",
    "sms",
    "telegram",
    "requests_post",
];
const BUCKETS: [&str; 2] = ["s3", "gcs"];
const FETCHERS: [&str; 4] = ["get", "fetch", "put", "request"];
const EXEC: [&str; 14] = [
    "exec",
    "execute",
    "run",
    "shell",
    "bash",
    "cmd",
    "system",
    "eval",
    "deploy",
    "create_user",
    "grant",
    "chmod",
    "chown",
    "sudo",
];
const SYSTEM_WRITERS: [&str; 2] = ["write", "alter"];
const SYSTEM_PLACES: [&str; 7] = [
    "/etc/",
    "/usr/",
    "/root/",
    "cron",
    "systemd",
    "authorized_keys",
    "\\currentversion\\run",
];
const RECON: [&str; 20] = [
    "list",
    "find",
    "glob",
    "search",
    "scan",
    "enumerate",
    "discover",
    "whoami",
    "uname",
    "env",
    "printenv",
    "ps",
    "netstat",
    "ifconfig",
    "ip_addr",
    "nmap",
    "portscan",
    "dig",
    "nslookup",
    "port_scan",
];
const DESTRUCTIVE: [&str; 11] = [
    "delete",
    "remove",
    "rm",
    "destroy",
    "purge",
    "wipe",
    "erase",
    "drop",
    "truncate",
    "force_push",
    "reset_hard",
];
const ENCODING: [&str; 10] = [
    "encode",
    "decode",
    "base64",
    "hex",
    "compress",
    "obfuscate",
    "encrypt",
    "gzip",
    "zip",
    "tar",
];
const MEMORY_WRITERS: [&str; 5] = ["write", "set", "update", "modify", "patch"];
const MEMORIES: [&str; 5] = ["memory", "context", "prompt", "instruction", "system"];
const KEEPERS: [&str; 3] = ["store", "save", "persist"];
const KEPT: [&str; 3] = ["memory", "context", "state"];
const FILE_WRITERS: [&str; 4] = ["write", "create", "save", "put"];
const FILES: [&str; 5] = ["file", "script", "code", "artifact", "module"];
const INSTALLERS: [&str; 5] = ["pip", "npm", "gem", "cargo", "apt"];
const PACKAGES: [&str; 3] = ["package", "dependency", "module"];
const PACKAGE_KEYS: [&str; 6] = ["package", "packages", "name", "dependency", "module", "requirement"];
const WORRIED: [&str; 5] = ["warn", "warning", "critical", "high", "medium"];

// === impl Knowledge ===

impl Knowledge {
    pub(super) fn new(config: &Config) -> Self {
        let lower = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text.to_lowercase())
                .filter(|text| !text.is_empty())
                .collect()
        };
        Self {
            inside: Inside::new(config),
            packages: lower(&config.approved_packages),
            honeytokens: lower(&config.honeytokens),
            decoys: crate::world::Nets::new(config.decoys.clone()),
        }
    }
}

// === impl Features ===

impl Features {
    pub(super) fn of(call: &Call, texts: &[Text], knowledge: &Knowledge) -> Self {
        let verb = Verb::of(&call.name);
        let destinations = Destinations::of(texts);
        let mut features = Self::named(&verb, &destinations, texts);
        let paths = texts.iter().flat_map(|text| text.text.split_whitespace());
        features.scratch_only = features.destructive && only_scratch(paths);
        let packages: Vec<&str> = texts
            .iter()
            .filter(|text| PACKAGE_KEYS.contains(&text.key.as_str()))
            .flat_map(|text| text.text.split([',', ' ']))
            .collect();
        features.approve(&packages, knowledge);
        features.signal = call.signals.iter().any(Signal::is_worried);
        features.complete(texts, &destinations, knowledge);
        features
    }

    fn named(verb: &Verb, destinations: &Destinations, texts: &[Text]) -> Self {
        let content = Content::of(texts);
        let is_reader = (verb.begins_any(&READERS) && verb.names_any(&READ))
            || (verb.begins_any(&QUERIES) && verb.names_any(&STORES));
        let buckets = verb.begins_any(&BUCKETS) && verb.names_any(&["put", "upload"]);
        let fetches = verb.begins_any(&FETCHERS) && !destinations.is_empty();
        let touches_system = || {
            let lower = texts.iter().map(|text| text.text.to_ascii_lowercase());
            lower
                .into_iter()
                .any(|text| SYSTEM_PLACES.iter().any(|place| text.contains(place)))
        };
        Self {
            sensitivity: Sensitivity::of(is_reader, texts),
            outbound: verb.begins_any(&OUTBOUND) || buckets || fetches,
            exec: verb.begins_any(&EXEC) || (verb.begins_any(&SYSTEM_WRITERS) && touches_system()),
            recon: verb.begins_any(&RECON),
            destructive: verb.begins_any(&DESTRUCTIVE) || content.destructive,
            encoding: verb.begins_any(&ENCODING) || content.encoding,
            memory_write: (verb.begins_any(&MEMORY_WRITERS) && verb.names_any(&MEMORIES))
                || (verb.begins_any(&KEEPERS) && verb.names_any(&KEPT)),
            file_write: (verb.begins_any(&FILE_WRITERS) || verb.begins("store")) && verb.names_any(&FILES),
            install: verb.begins("install")
                || (verb.begins_any(&INSTALLERS) && verb.names_any(&["install"]))
                || (verb.begins("add") && verb.names_any(&PACKAGES)),
            content,
            ..Self::default()
        }
    }

    pub(super) fn approve(&mut self, packages: &[&str], knowledge: &Knowledge) {
        let mut named = packages.iter().filter(|name| !name.is_empty()).peekable();
        self.approved_package = self.install
            && named.peek().is_some()
            && named.all(|name| {
                let bare = name
                    .split(['=', '<', '>', '~', '!', '['])
                    .next()
                    .unwrap_or_default()
                    .to_lowercase();
                let bare = bare
                    .rsplit_once('@')
                    .filter(|(scope, _)| !scope.is_empty())
                    .map_or(bare.as_str(), |(name, _)| name);
                knowledge.packages.iter().any(|package| package == bare)
            });
    }

    /// What depends on where things go and on what was planted.
    pub(super) fn complete(&mut self, texts: &[Text], destinations: &Destinations, knowledge: &Knowledge) {
        let inside = &knowledge.inside;
        self.external = self.outbound && destinations.any_external(inside);
        self.internal_only = self.outbound && destinations.all_internal(inside);
        self.raw_destination = self.outbound && destinations.any_raw(inside);
        self.allowed_destination = self.outbound && destinations.all_allowed(inside);
        let planted = !knowledge.honeytokens.is_empty()
            && texts.iter().any(|text| {
                let text = text.text.to_lowercase();
                knowledge.honeytokens.iter().any(|token| text.contains(token))
            });
        let to_decoy = destinations.addrs().any(|addr| knowledge.decoys.contains(addr))
            || destinations
                .names()
                .any(|name| knowledge.honeytokens.iter().any(|token| token == name));
        self.decoy = planted || to_decoy;
    }

    /// Nothing that a playbook could use.
    pub(super) fn is_empty(&self) -> bool {
        let meets = self.met.iter().any(|&bits| bits != 0);
        self.sensitivity.value == 0 && !self.does_something() && !self.decoy && !meets
    }

    fn does_something(&self) -> bool {
        self.outbound
            || self.exec
            || self.recon
            || self.destructive
            || self.encoding
            || self.memory_write
            || self.file_write
            || self.install
    }

    /// A sign of trouble in this call alone, of medium weight at least.
    pub(super) fn is_risky(&self) -> bool {
        self.sensitivity.names_path
            || (self.outbound && self.content.secret)
            || self.content.injection
            || self.content.backdoor
            || self.content.sql_injection
            || self.signal
    }

    pub(super) fn is_high_risk(&self) -> bool {
        self.sensitivity.value >= 70 || self.destructive || (self.exec && self.is_risky())
    }

    /// What kind of call it is, for the model of what usually follows what.
    pub(super) fn symbol(&self) -> u16 {
        let flags = [
            self.outbound,
            self.exec,
            self.recon,
            self.destructive,
            self.encoding,
            self.memory_write,
            self.file_write,
            self.install,
            self.sensitivity.value >= 40,
        ];
        flags
            .iter()
            .enumerate()
            .fold(0, |sum, (bit, set)| sum | u16::from(*set) << bit)
    }
}

// === impl Signal ===

impl Signal {
    fn is_worried(&self) -> bool {
        WORRIED.iter().any(|word| self.level.eq_ignore_ascii_case(word))
    }
}

/// Strings of a call.
pub(super) fn texts(arguments: &Value) -> Vec<Text> {
    collect(arguments)
}
