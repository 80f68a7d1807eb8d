//! Golden answers of the engine of Debian 12, without sockets.

use model::machine::{MachineSpec, ServiceSpec};
use time::OffsetDateTime;

use super::answer::{self, Answer};
use super::bait;
use super::persona::Persona;
use super::record::Record;
use super::store::Store;
use crate::machine::Machine;
use crate::services::golang::{Budget, Next, Reader};

const NOW: i64 = 1_796_059_990;

fn store() -> Store {
    let spec =
        r#"{"generation":1,"hostname":"app-03","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#;
    let spec: MachineSpec = serde_json::from_str(spec).unwrap();
    let service: ServiceSpec = serde_json::from_str(r#"{"slug":"docker_api","ports":[{"port":2375}]}"#).unwrap();
    let machine = Machine::new("/nowhere", spec);
    let mut persona = Persona::of(&machine, &service);
    persona.kernel = "6.1.0-28-amd64".to_owned();
    let mut store = Store::new(persona, [7; 32]);
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    bait::networks(&mut store, now);
    bait::fill(&mut store, now);
    store
}

fn ask(store: &mut Store, wire: &str) -> (Answer, Vec<Record>, String) {
    let mut reader = Reader::new(Budget::new(1 << 20));
    reader.push(wire.as_bytes());
    let Next::Request(request) = reader.next() else {
        panic!("{wire}")
    };
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    let mut records = Vec::new();
    let answer = answer::answer(store, &request, now, &mut records);
    let text = match &answer {
        Answer::Reply(reply) => String::from_utf8(reply.render(&request, now)).unwrap(),
        _ => String::new(),
    };
    (answer, records, text)
}

fn said(wire: &str) -> String {
    ask(&mut store(), wire).2
}

fn get(path: &str) -> String {
    said(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_ping_is_answered_to_the_byte() {
    assert_eq!(
        get("/_ping"),
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nCache-Control: no-cache, no-store, must-revalidate\r\n\
         Docker-Experimental: false\r\nOstype: linux\r\nPragma: no-cache\r\nServer: Docker/20.10.24+dfsg1 (linux)\r\n\
         Date: Mon, 30 Nov 2026 17:33:10 GMT\r\nContent-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nOK"
    );
    assert_eq!(
        said("HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nCache-Control: no-cache, no-store, must-revalidate\r\n\
         Content-Length: 0\r\nContent-Type: text/plain; charset=utf-8\r\nDocker-Experimental: false\r\n\
         Ostype: linux\r\nPragma: no-cache\r\nServer: Docker/20.10.24+dfsg1 (linux)\r\n\
         Date: Mon, 30 Nov 2026 17:33:10 GMT\r\n\r\n"
    );
    assert!(said("GET /_ping HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 OK\r\n"));
}

#[test]
fn faults_are_said_as_the_engine_says_them() {
    for (path, status, message) in [
        (
            "/v9.99/info",
            "400 Bad Request",
            "client version 9.99 is too new. Maximum supported API version is 1.41",
        ),
        ("/nope", "404 Not Found", "page not found"),
        ("/v1.41", "404 Not Found", "page not found"),
        (
            "/v1.41/containers/nope/json",
            "404 Not Found",
            "No such container: nope",
        ),
        (
            "/images/nope/json",
            "404 Not Found",
            "no such image: nope: No such image: nope:latest",
        ),
        ("/images/x/history", "404 Not Found", "No such image: x:latest"),
        ("/volumes/x", "404 Not Found", "get x: no such volume"),
        ("/networks/x", "404 Not Found", "network x not found"),
        ("/exec/x/json", "404 Not Found", "No such exec instance: x"),
        (
            "/containers/x/logs",
            "400 Bad Request",
            "Bad parameters: you must choose at least one stream",
        ),
        ("/containers/x/logs?stdout=1", "404 Not Found", "No such container: x"),
        (
            "/containers/json?filters=x",
            "500 Internal Server Error",
            "invalid character 'x' looking for beginning of value",
        ),
        (
            "/swarm",
            "503 Service Unavailable",
            "This node is not a swarm manager. Use \\\"docker swarm init\\\" or \\\"docker swarm join\\\" to connect this node to swarm and try again.",
        ),
    ] {
        let said = get(path);
        assert!(said.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {said}");
        assert!(
            said.ends_with(&format!("\r\n\r\n{{\"message\":\"{message}\"}}\n")),
            "{path}: {said}"
        );
    }
    let old = get("/v1.1/info");
    assert!(old.contains("\r\nContent-Type: text/plain; charset=utf-8\r\nOstype: linux\r\nServer: Docker/20.10.24+dfsg1 (linux)\r\nX-Content-Type-Options: nosniff\r\n"), "{old}");
    assert!(get("//version").starts_with("HTTP/1.1 301 Moved Permanently\r\nLocation: /version\r\nDate: "));
}

#[test]
fn a_container_is_made_shown_and_told() {
    let mut store = store();
    let body = r#"{"Image":"alpine","Cmd":["sh","-c","id"],"HostConfig":{"Binds":["/:/mnt"],"Privileged":true,"PidMode":"host"}}"#;
    let (_, records, made) = ask(&mut store, &post("/v1.41/containers/create?name=c1", body));
    assert!(
        made.starts_with("HTTP/1.1 201 Created\r\n") && made.ends_with(",\"Warnings\":[]}\n"),
        "{made}"
    );
    let told = &records[0];
    assert_eq!(
        (told.kind, &told.fields["privileged"], &told.fields["pid_mode"]),
        ("container_create", &true.into(), &"host".into())
    );
    assert_eq!(told.fields["host_paths"], serde_json::json!(["/"]));
    let listed = ask(&mut store, "GET /containers/json?all=1 HTTP/1.1\r\nHost: x\r\n\r\n").2;
    assert!(
        listed.contains("\"Names\":[\"/c1\"],\"Image\":\"alpine\",\"ImageID\":\"sha256:"),
        "{listed}"
    );
    assert!(listed.contains("\"Command\":\"sh -c id\",\"Created\":1796059990,\"Ports\":[],\"Labels\":{},\"State\":\"created\",\"Status\":\"Created\""), "{listed}");
    let shown = ask(&mut store, "GET /containers/c1/json HTTP/1.1\r\nHost: x\r\n\r\n").2;
    let json = shown
        .split("\r\n\r\n")
        .nth(1)
        .and_then(|chunk| chunk.split("\r\n").nth(1))
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["HostConfig"]["Binds"], serde_json::json!(["/:/mnt"]));
    assert_eq!(json["HostConfig"]["MaskedPaths"], serde_json::Value::Null);
    let again = ask(&mut store, &post("/containers/create?name=c1", body)).2;
    assert!(
        again.contains("Conflict. The container name \\\"/c1\\\" is already in use by container"),
        "{again}"
    );
    let missing = ask(&mut store, &post("/containers/create", r#"{"Image":"nosuch"}"#)).2;
    assert!(
        missing.ends_with("{\"message\":\"No such image: nosuch:latest\"}\n"),
        "{missing}"
    );
}

#[test]
fn a_pull_comes_in_steps_and_the_image_is_there_after_it() {
    let mut store = store();
    let pull = "POST /images/create?fromImage=busybox&tag=1.36 HTTP/1.1\r\nHost: x\r\n\r\n";
    let (answer, records, _) = ask(&mut store, pull);
    assert_eq!(records[0].kind, "image_pull");
    let Answer::Stream(_, steps) = answer else { panic!() };
    let text: String = steps
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    assert!(
        text.starts_with("{\"status\":\"Pulling from library/busybox\",\"id\":\"1.36\"}\r\n"),
        "{text}"
    );
    assert!(
        text.ends_with("{\"status\":\"Status: Downloaded newer image for busybox:1.36\"}\r\n"),
        "{text}"
    );
    assert!(store.image("busybox:1.36").is_some());
    let (answer, ..) = ask(&mut store, pull);
    let Answer::Stream(_, steps) = answer else { panic!() };
    assert!(
        steps
            .last()
            .is_some_and(|(_, bytes)| bytes.starts_with(b"{\"status\":\"Status: Image is up to date"))
    );
    let denied = ask(
        &mut store,
        "POST /images/create?fromImage=nosuchthing HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .2;
    assert!(denied.contains("pull access denied for nosuchthing"), "{denied}");
}

#[test]
fn two_machines_share_no_ids() {
    let (mut one, mut two) = (store(), store());
    two = Store::new(two.persona, [8; 32]);
    bait::fill(&mut two, OffsetDateTime::from_unix_timestamp(NOW).unwrap());
    let ids = |store: &Store| store.containers.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    assert!(ids(&one).iter().all(|id| !ids(&two).contains(id)));
    assert_ne!(one.new_id(), two.new_id());
}
