//! Golden answers of kube-apiserver, without sockets.

use model::machine::{MachineSpec, ServiceSpec};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::answer::{self, Answer, Api};
use super::bait;
use super::objects::Cluster;
use super::persona::Persona;
use crate::machine::Machine;
use crate::services::golang::record::Record;
use crate::services::golang::{Budget, Next, Reader};

const NOW: i64 = 1_796_059_990;

struct Asked {
    cluster: Cluster,
    persona: Persona,
    tokens: Vec<String>,
}

// === impl Asked ===

impl Asked {
    fn new(config: Value) -> Self {
        let spec =
            r#"{"generation":1,"hostname":"cp-1","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#;
        let spec: MachineSpec = serde_json::from_str(spec).unwrap();
        let service: ServiceSpec =
            serde_json::from_value(json!({"slug": "k8s", "ports": [], "config": config})).unwrap();
        let persona = Persona::of(&Machine::new("/nowhere", spec), &service).unwrap();
        let mut cluster = Cluster::new([7; 32]);
        let tokens = bait::fill(
            &mut cluster,
            &persona,
            OffsetDateTime::from_unix_timestamp(NOW).unwrap(),
        );
        Self {
            cluster,
            persona,
            tokens,
        }
    }

    fn ask(&mut self, wire: &str) -> (String, Vec<Record>) {
        let mut reader = Reader::new(Budget::new(1 << 20));
        reader.push(wire.as_bytes());
        let Next::Request(request) = reader.next() else {
            panic!("{wire}")
        };
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let mut records = Vec::new();
        let mut api = Api {
            cluster: &mut self.cluster,
            persona: &self.persona,
            tokens: &self.tokens,
            address: "192.0.2.1:6443",
        };
        let answer = answer::answer(&mut api, &request, now, &mut records);
        let (Answer::Reply(reply) | Answer::Created(reply, ..)) = answer else {
            panic!("{answer:?}")
        };
        (String::from_utf8(reply.body).unwrap(), records)
    }

    fn get(&mut self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).0
    }

    fn get_as_table(&mut self, path: &str) -> Value {
        let accept = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        let text = self
            .ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{accept}\r\n\r\n"))
            .0;
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn strangers_are_refused_as_the_roles_have_it() {
    let mut api = Asked::new(json!({"anonymous": "none"}));
    assert_eq!(
        api.get("/api/v1/namespaces"),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"namespaces is forbidden: \
         User \\\"system:anonymous\\\" cannot list resource \\\"namespaces\\\" in API group \\\"\\\" at the cluster scope\",\
         \"reason\":\"Forbidden\",\"details\":{\"kind\":\"namespaces\"},\"code\":403}\n"
    );
    assert!(
        api.get("/")
            .contains("forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/\\\"")
    );
    assert!(api.get("/version").contains("\"gitVersion\": \"v1.25.4\""));
    assert_eq!(api.get("/livez"), "ok");
    let mut api = Asked::new(json!({"anonymous": "off"}));
    assert!(
        api.get("/version")
            .ends_with("\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}\n")
    );
}

#[test]
fn a_wrong_token_is_refused_and_a_planted_one_opens_everything() {
    let mut api = Asked::new(json!({"anonymous": "none"}));
    let with = |token: &str| format!("GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    assert!(api.ask(&with("abc")).0.contains("\"code\":401"));
    let token = api.tokens[0].clone();
    let (body, records) = api.ask(&with(&token));
    assert!(
        body.starts_with("{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"),
        "{body}"
    );
    assert_eq!(
        (records[0].kind, &records[0].fields["accepted"]),
        ("sa_token_use", &true.into())
    );
}

#[test]
fn tables_have_a_cell_for_every_column() {
    let mut api = Asked::new(json!({}));
    for path in [
        "nodes",
        "namespaces",
        "pods",
        "secrets",
        "services",
        "configmaps",
        "serviceaccounts",
    ] {
        let table = api.get_as_table(&format!("/api/v1/{path}"));
        let columns = table["columnDefinitions"].as_array().unwrap().len();
        let rows = table["rows"].as_array().unwrap();
        assert!(
            !rows.is_empty() && rows.iter().all(|row| row["cells"].as_array().unwrap().len() == columns),
            "{path}"
        );
    }
    let deployments = api.get_as_table("/apis/apps/v1/deployments");
    assert_eq!(deployments["kind"], "Table");
    assert_eq!(
        api.get_as_table("/api/v1/namespaces/kube-system/pods")["rows"][0]["cells"][2],
        "Running"
    );
}

#[test]
fn secrets_are_read_and_told() {
    let mut api = Asked::new(json!({}));
    let (_, records) = api.ask("GET /api/v1/secrets HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(records[0].kind, "secret_read");
    let name = records[0].fields["names"][0].as_str().unwrap().to_owned();
    let (namespace, name) = name.split_once('/').unwrap();
    let (body, records) = api.ask(&format!(
        "GET /api/v1/namespaces/{namespace}/secrets/{name} HTTP/1.1\r\nHost: x\r\n\r\n"
    ));
    assert!(body.contains("\"data\":{"), "{body}");
    assert_eq!(records[0].fields["name"], name);
    assert!(api.get("/api/v1/namespaces/x/secrets/y").ends_with("\"message\":\"secrets \\\"y\\\" not found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"y\",\"kind\":\"secrets\"},\"code\":404}\n"));
}

#[test]
fn a_pod_with_the_host_in_it_is_made_and_told() {
    let mut api = Asked::new(json!({}));
    let pod = json!({
        "metadata": {"name": "p"},
        "spec": {"hostPID": true, "containers": [{"name": "c", "image": "alpine", "command": ["sh"], "securityContext": {"privileged": true}}],
                 "volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    })
    .to_string();
    let wire = format!(
        "POST /api/v1/namespaces/default/pods HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{pod}",
        pod.len()
    );
    let (body, records) = api.ask(&wire);
    assert!(
        body.starts_with(
            "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"uid\":\""
        ),
        "{body}"
    );
    let told = &records[0];
    assert_eq!(
        (
            told.kind,
            &told.fields["image"],
            &told.fields["host_paths"],
            &told.fields["privileged"]
        ),
        ("pod_create", &json!("alpine"), &json!(["/"]), &json!(true))
    );
    assert!(api.ask(&wire).0.contains("pods \\\"p\\\" already exists"));
    let (gone, _) = api.ask("DELETE /api/v1/namespaces/default/pods/p HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(gone.contains("\"name\":\"p\""));
}

#[test]
fn discovery_names_every_resource() {
    let mut api = Asked::new(json!({}));
    assert!(api.get("/api").starts_with("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"192.0.2.1:6443\"}]}"));
    assert!(
        api.get("/apis")
            .starts_with("{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[{\"name\":\"apps\",")
    );
    for path in ["/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"] {
        let list: Value = serde_json::from_str(&api.get(path)).unwrap();
        assert_eq!(list["kind"], "APIResourceList", "{path}");
    }
    assert!(
        api.get("/apis/nope/v1")
            .contains("the server could not find the requested resource")
    );
}
