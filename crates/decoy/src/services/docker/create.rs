//! Containers, commands in them, networks and volumes, made as they are asked for.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::answer::{Answer, Asked, Fault};
use super::config::{HostConfig, Words};
use super::names;
use super::record::{Record, short, shorts};
use super::reply::{json as reply, json_body, parsed, plain, reference};
use super::shown_images;
use super::store::{Container, Exec, Network, Status, Store};
use crate::services::golang::json::Object;

/// A longer wish is no container's.
const MOST_WISHED: usize = 1 << 18;

/// `containers/create`.
pub(super) fn container(store: &mut Store, asked: &Asked<'_>, records: &mut Vec<Record>) -> Result<Answer, Fault> {
    let wish = parsed(asked.request)?;
    if asked.request.body.len() > MOST_WISHED {
        return Err((400, "http: request body too large".to_owned()));
    }
    if wish.image.is_empty() && wish.cmd.is_none() && wish.host_config.is_none() {
        return Err((400, "Config cannot be empty in order to create a container".to_owned()));
    }
    let wanted = asked
        .request
        .query("name")
        .map(|name| name.trim_start_matches('/').to_owned());
    let host = HostConfig::of(wish.host_config.as_ref());
    let list = |words: Option<Words>| words.map(Words::list).filter(|words| !words.is_empty());
    let (cmd, entrypoint) = (list(wish.cmd), list(wish.entrypoint));
    let env = wish.env.unwrap_or_default();
    let image = store.image(&wish.image);
    records.push(Record::new("container_create", json!({
        "image": short(&wish.image), "name": wanted.as_deref().map(short),
        "cmd": shorts(&cmd.clone().unwrap_or_default()), "entrypoint": shorts(&entrypoint.clone().unwrap_or_default()),
        "env": shorts(&env), "binds": shorts(&host.list("Binds")),
        "host_paths": shorts(&host.binds().into_iter().map(|(source, _)| source).collect::<Vec<_>>()),
        "privileged": host.flag("Privileged"), "pid_mode": host.text("PidMode"), "network_mode": host.text("NetworkMode"),
        "cap_add": shorts(&host.list("CapAdd")), "user": short(&wish.user), "found": image.is_some(),
    })));
    let Some(image) = image else {
        let name = reference(&wish.image)?.tagged();
        return Err((404, format!("No such image: {name}")));
    };
    let (image_id, mut all) = (image.id.clone(), env);
    // What the image sets and nobody set again.
    let theirs = image.env.iter().filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !all.iter().any(|known| known.split('=').next() == Some(name))
    });
    let theirs: Vec<String> = theirs.cloned().collect();
    all.extend(theirs);
    let runs = cmd.is_some() || entrypoint.is_some() || !image.cmd.is_empty() || !image.entrypoint.is_empty();
    if !runs {
        return Err((400, "No command specified".to_owned()));
    }
    let name = match wanted.filter(|name| !name.is_empty()) {
        Some(name) if !names::is_name(&name) => {
            return Err((
                400,
                format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
            ));
        }
        Some(name) => name,
        None => store.made_up_name(),
    };
    if let Some(other) = store.containers.iter().find(|one| one.name == name) {
        return Err((
            409,
            format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                other.id
            ),
        ));
    }
    let workdir = if wish.working_dir.is_empty() {
        store
            .image(&image_id)
            .map_or(String::new(), |image| image.workdir.clone())
    } else {
        wish.working_dir
    };
    let id = store.new_id();
    store.add_container(Container {
        name,
        image: wish.image,
        image_id,
        created: asked.now,
        hostname: if wish.hostname.is_empty() {
            id[..12].to_owned()
        } else {
            wish.hostname
        },
        domainname: wish.domainname,
        user: wish.user,
        attach: [wish.attach_stdin, wish.attach_stdout, wish.attach_stderr],
        tty: wish.tty,
        open_stdin: wish.open_stdin,
        stdin_once: wish.stdin_once,
        env: all,
        cmd,
        entrypoint,
        workdir,
        labels: wish.labels.unwrap_or_default(),
        ports: ports(&host),
        host,
        status: Status::Created,
        pid: 0,
        exit_code: 0,
        error: String::new(),
        started: None,
        finished: None,
        said: None,
        id: id.clone(),
    });
    let body = Object::new().put("Id", id).raw("Warnings", "[]").end();
    Ok(Answer::Reply(reply(store, 201, body)))
}

/// `containers/{id}/exec`.
pub(super) fn exec(store: &mut Store, asked: &Asked<'_>, id: &str, records: &mut Vec<Record>) -> Result<Answer, Fault> {
    let wish = parsed(asked.request)?;
    let argv = wish.cmd.map(Words::list).unwrap_or_default();
    if asked.request.body.len() > MOST_WISHED {
        return Err((400, "http: request body too large".to_owned()));
    }
    let Some(one) = store.container(id) else {
        return Err((404, format!("No such container: {id}")));
    };
    let mut env = one.env.clone();
    env.extend(wish.env.unwrap_or_default());
    records.push(Record::new(
        "exec_create",
        json!({
            "container": one.short(), "name": one.name, "image": short(&one.image), "cmd": shorts(&argv),
            "privileged": wish.privileged, "tty": wish.tty, "user": short(&wish.user),
        }),
    ));
    let exec = Exec {
        container: one.id.clone(),
        user: if wish.user.is_empty() {
            one.user.clone()
        } else {
            wish.user
        },
        workdir: if wish.working_dir.is_empty() {
            one.workdir.clone()
        } else {
            wish.working_dir
        },
        argv,
        env,
        tty: wish.tty,
        privileged: wish.privileged,
        attach: [wish.attach_stdin, wish.attach_stdout, wish.attach_stderr],
        running: false,
        exit_code: None,
        pid: 0,
        id: store.new_id(),
    };
    let body = Object::new().put("Id", &exec.id).end();
    store.add_exec(exec);
    Ok(Answer::Reply(reply(store, 201, body)))
}

/// `networks/create` and what else is done to networks.
pub(super) fn network(store: &mut Store, asked: &Asked<'_>, method: &str, words: &[&str]) -> Result<Answer, Fault> {
    match (method, words) {
        ("POST", ["create"]) => {
            json_body(asked.request)?;
            let wish: Value = serde_json::from_slice(&asked.request.body).unwrap_or_default();
            let name = wish["Name"].as_str().unwrap_or_default().to_owned();
            if name.is_empty() || name.len() > 256 {
                return Err((500, format!("invalid name: {}", short(&name))));
            }
            if store.networks.iter().any(|one| one.name == name) {
                return Err((409, format!("network with name {name} already exists")));
            }
            let taken = store.networks.iter().filter_map(|one| one.subnet).max().unwrap_or(17);
            let driver = wish["Driver"].as_str().unwrap_or("bridge").to_owned();
            let id = store.new_id();
            let made = Network {
                id: id.clone(),
                name,
                driver,
                created: asked.now,
                subnet: Some(taken.saturating_add(1).min(31)),
            };
            if !store.add_network(made) {
                return Err((404, "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network".to_owned()));
            }
            Ok(Answer::Reply(reply(
                store,
                201,
                Object::new().put("Id", id).put("Warning", "").end(),
            )))
        }
        ("POST", ["prune"]) => Ok(Answer::Reply(reply(
            store,
            200,
            "{\"NetworksDeleted\":null}".to_owned(),
        ))),
        ("POST", _) => Ok(Answer::Reply(plain(store, 200, ""))),
        (_, [name, ..]) => {
            let found = store
                .networks
                .iter()
                .position(|one| one.name == *name || one.id == *name);
            let at = found.ok_or_else(|| (404, format!("network {name} not found")))?;
            if matches!(store.networks[at].name.as_str(), "bridge" | "host" | "none") {
                return Err((403, format!("{name} is a pre-defined network and cannot be removed")));
            }
            store.networks.remove(at);
            Ok(Answer::Reply(plain(store, 204, "")))
        }
        _ => Err((404, "page not found".to_owned())),
    }
}

/// `volumes/create` and what else is done to volumes.
pub(super) fn volume(store: &mut Store, asked: &Asked<'_>, method: &str, words: &[&str]) -> Result<Answer, Fault> {
    match (method, words) {
        ("POST", ["create"]) => {
            json_body(asked.request)?;
            let wish: Value = serde_json::from_slice(&asked.request.body).unwrap_or_default();
            let wanted = wish["Name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
            let name = wanted.unwrap_or_else(|| store.new_id());
            if !names::is_name(&name) || !store.add_volume(&name, asked.now) {
                return Err((
                    400,
                    format!(
                        "create {0}: \"{0}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
                        short(&name)
                    ),
                ));
            }
            Ok(Answer::Reply(reply(store, 201, shown_images::volume(&name, asked.now))))
        }
        ("POST", _) => Ok(Answer::Reply(reply(
            store,
            200,
            "{\"VolumesDeleted\":[],\"SpaceReclaimed\":0}".to_owned(),
        ))),
        (_, [name, ..]) => {
            let found = store.volumes.iter().position(|(known, _)| known == name);
            store
                .volumes
                .remove(found.ok_or_else(|| (404, format!("get {name}: no such volume")))?);
            Ok(Answer::Reply(plain(store, 204, "")))
        }
        _ => Err((404, "page not found".to_owned())),
    }
}

pub(super) fn rename(store: &mut Store, id: &str, wanted: &str) -> Result<(), Fault> {
    if !names::is_name(wanted) {
        return Err((500, "Neither old nor new names may be empty".to_owned()));
    }
    if let Some(other) = store.containers.iter().find(|one| one.name == wanted) {
        return Err((
            409,
            format!(
                "Error when allocating new name: Conflict. The container name \"/{wanted}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                other.id
            ),
        ));
    }
    if let Some(one) = store.container_mut(id) {
        wanted.clone_into(&mut one.name);
    }
    Ok(())
}

pub(super) fn pause(store: &mut Store, id: &str, pause: bool) -> Result<(), Fault> {
    let Some(one) = store.container_mut(id) else {
        return Ok(());
    };
    let (from, to) = if pause {
        (Status::Running, Status::Paused)
    } else {
        (Status::Paused, Status::Running)
    };
    if one.status != from {
        let why = if pause { "is not running" } else { "is not paused" };
        return Err((409, format!("Container {id} {why}")));
    }
    one.status = to;
    Ok(())
}

/// Whether a container is among those a filter asks for.
pub(super) fn matches(one: &Container, name: &str, values: &[String]) -> bool {
    let state = match one.status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Exited => "exited",
    };
    values.is_empty()
        || values.iter().any(|value| match name {
            "name" => one.name.contains(value.trim_start_matches('/')),
            "id" => one.id.starts_with(value),
            "status" => state == value,
            "ancestor" => {
                one.image == *value || one.image.split(':').next() == Some(value) || one.image_id.starts_with(value)
            }
            "label" => value
                .split_once('=')
                .map_or(one.labels.contains_key(value), |(key, value)| {
                    one.labels.get(key).is_some_and(|known| known == value)
                }),
            "exited" => one.status == Status::Exited && one.exit_code.to_string() == *value,
            _ => true,
        })
}

/// A signal's number, by number or name.
pub(super) fn signal(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let name = text.to_ascii_uppercase();
    let name = if name.starts_with("SIG") {
        name
    } else {
        format!("SIG{name}")
    };
    name.parse::<nix::sys::signal::Signal>()
        .ok()
        .map(|signal| signal as i32)
}

/// A new image over another: `commit`, or a step of a build.
pub(super) fn image_over(store: &mut Store, base: &str, by: &str, now: OffsetDateTime) -> String {
    let Some(base) = store.image(base).cloned() else {
        return String::new();
    };
    let id = hex::encode(Sha256::digest(
        [base.id.as_bytes(), by.as_bytes(), &store.draw()].concat(),
    ));
    let mut made = super::store::Image {
        id: id.clone(),
        parent: base.id.clone(),
        tags: Vec::new(),
        digest: None,
        created: now,
        ..base
    };
    made.history.insert(0, (by.to_owned(), 0));
    store.add_image(made);
    id
}

/// `{"80/tcp":[{"HostPort":"8080"}]}`.
fn ports(host: &HostConfig) -> Vec<(u16, u16)> {
    let map: Value = host
        .0
        .get("PortBindings")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let map = map.as_object().cloned().unwrap_or_default();
    let pairs = map.iter().filter_map(|(port, to)| {
        let inside = port.split('/').next()?.parse().ok()?;
        let outside = to[0]["HostPort"].as_str()?.parse().ok()?;
        Some((inside, outside))
    });
    pairs.collect()
}
