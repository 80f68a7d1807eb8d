//! A decky as the engine's create call: pure, so that what a machine gets can be read in one place (deploy.md §7.6).

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, NetworkingConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use model::fleet::DeckySpec;

use crate::labels::{self, Scope};

/// Where our binary lies in a machine.
pub(crate) const INIT: &str = "/sbin/init";
/// The one variable that carries the boot spec; the machine scrubs it from its memory.
const SPEC_VARIABLE: &str = "TERMCAP";

/// What root inside keeps: enough for users, files and low ports; nothing over the network, the kernel or devices.
const CAPABILITIES: [&str; 10] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "SETUID",
    "SETGID",
    "KILL",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "AUDIT_WRITE",
];
const SHM_BYTES: i64 = 16 << 20;
const LOG: [(&str, &str); 2] = [("max-size", "10m"), ("max-file", "3")];
/// Seconds a machine gets to stop by itself.
const STOP_TIMEOUT: i64 = 3;

/// Kernel settings every machine gets unless its spec says otherwise.
pub(crate) const SYSCTLS: [(&str, &str); 3] = [
    ("net.ipv4.ip_unprivileged_port_start", "0"),
    ("net.ipv4.ping_group_range", "0 2147483647"),
    ("net.ipv6.conf.all.disable_ipv6", "1"),
];

/// Where a machine is put, beyond what its own spec says.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) network: &'a str,
    /// The image with our binary in it.
    pub(crate) image: &'a str,
    pub(crate) sysctls: &'a BTreeMap<String, String>,
    /// Whether the engine takes the MAC address on the endpoint; else the label does it.
    pub(crate) endpoint_mac: bool,
}

pub(crate) fn create(spec: &DeckySpec, place: &Place<'_>) -> Result<ContainerCreateBody, serde_json::Error> {
    let boot_spec = B64.encode(serde_json::to_vec(&spec.machine)?);
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(spec.ip.to_string()),
            ..Default::default()
        }),
        mac_address: place.endpoint_mac.then(|| spec.mac.clone()),
        ..Default::default()
    };
    Ok(ContainerCreateBody {
        hostname: Some(spec.machine.hostname.clone()),
        user: Some("0".to_owned()),
        working_dir: Some("/".to_owned()),
        image: Some(place.image.to_owned()),
        env: Some(vec![format!("{SPEC_VARIABLE}={boot_spec}")]),
        entrypoint: Some(Vec::new()),
        cmd: Some(vec![INIT.to_owned()]),
        open_stdin: Some(true),
        stdin_once: Some(false),
        stop_timeout: Some(STOP_TIMEOUT),
        labels: Some(labels_of(spec, place)),
        host_config: Some(host_config(spec, place)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(place.network.to_owned(), endpoint)])),
        }),
        ..Default::default()
    })
}

fn labels_of(spec: &DeckySpec, place: &Place<'_>) -> HashMap<String, String> {
    let mut all = place.scope.labels();
    all.extend(
        [
            (labels::DECKY, spec.name.to_string()),
            (labels::SPEC_HASH, spec.spec_hash()),
            (labels::CONTAINER_HASH, spec.container_hash()),
            (labels::GENERATION, spec.machine.generation.to_string()),
            (labels::MAC, spec.mac.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    all
}

fn host_config(spec: &DeckySpec, place: &Place<'_>) -> HostConfig {
    let limits = &spec.limits;
    let memory = i64::from(limits.memory_mib) << 20;
    let nofile = i64::from(limits.nofile);
    HostConfig {
        network_mode: Some(place.network.to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        memory: Some(memory),
        // The same: no swap.
        memory_swap: Some(memory),
        nano_cpus: Some((f64::from(limits.cpus) * 1e9) as i64),
        pids_limit: Some(i64::from(limits.pids)),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(nofile),
            hard: Some(nofile),
        }]),
        shm_size: Some(SHM_BYTES),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        sysctls: Some(
            place
                .sysctls
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        ),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(
                LOG.iter()
                    .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            ),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        ..Default::default()
    }
}
