//! Which handler a method and a path belong to.

use super::call::{Call, Turn};
use super::cat;
use super::cluster;
use super::docs;
use super::indices::{self, Part};
use super::json::{Json, object};
use super::pit;
use super::record::Record;
use super::reply::{Answer, Body, Refusal, Reply};
use super::search;
use super::store::Store;

/// What is kept by name and given back, and where it lies.
const KEPT: [(&[&str], &str); 6] = [
    (&["_template"], "template"),
    (&["_index_template"], "index_template"),
    (&["_component_template"], "component_template"),
    (&["_ingest", "pipeline"], "pipeline"),
    (&["_ilm", "policy"], "policy"),
    (&["_scripts"], "script"),
];

pub(super) fn route(store: &mut Store, call: &Call<'_>, turn: &mut Turn<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let method = call.request.method.as_str();
    if let Some(allowed) = allowed(&path, method) {
        return other_method(call, allowed);
    }
    if path.iter().any(|part| part.contains("..")) {
        turn.records.push(Record::Exploit {
            way: "path".into(),
            payload: call.request.target.clone(),
        });
    }
    match path.as_slice() {
        [] => Ok(cluster::root(turn.node)),
        ["_cat", rest @ ..] => cat::cat(store, call, rest, turn),
        ["_cluster", rest @ ..] => cluster::cluster(store, call, rest, turn).unwrap_or_else(|| Ok(nothing(call))),
        ["_nodes", rest @ ..] => cluster::nodes(store, rest, turn),
        ["_license"] => Ok(cluster::license(turn.node)),
        ["_xpack", ..] | ["_security", ..] => security(call, turn),
        ["_tasks"] => Ok(Reply::json(object! {"nodes": Json::empty()})),
        ["_remote", "info"] => Ok(Reply::json(Json::empty())),
        ["_search", "scroll", id @ ..] => match method {
            "DELETE" => {
                let count = store.drop_scrolls();
                Ok(Reply::json(object! {"succeeded": true, "num_freed": count}))
            }
            _ => search::scroll(store, call, id.first().copied(), turn),
        },
        ["_pit"] if method == "DELETE" => pit::close(call),
        ["_snapshot", rest @ ..] => snapshot(call, rest, turn),
        ["_reindex"] => Err(Refusal::new(400, "parse_exception", "request body is required")),
        ["_aliases"] if method == "POST" => indices::change_aliases(store, call, turn),
        [
            all @ ("_alias" | "_aliases" | "_mapping" | "_mappings" | "_settings" | "_stats" | "_refresh" | "_flush"
            | "_forcemerge" | "_search" | "_count" | "_msearch" | "_bulk" | "_mget"),
            rest @ ..,
        ] => over(store, call, "", all, rest, turn),
        parts => {
            if let Some((kind, rest)) = KEPT
                .iter()
                .find_map(|(at, kind)| Some((*kind, parts.strip_prefix(*at)?)))
            {
                return kept(store, call, kind, rest, turn);
            }
            match parts {
                [name] => index(store, call, name, turn),
                [names, what, rest @ ..] => over(store, call, names, what, rest, turn),
                [] => Ok(nothing(call)),
            }
        }
    }
}

/// The methods a path has, when the one asked with is not among them.
fn allowed(path: &[&str], method: &str) -> Option<&'static str> {
    let ways: &[&str] = match path {
        [] => &["HEAD", "GET"],
        ["_cat" | "_nodes", ..] => &["GET"],
        ["_search"] | [_, "_search"] | ["_count"] | [_, "_count"] => &["GET", "POST"],
        ["_bulk"] | [_, "_bulk"] => &["PUT", "POST"],
        ["_cluster", "health" | "state" | "stats" | "pending_tasks", ..] => &["GET"],
        ["_cluster", "settings"] => &["GET", "PUT"],
        [name] if !name.starts_with('_') => &["HEAD", "GET", "PUT", "DELETE"],
        [_, "_doc"] => &["POST"],
        [_, "_doc", _] => &["HEAD", "GET", "PUT", "POST", "DELETE"],
        [_, "_create", _] => &["PUT", "POST"],
        [_, "_update", _] => &["POST"],
        _ => return None,
    };
    (!ways.contains(&method)).then_some(match ways {
        ["HEAD", "GET"] => "HEAD,GET",
        ["GET"] => "GET",
        ["GET", "POST"] => "GET,POST",
        ["PUT", "POST"] => "PUT,POST",
        ["GET", "PUT"] => "GET,PUT",
        ["POST"] => "POST",
        ["HEAD", "GET", "PUT", "DELETE"] => "HEAD,GET,PUT,DELETE",
        _ => "HEAD,GET,PUT,POST,DELETE",
    })
}

fn other_method(call: &Call<'_>, allowed: &str) -> Answer {
    let method = call.request.method.as_str();
    let known = [
        "GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "CONNECT",
    ];
    let mut reply = match method {
        "OPTIONS" => Reply {
            status: 200,
            headers: Vec::new(),
            body: Body::Nothing,
        },
        _ if known.contains(&method) => {
            let listed = allowed.replace(',', ", ");
            let error = format!(
                "Incorrect HTTP method for uri [{}] and method [{method}], allowed: [{listed}]",
                call.request.target
            );
            Reply::plain(405, error)
        }
        _ => return Err(Refusal::argument(format!("Unexpected http method: {method}"))),
    };
    reply.headers.push(("Allow", allowed.to_owned()));
    Ok(reply)
}

fn nothing(call: &Call<'_>) -> Reply {
    let error = format!(
        "no handler found for uri [{}] and method [{}]",
        call.request.target, call.request.method
    );
    Reply::with(400, object! {"error": error})
}

/// `/index`
fn index(store: &mut Store, call: &Call<'_>, name: &str, turn: &mut Turn<'_>) -> Answer {
    let all = ["_all", "*"].contains(&name);
    if name.starts_with('_') && !all {
        docs::check_name(name)?;
    }
    match call.request.method.as_str() {
        "PUT" => indices::create(store, call, name, turn),
        "DELETE" => indices::delete(store, name, turn),
        "GET" | "HEAD" => indices::show(store, call, name, Part::All, turn),
        _ => Ok(nothing(call)),
    }
}

/// `/indices/_what/…`; no names are all there are.
fn over(store: &mut Store, call: &Call<'_>, names: &str, what: &str, rest: &[&str], turn: &mut Turn<'_>) -> Answer {
    let method = call.request.method.as_str();
    let named = (!names.is_empty()).then_some(names);
    let writes = method == "PUT" || method == "POST";
    match (what, rest) {
        ("_search", []) => search::search(store, call, names, turn),
        ("_pit", []) if method == "POST" => pit::open(store, call, names),
        ("_count", []) => search::count(store, call, names, turn),
        ("_msearch", []) => search::many(store, call, names, turn),
        ("_bulk", []) => docs::bulk(store, call, named, turn),
        ("_mget", []) => docs::many(store, call, named, turn),
        ("_doc", []) => docs::put(store, call, (names, None), false, turn),
        ("_doc", [id]) => match method {
            "GET" | "HEAD" => docs::get(store, call, (names, id), false, turn),
            "DELETE" => docs::delete(store, (names, id), turn),
            _ => docs::put(store, call, (names, Some(id)), false, turn),
        },
        ("_create", [id]) => docs::put(store, call, (names, Some(id)), true, turn),
        ("_source", [id]) => docs::get(store, call, (names, id), true, turn),
        ("_update", [id]) => {
            let body = call.json()?.unwrap_or_else(Json::empty);
            docs::update(store, &body, (names, id), turn)
        }
        ("_delete_by_query", []) if method == "POST" => docs::by_query(store, call, names, true, turn),
        ("_update_by_query", []) if method == "POST" => docs::by_query(store, call, names, false, turn),
        ("_mapping" | "_mappings", _) if writes => indices::put_mapping(store, call, names, turn),
        ("_mapping" | "_mappings", _) => indices::show(store, call, names, Part::Mappings, turn),
        ("_settings", _) if writes => indices::put_settings(store, call, names, turn),
        ("_settings", _) => indices::show(store, call, names, Part::Settings, turn),
        ("_alias" | "_aliases", [alias]) if writes => {
            for index in store.named(names)? {
                indices::put_alias(store, &index.name, alias)?;
            }
            Ok(Reply::acknowledged())
        }
        ("_alias" | "_aliases", [alias]) if method == "DELETE" => {
            for index in store.named(names)? {
                store.index_mut(&index.name)?.aliases.remove(*alias);
            }
            Ok(Reply::acknowledged())
        }
        ("_alias" | "_aliases", [alias]) if named.is_none() => indices::show(store, call, alias, Part::Aliases, turn),
        ("_alias" | "_aliases", _) => indices::show(store, call, names, Part::Aliases, turn),
        ("_stats", _) => indices::stats(store, names),
        ("_refresh" | "_flush" | "_forcemerge", _) | ("_cache", ["clear"]) => indices::refreshed(store, names),
        ("_open", []) if method == "POST" => indices::open(store, names, true, turn),
        ("_close", []) if method == "POST" => indices::open(store, names, false, turn),
        // Before 8.0 documents had types, and a path could name one.
        (kind, rest) if !kind.starts_with('_') && turn.node.major() < 8 => match (rest, method) {
            ([], "POST") => docs::put(store, call, (names, None), false, turn),
            ([], _) => other_method(call, "POST"),
            (["_search"], _) => search::search(store, call, names, turn),
            ([id], "PUT" | "POST") => docs::put(store, call, (names, Some(id)), false, turn),
            ([id], "DELETE") => docs::delete(store, (names, id), turn),
            ([id], "GET" | "HEAD") => docs::get(store, call, (names, id), false, turn),
            ([id, "_update"], "POST") => {
                let body = call.json()?.unwrap_or_else(Json::empty);
                docs::update(store, &body, (names, id), turn)
            }
            _ => Ok(nothing(call)),
        },
        _ => Ok(nothing(call)),
    }
}

fn security(call: &Call<'_>, turn: &Turn<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["_xpack"] => Ok(Reply::json(object! {
            "build": object! {"hash": &turn.node.release.hash, "date": &turn.node.release.date},
            "license": object! {"uid": &turn.node.license, "type": "basic", "mode": "basic", "status": "active"},
            "features": object! {
                "security": object! {"available": true, "enabled": turn.node.password.is_some()},
                "sql": object! {"available": true, "enabled": true},
            },
            "tagline": "You know, for X",
        })),
        ["_security", "_authenticate"] if turn.node.password.is_some() => Ok(Reply::json(object! {
            "username": "elastic", "roles": vec![Json::from("superuser")], "full_name": Json::Null, "email": Json::Null,
            "metadata": object! {"_reserved": true}, "enabled": true,
            "authentication_realm": object! {"name": "reserved", "type": "reserved"},
            "lookup_realm": object! {"name": "reserved", "type": "reserved"}, "authentication_type": "realm",
        })),
        ["_security", "user", ..] if turn.node.password.is_some() => Ok(Reply::json(object! {
            "elastic": object! {
                "username": "elastic", "roles": vec![Json::from("superuser")], "full_name": Json::Null,
                "email": Json::Null, "metadata": object! {"_reserved": true}, "enabled": true,
            },
        })),
        ["_security", ..] if turn.node.password.is_none() && turn.node.major() < 8 => Err(Refusal::new(
            500,
            "exception",
            "Security must be explicitly enabled when using a [basic] license. Enable security by setting \
             [xpack.security.enabled] to [true] in the elasticsearch.yml file and restart the node.",
        )),
        _ => Ok(nothing(call)),
    }
}

/// Repositories: none is there, and none can be made, for no path is allowed.
fn snapshot(call: &Call<'_>, path: &[&str], turn: &mut Turn<'_>) -> Answer {
    let (name, method) = (path.first().copied().unwrap_or("_all"), call.request.method.as_str());
    if method != "PUT" && method != "POST" {
        if ["_all", "*", "_status"].contains(&name) {
            return Ok(Reply::json(Json::empty()));
        }
        return Err(Refusal::new(
            404,
            "repository_missing_exception",
            format!("[{name}] missing"),
        ));
    }
    let body = call.json()?.unwrap_or_else(Json::empty);
    let kind = body.get("type").map(Json::bare).unwrap_or_default();
    let setting = |name: &str| {
        body.get("settings")
            .and_then(|settings| settings.get(name))
            .map(Json::bare)
            .unwrap_or_default()
    };
    turn.records.push(Record::Exploit {
        way: "snapshot".into(),
        payload: body.to_string(),
    });
    let cause = match kind.as_str() {
        "fs" => format!(
            "[{name}] location [{}] doesn't match any of the locations specified by path.repo because this setting is empty",
            setting("location")
        ),
        "url" => format!(
            "[{name}] file url [{}] doesn't match any of the locations specified by path.repo or repositories.url.allowed_urls",
            setting("url")
        ),
        other => {
            let reason = format!("[{name}] repository type [{other}] does not exist");
            return Err(Refusal::new(500, "repository_exception", reason));
        }
    };
    let more = Vec::new();
    let reason = format!("[{name}] failed to create repository");
    Err(Refusal::new(500, "repository_exception", cause).within("repository_exception", reason, more))
}

fn kept(store: &mut Store, call: &Call<'_>, kind: &'static str, rest: &[&str], turn: &mut Turn<'_>) -> Answer {
    let name = rest.first().copied();
    match (call.request.method.as_str(), name) {
        ("PUT" | "POST", Some(name)) => {
            let body = call
                .json()?
                .ok_or_else(|| Refusal::new(400, "parse_exception", "request body is required"))?;
            turn.node.scripts(&body, &mut turn.records)?;
            store.wrote(name, call.request.body.len() + name.len())?;
            turn.records.push(Record::write("put", &format!("{kind}/{name}"), None));
            store.kept.insert((kind, name.to_owned()), body);
            Ok(Reply::acknowledged())
        }
        ("DELETE", Some(name)) => match store.kept.remove(&(kind, name.to_owned())) {
            Some(_) => Ok(Reply::acknowledged()),
            None => Err(Refusal::new(
                404,
                "resource_not_found_exception",
                format!("{kind} matching [{name}] not found"),
            )),
        },
        ("GET" | "HEAD", _) => {
            let wanted = |known: &str| name.is_none_or(|name| super::store::like(name, known));
            let found = store
                .kept
                .iter()
                .filter(|((known, title), _)| *known == kind && wanted(title));
            let found: Vec<_> = found.map(|((_, title), body)| (title.clone(), body.clone())).collect();
            let missing = found.is_empty() && name.is_some_and(|name| !name.contains('*'));
            if kind.ends_with("_template") {
                let listed = found
                    .into_iter()
                    .map(|(title, body)| Json::Map(vec![("name".to_owned(), title.into()), (kind.to_owned(), body)]));
                return Ok(Reply::json(Json::Map(vec![(
                    format!("{kind}s"),
                    Json::List(listed.collect()),
                )])));
            }
            Ok(Reply::with(if missing { 404 } else { 200 }, Json::Map(found)))
        }
        _ => Ok(nothing(call)),
    }
}
