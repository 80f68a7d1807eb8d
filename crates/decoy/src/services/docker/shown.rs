//! Containers as the API shows them.

use time::OffsetDateTime;

use super::store::{Container, Exec, Status, Store};
use super::time::{NEVER, human, nano};
use crate::services::containers::command;
use crate::services::golang::json::{Object, list};

pub(super) const ROOT: &str = "/var/lib/docker";

/// An element of `containers/json`.
pub(super) fn listed(store: &Store, one: &Container, now: OffsetDateTime) -> String {
    // An image whose tag went to another is named by its id.
    let tagged = store.image(&one.image).is_some_and(|image| image.id == one.image_id);
    let image_id = format!("sha256:{}", one.image_id);
    Object::new()
        .put("Id", &one.id)
        .put("Names", [format!("/{}", one.name)])
        .put("Image", if tagged { &one.image } else { &image_id })
        .put("ImageID", &image_id)
        .put("Command", command(&one.argv(store.image(&one.image_id))))
        .put("Created", one.created.unix_timestamp())
        .raw("Ports", &ports(one))
        .put("Labels", &one.labels)
        .put("State", state(one))
        .put("Status", status(one, now))
        .raw("HostConfig", &Object::new().put("NetworkMode", mode(one)).end())
        .raw(
            "NetworkSettings",
            &Object::new().raw("Networks", &networks(store, one)).end(),
        )
        .raw("Mounts", &mounts(one))
        .end()
}

/// `containers/{id}/json`.
pub(super) fn inspected(store: &Store, one: &Container) -> String {
    let image = store.image(&one.image_id);
    let argv = one.argv(image);
    let folder = format!("{ROOT}/containers/{}", one.id);
    let layer = hex::encode(store.of(&format!("layer/{}", one.id)));
    let sandbox = hex::encode(store.of(&format!("sandbox/{}", one.id)));
    let at = |name: &str| format!("{folder}/{name}");
    let running = one.status == Status::Running || one.status == Status::Paused;
    let execs: Vec<&str> = store
        .execs
        .iter()
        .filter(|exec| exec.running && exec.container == one.id)
        .map(|exec| exec.id.as_str())
        .collect();
    let state = Object::new()
        .put("Status", state(one))
        .put("Running", running)
        .put("Paused", one.status == Status::Paused)
        .put("Restarting", false)
        .put("OOMKilled", false)
        .put("Dead", false)
        .put("Pid", if running { one.pid } else { 0 })
        .put("ExitCode", one.exit_code)
        .put("Error", &one.error)
        .put("StartedAt", one.started.map_or(NEVER.to_owned(), nano))
        .put("FinishedAt", one.finished.map_or(NEVER.to_owned(), nano))
        .end();
    let host = one
        .host
        .members()
        .fold(Object::new(), |object, (name, value)| object.raw(name, value))
        .end();
    let overlay = format!("{ROOT}/overlay2/{layer}");
    let lower = image.map_or_else(
        || layer.clone(),
        |image| hex::encode(store.of(&format!("layer/{}", image.id))),
    );
    let graph = Object::new()
        .put("LowerDir", format!("{overlay}-init/diff:{ROOT}/overlay2/{lower}/diff"))
        .put("MergedDir", format!("{overlay}/merged"))
        .put("UpperDir", format!("{overlay}/diff"))
        .put("WorkDir", format!("{overlay}/work"))
        .end();
    let config = Object::new()
        .put("Hostname", &one.hostname)
        .put("Domainname", &one.domainname)
        .put("User", &one.user)
        .put("AttachStdin", one.attach[0])
        .put("AttachStdout", one.attach[1])
        .put("AttachStderr", one.attach[2])
        .put("Tty", one.tty)
        .put("OpenStdin", one.open_stdin)
        .put("StdinOnce", one.stdin_once)
        .put("Env", &one.env)
        .put("Cmd", one.cmd.as_ref().or(image.map(|image| &image.cmd)))
        .put("Image", &one.image)
        .raw("Volumes", "null")
        .put("WorkingDir", &one.workdir)
        .put(
            "Entrypoint",
            one.entrypoint
                .as_ref()
                .or(image.map(|image| &image.entrypoint).filter(|list| !list.is_empty())),
        )
        .raw("OnBuild", "null")
        .put("Labels", &one.labels)
        .end();
    let end = endpoint(store, one);
    let settings = Object::new()
        .put("Bridge", "")
        .put("SandboxID", if running { &sandbox } else { "" })
        .put("HairpinMode", false)
        .put("LinkLocalIPv6Address", "")
        .put("LinkLocalIPv6PrefixLen", 0)
        .raw("Ports", &port_map(one))
        .put(
            "SandboxKey",
            if running {
                format!("/var/run/docker/netns/{}", &sandbox[..12])
            } else {
                String::new()
            },
        )
        .raw("SecondaryIPAddresses", "null")
        .raw("SecondaryIPv6Addresses", "null")
        .put("EndpointID", end.id.as_str())
        .put("Gateway", end.gateway.as_str())
        .put("GlobalIPv6Address", "")
        .put("GlobalIPv6PrefixLen", 0)
        .put("IPAddress", end.address.as_str())
        .put("IPPrefixLen", if end.address.is_empty() { 0 } else { 16 })
        .put("IPv6Gateway", "")
        .put("MacAddress", end.mac.as_str())
        .raw("Networks", &networks(store, one))
        .end();
    Object::new()
        .put("Id", &one.id)
        .put("Created", nano(one.created))
        .put("Path", argv.first())
        .put("Args", argv.get(1..).unwrap_or_default())
        .raw("State", &state)
        .put("Image", format!("sha256:{}", one.image_id))
        .put("ResolvConfPath", at("resolv.conf"))
        .put("HostnamePath", at("hostname"))
        .put("HostsPath", at("hosts"))
        .put("LogPath", at(&format!("{}-json.log", one.id)))
        .put("Name", format!("/{}", one.name))
        .put("RestartCount", 0)
        .put("Driver", "overlay2")
        .put("Platform", "linux")
        .put("MountLabel", "")
        .put("ProcessLabel", "")
        .put(
            "AppArmorProfile",
            if one.host.flag("Privileged") {
                "unconfined"
            } else {
                "docker-default"
            },
        )
        .put("ExecIDs", (!execs.is_empty()).then_some(execs))
        .raw("HostConfig", &host)
        .raw(
            "GraphDriver",
            &Object::new().raw("Data", &graph).put("Name", "overlay2").end(),
        )
        .raw("Mounts", &mounts(one))
        .raw("Config", &config)
        .raw("NetworkSettings", &settings)
        .end()
}

/// `exec/{id}/json`.
pub(super) fn exec(one: &Exec) -> String {
    let process = Object::new()
        .put("tty", one.tty)
        .put("entrypoint", one.argv.first())
        .put("arguments", one.argv.get(1..).unwrap_or_default())
        .put("privileged", one.privileged);
    let process = if one.user.is_empty() {
        process
    } else {
        process.put("user", &one.user)
    };
    Object::new()
        .put("ID", &one.id)
        .put("Running", one.running)
        .put("ExitCode", one.exit_code)
        .raw("ProcessConfig", &process.end())
        .put("OpenStdin", one.attach[0])
        .put("OpenStderr", one.attach[2])
        .put("OpenStdout", one.attach[1])
        .put("CanRemove", false)
        .put("ContainerID", &one.container)
        .put("DetachKeys", "")
        .put("Pid", one.pid)
        .end()
}

fn state(one: &Container) -> &'static str {
    match one.status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Exited => "exited",
    }
}

fn status(one: &Container, now: OffsetDateTime) -> String {
    let since = |at: Option<OffsetDateTime>| human(at.map_or(time::Duration::ZERO, |at| now - at));
    match one.status {
        Status::Created => "Created".to_owned(),
        Status::Running => format!("Up {}", since(one.started)),
        Status::Paused => format!("Up {} (Paused)", since(one.started)),
        Status::Exited => format!("Exited ({}) {} ago", one.exit_code, since(one.finished)),
    }
}

/// The network it is in.
pub(super) fn mode(one: &Container) -> String {
    match one.host.text("NetworkMode").as_str() {
        "" => "default".to_owned(),
        other => other.to_owned(),
    }
}

pub(super) struct End {
    pub id: String,
    network: String,
    gateway: String,
    pub address: String,
    pub mac: String,
}

pub(super) fn endpoint(store: &Store, one: &Container) -> End {
    let mode = mode(one);
    let name = if mode == "default" { "bridge" } else { &mode };
    let network = store
        .networks
        .iter()
        .find(|network| network.name == name || network.id == name);
    let running = one.status == Status::Running || one.status == Status::Paused;
    let place = store
        .containers
        .iter()
        .position(|other| other.id == one.id)
        .unwrap_or(0)
        + 2;
    let subnet = network.and_then(|network| network.subnet).filter(|_| running);
    End {
        id: if running {
            hex::encode(store.of(&format!("endpoint/{}", one.id)))
        } else {
            String::new()
        },
        network: network
            .filter(|_| one.started.is_some())
            .map_or(String::new(), |network| network.id.clone()),
        gateway: subnet.map_or(String::new(), |number| format!("172.{number}.0.1")),
        address: subnet.map_or(String::new(), |number| format!("172.{number}.0.{place}")),
        mac: subnet.map_or(String::new(), |number| format!("02:42:ac:{number:02x}:00:{place:02x}")),
    }
}

fn networks(store: &Store, one: &Container) -> String {
    let mode = mode(one);
    let end = endpoint(store, one);
    let value = Object::new()
        .raw("IPAMConfig", "null")
        .raw("Links", "null")
        .raw("Aliases", "null")
        .put("NetworkID", end.network)
        .put("EndpointID", end.id)
        .put("Gateway", end.gateway)
        .put("IPAddress", &end.address)
        .put("IPPrefixLen", if end.address.is_empty() { 0 } else { 16 })
        .put("IPv6Gateway", "")
        .put("GlobalIPv6Address", "")
        .put("GlobalIPv6PrefixLen", 0)
        .put("MacAddress", end.mac)
        .raw("DriverOpts", "null")
        .end();
    Object::new()
        .raw(if mode == "default" { "bridge" } else { &mode }, &value)
        .end()
}

fn ports(one: &Container) -> String {
    let running = one.status == Status::Running;
    list(one.ports.iter().filter(|_| running).flat_map(|(inside, outside)| {
        let to = |ip: &str| {
            Object::new()
                .put("IP", ip)
                .put("PrivatePort", inside)
                .put("PublicPort", outside)
                .put("Type", "tcp")
                .end()
        };
        match outside {
            0 => vec![Object::new().put("PrivatePort", inside).put("Type", "tcp").end()],
            _ => vec![to("0.0.0.0"), to("::")],
        }
    }))
}

fn port_map(one: &Container) -> String {
    let running = one.status == Status::Running;
    let map = one
        .ports
        .iter()
        .filter(|_| running)
        .fold(Object::new(), |object, (inside, outside)| {
            let to = |ip: &str| {
                Object::new()
                    .put("HostIp", ip)
                    .put("HostPort", outside.to_string())
                    .end()
            };
            let value = if *outside == 0 {
                "null".to_owned()
            } else {
                list([to("0.0.0.0"), to("::")])
            };
            object.raw(&format!("{inside}/tcp"), &value)
        });
    map.end()
}

fn mounts(one: &Container) -> String {
    list(one.host.binds().into_iter().map(|(source, destination)| {
        Object::new()
            .put("Type", "bind")
            .put("Source", source)
            .put("Destination", destination)
            .put("Mode", "")
            .put("RW", true)
            .put("Propagation", "rprivate")
            .end()
    }))
}
