//! What the API server answers: replies, or what is to be done before one.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::objects::{Cluster, Thing, is_of, ordered};
use super::persona::Persona;
use super::reply::{forbidden, headed, json_reply, metrics, missing, not_found, paths, reply, status, version};
use super::resources::{self, Resource};
use super::table;
use crate::services::golang::json::{Object, list};
use crate::services::golang::record::{Record, short, shorts};
use crate::services::golang::{Reply, Request};

/// A longer object is no object.
const MOST_OBJECT: usize = 256 << 10;

#[derive(Debug)]
pub(super) enum Answer {
    Reply(Reply),
    /// A pod that is to come up.
    Created(Reply, String, String),
    /// Objects as they change, from that version on.
    Watch(Watched),
    /// A program in a pod, its streams carried by the connection.
    Remote(Remote),
    /// What a pod has said, and goes on to say.
    Log(String, String, bool),
}

#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub plural: &'static str,
    pub group: &'static str,
    pub namespace: String,
    pub labels: String,
    pub fields: String,
    pub from: u64,
    pub as_table: bool,
    pub seconds: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub namespace: String,
    pub pod: String,
    pub argv: Vec<String>,
    pub attach: bool,
    pub tty: bool,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

/// Who asks, as far as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Anonymous,
    /// A token that is good.
    Admin(String),
    /// A token that is not.
    Nobody,
}

pub(super) struct Api<'a> {
    pub cluster: &'a mut Cluster,
    pub persona: &'a Persona,
    /// Tokens that open everything.
    pub tokens: &'a [String],
    pub address: &'a str,
}

pub(super) type Fault = (u16, &'static str, String, Option<String>);

/// Answers one request.
pub(super) fn answer(api: &mut Api<'_>, request: &Request, now: OffsetDateTime, records: &mut Vec<Record>) -> Answer {
    let who = who(api, request, records);
    let path = request.parts().0.to_owned();
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let open = matches!(words.as_slice(), ["version" | "livez" | "readyz" | "healthz", ..]);
    let allowed = match who {
        Who::Admin(_) => true,
        Who::Anonymous => !api.persona.anonymous_is_off && (open || api.persona.anonymous_is_admin),
        Who::Nobody => false,
    };
    if who == Who::Nobody || (who == Who::Anonymous && api.persona.anonymous_is_off) {
        return Answer::Reply(status(api, 401, "Unauthorized", "Unauthorized".to_owned(), None));
    }
    if !allowed {
        return Answer::Reply(forbidden(api, request, &words));
    }
    match route(api, request, &words, &who, now, records) {
        Ok(answer) => answer,
        Err((code, reason, message, details)) => Answer::Reply(status(api, code, reason, message, details.as_deref())),
    }
}

fn route(
    api: &mut Api<'_>,
    request: &Request,
    words: &[&str],
    who: &Who,
    now: OffsetDateTime,
    records: &mut Vec<Record>,
) -> Result<Answer, Fault> {
    let get = matches!(request.method.as_str(), "GET" | "HEAD");
    match words {
        [] if get => Ok(json_reply(api, 200, paths())),
        ["version"] if get => Ok(json_reply(api, 200, version(api.persona))),
        ["livez" | "readyz" | "healthz", ..] if get => Ok(Answer::Reply(
            headed(api, Reply::new(200, "ok"))
                .with("X-Content-Type-Options", "nosniff")
                .with("Content-Type", "text/plain; charset=utf-8"),
        )),
        ["metrics"] if get => Ok(Answer::Reply(
            headed(api, Reply::new(200, metrics(api.persona)))
                .with("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
        )),
        ["api"] if get => Ok(json_reply(api, 200, resources::versions(api.address))),
        ["apis"] if get => Ok(json_reply(api, 200, resources::groups())),
        ["api", "v1"] if get => Ok(json_reply(api, 200, resources::listing(""))),
        ["apis", group] if get && resources::has_group(group) => {
            Ok(json_reply(api, 200, resources::group(group, true)))
        }
        ["apis", group, "v1"] if get && resources::has_group(group) => {
            Ok(json_reply(api, 200, resources::listing(group)))
        }
        ["openapi", "v2"] if get => Ok(json_reply(
            api,
            200,
            "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"".to_owned()
                + &api.persona.version
                + "\"},\"paths\":{},\"definitions\":{}}",
        )),
        ["api", "v1", rest @ ..] => object(api, request, ("", rest), who, now, records),
        ["apis", group, "v1", rest @ ..] if resources::has_group(group) => {
            object(api, request, (group, rest), who, now, records)
        }
        _ => Err(not_found()),
    }
}

fn object(
    api: &mut Api<'_>,
    request: &Request,
    (group, rest): (&str, &[&str]),
    who: &Who,
    now: OffsetDateTime,
    records: &mut Vec<Record>,
) -> Result<Answer, Fault> {
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) => {
            (*namespace, rest)
        }
        _ => ("", rest),
    };
    let Some(resource) = rest.first().and_then(|plural| resources::find(group, "v1", plural)) else {
        return Err(not_found());
    };
    let kind = request.header("content-type").unwrap_or_default();
    let body = || -> Result<Value, Fault> {
        if kind.contains("protobuf") || kind.contains("yaml") {
            return Err((
                415,
                "UnsupportedMediaType",
                format!(
                    "the body of the request was in an unknown format - accepted media types include: application/json, got {kind}"
                ),
                None,
            ));
        }
        let sized = request.body.len() <= MOST_OBJECT && !request.body.is_empty();
        let value = sized
            .then(|| serde_json::from_slice::<Value>(&request.body).ok())
            .flatten()
            .filter(Value::is_object);
        value.ok_or_else(|| {
            (
                400,
                "BadRequest",
                "the object provided is unrecognized (must be of type json)".to_owned(),
                None,
            )
        })
    };
    match (request.method.as_str(), &rest[1..]) {
        ("GET", []) => collection(api, request, resource, namespace, now, records),
        ("GET", [name]) => {
            let thing = api
                .cluster
                .find(resource, namespace, name)
                .ok_or_else(|| missing(resource, name))?;
            if resource.plural == "secrets" {
                records.push(Record::new(
                    "secret_read",
                    json!({"namespace": namespace, "name": short(name), "type": thing.value["type"]}),
                ));
            }
            let body = match as_table(request) {
                true => table::table(resource, &[thing], &api.cluster.version.to_string(), now, false),
                false => ordered(&thing.value),
            };
            Ok(json_reply(api, 200, body))
        }
        ("GET" | "POST", [name, part @ ("exec" | "attach")]) if resource.plural == "pods" => {
            let pod = api
                .cluster
                .find(resource, namespace, name)
                .ok_or_else(|| missing(resource, name))?;
            let remote = Remote {
                namespace: namespace.to_owned(),
                pod: (*name).to_owned(),
                argv: request.queries("command").collect(),
                attach: *part == "attach",
                tty: request.flag("tty"),
                stdin: request.flag("stdin"),
                stdout: request.flag("stdout"),
                stderr: request.flag("stderr"),
            };
            records.push(Record::new("exec_create", json!({
                "namespace": namespace, "pod": short(name), "image": pod.value["spec"]["containers"][0]["image"], "cmd": shorts(&remote.argv),
                "tty": remote.tty, "attach": remote.attach, "container": request.query("container"),
            })));
            if !remote.attach && remote.argv.is_empty() {
                return Err((
                    400,
                    "BadRequest",
                    "you must specify at least 1 command for the container".to_owned(),
                    None,
                ));
            }
            Ok(Answer::Remote(remote))
        }
        ("GET", [name, "log"]) if resource.plural == "pods" => {
            api.cluster
                .find(resource, namespace, name)
                .ok_or_else(|| missing(resource, name))?;
            Ok(Answer::Log(
                namespace.to_owned(),
                (*name).to_owned(),
                request.flag("follow"),
            ))
        }
        ("POST", []) if group == "authorization.k8s.io" => {
            // What is asked in protobuf is not read: everything is allowed, whatever it is.
            let mut review = if kind.contains("protobuf") {
                json!({"spec": {}})
            } else {
                body()?
            };
            review["kind"] = resource.kind.into();
            review["apiVersion"] = resource.api_version().into();
            review["metadata"] = json!({"creationTimestamp": null});
            review["status"] = match resource.plural {
                "selfsubjectaccessreviews" => {
                    json!({"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"cluster-system-anonymous\" of ClusterRole \"cluster-admin\" to User \"system:anonymous\""})
                }
                _ => {
                    json!({"resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}], "incomplete": false})
                }
            };
            Ok(json_reply(api, 201, ordered(&review)))
        }
        ("POST", [name, "token"]) if resource.plural == "serviceaccounts" => {
            api.cluster
                .find(resource, namespace, name)
                .ok_or_else(|| missing(resource, name))?;
            let token = api.tokens.first().cloned().unwrap_or_default();
            let body = json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"name": name, "namespace": namespace}, "status": {"token": token}});
            Ok(json_reply(api, 201, ordered(&body)))
        }
        ("POST", []) => create(api, request, resource, namespace, body()?, who, now, records),
        ("PUT", [name]) | ("PATCH", [name]) => {
            let wish = body()?;
            records.push(Record::new("api_write", json!({"verb": request.method.to_lowercase(), "resource": resource.plural, "namespace": namespace, "name": short(name)})));
            let changed = api
                .cluster
                .change(resource, namespace, name, |value| merge(value, &wish, 0));
            match changed {
                Some(value) => Ok(json_reply(api, 200, ordered(&value))),
                None if request.method == "PATCH"
                    && request.query("fieldManager").is_some()
                    && wish["kind"].is_string() =>
                {
                    create(api, request, resource, namespace, wish, who, now, records)
                }
                None => Err(missing(resource, name)),
            }
        }
        ("DELETE", [name]) => {
            records.push(Record::new(
                "api_write",
                json!({"verb": "delete", "resource": resource.plural, "namespace": namespace, "name": short(name)}),
            ));
            let gone = api
                .cluster
                .remove(resource, namespace, name)
                .ok_or_else(|| missing(resource, name))?;
            Ok(json_reply(api, 200, ordered(&gone)))
        }
        ("DELETE", []) => Err((
            403,
            "Forbidden",
            format!("{} is forbidden: deletecollection is not allowed", resource.plural),
            None,
        )),
        (_, []) | (_, [_]) => Err((
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource".to_owned(),
            None,
        )),
        _ => Err(not_found()),
    }
}

fn collection(
    api: &mut Api<'_>,
    request: &Request,
    resource: &'static Resource,
    namespace: &str,
    now: OffsetDateTime,
    records: &mut Vec<Record>,
) -> Result<Answer, Fault> {
    let labels = request.query("labelSelector").unwrap_or_default();
    let fields = request.query("fieldSelector").unwrap_or_default();
    if request.flag("watch") {
        return Ok(Answer::Watch(Watched {
            plural: resource.plural,
            group: resource.group,
            namespace: namespace.to_owned(),
            labels,
            fields,
            from: request
                .query("resourceVersion")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            as_table: as_table(request),
            seconds: request
                .query("timeoutSeconds")
                .and_then(|text| text.parse().ok())
                .unwrap_or(1800)
                .min(1800),
        }));
    }
    let wanted = |thing: &&Thing| is_of(thing, resource, namespace) && thing.is_selected(&labels, &fields);
    let mut things: Vec<&Thing> = api.cluster.objects.iter().filter(wanted).collect();
    things.sort_by(|one, two| (one.namespace(), one.name()).cmp(&(two.namespace(), two.name())));
    if resource.plural == "secrets" {
        let names: Vec<String> = things
            .iter()
            .map(|thing| format!("{}/{}", thing.namespace(), thing.name()))
            .collect();
        records.push(Record::new(
            "secret_read",
            json!({"namespace": namespace, "names": shorts(&names)}),
        ));
    }
    let version = api.cluster.version.to_string();
    let body = if as_table(request) {
        let whole = request.query("includeObject").as_deref() == Some("Object");
        table::table(resource, &things, &version, now, whole)
    } else {
        let items = things.iter().map(|thing| {
            // The items of a list do not say what they are.
            let mut value = thing.value.clone();
            if let Some(map) = value.as_object_mut() {
                map.remove("kind");
                map.remove("apiVersion");
            }
            ordered(&value)
        });
        Object::new()
            .put("kind", format!("{}List", resource.kind))
            .put("apiVersion", resource.api_version())
            .raw("metadata", &Object::new().put("resourceVersion", version).end())
            .raw("items", &list(items))
            .end()
    };
    Ok(json_reply(api, 200, body))
}

#[allow(clippy::too_many_arguments, reason = "used twice, above")]
fn create(
    api: &mut Api<'_>,
    request: &Request,
    resource: &'static Resource,
    namespace: &str,
    mut wish: Value,
    who: &Who,
    now: OffsetDateTime,
    records: &mut Vec<Record>,
) -> Result<Answer, Fault> {
    let name = wish["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let generated = wish["metadata"]["generateName"].is_string();
    if !wish["metadata"].is_object() || (name.is_empty() && !generated) || name.len() > 253 {
        return Err((
            422,
            "Invalid",
            format!(
                "{} \"\" is invalid: metadata.name: Required value: name or generateName is required",
                resource.kind
            ),
            None,
        ));
    }
    if resource.plural == "pods" && !wish["spec"].is_object() {
        let message = format!("Pod \"{name}\" is invalid: spec.containers: Required value");
        return Err((422, "Invalid", message, None));
    }
    if resource.namespaced {
        wish["metadata"]["namespace"] = if namespace.is_empty() {
            "default".into()
        } else {
            namespace.into()
        };
    }
    if !name.is_empty() && api.cluster.find(resource, namespace, &name).is_some() {
        let details = Object::new().put("name", &name).put("kind", resource.plural).end();
        return Err((
            409,
            "AlreadyExists",
            format!("{} \"{name}\" already exists", resource.plural),
            Some(details),
        ));
    }
    let user = match who {
        Who::Admin(name) => name.as_str(),
        _ => "system:anonymous",
    };
    let pod = match resource.plural {
        "pods" => Some(&wish["spec"]),
        "deployments" | "daemonsets" | "replicasets" | "statefulsets" | "jobs" => {
            Some(&wish["spec"]["template"]["spec"])
        }
        "cronjobs" => Some(&wish["spec"]["jobTemplate"]["spec"]["template"]["spec"]),
        _ => None,
    };
    match pod {
        Some(spec) => records.push(Record::new("pod_create", pod_fields(spec, resource, namespace, &name, user))),
        None => records.push(Record::new("api_write", json!({"verb": "create", "resource": resource.plural, "namespace": namespace, "name": short(&name), "user": user}))),
    }
    if request.query("dryRun").is_some() {
        return Ok(json_reply(api, 201, ordered(&wish)));
    }
    if resource.plural == "pods" {
        super::pods::complete(&mut wish, api.persona, &api.cluster.draw(), now);
    }
    let made = api.cluster.add(resource, wish, now, false);
    let reply = reply(api, 201, ordered(&made));
    let name = made["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let namespace = made["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    Ok(match resource.plural {
        "pods" => Answer::Created(reply, namespace, name),
        _ => Answer::Reply(reply),
    })
}

fn pod_fields(spec: &Value, resource: &Resource, namespace: &str, name: &str, user: &str) -> Value {
    let containers = || spec["containers"].as_array().into_iter().flatten();
    let texts = |at: &Value| {
        at.as_array()
            .into_iter()
            .flatten()
            .filter_map(|text| text.as_str().map(short))
            .take(24)
            .collect::<Vec<_>>()
    };
    let images: Vec<String> = containers()
        .filter_map(|one| one["image"].as_str().map(short))
        .collect();
    let first = &spec["containers"][0];
    let paths = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|volume| volume["hostPath"]["path"].as_str().map(short));
    json!({
        "kind": resource.kind, "namespace": namespace, "name": short(name), "image": images.first(), "images": images,
        "cmd": texts(&first["command"]), "args": texts(&first["args"]), "host_paths": paths.take(24).collect::<Vec<_>>(),
        "host_network": spec["hostNetwork"] == true, "host_pid": spec["hostPID"] == true,
        "privileged": containers().any(|one| one["securityContext"]["privileged"] == true), "user": user,
    })
}

/// Who it says it is; what it shows is told.
fn who(api: &Api<'_>, request: &Request, records: &mut Vec<Record>) -> Who {
    let Some(value) = request.header("authorization") else {
        return Who::Anonymous;
    };
    let Some(token) = value.strip_prefix("Bearer ").map(str::trim) else {
        // Names and passwords have not been looked at since 1.19: who sends them is as good as nobody in particular.
        return Who::Anonymous;
    };
    let good = !token.is_empty() && api.tokens.iter().any(|known| known == token);
    let claims = token.split('.').nth(1).and_then(|part| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok()
    });
    let claims: Value = claims
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let subject = claims["sub"].as_str().unwrap_or_default().to_owned();
    if subject.starts_with("system:serviceaccount:") {
        records.push(Record::new(
            "sa_token_use",
            json!({"subject": short(&subject), "accepted": good}),
        ));
    }
    if good { Who::Admin(subject) } else { Who::Nobody }
}

pub(super) fn as_table(request: &Request) -> bool {
    request
        .header("accept")
        .is_some_and(|accept| accept.contains("as=Table"))
}

/// Lays one object over another.
fn merge(value: &mut Value, over: &Value, depth: usize) {
    match (value, over) {
        (Value::Object(under), Value::Object(over)) if depth < 32 => {
            for (key, member) in over {
                match member {
                    Value::Null => {
                        under.remove(key);
                    }
                    _ => merge(under.entry(key.clone()).or_insert(Value::Null), member, depth + 1),
                }
            }
        }
        (value, over) => value.clone_from(over),
    }
}
