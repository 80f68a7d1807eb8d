//! Inputs with known verdicts (detect.md §15), the same bytes on every machine: one begin, one seed, no clock.

mod agents;
mod draw;
mod logs;
mod packets;

use std::io;
use std::path::Path;

/// One made input.
pub struct Sample {
    /// File name, ending included.
    pub name: &'static str,
    /// Whether `decnet scan` must raise the alarm.
    pub alert: bool,
    /// The rule that must be among the findings.
    pub rule: Option<&'static str>,
    make: fn() -> Vec<u8>,
}

/// 2023-11-14T22:13:20Z.
pub const EPOCH: u64 = 1_700_000_000;
pub const SEED: u64 = 1337;

#[rustfmt::skip]
pub const SAMPLES: &[Sample] = &[
    Sample { name: "attack_sweep.pcap", alert: true, rule: Some("net.sweep"), make: packets::attack_sweep },
    Sample { name: "port_scan.pcap", alert: true, rule: Some("net.boundary"), make: packets::port_scan },
    Sample { name: "normal_traffic.pcap", alert: false, rule: None, make: packets::normal_traffic },
    Sample { name: "slow_scan.pcap", alert: true, rule: Some("net.slow_scan"), make: packets::slow_scan },
    Sample { name: "jitter_sweep.pcap", alert: true, rule: Some("net.burst"), make: packets::jitter_sweep },
    Sample { name: "telemetry_silence.pcap", alert: true, rule: Some("net.telemetry_silence"), make: packets::telemetry_silence },
    Sample { name: "telemetry_normal.pcap", alert: false, rule: None, make: packets::telemetry_normal },
    Sample { name: "lateral_movement.pcap", alert: true, rule: Some("net.lateral"), make: packets::lateral_movement },
    Sample { name: "beacon.pcap", alert: true, rule: Some("net.beacon"), make: packets::beacon },
    Sample { name: "beacon_normal.pcap", alert: false, rule: None, make: packets::beacon_normal },
    Sample { name: "brute_force.jsonl", alert: true, rule: Some("http.brute_force"), make: logs::brute_force },
    Sample { name: "brute_force.log", alert: true, rule: Some("http.brute_force"), make: logs::brute_force_text },
    Sample { name: "recon.jsonl", alert: true, rule: Some("http.recon"), make: logs::recon },
    Sample { name: "recon.log", alert: true, rule: Some("http.recon"), make: logs::recon_text },
    Sample { name: "auth_scan.jsonl", alert: true, rule: Some("http.auth_scan"), make: logs::auth_scan },
    Sample { name: "auth_scan.log", alert: true, rule: Some("http.auth_scan"), make: logs::auth_scan_text },
    Sample { name: "cred_stuffing.jsonl", alert: true, rule: Some("http.cred_stuffing"), make: logs::cred_stuffing },
    Sample { name: "cred_stuffing.log", alert: true, rule: Some("http.cred_stuffing"), make: logs::cred_stuffing_text },
    Sample { name: "account_takeover.jsonl", alert: true, rule: Some("http.account_takeover"), make: logs::account_takeover },
    Sample { name: "account_takeover.log", alert: true, rule: Some("http.account_takeover"), make: logs::account_takeover_text },
    Sample { name: "data_exfil.jsonl", alert: true, rule: Some("http.data_exfil"), make: logs::data_exfil },
    Sample { name: "data_exfil.log", alert: true, rule: Some("http.data_exfil"), make: logs::data_exfil_text },
    Sample { name: "path_traversal.jsonl", alert: true, rule: Some("http.path_traversal"), make: logs::path_traversal },
    Sample { name: "path_traversal.log", alert: true, rule: Some("http.path_traversal"), make: logs::path_traversal_text },
    Sample { name: "dos_flood.jsonl", alert: true, rule: Some("http.dos_flood"), make: logs::dos_flood },
    Sample { name: "dos_flood.log", alert: true, rule: Some("http.dos_flood"), make: logs::dos_flood_text },
    Sample { name: "normal.jsonl", alert: false, rule: None, make: logs::normal },
    Sample { name: "normal.log", alert: false, rule: None, make: logs::normal_text },
    Sample { name: "agent_chains.jsonl", alert: true, rule: Some("playbook.DATA_EXFIL"), make: agents::chains },
    Sample { name: "agent_normal.jsonl", alert: false, rule: None, make: agents::normal },
];

/// Lines of an attack and the benign ones around it, for the demonstration.
pub use logs::{Scenario, benign, scenarios};

// === impl Sample ===

impl Sample {
    pub fn bytes(&self) -> Vec<u8> {
        (self.make)()
    }

    /// The name without its ending, or with it.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.rsplit_once('.').is_some_and(|(stem, _)| stem == name)
    }

    /// Writes it into a folder.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join(self.name), self.bytes())
    }
}
