//! Lists as `kubectl get` wants them: rows of cells.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::objects::{Thing, ordered};
use super::resources::Resource;
use crate::services::golang::json::{Object, list};

/// `Table` of those objects.
pub(super) fn table(resource: &Resource, things: &[&Thing], version: &str, now: OffsetDateTime, whole: bool) -> String {
    let columns = resource.columns.iter().map(|(name, kind, wide)| {
        Object::new()
            .put("name", name)
            .put("type", kind)
            .put("format", if *name == "Name" { "name" } else { "" })
            .put("description", "")
            .put("priority", i32::from(*wide))
            .end()
    });
    let rows = things.iter().map(|thing| row(resource, thing, now, whole));
    Object::new()
        .put("kind", "Table")
        .put("apiVersion", "meta.k8s.io/v1")
        .raw("metadata", &Object::new().put("resourceVersion", version).end())
        .raw("columnDefinitions", &list(columns))
        .raw("rows", &list(rows))
        .end()
}

fn row(resource: &Resource, thing: &Thing, now: OffsetDateTime, whole: bool) -> String {
    let cells: Vec<Value> = resource
        .columns
        .iter()
        .map(|(name, ..)| cell(thing, name, now))
        .collect();
    let object = match whole {
        true => ordered(&thing.value),
        false => Object::new()
            .put("kind", "PartialObjectMetadata")
            .put("apiVersion", "meta.k8s.io/v1")
            .raw("metadata", &ordered(&thing.value["metadata"]))
            .end(),
    };
    Object::new().put("cells", cells).raw("object", &object).end()
}

fn cell(thing: &Thing, column: &str, now: OffsetDateTime) -> Value {
    let value = &thing.value;
    let (spec, status) = (&value["spec"], &value["status"]);
    let size = |at: &Value| {
        at.as_object()
            .map_or_else(|| at.as_array().map_or(0, Vec::len), |map| map.len())
    };
    let text = |at: &Value, otherwise: &str| json!(at.as_str().unwrap_or(otherwise));
    let count = |at: &Value| at.as_i64().unwrap_or(0);
    let joined = |at: &Value, of: &str| {
        let items = at.as_array().into_iter().flatten().filter_map(|item| item[of].as_str());
        json!(items.collect::<Vec<_>>().join(","))
    };
    let pairs = |at: &Value| {
        let map = at
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        json!(map.collect::<Vec<_>>().join(","))
    };
    let address = |kind: &str| {
        let mut all = status["addresses"].as_array().into_iter().flatten();
        let found = all.find(|one| one["type"] == kind);
        json!(found.and_then(|one| one["address"].as_str()).unwrap_or("<none>"))
    };
    let containers = &spec["template"]["spec"]["containers"];
    match (thing.resource.plural, column) {
        (_, "Name") => json!(thing.name()),
        (_, "Age") => json!(age(now - thing.created())),
        (_, "Created At") => value["metadata"]["creationTimestamp"].clone(),
        ("secrets", "Type") => text(&value["type"], "Opaque"),
        (_, "Data") => json!(size(&value["data"])),
        ("namespaces", "Status") => text(&status["phase"], "Active"),
        ("nodes", "Status") => json!("Ready"),
        ("nodes", "Roles") => {
            let master = !value["metadata"]["labels"]["node-role.kubernetes.io/control-plane"].is_null();
            json!(if master { "control-plane" } else { "<none>" })
        }
        ("nodes", "Version") => text(&status["nodeInfo"]["kubeletVersion"], ""),
        ("nodes", "Internal-IP") => address("InternalIP"),
        ("nodes", "External-IP") => address("ExternalIP"),
        ("nodes", "OS-Image") => text(&status["nodeInfo"]["osImage"], ""),
        ("nodes", "Kernel-Version") => text(&status["nodeInfo"]["kernelVersion"], ""),
        ("nodes", "Container-Runtime") => text(&status["nodeInfo"]["containerRuntimeVersion"], ""),
        ("pods", "Ready") => {
            let all = status["containerStatuses"].as_array();
            let ready = all.into_iter().flatten().filter(|one| one["ready"] == true).count();
            json!(format!("{ready}/{}", size(&spec["containers"])))
        }
        ("pods", "Status") => json!(pod_status(value)),
        ("pods", "Restarts") => json!(count(&status["containerStatuses"][0]["restartCount"]).to_string()),
        ("pods", "IP") => text(&status["podIP"], "<none>"),
        ("pods", "Node") => text(&spec["nodeName"], "<none>"),
        ("serviceaccounts", "Secrets") => json!(size(&value["secrets"]).to_string()),
        ("services", "Type") => text(&spec["type"], "ClusterIP"),
        ("services", "Cluster-IP") => text(&spec["clusterIP"], "None"),
        ("services", "Port(s)") => {
            let ports = spec["ports"].as_array().into_iter().flatten().map(|port| {
                let node = port["nodePort"]
                    .as_i64()
                    .map_or(String::new(), |node| format!(":{node}"));
                format!(
                    "{}{node}/{}",
                    count(&port["port"]),
                    port["protocol"].as_str().unwrap_or("TCP")
                )
            });
            json!(ports.collect::<Vec<_>>().join(","))
        }
        ("services", "Selector") => pairs(&spec["selector"]),
        ("daemonsets", "Node Selector") => json!("kubernetes.io/os=linux"),
        ("daemonsets", _) => json!(count(&status["desiredNumberScheduled"])),
        ("deployments" | "statefulsets", "Ready") => json!(format!(
            "{}/{}",
            count(&status["readyReplicas"]),
            count(&spec["replicas"])
        )),
        ("deployments", "Up-to-date") => json!(count(&status["updatedReplicas"]).to_string()),
        ("deployments", "Available") => json!(count(&status["availableReplicas"]).to_string()),
        ("deployments", "Containers") => joined(containers, "name"),
        ("deployments", "Images") => joined(containers, "image"),
        ("deployments", "Selector") => pairs(&spec["selector"]["matchLabels"]),
        ("replicasets", "Desired" | "Current") => json!(count(&spec["replicas"])),
        ("replicasets", "Ready") => json!(count(&status["readyReplicas"])),
        (_, "Role") => json!(format!(
            "{}/{}",
            value["roleRef"]["kind"].as_str().unwrap_or_default(),
            value["roleRef"]["name"].as_str().unwrap_or_default()
        )),
        ("cronjobs", "Schedule") => text(&spec["schedule"], ""),
        _ => json!("<none>"),
    }
}

fn pod_status(pod: &Value) -> String {
    let state = &pod["status"]["containerStatuses"][0]["state"];
    let reason = state["waiting"]["reason"]
        .as_str()
        .or_else(|| state["terminated"]["reason"].as_str());
    reason
        .or_else(|| pod["status"]["phase"].as_str())
        .unwrap_or("Pending")
        .to_owned()
}

/// `45s`, `3m10s`, `5h2m`, `12d`, `2y30d`.
pub(super) fn age(span: Duration) -> String {
    let seconds = span.whole_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, other: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{other}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if days < 730 => format!("{days}d"),
        _ => two(days / 365, "y", days % 365, "d"),
    }
}
