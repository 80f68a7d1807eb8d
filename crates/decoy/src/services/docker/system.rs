//! What the engine says of itself.

use time::OffsetDateTime;

use super::store::{Status, Store};
use super::time::nano;
use super::{shown, shown_images};
use crate::services::golang::json::{Object, list};

/// `version`.
pub(super) fn version(store: &Store) -> String {
    let one = &store.persona;
    let engine = Object::new()
        .put("ApiVersion", &one.api)
        .put("Arch", "amd64")
        .put("BuildTime", &one.built)
        .put("Experimental", "false")
        .put("GitCommit", &one.commit)
        .put("GoVersion", &one.go)
        .put("KernelVersion", &one.kernel)
        .put("MinAPIVersion", &one.min_api)
        .put("Os", "linux")
        .end();
    let part = |name: &str, version: &str, details: &str| {
        Object::new()
            .put("Name", name)
            .put("Version", version)
            .raw("Details", details)
            .end()
    };
    let of = |commit: &str| Object::new().put("GitCommit", commit).end();
    let parts = list([
        part("Engine", &one.version, &engine),
        part("containerd", &one.containerd.0, &of(&one.containerd.1)),
        part("runc", &one.runc.0, &of(&one.runc.1)),
        part("docker-init", &one.init.0, &of(&one.init.1)),
    ]);
    Object::new()
        .raw("Platform", &Object::new().put("Name", &one.platform).end())
        .raw("Components", &parts)
        .put("Version", &one.version)
        .put("ApiVersion", &one.api)
        .put("MinAPIVersion", &one.min_api)
        .put("GitCommit", &one.commit)
        .put("GoVersion", &one.go)
        .put("Os", "linux")
        .put("Arch", "amd64")
        .put("KernelVersion", &one.kernel)
        .put("BuildTime", &one.built)
        .end()
}

/// `info`.
pub(super) fn info(store: &Store, now: OffsetDateTime) -> String {
    let one = &store.persona;
    let count = |status| store.containers.iter().filter(|other| other.status == status).count();
    let (running, paused) = (count(Status::Running), count(Status::Paused));
    let key = store.of("engine-id");
    let commit = |commit: &str| Object::new().put("ID", commit).put("Expected", commit).end();
    let status = [
        ["Backing Filesystem", "extfs"],
        ["Supports d_type", "true"],
        ["Native Overlay Diff", "true"],
        ["userxattr", "false"],
    ];
    let plugins = Object::new()
        .put("Volume", ["local"])
        .put("Network", ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"])
        .raw("Authorization", "null")
        .put(
            "Log",
            [
                "awslogs",
                "fluentd",
                "gcplogs",
                "gelf",
                "journald",
                "json-file",
                "local",
                "logentries",
                "splunk",
                "syslog",
            ],
        )
        .end();
    let registry = "{\"AllowNondistributableArtifactsCIDRs\":[],\"AllowNondistributableArtifactsHostnames\":[],\"InsecureRegistryCIDRs\":[\"127.0.0.0/8\"],\"IndexConfigs\":{\"docker.io\":{\"Name\":\"docker.io\",\"Mirrors\":[],\"Secure\":true,\"Official\":true}},\"Mirrors\":[]}";
    let runtimes = "{\"io.containerd.runc.v2\":{\"path\":\"runc\"},\"io.containerd.runtime.v1.linux\":{\"path\":\"runc\"},\"runc\":{\"path\":\"runc\"}}";
    let swarm = "{\"NodeID\":\"\",\"NodeAddr\":\"\",\"LocalNodeState\":\"inactive\",\"ControlAvailable\":false,\"Error\":\"\",\"RemoteManagers\":null}";
    let warning = format!(
        "WARNING: API is accessible on http://0.0.0.0:{} without encryption.\n         Access to the remote API is equivalent to root access on the host. Refer\n         to the 'Docker daemon attack surface' section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/",
        one.port
    );
    let mut security = vec!["name=apparmor", "name=seccomp,profile=default"];
    if one.cgroup_version == "2" {
        security.push("name=cgroupns");
    }
    let mut object = Object::new()
        .put("ID", base32_id(&key))
        .put("Containers", store.containers.len())
        .put("ContainersRunning", running)
        .put("ContainersPaused", paused)
        .put("ContainersStopped", store.containers.len() - running - paused)
        .put("Images", store.images.len())
        .put("Driver", "overlay2")
        .put("DriverStatus", status)
        .raw("Plugins", &plugins);
    for name in ["MemoryLimit", "SwapLimit"] {
        object = object.put(name, true);
    }
    // A version 2 hierarchy cannot bound the kernel's memory.
    for name in ["KernelMemory", "KernelMemoryTCP"]
        .iter()
        .filter(|_| one.cgroup_version == "1")
    {
        object = object.put(name, true);
    }
    for name in [
        "CpuCfsPeriod",
        "CpuCfsQuota",
        "CPUShares",
        "CPUSet",
        "PidsLimit",
        "IPv4Forwarding",
        "BridgeNfIptables",
        "BridgeNfIp6tables",
    ] {
        object = object.put(name, true);
    }
    object
        .put("Debug", false)
        .put("NFd", 24 + 4 * running)
        .put("OomKillDisable", one.cgroup_version == "1")
        .put("NGoroutines", 37 + 7 * running)
        .put("SystemTime", nano(now))
        .put("LoggingDriver", "json-file")
        .put("CgroupDriver", &one.cgroup_driver)
        .put("CgroupVersion", &one.cgroup_version)
        .put("NEventsListener", 0)
        .put("KernelVersion", &one.kernel)
        .put("OperatingSystem", &one.operating_system)
        .put("OSVersion", &one.os_version)
        .put("OSType", "linux")
        .put("Architecture", "x86_64")
        .put("IndexServerAddress", "https://index.docker.io/v1/")
        .raw("RegistryConfig", registry)
        .put("NCPU", one.cpus)
        .put("MemTotal", one.memory)
        .raw("GenericResources", "null")
        .put("DockerRootDir", "/var/lib/docker")
        .put("HttpProxy", "")
        .put("HttpsProxy", "")
        .put("NoProxy", "")
        .put("Name", &one.hostname)
        .raw("Labels", "[]")
        .put("ExperimentalBuild", false)
        .put("ServerVersion", &one.version)
        .raw("Runtimes", runtimes)
        .put("DefaultRuntime", "runc")
        .raw("Swarm", swarm)
        .put("LiveRestoreEnabled", false)
        .put("Isolation", "")
        .put("InitBinary", "docker-init")
        .raw("ContainerdCommit", &commit(&one.containerd.1))
        .raw("RuncCommit", &commit(&one.runc.1))
        .raw("InitCommit", &commit(&one.init.1))
        .put("SecurityOptions", security)
        .put("Warnings", [warning])
        .end()
}

/// `system/df`.
pub(super) fn usage(store: &Store, now: OffsetDateTime) -> String {
    let volumes = store.volumes.iter().map(|(name, created)| {
        let users = store
            .containers
            .iter()
            .filter(|one| name.ends_with("-data") && one.said.is_some())
            .count()
            .min(1);
        let shown = shown_images::volume(name, *created);
        let usage = Object::new()
            .put("RefCount", users)
            .put("Size", 41_000_000 + 977 * name.len())
            .end();
        format!("{},\"UsageData\":{usage}}}", shown.trim_end_matches('}'))
    });
    Object::new()
        .put("LayersSize", store.images.iter().map(|image| image.size).sum::<u64>())
        .raw(
            "Images",
            &list(
                store
                    .images
                    .iter()
                    .rev()
                    .map(|image| shown_images::image_listed(store, image, true)),
            ),
        )
        .raw(
            "Containers",
            &list(store.containers.iter().rev().map(|one| shown::listed(store, one, now))),
        )
        .raw("Volumes", &list(volumes))
        .raw("BuildCache", "null")
        .put("BuilderSize", 0)
        .end()
}

/// Twelve groups of four, as a trust key is named.
fn base32_id(key: &[u8; 32]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = key.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.take(240).collect();
    let letters: Vec<u8> = bits
        .chunks(5)
        .map(|five| LETTERS[five.iter().fold(0, |sum, bit| usize::from((sum as u8) << 1 | bit))])
        .collect();
    let groups: Vec<&str> = letters
        .chunks(4)
        .map(|four| std::str::from_utf8(four).unwrap_or_default())
        .collect();
    groups.join(":")
}
