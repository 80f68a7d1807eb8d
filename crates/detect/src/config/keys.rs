//! The keys (detect.md §13). One line makes a key, its field, its default and its environment variable.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::responders::{Prose, Responder, SyslogFormat, Way, Webhook};
use super::value::{Allow, Mode, Percent, Positive, Raw, Setting};
use crate::agent::Decision;
use crate::rule::Severity;
use crate::time::Span;

/// A key and how to set and show it.
pub struct Key {
    pub path: &'static str,
    pub wanted: &'static str,
    set: fn(&mut Config, &Raw) -> bool,
    show: fn(&Config) -> Value,
}

macro_rules! keys {
    ($($field:ident : $type:ty = $default:expr, $path:literal;)*) => {
        /// Every setting with its value.
        #[derive(Clone, Debug)]
        pub struct Config {
            $(#[doc = concat!("`", $path, "`")] pub $field: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        /// All keys, in the order of the documentation.
        pub const KEYS: &[Key] = &[$(Key {
            path: $path,
            wanted: <$type as Setting>::WANTED,
            set: |config, raw| match <$type as Setting>::read(raw) {
                Some(value) => {
                    config.$field = value;
                    true
                }
                None => false,
            },
            show: |config| config.$field.show(),
        },)*];
    };
}

keys! {
    sweep_threshold: Positive = Positive(15), "sweep.threshold";
    sweep_window: Span = Span::seconds(10), "sweep.window_seconds";
    sweep_timing_std: Span = Span(50_000_000), "sweep.timing_std_threshold";
    boundary_ports: Positive = Positive(10), "boundary.port_threshold";
    boundary_window: Span = Span::seconds(30), "boundary.window_seconds";
    burst_threshold: Positive = Positive(20), "burst.threshold";
    burst_window: Span = Span::seconds(10), "burst.window_seconds";
    burst_targets: Positive = Positive(10), "burst.min_targets";
    slow_hosts: Positive = Positive(25), "slow_scan.hosts";
    slow_ports: Positive = Positive(15), "slow_scan.ports";
    slow_window: Span = Span::seconds(300), "slow_scan.window_seconds";
    sensitive_ports: Vec<u16> = vec![22, 23, 445, 3389, 5900], "sensitive_ports";
    telemetry_observations: Positive = Positive(8), "telemetry.min_observations";
    telemetry_factor: Positive = Positive(5), "telemetry.factor";
    telemetry_floor: Span = Span::seconds(30), "telemetry.floor_seconds";
    telemetry_expect: Vec<String> = Vec::new(), "telemetry.expect";
    telemetry_maintenance: Vec<String> = Vec::new(), "telemetry.maintenance";
    lateral_window: Span = Span::seconds(900), "lateral.window_seconds";
    beacon_ignore: Vec<IpNet> = Vec::new(), "beacon.ignore";
    http_failed_logins: Positive = Positive(5), "http.max_failed_logins_per_min";
    http_restricted_hits: Positive = Positive(3), "http.max_restricted_hits_per_min";
    http_denied: Positive = Positive(6), "http.max_401_403_per_min";
    http_users: Positive = Positive(8), "http.max_distinct_users_per_min";
    http_takeover_failures: Positive = Positive(3), "http.account_takeover_min_failures";
    http_takeover_window: Span = Span::seconds(300), "http.account_takeover_window_seconds";
    http_data_requests: Positive = Positive(20), "http.max_data_requests_per_min";
    http_traversals: Positive = Positive(1), "http.path_traversal_min_attempts";
    http_requests: Positive = Positive(100), "http.max_requests_per_min";
    http_login_paths: Vec<String> = texts(LOGIN_PATHS), "http.login_paths";
    http_restricted_extended: bool = true, "http.restricted_extended";
    http_trusted_proxies: Vec<IpNet> = Vec::new(), "trusted_proxies";
    cooldown: Span = Span::seconds(300), "alert_cooldown_seconds";
    min_confidence: Percent = Percent(40), "min_confidence";
    poll_interval: Span = Span::seconds(5), "poll_interval_seconds";
    playbooks: bool = true, "attack_pattern.enabled";
    block_threshold: Percent = Percent(70), "attack_pattern.block_threshold";
    flag_threshold: Percent = Percent(40), "attack_pattern.flag_threshold";
    playbook_window_ms: Positive = Positive(300_000), "attack_pattern.window_ms";
    playbook_mode: Mode = Mode::Enforce, "attack_pattern.mode";
    correlate_by: String = "agent".to_owned(), "correlate_by";
    check_on_error: Decision = Decision::Block, "check.on_error";
    check_client_time: bool = false, "check.trust_client_time";
    internal_domains: Vec<String> = Vec::new(), "internal_domains";
    allowed_destinations: Vec<String> = Vec::new(), "allowlisted_destinations";
    approved_packages: Vec<String> = Vec::new(), "approved_packages";
    honeytokens: Vec<String> = Vec::new(), "honeytokens";
    compat_detress: bool = false, "compat.detress";
    alert_log: String = "decnet-alerts.jsonl".to_owned(), "alert_log_path";
    log_level: String = "WARNING".to_owned(), "log_level";
    strict_config: bool = false, "strict_config";
    home_nets: Vec<IpNet> = Vec::new(), "home_nets";
    decoys: Vec<IpNet> = Vec::new(), "decoys";
    trusted_ips: Vec<IpNet> = loopback(), "trusted_ips";
    trusted_scanners: Vec<IpNet> = Vec::new(), "trusted_scanners";
    jump_hosts: Vec<IpNet> = Vec::new(), "jump_hosts";
    exclude_sources: Vec<IpNet> = Vec::new(), "exclude_sources";
    allow: Vec<Allow> = Vec::new(), "allow";
    never_isolate: Vec<IpNet> = Vec::new(), "never_isolate";
    intel_lists: Vec<String> = Vec::new(), "intel.lists";
    disabled: Vec<String> = Vec::new(), "disabled_rules";
    respond: Vec<Responder> = vec![Responder("alert".to_owned())], "respond";
    simulate: bool = false, "simulate";
    webhooks: Vec<Webhook> = Vec::new(), "webhook.targets";
    webhook_secret: String = String::new(), "webhook.secret_file";
    webhook_private: bool = false, "webhook.allow_private";
    webhook_dead: String = "decnet-undelivered.jsonl".to_owned(), "webhook.dead_letter_path";
    mail_server: String = String::new(), "mail.server";
    mail_from: String = String::new(), "mail.from";
    mail_to: Vec<String> = Vec::new(), "mail.to";
    mail_user: String = String::new(), "mail.user";
    mail_password: String = String::new(), "mail.password_file";
    mail_ca: String = String::new(), "mail.ca_file";
    mail_severity: Severity = Severity::Medium, "mail.min_severity";
    mail_digest: Span = Span::seconds(300), "mail.digest_seconds";
    syslog_target: String = String::new(), "syslog.target";
    syslog_format: SyslogFormat = SyslogFormat::Rfc5424, "syslog.format";
    llm_backend: Prose = Prose::Template, "llm.backend";
    llm_url: String = "http://127.0.0.1:11434".to_owned(), "llm.url";
    llm_model: String = "llama3.2".to_owned(), "llm.model";
    llm_key: String = String::new(), "llm.key_file";
    llm_remote: bool = false, "llm.allow_remote";
    llm_timeout: Span = Span::seconds(30), "llm.timeout_seconds";
    isolate: bool = false, "isolate.enabled";
    isolate_dry_run: bool = true, "isolate.dry_run";
    isolate_mode: Way = Way::Tarpit, "isolate.mode";
    isolate_decoy: Vec<IpAddr> = Vec::new(), "isolate.decoy";
    isolate_port: u16 = 0, "isolate.tarpit_port";
    isolate_ttl: Span = Span::seconds(3600), "isolate.ttl_seconds";
    isolate_confidence: Percent = Percent(85), "isolate.min_confidence";
    isolate_internal: bool = false, "isolate.internal";
    isolate_max: Positive = Positive(4096), "isolate.max_entries";
}

const LOGIN_PATHS: &[&str] = &[
    "/login",
    "/signin",
    "/auth/login",
    "/api/login",
    "/api/v1/auth/login",
    "/wp-login.php",
    "/user/login",
    "/session",
];

// === impl Key ===

impl Key {
    pub fn of(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// `DECNET_SWEEP_THRESHOLD`.
    pub fn variable(&self) -> String {
        format!("DECNET_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// False when the value is not what the key wants; the old one then stays.
    pub fn set(&self, config: &mut Config, raw: &Raw) -> bool {
        (self.set)(config, raw)
    }

    pub fn show(&self, config: &Config) -> Value {
        (self.show)(config)
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn loopback() -> Vec<IpNet> {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    vec![
        IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]
}
