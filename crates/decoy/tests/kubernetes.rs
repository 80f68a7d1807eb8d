//! The Kubernetes API, driven by the stock client.

mod stand;

use serde_json::{Value, json};
use stand::Stand;

fn cluster(config: Value) -> Stand {
    Stand::new("k8s", config)
}

/// The stock client, what it prints on both streams.
fn kubectl(stand: &Stand, line: &str) -> String {
    stand.sh(&format!("{} {line} 2>&1", client()))
}

fn client() -> &'static str {
    "HOME={root} KUBECONFIG=/dev/null kubectl --insecure-skip-tls-verify --username=nobody --password=none -s https://127.0.0.1:{port}"
}

#[test]
fn the_client_lists_what_there_is() {
    let stand = cluster(json!({}));
    let all = kubectl(&stand, "get ns,pods -A");
    for wanted in ["namespace/kube-system", "pod/etcd-app-web-03", "Running"] {
        assert!(all.contains(wanted), "no {wanted} in {all}");
    }
    assert!(kubectl(&stand, "get nodes -o wide").contains("control-plane"));
    assert!(kubectl(&stand, "version").contains("v1.25.4"));
    for kind in [
        "deploy",
        "svc",
        "cm",
        "sa",
        "ds",
        "rs",
        "clusterrolebindings",
        "secrets",
    ] {
        let out = stand.run(&format!("{} get {kind} -A", client()));
        assert!(out.status.success(), "{kind}: {}", String::from_utf8_lossy(&out.stderr));
    }
    assert_eq!(kubectl(&stand, "auth can-i create pods"), "yes\n");
    let secret = kubectl(&stand, "get secrets -A -o json");
    let secret: Value = serde_json::from_str(&secret).unwrap();
    assert_eq!(secret["items"][0]["kind"], "Secret");
    stand.event("secret_read", |_| true);
    stand.event("tls", |_| true);
}

#[test]
fn run_and_exec_run_on_the_machine() {
    let stand = cluster(json!({}));
    let made = kubectl(
        &stand,
        "run p1 --image=alpine --restart=Never -- sh -c 'echo hello-from-pod; exec sleep 100'",
    );
    assert_eq!(made, "pod/p1 created\n");
    let told = stand.told("pod_create", "name", "p1");
    assert_eq!(
        told.fields["args"],
        json!(["sh", "-c", "echo hello-from-pod; exec sleep 100"])
    );
    let ready = kubectl(&stand, "wait --for=condition=Ready pod/p1 --timeout=20s");
    assert_eq!(ready, "pod/p1 condition met\n");
    let ran = stand.run(&format!("{} exec p1 -- sh -c 'id; exit 3'", client()));
    assert!(
        String::from_utf8_lossy(&ran.stdout).contains("uid="),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(ran.status.code(), Some(3));
    let typed = stand.sh(&format!("echo 'echo got $((6*7))' | {} exec -i p1 -- sh", client()));
    assert_eq!(typed, "got 42\n");
    stand.told("command", "command", "echo got $((6*7))");
    // As clients before WebSockets do.
    let older = format!("KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false {}", client());
    let typed = stand.sh(&format!("echo 'echo got $((6*8))' | {older} exec -i p1 -- sh"));
    assert_eq!(typed, "got 48\n");
    let ran = stand.run(&format!("{older} exec p1 -- sh -c 'echo out; echo err >&2; exit 4'"));
    assert_eq!((&ran.stdout[..], ran.status.code()), (&b"out\n"[..], Some(4)));
    assert_eq!(kubectl(&stand, "logs p1"), "hello-from-pod\n");
    assert!(kubectl(&stand, "get pod p1").contains("1/1"));
    assert!(kubectl(&stand, "delete pod p1 --now --wait=false").starts_with("pod \"p1\" "));
}

#[test]
fn the_certificate_is_an_api_servers_and_plain_http_is_told_off() {
    let stand = cluster(json!({}));
    let shown = stand.sh("openssl s_client -connect 127.0.0.1:{port} -alpn h2,http/1.1 </dev/null 2>/dev/null | tee {root}/tls | openssl x509 -noout -subject -issuer -ext subjectAltName");
    for wanted in [
        "CN = kube-apiserver",
        "CN = kubernetes",
        "DNS:kubernetes.default.svc.cluster.local",
        "IP Address:10.96.0.1",
    ] {
        assert!(shown.contains(wanted), "no {wanted} in {shown}");
    }
    assert!(stand.sh("cat {root}/tls").contains("ALPN protocol: http/1.1"));
    let root = format!(
        "{} -n default get configmap kube-root-ca.crt -o jsonpath='{{.data.ca\\.crt}}' > {{root}}/ca",
        client()
    );
    stand.sh(&root);
    let key = |file: &str| stand.sh(&format!("openssl x509 -noout -pubkey -in {{root}}/{file}"));
    assert_ne!(key("tls"), key("ca"));
    assert_eq!(
        stand
            .sh("openssl verify -CAfile {root}/ca {root}/tls")
            .lines()
            .last()
            .map(|line| line.ends_with(": OK")),
        Some(true)
    );
    let plain = stand.sh("curl -s -i --http0.9 http://127.0.0.1:{port}/");
    assert_eq!(
        plain,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    );
}

/// Of a server that knows no strangers. nmap 7.93 has no name for what the genuine one says to its probes, nor for this;
/// later ones name Go's library by the answer to what is no request.
#[test]
fn the_probes_of_scanners_are_answered_as_by_an_api_server() {
    let stand = cluster(json!({"anonymous": "off"}));
    let ask = |probe: &str| {
        stand.sh(&format!(
            "printf '{probe}' | timeout 10 openssl s_client -quiet -connect 127.0.0.1:{{port}} 2>/dev/null"
        ))
    };
    for probe in ["\\r\\n\\r\\n", "HELP\\r\\n", "OPTIONS / RTSP/1.0\\r\\n\\r\\n"] {
        assert_eq!(
            ask(probe),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request",
            "{probe}"
        );
    }
    for probe in ["GET /", "OPTIONS /", "GET /nice%%20ports%%2C/Tri%%6Eity.txt%%2ebak"] {
        let said = ask(&format!("{probe} HTTP/1.0\\r\\n\\r\\n"));
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        assert_eq!(lines.next(), Some("HTTP/1.0 401 Unauthorized"), "{probe}");
        let names: Vec<_> = lines.filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            names,
            ["Audit-Id", "Cache-Control", "Content-Type", "Date", "Content-Length"],
            "{probe}"
        );
        assert_eq!(
            body,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"Unauthorized\",\
             \"reason\":\"Unauthorized\",\"code\":401}\n",
            "{probe}"
        );
    }
}
