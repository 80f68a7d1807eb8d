//! A small company's cluster, as kubeadm set it up: other on each machine, the same for its whole life.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as B64, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::objects::{Cluster, stamp};
use super::persona::Persona;
use super::resources::of_kind;

const PROJECTS: &[&str] = &[
    "shop", "crm", "billing", "portal", "tracker", "booking", "erp", "payments",
];
const SERVICES: &[(&str, &str, u16)] = &[
    ("web", "nginx:1.25-alpine", 80),
    ("api", "registry.local:5000/api", 8080),
    ("worker", "registry.local:5000/worker", 9000),
    ("redis", "redis:7-alpine", 6379),
    ("postgres", "postgres:15", 5432),
];

struct Planter<'a> {
    cluster: &'a mut Cluster,
    persona: &'a Persona,
    installed: OffsetDateTime,
}

/// Fills the cluster; `made` is when the machine was. Comes to the tokens that open it.
pub(super) fn fill(cluster: &mut Cluster, persona: &Persona, made: OffsetDateTime) -> Vec<String> {
    let draw = cluster.of("bait");
    let installed = made - Duration::seconds(86_400 * (40 + i64::from(draw[0])) + i64::from(draw[1]) * 101);
    let mut planter = Planter {
        cluster,
        persona,
        installed,
    };
    let project = PROJECTS[usize::from(draw[2]) % PROJECTS.len()];
    let nodes = planter.nodes(1 + usize::from(draw[3]) % 2);
    for name in [
        "default",
        "kube-node-lease",
        "kube-public",
        "kube-system",
        "monitoring",
        project,
    ] {
        planter.namespace(name);
    }
    planter.control_plane(&nodes);
    let token = planter.project(project, &nodes, &draw);
    planter.roles(project);
    vec![token]
}

// === impl Planter ===

impl Planter<'_> {
    fn add(&mut self, kind: &str, value: Value, after: Duration) {
        if let Some(resource) = of_kind(kind) {
            let at = self.installed + after;
            self.cluster.add(resource, value, at, true);
        }
    }

    fn nodes(&mut self, workers: usize) -> Vec<String> {
        let host = self.persona.hostname.clone();
        let names: Vec<String> = std::iter::once(host.clone())
            .chain((1..=workers).map(|n| format!("{host}-worker{n}")))
            .collect();
        for (n, name) in names.iter().enumerate() {
            let mut labels =
                json!({"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"});
            if n == 0 {
                labels["node-role.kubernetes.io/control-plane"] = "".into();
            }
            let conditions: Vec<Value> = [
                ("MemoryPressure", "False"),
                ("DiskPressure", "False"),
                ("PIDPressure", "False"),
                ("Ready", "True"),
            ]
            .map(|(kind, status)| json!({"type": kind, "status": status, "reason": format!("Kubelet{kind}")}))
            .into();
            let address = self.persona.address(n);
            self.add("Node", json!({
                "metadata": {"name": name, "labels": labels},
                "spec": {"podCIDR": format!("10.244.{n}.0/24"), "podCIDRs": [format!("10.244.{n}.0/24")]},
                "status": {
                    "capacity": {"cpu": "4", "memory": "8145592Ki", "pods": "110"}, "allocatable": {"cpu": "4", "memory": "8043192Ki", "pods": "110"},
                    "conditions": conditions,
                    "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
                    "nodeInfo": {
                        "kernelVersion": self.persona.kernel, "osImage": self.persona.os, "containerRuntimeVersion": "containerd://1.6.20",
                        "kubeletVersion": self.persona.version, "kubeProxyVersion": self.persona.version, "operatingSystem": "linux", "architecture": "amd64",
                    },
                },
            }), Duration::minutes(n as i64 * 4));
        }
        names
    }

    fn namespace(&mut self, name: &str) {
        let own = !name.starts_with("kube-") && name != "default";
        let after = if own { Duration::hours(3) } else { Duration::seconds(3) };
        self.add("Namespace", json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        }), after);
        self.add(
            "ServiceAccount",
            json!({"metadata": {"name": "default", "namespace": name}}),
            after + Duration::seconds(4),
        );
        let authority = self.persona.authority.clone();
        self.add(
            "ConfigMap",
            json!({
                "metadata": {"name": "kube-root-ca.crt", "namespace": name}, "data": {"ca.crt": authority},
            }),
            after + Duration::seconds(4),
        );
    }

    fn control_plane(&mut self, nodes: &[String]) {
        let (version, first) = (self.persona.version.clone(), nodes[0].clone());
        for (name, image) in [
            ("etcd", "registry.k8s.io/etcd:3.5.4-0".to_owned()),
            ("kube-apiserver", format!("registry.k8s.io/kube-apiserver:{version}")),
            (
                "kube-controller-manager",
                format!("registry.k8s.io/kube-controller-manager:{version}"),
            ),
            ("kube-scheduler", format!("registry.k8s.io/kube-scheduler:{version}")),
        ] {
            self.pod(
                "kube-system",
                &format!("{name}-{first}"),
                name,
                &image,
                (&first, &self.persona.address(0)),
                json!({"component": name, "tier": "control-plane"}),
            );
        }
        for (n, node) in nodes.iter().enumerate() {
            let name = format!("kube-proxy-{}", self.cluster.suffix(5));
            let address = self.persona.address(n);
            self.pod(
                "kube-system",
                &name,
                "kube-proxy",
                &format!("registry.k8s.io/kube-proxy:{version}"),
                (node, &address),
                json!({"k8s-app": "kube-proxy"}),
            );
            let name = format!("kube-flannel-ds-{}", self.cluster.suffix(5));
            self.pod(
                "kube-system",
                &name,
                "kube-flannel",
                "docker.io/flannel/flannel:v0.20.2",
                (node, &address),
                json!({"app": "flannel"}),
            );
        }
        for name in ["kube-proxy", "kube-flannel-ds"] {
            self.add("DaemonSet", json!({
                "metadata": {"name": name, "namespace": "kube-system"}, "spec": {"selector": {"matchLabels": {"k8s-app": name}}},
                "status": {"desiredNumberScheduled": nodes.len(), "currentNumberScheduled": nodes.len(), "numberReady": nodes.len()},
            }), Duration::seconds(20));
        }
        self.deployment(
            "kube-system",
            "coredns",
            "registry.k8s.io/coredns/coredns:v1.9.3",
            2,
            &nodes[..1],
            53,
        );
        self.service("default", "kubernetes", "10.96.0.1", 443);
        self.service("kube-system", "kube-dns", "10.96.0.10", 53);
        self.add("ConfigMap", json!({
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": ".:53 {\n    errors\n    health\n    ready\n    kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n    }\n    forward . /etc/resolv.conf\n    cache 30\n    loop\n    reload\n    loadbalance\n}\n"},
        }), Duration::seconds(11));
    }

    fn project(&mut self, project: &str, nodes: &[String], draw: &[u8; 32]) -> String {
        let workers = if nodes.len() > 1 { &nodes[1..] } else { nodes };
        for (n, (name, image, port)) in SERVICES.iter().enumerate().take(3 + usize::from(draw[4]) % 3) {
            let tag = if image.contains("local:5000") {
                format!(":{}.{}.{}", 1 + draw[5] % 3, draw[6] % 20, draw[7] % 10)
            } else {
                String::new()
            };
            self.deployment(
                project,
                name,
                &format!("{image}{tag}"),
                1 + usize::from(draw[8 + n] % 2),
                workers,
                *port,
            );
            self.service(
                project,
                name,
                &format!(
                    "10.{}.{}.{}",
                    96 + draw[14 + n] % 16,
                    draw[15 + n],
                    2 + draw[16 + n] % 250
                ),
                *port,
            );
        }
        let password = hex::encode(&self.cluster.of("password")[..9]);
        let encode = |text: &str| B64.encode(text);
        self.add("Secret", json!({
            "metadata": {"name": "db-credentials", "namespace": project}, "type": "Opaque",
            "data": {
                "DATABASE_URL": encode(&format!("postgres://{project}:{password}@postgres.{project}.svc:5432/{project}")),
                "username": encode(project), "password": encode(&password),
            },
        }), Duration::hours(4));
        let pull = json!({"auths": {"registry.local:5000": {"username": "deploy", "password": hex::encode(&self.cluster.of("registry")[..10])}}});
        self.add(
            "Secret",
            json!({
                "metadata": {"name": "regcred", "namespace": project}, "type": "kubernetes.io/dockerconfigjson",
                "data": {".dockerconfigjson": encode(&pull.to_string())},
            }),
            Duration::hours(4),
        );
        let token = self.token(project, "deployer");
        let authority = self.persona.authority.clone();
        self.add(
            "ServiceAccount",
            json!({"metadata": {"name": "deployer", "namespace": project}, "secrets": [{"name": "deployer-token"}]}),
            Duration::hours(4),
        );
        self.add("Secret", json!({
            "metadata": {"name": "deployer-token", "namespace": project, "annotations": {"kubernetes.io/service-account.name": "deployer"}},
            "type": "kubernetes.io/service-account-token",
            "data": {"ca.crt": encode(&authority), "namespace": encode(project), "token": encode(&token)},
        }), Duration::hours(4));
        token
    }

    fn roles(&mut self, project: &str) {
        for name in [
            "admin",
            "cluster-admin",
            "edit",
            "view",
            "system:node",
            "system:discovery",
            "system:public-info-viewer",
        ] {
            let all = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]}]);
            let some =
                json!([{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods", "services"]}]);
            let rules = if name == "cluster-admin" { all } else { some };
            self.add("ClusterRole", json!({"metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}, "rules": rules}), Duration::ZERO);
        }
        let bind = |name: &str, role: &str, subject: Value| {
            json!({
                "metadata": {"name": name}, "subjects": [subject],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            })
        };
        self.add(
            "ClusterRoleBinding",
            bind(
                "cluster-admin",
                "cluster-admin",
                json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:masters"}),
            ),
            Duration::ZERO,
        );
        self.add(
            "ClusterRoleBinding",
            bind(
                "deployer-admin",
                "cluster-admin",
                json!({"kind": "ServiceAccount", "name": "deployer", "namespace": project}),
            ),
            Duration::hours(4),
        );
        if self.persona.anonymous_is_admin {
            let anonymous =
                json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "system:anonymous"});
            self.add(
                "ClusterRoleBinding",
                bind("cluster-system-anonymous", "cluster-admin", anonymous),
                Duration::hours(9),
            );
        }
    }

    fn service(&mut self, namespace: &str, name: &str, address: &str, port: u16) {
        let selector = if name == "kubernetes" {
            json!(null)
        } else {
            json!({"app": name})
        };
        self.add("Service", json!({
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {"ports": [{"name": "http", "protocol": "TCP", "port": port, "targetPort": port}], "selector": selector, "clusterIP": address, "clusterIPs": [address], "type": "ClusterIP", "sessionAffinity": "None"},
            "status": {"loadBalancer": {}},
        }), Duration::hours(if namespace == "default" || namespace == "kube-system" { 0 } else { 4 }));
    }

    fn deployment(&mut self, namespace: &str, name: &str, image: &str, replicas: usize, nodes: &[String], port: u16) {
        let labels = json!({"app": name});
        self.add("Deployment", json!({
            "metadata": {"name": name, "namespace": namespace, "generation": 1, "labels": labels},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image, "ports": [{"containerPort": port, "protocol": "TCP"}]}]}}},
            "status": {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas},
        }), Duration::hours(4));
        let set = format!("{name}-{}", self.cluster.suffix(9));
        self.add("ReplicaSet", json!({
            "metadata": {"name": set, "namespace": namespace, "labels": labels}, "spec": {"replicas": replicas, "selector": {"matchLabels": labels}},
            "status": {"replicas": replicas, "readyReplicas": replicas},
        }), Duration::hours(4));
        for n in 0..replicas {
            let pod = format!("{set}-{}", self.cluster.suffix(5));
            let draw = self.cluster.draw();
            let address = format!("10.244.{}.{}", nodes.len(), 2 + draw[0] % 250);
            let node = nodes[n % nodes.len()].clone();
            self.pod(namespace, &pod, name, image, (&node, &address), json!({"app": name}));
        }
    }

    fn pod(
        &mut self,
        namespace: &str,
        name: &str,
        container: &str,
        image: &str,
        (node, address): (&str, &str),
        labels: Value,
    ) {
        let host = self.persona.address(0);
        let started = stamp(self.installed + Duration::hours(4));
        self.add("Pod", json!({
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "containers": [{"name": container, "image": image, "resources": {}, "imagePullPolicy": "IfNotPresent"}],
                "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "serviceAccountName": "default", "nodeName": node, "schedulerName": "default-scheduler",
            },
            "status": {
                "phase": "Running", "hostIP": host, "podIP": address, "podIPs": [{"ip": address}], "startTime": started, "qosClass": "BestEffort",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": container, "image": image, "ready": true, "started": true, "restartCount": 1, "state": {"running": {"startedAt": started}}, "lastState": {}}],
            },
        }), Duration::hours(if namespace == "kube-system" { 0 } else { 4 }));
    }

    /// As the controller makes them; nobody has the key to check it with.
    fn token(&self, namespace: &str, name: &str) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let key = URL_SAFE_NO_PAD.encode(self.cluster.of("key-id"));
        let claims = json!({
            "iss": "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/secret.name": format!("{name}-token"), "kubernetes.io/serviceaccount/service-account.name": name,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        });
        let signature: Vec<u8> = (0..8)
            .flat_map(|n| self.cluster.of(&format!("signature/{n}")))
            .collect();
        format!(
            "{}.{}.{}",
            part(json!({"alg": "RS256", "kid": key})),
            part(claims),
            URL_SAFE_NO_PAD.encode(signature)
        )
    }
}
