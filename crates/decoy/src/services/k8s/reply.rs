//! Replies as the API server heads and words them.

use super::answer::{Answer, Api, Fault};
use super::persona::Persona;
use super::resources::Resource;
use crate::services::golang::json::Object;
use crate::services::golang::{Reply, Request};

pub(super) fn forbidden(api: &Api<'_>, request: &Request, words: &[&str]) -> Reply {
    let verb = match (request.method.as_str(), words.len()) {
        ("GET" | "HEAD", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        _ => "",
    };
    let (group, rest) = match words {
        ["api", "v1", rest @ ..] if !rest.is_empty() => ("", rest),
        ["apis", group, _, rest @ ..] if !rest.is_empty() => (*group, rest),
        _ => {
            let message = format!(
                "forbidden: User \"system:anonymous\" cannot {verb} path \"{}\"",
                request.parts().0
            );
            return status(api, 403, "Forbidden", message, Some("{}"));
        }
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        _ => (None, rest),
    };
    let verb = match (verb, rest.len()) {
        ("get", 1) if request.flag("watch") => "watch",
        ("get", 1) => "list",
        _ => verb,
    };
    let (plural, name) = (rest[0], rest.get(1).copied());
    let named = name.map_or(String::new(), |name| format!(" \"{name}\""));
    let place = namespace.map_or("at the cluster scope".to_owned(), |namespace| {
        format!("in the namespace \"{namespace}\"")
    });
    let message = format!(
        "{plural}{named} is forbidden: User \"system:anonymous\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {place}"
    );
    let details = name.map_or(Object::new(), |name| Object::new().put("name", name));
    let details = if group.is_empty() {
        details
    } else {
        details.put("group", group)
    };
    status(api, 403, "Forbidden", message, Some(&details.put("kind", plural).end()))
}

pub(super) fn status(api: &Api<'_>, code: u16, reason: &str, message: String, details: Option<&str>) -> Reply {
    let object = Object::new()
        .put("kind", "Status")
        .put("apiVersion", "v1")
        .raw("metadata", "{}")
        .put("status", "Failure")
        .put("message", message)
        .put("reason", reason);
    let object = match details {
        Some(details) => object.raw("details", details),
        None => object,
    };
    let reply = reply(api, code, object.put("code", code).end());
    if code == 403 {
        reply.with("X-Content-Type-Options", "nosniff")
    } else {
        reply
    }
}

pub(super) fn missing(resource: &Resource, name: &str) -> Fault {
    let details = Object::new().put("name", name);
    let details = if resource.group.is_empty() {
        details
    } else {
        details.put("group", resource.group)
    };
    let full = if resource.group.is_empty() {
        resource.plural.to_owned()
    } else {
        format!("{}.{}", resource.plural, resource.group)
    };
    (
        404,
        "NotFound",
        format!("{full} \"{name}\" not found"),
        Some(details.put("kind", resource.plural).end()),
    )
}

pub(super) fn not_found() -> Fault {
    (
        404,
        "NotFound",
        "the server could not find the requested resource".to_owned(),
        Some("{}".to_owned()),
    )
}

pub(super) fn json_reply(api: &Api<'_>, code: u16, body: String) -> Answer {
    Answer::Reply(reply(api, code, body))
}

pub(super) fn reply(api: &Api<'_>, code: u16, body: String) -> Reply {
    headed(api, Reply::new(code, body + "\n")).with("Content-Type", "application/json")
}

/// What every answer is headed with.
pub(super) fn headed(api: &Api<'_>, reply: Reply) -> Reply {
    let uid = |purpose: &str| {
        let bytes = api.cluster.of(purpose);
        uuid::Builder::from_random_bytes(bytes[..16].try_into().unwrap_or_default())
            .into_uuid()
            .to_string()
    };
    // Who is let in not at all never comes to where requests are weighed.
    let weighed = reply.status != 401;
    let reply = reply
        .with("Audit-Id", uuid::Uuid::new_v4().to_string())
        .with("Cache-Control", "no-cache, private");
    if !weighed {
        return reply;
    }
    reply
        .with("X-Kubernetes-Pf-Flowschema-Uid", uid("flow-schema"))
        .with("X-Kubernetes-Pf-Prioritylevel-Uid", uid("priority-level"))
}

pub(super) fn version(persona: &Persona) -> String {
    let mut numbers = persona.version.trim_start_matches('v').split('.');
    let text = Object::new()
        .put("major", numbers.next())
        .put("minor", numbers.next())
        .put("gitVersion", &persona.version)
        .put("gitCommit", &persona.commit)
        .put("gitTreeState", "clean")
        .put("buildDate", &persona.built)
        .put("goVersion", &persona.go)
        .put("compiler", "gc")
        .put("platform", "linux/amd64")
        .end();
    // It alone is written for people.
    let inner = text
        .trim_matches(['{', '}'])
        .replace("\",\"", "\",\n  \"")
        .replace("\":\"", "\": \"");
    format!("{{\n  {inner}\n}}")
}

pub(super) fn paths() -> String {
    let groups = [
        "apps",
        "authorization.k8s.io",
        "batch",
        "networking.k8s.io",
        "rbac.authorization.k8s.io",
    ];
    let mut all = vec![
        "/.well-known/openid-configuration".to_owned(),
        "/api".into(),
        "/api/v1".into(),
        "/apis".into(),
        "/apis/".into(),
    ];
    all.extend(
        groups
            .iter()
            .flat_map(|group| [format!("/apis/{group}"), format!("/apis/{group}/v1")]),
    );
    all.extend(
        [
            "/healthz",
            "/livez",
            "/logs",
            "/metrics",
            "/openapi/v2",
            "/readyz",
            "/version",
        ]
        .map(str::to_owned),
    );
    Object::new().put("paths", all).end()
}

pub(super) fn metrics(persona: &Persona) -> String {
    format!(
        "# HELP kubernetes_build_info [ALPHA] A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.\n\
         # TYPE kubernetes_build_info gauge\nkubernetes_build_info{{build_date=\"{}\",compiler=\"gc\",git_commit=\"{}\",git_tree_state=\"clean\",git_version=\"{}\",go_version=\"{}\",major=\"1\",platform=\"linux/amd64\"}} 1\n",
        persona.built, persona.commit, persona.version, persona.go
    )
}
