//! What a client wants a container to be.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The body of `containers/create`, and of `containers/{id}/exec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Wish {
    pub hostname: String,
    pub domainname: String,
    pub user: String,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    pub tty: bool,
    pub open_stdin: bool,
    pub stdin_once: bool,
    pub privileged: bool,
    pub env: Option<Vec<String>>,
    pub cmd: Option<Words>,
    pub image: String,
    pub working_dir: String,
    pub entrypoint: Option<Words>,
    pub labels: Option<BTreeMap<String, String>>,
    pub host_config: Option<BTreeMap<String, Box<RawValue>>>,
}

/// A list of words, or one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    One(String),
    Many(Vec<String>),
}

/// What of the host a container gets, each member as JSON, by its name.
#[derive(Clone, Debug, Default)]
pub(super) struct HostConfig(pub BTreeMap<String, String>);

/// Members in the engine's order, and what they are when nobody says anything.
const MEMBERS: &[(&str, &str)] = &[
    ("Binds", "null"),
    ("ContainerIDFile", "\"\""),
    ("LogConfig", "{\"Type\":\"json-file\",\"Config\":{}}"),
    ("NetworkMode", "\"default\""),
    ("PortBindings", "null"),
    ("RestartPolicy", "{\"Name\":\"\",\"MaximumRetryCount\":0}"),
    ("AutoRemove", "false"),
    ("VolumeDriver", "\"\""),
    ("VolumesFrom", "null"),
    ("CapAdd", "null"),
    ("CapDrop", "null"),
    ("CgroupnsMode", "\"private\""),
    ("Dns", "null"),
    ("DnsOptions", "null"),
    ("DnsSearch", "null"),
    ("ExtraHosts", "null"),
    ("GroupAdd", "null"),
    ("IpcMode", "\"private\""),
    ("Cgroup", "\"\""),
    ("Links", "null"),
    ("OomScoreAdj", "0"),
    ("PidMode", "\"\""),
    ("Privileged", "false"),
    ("PublishAllPorts", "false"),
    ("ReadonlyRootfs", "false"),
    ("SecurityOpt", "null"),
    ("UTSMode", "\"\""),
    ("UsernsMode", "\"\""),
    ("ShmSize", "67108864"),
    ("Runtime", "\"runc\""),
    ("ConsoleSize", "[0,0]"),
    ("Isolation", "\"\""),
    ("CpuShares", "0"),
    ("Memory", "0"),
    ("NanoCpus", "0"),
    ("CgroupParent", "\"\""),
    ("BlkioWeight", "0"),
    ("BlkioWeightDevice", "null"),
    ("BlkioDeviceReadBps", "null"),
    ("BlkioDeviceWriteBps", "null"),
    ("BlkioDeviceReadIOps", "null"),
    ("BlkioDeviceWriteIOps", "null"),
    ("CpuPeriod", "0"),
    ("CpuQuota", "0"),
    ("CpuRealtimePeriod", "0"),
    ("CpuRealtimeRuntime", "0"),
    ("CpusetCpus", "\"\""),
    ("CpusetMems", "\"\""),
    ("Devices", "null"),
    ("DeviceCgroupRules", "null"),
    ("DeviceRequests", "null"),
    ("KernelMemory", "0"),
    ("KernelMemoryTCP", "0"),
    ("MemoryReservation", "0"),
    ("MemorySwap", "0"),
    ("MemorySwappiness", "null"),
    ("OomKillDisable", "false"),
    ("PidsLimit", "null"),
    ("Ulimits", "null"),
    ("CpuCount", "0"),
    ("CpuPercent", "0"),
    ("IOMaximumIOps", "0"),
    ("IOMaximumBandwidth", "0"),
    (
        "MaskedPaths",
        "[\"/proc/asound\",\"/proc/acpi\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"]",
    ),
    (
        "ReadonlyPaths",
        "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]",
    ),
];
/// Of a privileged container.
const FREE: &[(&str, &str)] = &[
    ("MaskedPaths", "null"),
    ("ReadonlyPaths", "null"),
    ("SecurityOpt", "[\"label=disable\"]"),
];

// === impl Words ===

impl Words {
    pub(super) fn list(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Many(words) => words,
        }
    }
}

// === impl HostConfig ===

impl HostConfig {
    pub(super) fn of(wish: Option<&BTreeMap<String, Box<RawValue>>>) -> Self {
        let said = wish.into_iter().flatten();
        let said = said.map(|(name, value)| (name.clone(), value.get().to_owned()));
        // What a client leaves empty is what the engine thinks best.
        Self(
            said.filter(|(_, value)| !matches!(value.as_str(), "null" | "\"\"" | "0" | "-1"))
                .filter(|(name, value)| name != "LogConfig" || !value.contains("\"Type\":\"\""))
                .filter(|(name, _)| MEMBERS.iter().any(|(known, _)| known == name))
                .collect(),
        )
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let privileged = self.flag("Privileged");
        MEMBERS.iter().map(move |(name, usual)| {
            let free = FREE.iter().find(|(known, _)| privileged && known == name);
            let said = self.0.get(*name).map(String::as_str);
            (*name, said.unwrap_or(free.map_or(*usual, |(_, value)| value)))
        })
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == "true")
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.value(name).unwrap_or_default()
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.value(name).unwrap_or_default()
    }

    /// What is bound where: source and destination.
    pub(super) fn binds(&self) -> Vec<(String, String)> {
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "PascalCase")]
        struct Mount {
            r#type: String,
            source: String,
            target: String,
        }
        let short = self.list("Binds");
        let short = short.iter().filter_map(|bind| {
            let mut parts = bind.split(':');
            let (source, target) = (parts.next()?, parts.next()?);
            source.starts_with('/').then(|| (source.to_owned(), target.to_owned()))
        });
        let long: Vec<Mount> = self.value("Mounts").unwrap_or_default();
        let long = long.into_iter().filter(|mount| mount.r#type == "bind");
        short.chain(long.map(|mount| (mount.source, mount.target))).collect()
    }

    fn value<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?).ok()
    }
}
