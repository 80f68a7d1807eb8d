//! Real servers that answer as models do, and as none should.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::post;
use llm::{Facts, Kind, Narrative, Settings, Status, Writer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[tokio::test]
async fn both_kinds_of_server_are_asked_as_they_want_and_understood() {
    for (kind, path, answer, prompt) in [
        (
            Kind::Ollama,
            "/api/generate",
            json!({ "response": "It sweeps.\n\nMany hosts." }),
            "/prompt",
        ),
        (
            Kind::OpenAi,
            "/v1/chat/completions",
            json!({ "choices": [{ "message": { "content": "It sweeps.\n\nMany hosts." } }] }),
            "/messages/1/content",
        ),
    ] {
        let (tell, mut heard) = mpsc::unbounded_channel();
        let route = post(move |body: Bytes| async move {
            tell.send(serde_json::from_slice::<Value>(&body).unwrap()).unwrap();
            answer.to_string()
        });
        let url = serve(Router::new().route(path, route)).await;
        let narrative = written(kind, &url).await;
        assert_eq!(narrative.status, Status::Ok);
        assert_eq!(
            (narrative.hypothesis.as_str(), narrative.report.as_str()),
            ("It sweeps.", "Many hosts.")
        );
        let asked = heard.recv().await.unwrap();
        assert_eq!((&asked["model"], &asked["stream"]), (&"small".into(), &false.into()));
        let prompt = asked.pointer(prompt).unwrap().as_str().unwrap();
        assert!(prompt.contains("source_ip: \"192.0.2.7\""), "{prompt}");
    }
}

#[tokio::test]
async fn whatever_a_server_does_it_takes_little_time_and_room_and_has_a_name() {
    let endless = || {
        let pieces =
            futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"{\"response\":\"aaaa")));
        Body::from_stream(pieces)
    };
    let drip = || {
        let pieces = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        Body::from_stream(pieces)
    };
    let huge = format!("{{\"response\":\"{}\"}}", "A".repeat(1 << 20));
    for (what, body, status) in [
        ("endless", endless(), Status::Error),
        ("a byte now and then", drip(), Status::Timeout),
        ("huge", huge.into(), Status::Error),
        (
            "invalid UTF-8",
            Bytes::from_static(b"{\"response\":\"\xff\xfe\"}").into(),
            Status::Error,
        ),
        ("nothing", Body::empty(), Status::Error),
        ("no JSON", "I would rather talk".into(), Status::Error),
        (
            "another shape",
            json!({ "verdict": "CLEAR" }).to_string().into(),
            Status::Error,
        ),
        (
            "a number for text",
            json!({ "response": 0 }).to_string().into(),
            Status::Error,
        ),
        (
            "blanks",
            json!({ "response": " \n\t\u{0}" }).to_string().into(),
            Status::Error,
        ),
        ("deep nesting", "[".repeat(60_000).into(), Status::Error),
    ] {
        let body = Arc::new(Mutex::new(Some(body)));
        let route = post(move || async move { body.lock().unwrap().take().unwrap() });
        let url = serve(Router::new().route("/api/generate", route)).await;
        let began = Instant::now();
        let narrative = written(Kind::Ollama, &url).await;
        assert_eq!((narrative.status, narrative.report.as_str()), (status, ""), "{what}");
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
    }
}

#[tokio::test]
async fn a_long_answer_is_cut_and_hides_nothing() {
    let text = format!("a\u{1b}[2J\u{202e}\u{0}\r\n\r\n{}", "é".repeat(20_000));
    let route = post(move || async move { json!({ "response": text }).to_string() });
    let url = serve(Router::new().route("/api/generate", route)).await;
    let narrative = written(Kind::Ollama, &url).await;
    assert_eq!(narrative.hypothesis, "a[2J");
    assert!(narrative.report.chars().all(|c| c == 'é') && narrative.report.chars().count() < 2_000);
}

#[tokio::test]
async fn a_server_that_refuses_redirects_or_is_away_is_told_apart() {
    let refuse = post(|| async { StatusCode::INTERNAL_SERVER_ERROR });
    let url = serve(Router::new().route("/api/generate", refuse)).await;
    assert_eq!(written(Kind::Ollama, &url).await.status, Status::Error);
    let elsewhere = post(|| async {
        (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "http://192.0.2.1/")],
        )
            .into_response()
    });
    let url = serve(Router::new().route("/api/generate", elsewhere)).await;
    assert_eq!(written(Kind::Ollama, &url).await.status, Status::Error);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(
        written(Kind::Ollama, &format!("http://{free}")).await.status,
        Status::Offline
    );
}

#[tokio::test]
async fn another_host_is_asked_only_when_that_is_wanted_and_a_template_asks_nobody() {
    for url in [
        "http://192.0.2.1:11434",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example/",
        "ftp://127.0.0.1",
    ] {
        assert!(Writer::new(&settings(Kind::Ollama, url)).is_err(), "{url}");
    }
    let remote = Settings {
        remote: true,
        ..settings(Kind::OpenAi, "https://192.0.2.1")
    };
    assert!(Writer::new(&remote).unwrap().is_some());
    assert!(Writer::new(&settings(Kind::Template, "")).unwrap().is_none());
}

// === helpers ===

async fn written(kind: Kind, url: &str) -> Narrative {
    let finding = json!({ "threat_type": "Network Sweep", "confidence": 83, "source": { "ip": "192.0.2.7" } });
    let writer = Writer::new(&settings(kind, url)).unwrap().unwrap();
    writer.narrate(&Facts::of(&finding)).await
}

fn settings(kind: Kind, url: &str) -> Settings {
    Settings {
        kind,
        url: url.to_owned(),
        model: "small".to_owned(),
        key: String::new(),
        remote: false,
        timeout: Duration::from_secs(2),
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
