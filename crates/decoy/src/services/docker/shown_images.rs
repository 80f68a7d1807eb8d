//! Images, networks and volumes as the API shows them.

use time::OffsetDateTime;

use super::shown::{self, ROOT};
use super::store::{Image, Network, Status, Store};
use super::time::{NEVER, nano, seconds};
use crate::services::golang::json::{Object, list};

/// An element of `images/json`.
pub(super) fn image_listed(store: &Store, image: &Image, counted: bool) -> String {
    let users = store.containers.iter().filter(|one| one.image_id == image.id).count();
    let parent = if image.parent.is_empty() {
        String::new()
    } else {
        format!("sha256:{}", image.parent)
    };
    let none = ["<none>:<none>".to_owned()];
    let digests = image.digest.as_ref().map(|digest| vec![digest.clone()]);
    Object::new()
        .put("Containers", if counted { users as i64 } else { -1 })
        .put("Created", image.created.unix_timestamp())
        .put("Id", format!("sha256:{}", image.id))
        .raw("Labels", "null")
        .put("ParentId", parent)
        .put("RepoDigests", &digests)
        .put("RepoTags", if image.tags.is_empty() { &none[..] } else { &image.tags })
        .put("SharedSize", if counted { 0 } else { -1 })
        .put("Size", image.size)
        .put("VirtualSize", image.size)
        .end()
}

/// `images/{name}/json`.
pub(super) fn image_inspected(store: &Store, image: &Image) -> String {
    let config = |own: bool| {
        Object::new()
            .raw("Hostname", "\"\"")
            .raw("Domainname", "\"\"")
            .raw("User", "\"\"")
            .put("AttachStdin", false)
            .put("AttachStdout", false)
            .put("AttachStderr", false)
            .put("Tty", false)
            .put("OpenStdin", false)
            .put("StdinOnce", false)
            .put("Env", Some(&image.env).filter(|list| own && !list.is_empty()))
            .put("Cmd", Some(&image.cmd).filter(|list| own && !list.is_empty()))
            .raw("Image", "\"\"")
            .raw("Volumes", "null")
            .put("WorkingDir", if own { &image.workdir } else { "" })
            .put(
                "Entrypoint",
                Some(&image.entrypoint).filter(|list| own && !list.is_empty()),
            )
            .raw("OnBuild", "null")
            .raw("Labels", "null")
            .end()
    };
    let overlay = format!(
        "{ROOT}/overlay2/{}",
        hex::encode(store.of(&format!("layer/{}", image.id)))
    );
    let graph = Object::new()
        .put("MergedDir", format!("{overlay}/merged"))
        .put("UpperDir", format!("{overlay}/diff"))
        .put("WorkDir", format!("{overlay}/work"))
        .end();
    let layers: Vec<_> = image
        .layers()
        .into_iter()
        .map(|layer| format!("sha256:{layer}"))
        .collect();
    let parent = if image.parent.is_empty() {
        String::new()
    } else {
        format!("sha256:{}", image.parent)
    };
    Object::new()
        .put("Id", format!("sha256:{}", image.id))
        .put("RepoTags", &image.tags)
        .put("RepoDigests", image.digest.iter().collect::<Vec<_>>())
        .put("Parent", parent)
        .put("Comment", image.comment)
        .put("Created", nano(image.created))
        .put("Container", "")
        .raw("ContainerConfig", &config(false))
        .put(
            "DockerVersion",
            if image.digest.is_some() {
                "20.10.23"
            } else {
                &store.persona.version
            },
        )
        .put("Author", "")
        .raw("Config", &config(true))
        .put("Architecture", "amd64")
        .put("Os", "linux")
        .put("Size", image.size)
        .put("VirtualSize", image.size)
        .raw(
            "GraphDriver",
            &Object::new().raw("Data", &graph).put("Name", "overlay2").end(),
        )
        .raw(
            "RootFS",
            &Object::new().put("Type", "layers").put("Layers", layers).end(),
        )
        .raw("Metadata", &Object::new().put("LastTagTime", NEVER).end())
        .end()
}

/// `images/{name}/history`.
pub(super) fn history(image: &Image) -> String {
    list(image.history.iter().enumerate().map(|(n, (by, size))| {
        let id = if n == 0 {
            format!("sha256:{}", image.id)
        } else {
            "<missing>".to_owned()
        };
        Object::new()
            .put(
                "Comment",
                if n + 1 == image.history.len() {
                    image.comment
                } else {
                    ""
                },
            )
            .put("Created", image.created.unix_timestamp())
            .put("CreatedBy", by)
            .put("Id", id)
            .put("Size", size)
            .put("Tags", (n == 0 && !image.tags.is_empty()).then_some(&image.tags))
            .end()
    }))
}

/// An element of `networks`.
pub(super) fn network(store: &Store, one: &Network, with_containers: bool) -> String {
    let config = one.subnet.map(|number| {
        Object::new()
            .put("Subnet", format!("172.{number}.0.0/16"))
            .put("Gateway", format!("172.{number}.0.1"))
            .end()
    });
    let ipam = Object::new()
        .put("Driver", "default")
        .raw("Options", "null")
        .raw("Config", &list(config))
        .end();
    let inside = store
        .containers
        .iter()
        .filter(|other| with_containers && other.status == Status::Running && shown::mode(other) == one.name);
    let inside = inside.fold(Object::new(), |object, other| {
        let end = shown::endpoint(store, other);
        let value = Object::new()
            .put("Name", &other.name)
            .put("EndpointID", &end.id)
            .put("MacAddress", &end.mac)
            .put(
                "IPv4Address",
                if end.address.is_empty() {
                    String::new()
                } else {
                    format!("{}/16", end.address)
                },
            )
            .put("IPv6Address", "")
            .end();
        object.raw(&other.id, &value)
    });
    let options = if one.name == "bridge" {
        "{\"com.docker.network.bridge.default_bridge\":\"true\",\"com.docker.network.bridge.enable_icc\":\"true\",\"com.docker.network.bridge.enable_ip_masquerade\":\"true\",\"com.docker.network.bridge.host_binding_ipv4\":\"0.0.0.0\",\"com.docker.network.bridge.name\":\"docker0\",\"com.docker.network.driver.mtu\":\"1500\"}"
    } else {
        "{}"
    };
    Object::new()
        .put("Name", &one.name)
        .put("Id", &one.id)
        .put("Created", nano(one.created))
        .put("Scope", "local")
        .put("Driver", &one.driver)
        .put("EnableIPv6", false)
        .raw("IPAM", &ipam)
        .put("Internal", false)
        .put("Attachable", false)
        .put("Ingress", false)
        .raw("ConfigFrom", "{\"Network\":\"\"}")
        .put("ConfigOnly", false)
        .raw("Containers", &inside.end())
        .raw("Options", options)
        .raw("Labels", "{}")
        .end()
}

/// `volumes/{name}`.
pub(super) fn volume(name: &str, created: OffsetDateTime) -> String {
    Object::new()
        .put("CreatedAt", seconds(created))
        .put("Driver", "local")
        .raw("Labels", "null")
        .put("Mountpoint", format!("{ROOT}/volumes/{name}/_data"))
        .put("Name", name)
        .raw("Options", "null")
        .put("Scope", "local")
        .end()
}
