//! What a cluster holds, and the order in which its members are written.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::resources::Resource;

/// What strangers may add; then the oldest of theirs goes.
const MOST: usize = 512;
/// Changes that are remembered for those who watch.
const MOST_CHANGES: usize = 1024;

pub(super) struct Cluster {
    seed: [u8; 32],
    count: u64,
    pub version: u64,
    pub objects: Vec<Thing>,
    pub changes: Vec<Change>,
}

#[derive(Clone)]
pub(super) struct Thing {
    pub resource: &'static Resource,
    pub value: Value,
    /// Was there before anybody came.
    pub planted: bool,
}

/// Something that became so, for those who watch.
#[derive(Clone)]
pub(super) struct Change {
    pub version: u64,
    /// `ADDED`, `MODIFIED`, `DELETED`.
    pub kind: &'static str,
    pub thing: Thing,
}

// === impl Cluster ===

impl Cluster {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let first = u64::from(seed[0]) << 12 | u64::from(seed[1]) << 4;
        Self {
            seed,
            count: 0,
            version: 180_000 + first,
            objects: Vec::new(),
            changes: Vec::new(),
        }
    }

    pub(super) fn of(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.seed);
        hash.update(purpose.as_bytes());
        hash.finalize().into()
    }

    pub(super) fn draw(&mut self) -> [u8; 32] {
        self.count += 1;
        self.of(&self.count.to_string())
    }

    pub(super) fn uid(&mut self) -> String {
        let bytes = self.draw();
        uuid::Builder::from_random_bytes(bytes[..16].try_into().unwrap_or_default())
            .into_uuid()
            .to_string()
    }

    /// As the names of pods end.
    pub(super) fn suffix(&mut self, letters: usize) -> String {
        const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let bytes = self.draw();
        bytes[..letters]
            .iter()
            .map(|byte| char::from(SAFE[usize::from(*byte) % SAFE.len()]))
            .collect()
    }

    /// Puts an object in, complete with what the server fills in.
    pub(super) fn add(
        &mut self,
        resource: &'static Resource,
        mut value: Value,
        at: OffsetDateTime,
        planted: bool,
    ) -> Value {
        self.version += 1;
        value["kind"] = resource.kind.into();
        value["apiVersion"] = resource.api_version().into();
        let prefix = value["metadata"]["generateName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let (suffix, uid) = (self.suffix(5), self.uid());
        let metadata = &mut value["metadata"];
        if !metadata["name"].is_string() {
            metadata["name"] = format!("{prefix}{suffix}").into();
        }
        metadata["uid"] = uid.into();
        metadata["resourceVersion"] = self.version.to_string().into();
        metadata["creationTimestamp"] = stamp(at).into();
        let thing = Thing {
            resource,
            value: value.clone(),
            planted,
        };
        if self.objects.len() >= MOST
            && let Some(oldest) = self.objects.iter().position(|one| !one.planted)
        {
            self.objects.remove(oldest);
        }
        self.objects.push(thing.clone());
        if !planted {
            self.tell("ADDED", thing);
        }
        value
    }

    pub(super) fn find(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Thing> {
        self.objects
            .iter()
            .find(|one| is_of(one, resource, namespace) && one.name() == name)
    }

    /// Changes an object, if it is there.
    pub(super) fn change(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<Value> {
        let version = self.version + 1;
        let one = self
            .objects
            .iter_mut()
            .find(|one| is_of(one, resource, namespace) && one.name() == name)?;
        let kept = one.value["metadata"].clone();
        change(&mut one.value);
        // Whatever else becomes of it, it has a name.
        if !one.value["metadata"]["name"].is_string() {
            one.value["metadata"] = kept;
        }
        one.value["metadata"]["resourceVersion"] = version.to_string().into();
        let thing = one.clone();
        self.version = version;
        self.tell("MODIFIED", thing.clone());
        Some(thing.value)
    }

    pub(super) fn remove(&mut self, resource: &Resource, namespace: &str, name: &str) -> Option<Value> {
        let at = self
            .objects
            .iter()
            .position(|one| is_of(one, resource, namespace) && one.name() == name)?;
        let mut thing = self.objects.remove(at);
        self.version += 1;
        thing.value["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.tell("DELETED", thing.clone());
        Some(thing.value)
    }

    fn tell(&mut self, kind: &'static str, thing: Thing) {
        if self.changes.len() >= MOST_CHANGES {
            self.changes.remove(0);
        }
        self.changes.push(Change {
            version: self.version,
            kind,
            thing,
        });
    }
}

/// Whether it is of that kind, in that namespace; an empty one is all.
pub(super) fn is_of(one: &Thing, resource: &Resource, namespace: &str) -> bool {
    one.resource.plural == resource.plural
        && one.resource.group == resource.group
        && (namespace.is_empty() || one.value["metadata"]["namespace"] == namespace)
}

// === impl Thing ===

impl Thing {
    pub(super) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.value["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    pub(super) fn created(&self) -> OffsetDateTime {
        let text = self.value["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
        OffsetDateTime::parse(text, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Whether a selector of labels (`a=b,c!=d,e`) and one of fields take it.
    pub(super) fn is_selected(&self, labels: &str, fields: &str) -> bool {
        let own = &self.value["metadata"]["labels"];
        let all = |text: &str, holds: &dyn Fn(&str, Option<&str>, bool) -> bool| {
            text.split(',')
                .filter(|term| !term.is_empty())
                .all(|term| match term.split_once("!=") {
                    Some((key, value)) => holds(key.trim(), Some(value.trim()), false),
                    None => match term.split_once('=') {
                        Some((key, value)) => holds(key.trim(), Some(value.trim_start_matches('=').trim()), true),
                        None => holds(term.trim(), None, true),
                    },
                })
        };
        all(labels, &|key, value, equal| match value {
            Some(value) => (own[key].as_str() == Some(value)) == equal,
            None => !own[key].is_null(),
        }) && all(fields, &|key, value, equal| {
            let found = key.split('.').fold(&self.value, |at, part| &at[part]);
            (found.as_str().unwrap_or_default() == value.unwrap_or_default()) == equal
        })
    }
}

/// `2024-01-02T03:04:05Z`.
pub(super) fn stamp(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0)
        .unwrap_or(at)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// Members in the order Go's structs have them; others after them, by name.
const ORDER: &[&str] = &[
    "kind",
    "apiVersion",
    "metadata",
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "secrets",
    "type",
    "immutable",
    "data",
    "spec",
    "replicas",
    "selector",
    "template",
    "volumes",
    "initContainers",
    "containers",
    "image",
    "command",
    "args",
    "workingDir",
    "ports",
    "protocol",
    "port",
    "targetPort",
    "env",
    "value",
    "valueFrom",
    "resources",
    "volumeMounts",
    "mountPath",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "securityContext",
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "dnsPolicy",
    "serviceAccountName",
    "serviceAccount",
    "nodeName",
    "hostNetwork",
    "hostPID",
    "schedulerName",
    "tolerations",
    "priority",
    "enableServiceLinks",
    "clusterIP",
    "clusterIPs",
    "subjects",
    "roleRef",
    "rules",
    "status",
    "phase",
    "conditions",
    "hostIP",
    "podIP",
    "podIPs",
    "startTime",
    "containerStatuses",
    "state",
    "lastState",
    "ready",
    "restartCount",
    "imageID",
    "containerID",
    "started",
    "qosClass",
    "message",
    "reason",
    "details",
    "code",
];

/// JSON with its members in that order.
pub(super) fn ordered(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
            let members = keys
                .into_iter()
                .map(|key| format!("{}:{}", json!(key), ordered(&map[key])));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(ordered).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
