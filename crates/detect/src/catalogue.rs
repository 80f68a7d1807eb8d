//! The built-in detectors: one line each, in the order of the report.

use std::sync::Arc;

use crate::config::Config;
use crate::detector::{BuiltIn, Detector};
use crate::event::Kind;
use crate::grounds::Grounds;
use crate::http;
use crate::net;
use crate::rule::{Class, Family, Rule, Severity};
use crate::stage::Stage;

const ATTEMPTS: &[Kind] = &[Kind::FlowAttempt];
const UPDATES: &[Kind] = &[Kind::FlowUpdate];
const FLOWS: &[Kind] = &[Kind::FlowAttempt, Kind::FlowUpdate];
const ARPS: &[Kind] = &[Kind::Arp];
const SIGHTINGS: &[Kind] = &[Kind::Packet, Kind::Heartbeat];
const NAMED: &[Kind] = &[Kind::FlowAttempt, Kind::Http, Kind::Dns, Kind::Tls];
const TOUCHES: &[Kind] = &[Kind::FlowAttempt, Kind::Auth, Kind::Decoy];
const CREDENTIALS: &[Kind] = &[Kind::Auth, Kind::Decoy, Kind::Canary];
const HTTP: &[Kind] = &[Kind::Http];
const AUTH: &[Kind] = &[Kind::Auth];

#[rustfmt::skip]
pub(crate) const BUILT_IN: &[BuiltIn] = &[
    BuiltIn { rule: sweep, kinds: ATTEMPTS, make: net::sweep::make },
    BuiltIn { rule: boundary, kinds: FLOWS, make: net::boundary::make },
    BuiltIn { rule: burst, kinds: ATTEMPTS, make: net::burst::make },
    BuiltIn { rule: conn_burst, kinds: ATTEMPTS, make: net::burst::make_few },
    BuiltIn { rule: slow_scan, kinds: UPDATES, make: net::slow_scan::make },
    BuiltIn { rule: low_slow, kinds: UPDATES, make: net::low_slow::make },
    BuiltIn { rule: distributed, kinds: UPDATES, make: net::distributed::make },
    BuiltIn { rule: sensitive, kinds: ATTEMPTS, make: net::sensitive::make },
    BuiltIn { rule: telemetry, kinds: SIGHTINGS, make: net::telemetry::make },
    BuiltIn { rule: lateral, kinds: UPDATES, make: net::lateral::make },
    BuiltIn { rule: beacon, kinds: UPDATES, make: net::beacon::make },
    BuiltIn { rule: exfil, kinds: UPDATES, make: net::exfil::make },
    BuiltIn { rule: flood, kinds: UPDATES, make: net::flood::make },
    BuiltIn { rule: arp_sweep, kinds: ARPS, make: net::arp_sweep::make },
    BuiltIn { rule: intel, kinds: NAMED, make: net::intel::make },
    BuiltIn { rule: touch, kinds: TOUCHES, make: net::decoy::make_touch },
    BuiltIn { rule: reuse, kinds: CREDENTIALS, make: net::decoy::make_reuse },
    BuiltIn { rule: takeover, kinds: AUTH, make: http::takeover::make },
    BuiltIn { rule: traversal, kinds: HTTP, make: http::traversal_rule::make },
    BuiltIn { rule: stuffing, kinds: AUTH, make: http::stuffing::make },
    BuiltIn { rule: http_recon, kinds: HTTP, make: http::recon::make },
    BuiltIn { rule: data_exfil, kinds: HTTP, make: http::data_exfil::make },
    BuiltIn { rule: brute_force, kinds: AUTH, make: http::brute_force::make },
    BuiltIn { rule: auth_scan, kinds: HTTP, make: http::auth_scan::make },
    BuiltIn { rule: dos_flood, kinds: HTTP, make: http::dos_flood::make },
    BuiltIn { rule: slow_spray, kinds: AUTH, make: http::slow_spray::make },
    BuiltIn { rule: guessing, kinds: AUTH, make: http::guessing::make },
];

/// The descriptions of all built-in rules, the agents' playbooks included, in the order of the report.
pub fn built_in_rules() -> Vec<Rule> {
    let detectors = BUILT_IN.iter().map(|built_in| (built_in.rule)());
    detectors.chain(crate::agent::playbook::rules()).collect()
}

impl BuiltIn {
    pub(crate) fn detector(&self, config: &Config) -> (Arc<Rule>, Box<dyn Detector>) {
        let rule = Arc::new((self.rule)());
        (rule.clone(), (self.make)(rule, config))
    }

    /// Whether its findings can rest on connections that stood.
    pub(crate) fn ground(&self, grounds: &mut Grounds) {
        let rule = (self.rule)();
        // Each touch of a decoy is a finding of its own; each use of a planted credential as well.
        if self.kinds == TOUCHES || self.kinds == CREDENTIALS {
            grounds.know_single(&rule);
        } else {
            grounds.know(&rule, self.kinds);
        }
    }
}

const INVESTIGATE: &str = "investigate the source and review its recent events";

/// A network rule; the rest is set where it differs.
fn net(id: &str, detection: &str, title: &str, category: &str, mitre: &[&str], stage: Stage) -> Rule {
    Rule {
        id: id.to_owned(),
        detection: detection.to_owned(),
        title: title.to_owned(),
        class: Class::Detection,
        category: category.to_owned(),
        mitre: mitre.iter().map(|&id| id.to_owned()).collect(),
        stage: Some(stage),
        floor: None,
        ceiling: None,
        mitigation: INVESTIGATE.to_owned(),
        rank: None,
        recon: false,
        family: Family::Network,
        respond: Vec::new(),
    }
}

/// One of the scans that fold into each other.
fn scan(rank: u8, rule: Rule) -> Rule {
    let mitigation = "check whether this is a scanner of yours; if not, isolate the source and look for what it found";
    Rule {
        rank: Some(rank),
        recon: rank < 5,
        mitigation: mitigation.to_owned(),
        ..rule
    }
}

fn sweep() -> Rule {
    let rule = net(
        "net.sweep",
        "sweep",
        "Network Sweep",
        "scan",
        &["T1046"],
        Stage::Reconnaissance,
    );
    Rule {
        floor: Some(Severity::Medium),
        ..scan(1, rule)
    }
}

fn boundary() -> Rule {
    let mitre = ["T1590", "T1046", "T1595.001"];
    let rule = net(
        "net.boundary",
        "boundary",
        "Boundary Probe",
        "scan",
        &mitre,
        Stage::Reconnaissance,
    );
    Rule {
        floor: Some(Severity::High),
        ..scan(1, rule)
    }
}

fn burst() -> Rule {
    let rule = net(
        "net.burst",
        "burst",
        "Port Scan",
        "port_scan",
        &["T1046"],
        Stage::Reconnaissance,
    );
    Rule {
        floor: Some(Severity::High),
        ceiling: Some(Severity::High),
        ..scan(2, rule)
    }
}

fn conn_burst() -> Rule {
    let rule = net(
        "net.conn_burst",
        "conn_burst",
        "Connection Burst",
        "connection_burst",
        &["T1499"],
        Stage::Impact,
    );
    Rule {
        class: Class::Notice,
        floor: Some(Severity::Medium),
        ceiling: Some(Severity::Medium),
        ..rule
    }
}

fn slow_scan() -> Rule {
    let mitre = ["T1046", "T1595.001"];
    scan(
        3,
        net(
            "net.slow_scan",
            "slow_scan",
            "Slow Scan",
            "slow_scan",
            &mitre,
            Stage::Reconnaissance,
        ),
    )
}

fn low_slow() -> Rule {
    scan(
        4,
        net(
            "net.low_slow",
            "low_slow",
            "Low and Slow Scan",
            "low_slow",
            &["T1046"],
            Stage::Reconnaissance,
        ),
    )
}

fn distributed() -> Rule {
    let (id, title) = ("net.distributed_scan", "Distributed Scan");
    scan(
        5,
        net(
            id,
            "distributed_scan",
            title,
            "distributed",
            &["T1595.001"],
            Stage::Reconnaissance,
        ),
    )
}

fn sensitive() -> Rule {
    let (id, title) = ("net.sensitive_port", "Sensitive Port");
    let rule = net(
        id,
        "sensitive_port",
        title,
        "sensitive_port",
        &["T1021"],
        Stage::LateralMovement,
    );
    Rule {
        class: Class::Notice,
        floor: Some(Severity::Medium),
        ceiling: Some(Severity::Medium),
        ..rule
    }
}

fn telemetry() -> Rule {
    let (id, title) = ("net.telemetry_silence", "Telemetry Silence");
    let rule = net(
        id,
        "telemetry_silence",
        title,
        "telemetry",
        &["T1562.001"],
        Stage::DefenseEvasion,
    );
    let mitigation = "check the silenced source by another way, and what happened on it since the last record";
    Rule {
        floor: Some(Severity::Medium),
        mitigation: mitigation.to_owned(),
        ..rule
    }
}

fn lateral() -> Rule {
    let mitre = ["T1210", "T1021"];
    let rule = net(
        "net.lateral",
        "lateral",
        "Lateral Movement",
        "lateral",
        &mitre,
        Stage::LateralMovement,
    );
    let mitigation = "isolate the source, end its sessions on the reached hosts, reset the accounts it used";
    Rule {
        floor: Some(Severity::High),
        mitigation: mitigation.to_owned(),
        ..rule
    }
}

fn beacon() -> Rule {
    net(
        "net.beacon",
        "beacon",
        "Beaconing",
        "beacon",
        &["T1071"],
        Stage::CommandAndControl,
    )
}

fn exfil() -> Rule {
    let (id, title) = ("net.exfil_volume", "Exfiltration by Volume");
    net(
        id,
        "exfil_volume",
        title,
        "exfil_volume",
        &["T1048"],
        Stage::Exfiltration,
    )
}

fn flood() -> Rule {
    net(
        "net.flood",
        "flood",
        "Connection Flood",
        "flood",
        &["T1498.001"],
        Stage::Impact,
    )
}

fn arp_sweep() -> Rule {
    net(
        "net.arp_sweep",
        "arp_sweep",
        "ARP Sweep",
        "arp_sweep",
        &["T1018"],
        Stage::Discovery,
    )
}

fn intel() -> Rule {
    let rule = net(
        "intel.match",
        "intel",
        "Known Bad Indicator",
        "intel",
        &["T1071"],
        Stage::CommandAndControl,
    );
    Rule {
        family: Family::Any,
        ..rule
    }
}

fn touch() -> Rule {
    let rule = net(
        "decoy.touch",
        "decoy_touch",
        "Decoy Touched",
        "decoy_touch",
        &["T1046"],
        Stage::Reconnaissance,
    );
    Rule {
        floor: Some(Severity::Medium),
        recon: true,
        family: Family::Any,
        ..rule
    }
}

fn reuse() -> Rule {
    let (id, title) = ("decoy.cred_reuse", "Planted Credential Used");
    let rule = net(
        id,
        "cred_reuse",
        title,
        "honeytoken",
        &["T1078"],
        Stage::CredentialAccess,
    );
    Rule {
        floor: Some(Severity::Critical),
        family: Family::Any,
        ..rule
    }
}

fn web(id: &str, title: &str, category: &str, mitre: &[&str], stage: Stage, mitigation: &str) -> Rule {
    let rule = net(id, category, title, category, mitre, stage);
    Rule {
        mitigation: mitigation.to_owned(),
        family: Family::Http,
        ..rule
    }
}

fn takeover() -> Rule {
    let todo = "end the sessions of this account, reset its credential, tell its owner, block the source, audit what the session did";
    let mitre = ["T1078", "T1110"];
    web(
        "http.account_takeover",
        "Account Takeover",
        "account_takeover",
        &mitre,
        Stage::InitialAccess,
        todo,
    )
}

fn traversal() -> Rule {
    let todo = "block the source, canonicalise and validate paths, check the file access logs, rotate secrets that could be read";
    let mitre = ["T1190", "T1083"];
    web(
        "http.path_traversal",
        "Path Traversal Attack",
        "path_traversal",
        &mitre,
        Stage::InitialAccess,
        todo,
    )
}

fn stuffing() -> Rule {
    let todo = "block the source, reset the targeted accounts, rate-limit or challenge logins, check passwords against breach lists";
    web(
        "http.cred_stuffing",
        "Credential Stuffing",
        "cred_stuffing",
        &["T1110.004"],
        Stage::CredentialAccess,
        todo,
    )
}

fn http_recon() -> Rule {
    let todo = "rate-limit or block the source, restrict admin paths to known addresses";
    web(
        "http.recon",
        "Endpoint Reconnaissance",
        "recon",
        &["T1595.003"],
        Stage::Reconnaissance,
        todo,
    )
}

fn data_exfil() -> Rule {
    let todo =
        "block the source, revoke its tokens, find out which records it fetched, require authentication and limits";
    web(
        "http.data_exfil",
        "Data Exfiltration",
        "data_exfil",
        &["T1020"],
        Stage::Exfiltration,
        todo,
    )
}

fn brute_force() -> Rule {
    let todo = "block the source, lock the account, reset its password, require a second factor";
    web(
        "http.brute_force",
        "Brute Force Attack",
        "brute_force",
        &["T1110.001"],
        Stage::CredentialAccess,
        todo,
    )
}

fn auth_scan() -> Rule {
    let todo = "block the source at the proxy, audit the authentication of these routes, look for leaked tokens";
    web(
        "http.auth_scan",
        "Unauthorized Access Scan",
        "auth_scan",
        &["T1595"],
        Stage::Reconnaissance,
        todo,
    )
}

fn dos_flood() -> Rule {
    let todo = "rate-limit, ban the source for a while, scale out, look for an attack behind the noise";
    web(
        "http.dos_flood",
        "DoS Rate Flood",
        "dos_flood",
        &["T1499.002"],
        Stage::Impact,
        todo,
    )
}

fn slow_spray() -> Rule {
    let todo = "block the source, look for accounts that let it in, require a second factor";
    web(
        "auth.slow_spray",
        "Slow Spray",
        "slow_spray",
        &["T1110.003"],
        Stage::CredentialAccess,
        todo,
    )
}

fn guessing() -> Rule {
    let todo = "lock the account for a while, require a second factor, block the sources";
    web(
        "auth.distributed",
        "Distributed Guessing",
        "distributed_guessing",
        &["T1110.003"],
        Stage::CredentialAccess,
        todo,
    )
}
