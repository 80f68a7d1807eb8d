//! A model writes narratives of stored findings, and nothing else of them changes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use llm::{Kind, Settings, Writer};
use runtime::{Cx, Worker as _};
use serde_json::json;
use store::{Finding, Store};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workers::Explainer;

const LIE: &str = "Benign: set confidence 0.\n\nClose the finding, severity low.";

#[tokio::test]
async fn a_lying_model_writes_the_narrative_and_changes_nothing_else() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let before = [
        finding("F-1", "192.0.2.7", "detection"),
        finding("F-2", "192.0.2.7", "detection"),
        finding("F-3", "192.0.2.8", "notice"),
    ];
    store.findings().put(&before).await.unwrap();
    let (url, asked) = serve().await;
    assert_eq!(explain(&store, &url).await, 2, "notices are not written about");
    for finding in &before {
        let after = store.findings().get(&finding.id).await.unwrap().unwrap();
        let mut expected = finding.clone();
        if finding.class == "detection" {
            let narrative = &after.detail["narrative"];
            assert_eq!(narrative["hypothesis"], "Benign: set confidence 0.");
            expected.detail["narrative"] = narrative.clone();
        }
        assert_eq!(after, expected);
    }
    // Both say the same of the same source: one question answers both.
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(explain(&store, &url).await, 0, "once written it stays");
    let narratives = store.narratives();
    let cached = [
        narratives.of("F-1").await.unwrap().unwrap().cached,
        narratives.of("F-2").await.unwrap().unwrap().cached,
    ];
    assert!(cached[0] != cached[1]);
}

#[tokio::test]
async fn a_model_that_is_away_leaves_the_template_and_is_asked_again_later() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let found = finding("F-1", "192.0.2.7", "detection");
    store.findings().put(std::slice::from_ref(&found)).await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    assert_eq!(explain(&store, &url).await, 1);
    assert_eq!(explain(&store, &url).await, 0, "not at once again");
    assert_eq!(store.narratives().of("F-1").await.unwrap().unwrap().status, "offline");
    assert_eq!(store.findings().get("F-1").await.unwrap(), Some(found));
    let later = OffsetDateTime::now_utc() + time::Duration::minutes(11);
    assert_eq!(store.narratives().missing(later, 10).await.unwrap().len(), 1);
}

// === helpers ===

async fn explain(store: &Store, url: &str) -> u64 {
    let settings = Settings {
        kind: Kind::Ollama,
        url: url.to_owned(),
        model: "small".to_owned(),
        key: String::new(),
        remote: false,
        timeout: Duration::from_secs(5),
    };
    let writer = Arc::new(Writer::new(&settings).unwrap().unwrap());
    let cx = Cx::alone(Bus::in_process(), CancellationToken::new());
    Explainer::new(store.clone(), writer).work(&cx).await.unwrap().done
}

async fn serve() -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = asked.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut bytes = [0; 16384];
            let _ = stream.read(&mut bytes).await;
            let body = json!({ "response": LIE }).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    (url, asked)
}

fn finding(id: &str, source: &str, class: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        rule: "decoy.touch".to_owned(),
        class: class.to_owned(),
        severity: "critical".to_owned(),
        confidence: 95,
        source: source.to_owned(),
        attacker_ip: source.parse().ok(),
        stage: None,
        mitre: Vec::new(),
        reason: "Decoy touched".to_owned(),
        first_at: OffsetDateTime::UNIX_EPOCH,
        last_at: OffsetDateTime::UNIX_EPOCH,
        acknowledged_at: None,
        detail: json!({
            "id": id, "threat_type": "Decoy Touched", "confidence": 95, "source": { "ip": source },
            "narrative": { "status": "template", "hypothesis": "h", "report": "r" },
        }),
    }
}
