//! What the engine answers: replies, or what is to be done before one.

use time::OffsetDateTime;

use super::record::{self, Record};
use super::reply::{
    cleaned, error, filters, is_version, json, json_body, not_found, parsed, percent, ping, plain, version_fault,
    with_headers,
};
use super::store::{Status, Store};
use super::{create, shown, shown_images, system};
use crate::services::golang::json::{Object, list};
use crate::services::golang::{Reply, Request};

#[derive(Debug)]
pub(super) enum Answer {
    Reply(Reply),
    /// Chunk by chunk, with so many milliseconds before each; then the connection goes on.
    Stream(Reply, Vec<(u64, Vec<u8>)>),
    /// Nothing more is said on a stream that stays open.
    Silence(Reply),
    Start(String),
    Stop(String, u64),
    Kill(String, i32),
    Remove(String),
    Wait(String, Until),
    Attach(String, Streams),
    Exec(String, bool),
    Resize(String, u16, u16),
    Logs(String, LogWish),
    Top(String),
    Stats(String, bool),
    /// Of a path: what it is, or all there is in it.
    Read(String, bool),
    Write(String),
    Build(BuildWish),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    NotRunning,
    NextExit,
    Removed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    pub stdin: bool,
    pub out: bool,
    pub err: bool,
    /// What was said before too.
    pub logs: bool,
    /// What is yet to come.
    pub stream: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LogWish {
    pub out: bool,
    pub err: bool,
    pub follow: bool,
    pub timestamps: bool,
    pub tail: usize,
}

#[derive(Clone, Debug)]
pub(super) struct BuildWish {
    pub tags: Vec<String>,
    pub dockerfile: String,
    pub quiet: bool,
}

/// A request with its path taken apart.
pub(super) struct Asked<'a> {
    pub request: &'a Request,
    /// Of the path; the API's version when one is said.
    pub version: Option<&'a str>,
    pub now: OffsetDateTime,
}

/// What is wrong: a status, and why.
pub(super) type Fault = (u16, String);

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

/// Answers one request.
pub(super) fn answer(store: &mut Store, request: &Request, now: OffsetDateTime, records: &mut Vec<Record>) -> Answer {
    let (path, query) = request.parts();
    let clean = cleaned(path);
    if clean != path {
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        return Answer::Reply(Reply::new(301, "").with("Location", clean.replace('*', "%2A") + &query));
    }
    let mut parts: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| crate::services::http::text(&percent(part)))
        .collect();
    let version = parts
        .first()
        .filter(|part| is_version(part))
        .map(|part| part[1..].to_owned());
    if version.is_some() {
        parts.remove(0);
    }
    if request.method == "OPTIONS" {
        return Answer::Reply(plain(store, 200, ""));
    }
    let asked = Asked {
        request,
        version: version.as_deref(),
        now,
    };
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    if !is_known(&request.method, &words) {
        return Answer::Reply(not_found());
    }
    if let Some(fault) = version_fault(store, asked.version) {
        return Answer::Reply(fault);
    }
    match route(store, &asked, &words, records) {
        Ok(answer) => answer,
        Err(fault) => Answer::Reply(error(store, asked.version, fault)),
    }
}

fn route(store: &mut Store, asked: &Asked<'_>, words: &[&str], records: &mut Vec<Record>) -> Result<Answer, Fault> {
    let request = asked.request;
    let reply = |body: String| Ok(Answer::Reply(json(store, 200, body)));
    match (request.method.as_str(), words) {
        ("GET" | "HEAD", ["_ping"]) => Ok(Answer::Reply(ping(store, request.method == "HEAD"))),
        ("GET", ["version"]) => reply(system::version(store)),
        ("GET", ["info"]) => reply(system::info(store, asked.now)),
        ("GET", ["system", "df"]) => reply(system::usage(store, asked.now)),
        ("GET", ["events"]) => Ok(match request.query("until") {
            Some(_) => Answer::Stream(
                with_headers(store, Reply::new(200, "")).with("Content-Type", "application/json"),
                Vec::new(),
            ),
            None => Answer::Silence(with_headers(store, Reply::new(200, "")).with("Content-Type", "application/json")),
        }),
        ("POST", ["auth"]) => {
            records.push(record::login(&request.body));
            Err((
                401,
                "Get \"https://registry-1.docker.io/v2/\": unauthorized: incorrect username or password".to_owned(),
            ))
        }
        ("GET", ["containers", "json"]) => {
            let all = request.flag("all")
                || request
                    .query("filters")
                    .is_some_and(|filters| filters.contains("status"));
            let filters = filters(request)?;
            let limit = request
                .query("limit")
                .and_then(|text| text.parse::<usize>().ok())
                .filter(|limit| *limit > 0);
            let mut shown: Vec<_> = store
                .containers
                .iter()
                .filter(|one| all || limit.is_some() || one.status == Status::Running)
                .collect();
            shown.retain(|one| filters.iter().all(|(name, values)| create::matches(one, name, values)));
            shown.sort_by_key(|one| std::cmp::Reverse(one.created));
            shown.truncate(limit.unwrap_or(usize::MAX));
            reply(list(shown.into_iter().map(|one| shown::listed(store, one, asked.now))))
        }
        ("POST", ["containers", "create"]) => create::container(store, asked, records),
        ("POST", ["containers", "prune"]) => {
            let gone: Vec<String> = store
                .containers
                .iter()
                .filter(|one| matches!(one.status, Status::Exited | Status::Created))
                .map(|one| one.id.clone())
                .collect();
            store.containers.retain(|one| !gone.contains(&one.id));
            let body = Object::new()
                .put("ContainersDeleted", (!gone.is_empty()).then_some(gone))
                .put("SpaceReclaimed", 0)
                .end();
            Ok(Answer::Reply(json(store, 200, body)))
        }
        (method, ["containers", name, rest @ ..]) => container(store, asked, method, name, rest, records),
        ("GET", ["exec", id, "json"]) => {
            let exec = store.execs.iter().find(|one| one.id == *id);
            let exec = exec.ok_or_else(|| (404, format!("No such exec instance: {id}")))?;
            reply(shown::exec(exec))
        }
        ("POST", ["exec", id, "start"]) => {
            json_body(request)?;
            let wish: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let exec = store.execs.iter().find(|one| one.id == *id);
            exec.ok_or_else(|| (404, format!("No such exec instance: {id}")))?;
            Ok(Answer::Exec(
                (*id).to_owned(),
                wish["Detach"].as_bool().unwrap_or(false),
            ))
        }
        ("POST", ["exec", id, "resize"]) => resize(request, id),
        (_, ["images", ..] | ["build"] | ["distribution", ..]) => super::images::route(store, asked, words, records),
        ("GET", ["networks"]) => reply(list(
            store
                .networks
                .iter()
                .map(|one| shown_images::network(store, one, false)),
        )),
        ("GET", ["networks", name]) => {
            let found = store
                .networks
                .iter()
                .find(|one| one.name == *name || one.id.starts_with(name));
            reply(shown_images::network(
                store,
                found.ok_or_else(|| (404, format!("network {name} not found")))?,
                true,
            ))
        }
        (method, ["networks", ..]) => create::network(store, asked, method, &words[1..]),
        ("GET", ["volumes"]) => {
            let all = list(store.volumes.iter().map(|(name, at)| shown_images::volume(name, *at)));
            reply(Object::new().raw("Volumes", &all).raw("Warnings", "null").end())
        }
        ("GET", ["volumes", name]) => {
            let found = store.volumes.iter().find(|(known, _)| known == name);
            let (name, at) = found.ok_or_else(|| (404, format!("get {name}: no such volume")))?;
            reply(shown_images::volume(name, *at))
        }
        (method, ["volumes", ..]) => create::volume(store, asked, method, &words[1..]),
        ("GET", ["plugins"]) => reply("[]".to_owned()),
        ("POST", ["swarm", "init" | "join"]) => Err((500, "could not find the system's IP address".to_owned())),
        _ => Err((503, NO_SWARM.to_owned())),
    }
}

fn container(
    store: &mut Store,
    asked: &Asked<'_>,
    method: &str,
    name: &str,
    rest: &[&str],
    records: &mut Vec<Record>,
) -> Result<Answer, Fault> {
    let request = asked.request;
    let logs = LogWish {
        out: request.flag("stdout"),
        err: request.flag("stderr"),
        follow: request.flag("follow"),
        timestamps: request.flag("timestamps"),
        tail: request
            .query("tail")
            .and_then(|text| text.parse().ok())
            .unwrap_or(usize::MAX),
    };
    if rest == ["logs"] && !logs.out && !logs.err {
        return Err((400, "Bad parameters: you must choose at least one stream".to_owned()));
    }
    if rest == ["archive"] && request.query("path").is_none_or(|path| path.is_empty()) {
        return Err((400, "bad parameter: pathcannot be empty".to_owned()));
    }
    // Looked at before the container is.
    if rest == ["exec"] {
        let wish = parsed(request)?;
        if wish.cmd.is_none_or(|words| words.list().is_empty()) {
            return Err((400, "No exec command specified".to_owned()));
        }
    }
    let one = store.container(name).ok_or_else(|| {
        let before = if rest == ["kill"] {
            format!("Cannot kill container: {name}: ")
        } else {
            String::new()
        };
        (404, format!("{before}No such container: {name}"))
    })?;
    let (id, running) = (one.id.clone(), matches!(one.status, Status::Running | Status::Paused));
    let stopped = || (409, format!("Container {id} is not running"));
    match (method, rest) {
        ("GET", ["json"]) => Ok(Answer::Reply(json(store, 200, shown::inspected(store, one)))),
        ("POST", ["start"]) if running => Ok(Answer::Reply(with_headers(store, Reply::new(304, "")))),
        ("POST", ["start"]) => Ok(Answer::Start(id)),
        ("POST", ["stop"]) if !running => Ok(Answer::Reply(with_headers(store, Reply::new(304, "")))),
        ("POST", ["stop" | "restart"]) => {
            let patience = request.query("t").and_then(|text| text.parse().ok()).unwrap_or(10);
            Ok(Answer::Stop(id, patience))
        }
        ("POST", ["kill"]) => {
            let said = request.query("signal").unwrap_or_else(|| "KILL".to_owned());
            if !running {
                return Err((
                    409,
                    format!("Cannot kill container: {name}: Container {id} is not running"),
                ));
            }
            let signal = create::signal(&said).ok_or_else(|| (400, format!("Invalid signal: {said}")))?;
            Ok(Answer::Kill(id, signal))
        }
        ("DELETE", []) => {
            if running && !request.flag("force") {
                return Err((
                    409,
                    format!(
                        "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
                    ),
                ));
            }
            Ok(Answer::Remove(id))
        }
        ("POST", ["wait"]) => Ok(Answer::Wait(
            id,
            match request.query("condition").as_deref() {
                Some("removed") => Until::Removed,
                Some("next-exit") => Until::NextExit,
                _ => Until::NotRunning,
            },
        )),
        ("POST", ["attach"]) => Ok(Answer::Attach(
            id,
            Streams {
                stdin: request.flag("stdin"),
                out: request.flag("stdout"),
                err: request.flag("stderr"),
                logs: request.flag("logs"),
                stream: request.flag("stream"),
            },
        )),
        ("POST", ["resize"]) => resize(request, &id),
        ("POST", ["exec"]) if !running => Err(stopped()),
        ("POST", ["exec"]) => create::exec(store, asked, &id, records),
        ("GET", ["logs"]) => Ok(Answer::Logs(id, logs)),
        ("GET", ["top" | "stats"]) if !running && rest == ["top"] => Err(stopped()),
        ("GET", ["top"]) => Ok(Answer::Top(id)),
        ("GET", ["stats"]) => Ok(Answer::Stats(
            id,
            request.query("stream").is_none() || request.flag("stream"),
        )),
        ("GET", ["changes"]) => Ok(Answer::Reply(json(store, 200, "null".to_owned()))),
        ("HEAD" | "GET", ["archive"]) => Ok(Answer::Read(request.query("path").unwrap_or_default(), method == "GET")),
        ("PUT", ["archive"]) => Ok(Answer::Write(request.query("path").unwrap_or_default())),
        ("POST", ["rename"]) => {
            let wanted = request.query("name").unwrap_or_default();
            create::rename(store, &id, &wanted)?;
            Ok(Answer::Reply(with_headers(store, Reply::new(204, ""))))
        }
        ("POST", ["pause" | "unpause"]) => {
            create::pause(store, &id, rest == ["pause"])?;
            Ok(Answer::Reply(with_headers(store, Reply::new(204, ""))))
        }
        ("POST", ["update"]) => Ok(Answer::Reply(json(store, 200, "{\"Warnings\":null}".to_owned()))),
        _ => Err((404, "page not found".to_owned())),
    }
}

fn resize(request: &Request, id: &str) -> Result<Answer, Fault> {
    let number = |name: &str| {
        let text = request.query(name).unwrap_or_default();
        text.parse::<u16>()
            .map_err(|_| (400, format!("strconv.Atoi: parsing \"{text}\": invalid syntax")))
    };
    Ok(Answer::Resize(id.to_owned(), number("w")?, number("h")?))
}

/// Which paths there are, by method.
fn is_known(method: &str, words: &[&str]) -> bool {
    matches!(
        (method, words),
        ("GET" | "HEAD", ["_ping"])
            | (
                "GET",
                ["version"
                    | "info"
                    | "events"
                    | "networks"
                    | "volumes"
                    | "plugins"
                    | "swarm"
                    | "services"
                    | "nodes"
                    | "tasks"
                    | "secrets"
                    | "configs",],
            )
            | (
                "GET",
                ["system", "df"]
                    | ["containers" | "images", "json"]
                    | ["images", "search" | "get"]
                    | ["distribution", _, "json"],
            )
            | (
                "POST",
                ["auth" | "build"]
                    | ["containers", "create" | "prune"]
                    | ["images", "create" | "load" | "prune"]
                    | ["build", "prune"],
            )
            | (
                "POST",
                ["networks" | "volumes", "create" | "prune"] | ["networks", _, "connect" | "disconnect"]
            )
            | (
                "POST",
                ["swarm", "init" | "join" | "leave" | "update" | "unlock"]
                    | ["services" | "secrets" | "configs", "create"],
            )
            | (
                "GET" | "DELETE",
                ["networks" | "volumes", _] | ["services" | "nodes" | "tasks" | "secrets" | "configs", _],
            )
            | ("DELETE", ["containers", _])
            | (
                "GET",
                [
                    "containers",
                    _,
                    "json" | "top" | "logs" | "stats" | "changes" | "export" | "archive",
                ] | ["exec", _, "json"],
            )
            | ("HEAD" | "PUT", ["containers", _, "archive"])
            | (
                "POST",
                [
                    "containers",
                    _,
                    "start"
                        | "stop"
                        | "restart"
                        | "kill"
                        | "wait"
                        | "attach"
                        | "resize"
                        | "exec"
                        | "rename"
                        | "pause"
                        | "unpause"
                        | "update",
                ],
            )
            | ("POST", ["exec", _, "start" | "resize"])
            | ("GET", ["images", _, .., "json" | "history"])
            | ("POST", ["images", _, .., "tag" | "push"])
            | ("DELETE", ["images", _, ..])
    )
}
