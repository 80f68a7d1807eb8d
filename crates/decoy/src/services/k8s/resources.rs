//! The kinds of things a cluster has, as discovery lists them and `kubectl` shows them.

use crate::services::golang::json::{Object, list};

pub(super) struct Resource {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    pub namespaced: bool,
    pub short: &'static [&'static str],
    pub verbs: &'static [&'static str],
    /// Name, type, and whether only `-o wide` shows it.
    pub columns: &'static [(&'static str, &'static str, bool)],
    pub parts: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const ALL: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const CREATE: &[&str] = &["create"];
const STREAM: &[&str] = &["create", "get"];
const STATUS: &[&str] = &["get", "patch", "update"];
const AGE: (&str, &str, bool) = ("Age", "string", false);
const NAME: (&str, &str, bool) = ("Name", "string", false);

const fn kind(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    short: &'static [&'static str],
    columns: &'static [(&'static str, &'static str, bool)],
) -> Resource {
    Resource {
        group,
        version: "v1",
        plural,
        kind,
        namespaced,
        short,
        verbs: ALL,
        columns,
        parts: &[],
    }
}

pub(super) const RESOURCES: &[Resource] = &[
    kind(
        "",
        "configmaps",
        "ConfigMap",
        true,
        &["cm"],
        &[NAME, ("Data", "string", false), AGE],
    ),
    kind(
        "",
        "endpoints",
        "Endpoints",
        true,
        &["ep"],
        &[NAME, ("Endpoints", "string", false), AGE],
    ),
    kind(
        "",
        "events",
        "Event",
        true,
        &["ev"],
        &[
            ("Last Seen", "string", false),
            ("Type", "string", false),
            ("Reason", "string", false),
            ("Object", "string", false),
            ("Message", "string", false),
        ],
    ),
    kind(
        "",
        "namespaces",
        "Namespace",
        false,
        &["ns"],
        &[NAME, ("Status", "string", false), AGE],
    ),
    kind(
        "",
        "nodes",
        "Node",
        false,
        &["no"],
        &[
            NAME,
            ("Status", "string", false),
            ("Roles", "string", false),
            AGE,
            ("Version", "string", false),
            ("Internal-IP", "string", true),
            ("External-IP", "string", true),
            ("OS-Image", "string", true),
            ("Kernel-Version", "string", true),
            ("Container-Runtime", "string", true),
        ],
    ),
    kind(
        "",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        true,
        &["pvc"],
        &[NAME, ("Status", "string", false), AGE],
    ),
    kind(
        "",
        "persistentvolumes",
        "PersistentVolume",
        false,
        &["pv"],
        &[NAME, ("Status", "string", false), AGE],
    ),
    Resource {
        parts: &[
            ("attach", "PodAttachOptions", STREAM),
            ("exec", "PodExecOptions", STREAM),
            ("log", "Pod", &["get"]),
            ("portforward", "PodPortForwardOptions", STREAM),
            ("status", "Pod", STATUS),
        ],
        ..kind(
            "",
            "pods",
            "Pod",
            true,
            &["po"],
            &[
                NAME,
                ("Ready", "string", false),
                ("Status", "string", false),
                ("Restarts", "string", false),
                AGE,
                ("IP", "string", true),
                ("Node", "string", true),
                ("Nominated Node", "string", true),
                ("Readiness Gates", "string", true),
            ],
        )
    },
    kind(
        "",
        "secrets",
        "Secret",
        true,
        &[],
        &[NAME, ("Type", "string", false), ("Data", "string", false), AGE],
    ),
    Resource {
        parts: &[("token", "TokenRequest", CREATE)],
        ..kind(
            "",
            "serviceaccounts",
            "ServiceAccount",
            true,
            &["sa"],
            &[NAME, ("Secrets", "string", false), AGE],
        )
    },
    kind(
        "",
        "services",
        "Service",
        true,
        &["svc"],
        &[
            NAME,
            ("Type", "string", false),
            ("Cluster-IP", "string", false),
            ("External-IP", "string", false),
            ("Port(s)", "string", false),
            AGE,
            ("Selector", "string", true),
        ],
    ),
    kind(
        "apps",
        "daemonsets",
        "DaemonSet",
        true,
        &["ds"],
        &[
            NAME,
            ("Desired", "integer", false),
            ("Current", "integer", false),
            ("Ready", "integer", false),
            ("Up-to-date", "integer", false),
            ("Available", "integer", false),
            ("Node Selector", "string", false),
            AGE,
        ],
    ),
    kind(
        "apps",
        "deployments",
        "Deployment",
        true,
        &["deploy"],
        &[
            NAME,
            ("Ready", "string", false),
            ("Up-to-date", "string", false),
            ("Available", "string", false),
            AGE,
            ("Containers", "string", true),
            ("Images", "string", true),
            ("Selector", "string", true),
        ],
    ),
    kind(
        "apps",
        "replicasets",
        "ReplicaSet",
        true,
        &["rs"],
        &[
            NAME,
            ("Desired", "integer", false),
            ("Current", "integer", false),
            ("Ready", "integer", false),
            AGE,
        ],
    ),
    kind(
        "apps",
        "statefulsets",
        "StatefulSet",
        true,
        &["sts"],
        &[NAME, ("Ready", "string", false), AGE],
    ),
    Resource {
        verbs: CREATE,
        ..kind(
            "authorization.k8s.io",
            "selfsubjectaccessreviews",
            "SelfSubjectAccessReview",
            false,
            &[],
            &[NAME],
        )
    },
    Resource {
        verbs: CREATE,
        ..kind(
            "authorization.k8s.io",
            "selfsubjectrulesreviews",
            "SelfSubjectRulesReview",
            false,
            &[],
            &[NAME],
        )
    },
    kind(
        "batch",
        "cronjobs",
        "CronJob",
        true,
        &["cj"],
        &[NAME, ("Schedule", "string", false), AGE],
    ),
    kind(
        "batch",
        "jobs",
        "Job",
        true,
        &[],
        &[
            NAME,
            ("Completions", "string", false),
            ("Duration", "string", false),
            AGE,
        ],
    ),
    kind(
        "networking.k8s.io",
        "ingresses",
        "Ingress",
        true,
        &["ing"],
        &[NAME, ("Hosts", "string", false), AGE],
    ),
    kind(
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        "ClusterRoleBinding",
        false,
        &[],
        &[NAME, ("Role", "string", false), AGE],
    ),
    kind(
        "rbac.authorization.k8s.io",
        "clusterroles",
        "ClusterRole",
        false,
        &[],
        &[NAME, ("Created At", "date", false)],
    ),
    kind(
        "rbac.authorization.k8s.io",
        "rolebindings",
        "RoleBinding",
        true,
        &[],
        &[NAME, ("Role", "string", false), AGE],
    ),
    kind(
        "rbac.authorization.k8s.io",
        "roles",
        "Role",
        true,
        &[],
        &[NAME, ("Created At", "date", false)],
    ),
];

const GROUPS: &[&str] = &[
    "apps",
    "authorization.k8s.io",
    "batch",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
];

pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES
        .iter()
        .find(|one| one.group == group && one.version == version && one.plural == plural)
}

pub(super) fn of_kind(kind: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|one| one.kind == kind)
}

pub(super) fn has_group(group: &str) -> bool {
    GROUPS.contains(&group)
}

// === impl Resource ===

impl Resource {
    /// `v1`, `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }
}

/// `/api`.
pub(super) fn versions(address: &str) -> String {
    let server = Object::new()
        .put("clientCIDR", "0.0.0.0/0")
        .put("serverAddress", address)
        .end();
    Object::new()
        .put("kind", "APIVersions")
        .put("versions", ["v1"])
        .raw("serverAddressByClientCIDRs", &list([server]))
        .end()
}

/// `/apis`.
pub(super) fn groups() -> String {
    let groups = GROUPS.iter().map(|name| group(name, false));
    Object::new()
        .put("kind", "APIGroupList")
        .put("apiVersion", "v1")
        .raw("groups", &list(groups))
        .end()
}

/// `/apis/{group}`, and an element of the list of them.
pub(super) fn group(name: &str, alone: bool) -> String {
    let version = Object::new()
        .put("groupVersion", format!("{name}/v1"))
        .put("version", "v1")
        .end();
    let object = if alone {
        Object::new().put("kind", "APIGroup").put("apiVersion", "v1")
    } else {
        Object::new()
    };
    object
        .put("name", name)
        .raw("versions", &list([version.clone()]))
        .raw("preferredVersion", &version)
        .end()
}

/// `/api/v1` and `/apis/{group}/v1`.
pub(super) fn listing(group: &str) -> String {
    let of = RESOURCES.iter().filter(|one| one.group == group);
    let all = of.flat_map(|one| {
        let whole = Object::new()
            .put("name", one.plural)
            .put("singularName", "")
            .put("namespaced", one.namespaced)
            .put("kind", one.kind)
            .put("verbs", one.verbs);
        let whole = if one.short.is_empty() {
            whole
        } else {
            whole.put("shortNames", one.short)
        };
        let part = |(name, kind, verbs): &(&str, &str, &[&str])| {
            Object::new()
                .put("name", format!("{}/{name}", one.plural))
                .put("singularName", "")
                .put("namespaced", one.namespaced)
                .put("kind", kind)
                .put("verbs", verbs)
                .end()
        };
        std::iter::once(whole.end()).chain(one.parts.iter().map(part))
    });
    let object = Object::new().put("kind", "APIResourceList");
    let object = if group.is_empty() {
        object
    } else {
        object.put("apiVersion", "v1")
    };
    let version = if group.is_empty() {
        "v1".to_owned()
    } else {
        format!("{group}/v1")
    };
    object.put("groupVersion", version).raw("resources", &list(all)).end()
}
