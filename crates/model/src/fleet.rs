//! Deckies as the operator plans them (deploy.md §5.1, §8.4).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::machine::MachineSpec;
use crate::name::Name;

/// One decky, complete: what is made of it follows from this alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeckySpec {
    pub name: Name,
    pub ip: Ipv4Addr,
    /// `aa:bb:cc:dd:ee:ff`, lower case.
    pub mac: String,
    pub distro: String,
    /// Image reference the machine runs on.
    pub image: String,
    pub archetype: Option<String>,
    /// OS family slug; `sysctls` follows from it.
    pub nmap_os: String,
    pub sysctls: BTreeMap<String, String>,
    pub machine: MachineSpec,
    pub egress: Egress,
    pub limits: Limits,
    /// Minutes between service rotations.
    pub mutate_interval: Option<u32>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub last_mutated: Option<OffsetDateTime>,
}

/// What a machine may start towards the world (deploy.md §7.6). Other machines of its scope are always reachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Egress {
    /// Nothing; each try is an event.
    #[default]
    Strict,
    /// Anything. Explicit opt-in.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub memory_mib: u32,
    pub cpus: f32,
    pub pids: u32,
    pub nofile: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    Bridge,
    Macvlan,
    Ipvlan,
}

/// The network a fleet lives on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// `decnet_lan` for the fleet.
    pub name: String,
    pub driver: Driver,
    /// Parent link; none for a bridge.
    pub parent: Option<String>,
    pub subnet: Ipv4Net,
    pub gateway: Option<Ipv4Addr>,
}

/// A whole fleet as desired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetSpec {
    pub network: NetworkSpec,
    pub deckies: Vec<DeckySpec>,
}

/// States of a decky row (deploy.md §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeckyState {
    Pending,
    Running,
    Degraded,
    Failed,
    TearingDown,
    TeardownFailed,
    TornDown,
}

// === impl DeckySpec ===

impl DeckySpec {
    /// SHA-256 of the canonical JSON of all that shapes behaviour: not the generation, not rotation times.
    pub fn spec_hash(&self) -> String {
        let mut canonical = self.clone();
        canonical.machine.generation = 0;
        canonical.last_mutated = None;
        hash_of(&canonical)
    }

    /// Hash of what cannot change without a new container: everything but what the machine takes over stdin.
    pub fn container_hash(&self) -> String {
        let mut canonical = self.clone();
        canonical.machine.generation = 0;
        canonical.machine.services = Vec::new();
        canonical.last_mutated = None;
        canonical.mutate_interval = None;
        hash_of(&canonical)
    }
}

fn hash_of(spec: &DeckySpec) -> String {
    // serde_json keeps struct order and BTreeMaps are sorted, so the text is canonical.
    let text = serde_json::to_vec(spec).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}

impl Default for Limits {
    /// A decky with a real shell (deploy.md §7.6).
    fn default() -> Self {
        Self {
            memory_mib: 384,
            cpus: 0.5,
            pids: 256,
            nofile: 4096,
        }
    }
}

impl DeckyState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::TearingDown => "tearing_down",
            Self::TeardownFailed => "teardown_failed",
            Self::TornDown => "torn_down",
        }
    }
}
