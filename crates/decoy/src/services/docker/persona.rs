//! Which engine it is, and the machine it says it runs on.

use model::machine::ServiceSpec;

use crate::machine::Machine;

#[derive(Clone, Debug)]
pub(super) struct Persona {
    /// For the record: `Docker 20.10.24`.
    pub product: String,
    pub version: String,
    pub api: String,
    pub min_api: String,
    pub commit: String,
    pub go: String,
    /// As `docker version` shows it.
    pub built: String,
    pub platform: String,
    pub containerd: (String, String),
    pub runc: (String, String),
    pub init: (String, String),
    pub operating_system: String,
    pub os_version: String,
    pub kernel: String,
    pub hostname: String,
    pub cgroup_driver: String,
    pub cgroup_version: String,
    pub cpus: u32,
    pub memory: u64,
    pub port: u16,
}

// === impl Persona ===

impl Persona {
    pub(super) fn of(machine: &Machine, spec: &ServiceSpec) -> Self {
        let text = |key: &str, default: &str| spec.text(key).unwrap_or(default).to_owned();
        let pair =
            |key: &str, version: &str, commit: &str| (text(key, version), text(&format!("{key}_commit"), commit));
        let version = text("version", "20.10.24+dfsg1");
        Self {
            product: spec
                .text("product")
                .map_or_else(|| format!("Docker {version}"), str::to_owned),
            api: text("api", "1.41"),
            min_api: text("min_api", "1.12"),
            commit: text("commit", "5d6db84"),
            go: text("go", "go1.19.8"),
            built: text("built", "2026-05-07T21:09:36.000000000+00:00"),
            platform: text("platform", ""),
            containerd: pair("containerd", "1.6.20~ds1", "1.6.20~ds1-1+deb12u3"),
            runc: pair("runc", "1.1.5+ds1", "1.1.5+ds1-1+deb12u1"),
            init: pair("init", "0.19.0", ""),
            operating_system: machine
                .os_release("PRETTY_NAME")
                .unwrap_or_else(|| text("os", "Debian GNU/Linux 12 (bookworm)")),
            os_version: machine.os_release("VERSION_ID").unwrap_or_else(|| "12".to_owned()),
            kernel: machine.kernel(),
            hostname: machine.hostname().to_owned(),
            cgroup_driver: text("cgroup_driver", "systemd"),
            cgroup_version: text("cgroup_version", "2"),
            cpus: std::thread::available_parallelism().map_or(2, |n| n.get() as u32),
            memory: memory(machine),
            port: spec.ports.first().map_or(2375, |port| port.port),
            version,
        }
    }

    /// What every answer of the API is headed with.
    pub(super) fn server(&self) -> String {
        format!("Docker/{} (linux)", self.version)
    }
}

/// Bytes, as the machine itself counts them.
fn memory(machine: &Machine) -> u64 {
    let text = std::fs::read_to_string(machine.path("/proc/meminfo")).unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().split(' ').next()?.parse().ok());
    kilobytes.map_or(4 << 30, |kilobytes: u64| kilobytes * 1024)
}
