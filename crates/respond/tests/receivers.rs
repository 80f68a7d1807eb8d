//! Findings reach receivers over HTTP, SMTP and syslog, and those that were away when they are back.
#![allow(clippy::unwrap_used)]

mod bed;
mod smtp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use detect::Config;
use detect::config::Layers;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

use bed::{Bed, finding, soon};

#[tokio::test]
async fn a_webhook_is_told_once_with_a_signature_that_holds() {
    let receiver = Receiver::start().await;
    let bed = Bed::new(&receiver.settings("soc", "medium")).await;
    bed.found(&finding("F-1", "high", 75)).await;
    let (headers, body) = receiver.next().await;
    let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        (text("webhook-id").as_str(), text("content-type").as_str()),
        ("F-1.high", "application/json")
    );
    let secret = hex::decode(bed.file("webhook-secret").trim()).unwrap();
    let at = text("webhook-timestamp").parse().unwrap();
    assert_eq!(
        text("x-signature-256"),
        respond::signature(&secret, "F-1.high", at, &body)
    );
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&told["finding"]["id"], &told["schema"]),
        (&"F-1".into(), &"decnet.finding/1".into())
    );

    // The same again is no news; graver it is.
    bed.found(&finding("F-1", "high", 76)).await;
    bed.found(&finding("F-1", "critical", 95)).await;
    assert_eq!(receiver.next().await.0["webhook-id"], "F-1.critical");
    receiver.hears_no_more().await;
    bed.stop().await;
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_and_the_fifth_time_is_the_last() {
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let bed = Bed::new(&receiver.settings("soc", "medium")).await;
    bed.found(&finding("F-1", "high", 75)).await;
    receiver.next().await;
    receiver.next().await;
    receiver.answer(204);
    receiver.next().await;
    receiver.hears_no_more().await;
    assert_eq!(receiver.calls(), 3);

    receiver.answer(500);
    bed.found(&finding("F-2", "high", 75)).await;
    let letters = soon(Duration::from_secs(60), async {
        loop {
            if let Some(text) = bed.maybe("decnet-undelivered.jsonl") {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert_eq!(receiver.calls(), 8, "five more");
    let letter: serde_json::Value = serde_json::from_str(&letters).unwrap();
    assert_eq!(
        (&letter["to"], &letter["finding"]["id"]),
        (&"webhook:soc".into(), &"F-2".into())
    );
    assert_eq!(bed.store.deliveries().waiting("webhook:soc").await.unwrap(), 0);
    bed.stop().await;
}

#[tokio::test]
async fn only_those_a_rule_names_and_only_what_is_grave_enough_is_told() {
    let (soc, boss) = (Receiver::start().await, Receiver::start().await);
    let settings = format!(
        "{{webhook.allow_private: true, respond: ['webhook:soc'], webhook.targets: [{{name: soc, url: '{}'}}, {{name: boss, url: '{}', min_severity: critical}}]}}",
        soc.url, boss.url
    );
    let bed = Bed::new(&settings).await;
    bed.found(&finding("F-1", "low", 45)).await;
    let mut notice = finding("F-2", "high", 75);
    notice.class = "notice".to_owned();
    bed.found(&notice).await;
    let mut named = finding("F-3", "high", 75);
    named.detail["respond"] = serde_json::json!(["webhook:boss", "webhook:soc"]);
    bed.found(&named).await;
    assert_eq!(soc.next().await.0["webhook-id"], "F-3.high");
    let mut grave = finding("F-4", "critical", 90);
    grave.detail["respond"] = serde_json::json!(["webhook"]);
    bed.found(&grave).await;
    assert_eq!(soc.next().await.0["webhook-id"], "F-4.critical");
    assert_eq!(boss.next().await.0["webhook-id"], "F-4.critical");
    soc.hears_no_more().await;
    boss.hears_no_more().await;
    bed.stop().await;
}

#[tokio::test]
async fn what_is_due_when_the_process_dies_is_told_by_the_next() {
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let bed = Bed::new(&receiver.settings("soc", "medium")).await;
    bed.found(&finding("F-1", "high", 75)).await;
    receiver.next().await;
    let bed = bed.restart().await;
    receiver.answer(200);
    assert_eq!(receiver.next().await.0["webhook-id"], "F-1.high");
    bed.stop().await;
}

#[tokio::test]
async fn the_alert_log_has_every_finding_that_counts() {
    let bed = Bed::new("{}").await;
    bed.found(&finding("F-1", "high", 75)).await;
    bed.found(&finding("F-2", "low", 39)).await;
    let text = soon(Duration::from_secs(20), async {
        loop {
            if let Some(text) = bed.maybe("decnet-alerts.jsonl") {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["id"], "F-1");
    bed.stop().await;
}

#[tokio::test]
async fn a_log_collector_gets_findings_as_messages_it_can_read() {
    for (format, sign) in [
        ("rfc5424", " - finding [relay@55555 finding_id=\"F-1\" "),
        ("cef", "|decoy.touch|Decoy touched|8|externalId=F-1 "),
    ] {
        let collector = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = collector.local_addr().unwrap();
        let bed = Bed::new(&format!(
            "{{respond: syslog, syslog.target: 'udp://{to}', syslog.format: {format}}}"
        ))
        .await;
        bed.found(&finding("F-1", "high", 75)).await;
        let mut bytes = [0; 4096];
        let (length, _) = soon(Duration::from_secs(20), collector.recv_from(&mut bytes))
            .await
            .unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        assert!(text.contains(sign), "{text}");
        bed.stop().await;
    }
}

#[tokio::test]
async fn a_digest_comes_by_mail_over_tls_and_nothing_an_attacker_wrote_is_a_header() {
    let mut server = smtp::Server::start().await;
    let settings = format!(
        "{{respond: mail, mail.server: 'smtps://localhost:{}', mail.from: 'Grid <grid@example.org>', mail.to: [soc@example.org], mail.ca_file: '{}', mail.user: grid, mail.password_file: '{}'}}",
        server.port,
        server.ca(),
        server.password_file()
    );
    let bed = Bed::new(&settings).await;
    let mut evil = finding("F-1", "critical", 95);
    evil.reason = "Decoy touched\r\nBcc: victim@example.org\r\n\r\nhello\r\n.\r\nMAIL FROM:<x@y>".to_owned();
    bed.found(&evil).await;
    let mail = server.next().await;
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("grid@example.org", &["soc@example.org".to_owned()][..])
    );
    assert_eq!(mail.login.as_deref(), Some("grid correct horse"));
    let (head, body) = mail.text.split_once("\r\n\r\n").unwrap();
    assert!(
        !head.lines().any(|line| line.to_lowercase().starts_with("bcc")),
        "{head}"
    );
    assert!(
        head.contains("Subject: [critical] Decoy touched") && head.contains("References: <"),
        "{head}"
    );
    assert!(body.contains("technique   T1059"), "{body}");

    // The next within five minutes waits.
    bed.found(&finding("F-2", "critical", 95)).await;
    server.hears_no_more().await;
    assert_eq!(bed.store.deliveries().waiting("mail").await.unwrap(), 1);
    bed.stop().await;
}

#[tokio::test]
async fn a_mail_server_elsewhere_that_offers_no_tls_gets_nothing() {
    let mut server = smtp::Server::plain().await;
    let settings = |host: &str, port| {
        format!(
            "{{respond: mail, mail.server: 'smtp://{host}:{port}', mail.from: a@example.org, mail.to: b@example.org}}"
        )
    };
    // The same server, by an address that is not known as this host's.
    let bed = Bed::new(&settings("[::ffff:127.0.0.1]", server.port)).await;
    bed.found(&finding("F-1", "critical", 95)).await;
    server.hears_no_more().await;
    bed.stop().await;
    let bed = Bed::new(&settings("127.0.0.1", server.port)).await;
    bed.found(&finding("F-2", "critical", 95)).await;
    assert!(server.next().await.text.contains("F-2"));
    bed.stop().await;
}

#[tokio::test]
async fn who_cannot_be_told_is_refused_at_the_start() {
    for (settings, named) in [
        ("{respond: mail}", "mail"),
        (
            "{respond: 'webhook:soc', webhook.targets: ['boss=https://192.0.2.1/']}",
            "webhook:soc",
        ),
        ("{webhook.targets: ['http://127.0.0.1:9/']}", "allow_private"),
        ("{respond: syslog, syslog.target: 'ftp://x'}", "ftp://x"),
        (
            "{mail.server: 'http://x', mail.from: a@b.c, mail.to: a@b.c}",
            "mail.server",
        ),
        (
            "{mail.server: 'smtps://x', mail.from: nobody, mail.to: a@b.c}",
            "mail.from",
        ),
        ("{isolate.enabled: true, isolate.mode: decoy}", "isolate.decoy"),
    ] {
        let error = Bed::refused(settings).await;
        assert!(error.contains(named), "{settings}: {error}");
    }
}

#[tokio::test]
async fn a_simulation_tells_nobody() {
    let receiver = Receiver::start().await;
    let settings = format!("{{simulate: true, {}", &receiver.settings("soc", "low")[1..]);
    let bed = Bed::new(&settings).await;
    bed.found(&finding("F-1", "critical", 95)).await;
    receiver.hears_no_more().await;
    bed.stop().await;
}

// === helpers ===

/// A real HTTP server that answers as it is told to.
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    calls: Arc<AtomicUsize>,
    heard: tokio::sync::Mutex<mpsc::UnboundedReceiver<(HeaderMap, Bytes)>>,
}

impl Receiver {
    async fn start() -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let (status, calls) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (answer, counted) = (status.clone(), calls.clone());
        let take = move |headers: HeaderMap, body: Bytes| async move {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = tell.send((headers, body));
            StatusCode::from_u16(answer.load(Ordering::SeqCst)).unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/in", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            status,
            calls,
            heard: heard.into(),
        }
    }

    fn settings(&self, name: &str, least: &str) -> String {
        format!(
            "{{webhook.allow_private: true, respond: [webhook], webhook.targets: [{{name: {name}, url: '{}', min_severity: {least}}}]}}",
            self.url
        )
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn next(&self) -> (HeaderMap, Bytes) {
        soon(Duration::from_secs(20), self.heard.lock().await.recv())
            .await
            .unwrap()
    }

    async fn hears_no_more(&self) {
        let more = tokio::time::timeout(Duration::from_secs(4), async { self.heard.lock().await.recv().await }).await;
        assert!(more.is_err(), "{more:?}");
    }
}

#[test]
fn settings_of_responders_come_from_the_environment_as_well() {
    let mut layers = Layers::default();
    let given = [
        (
            "DECNET_WEBHOOK_TARGETS",
            "soc=https://soc.example/in,https://boss.example/in",
        ),
        ("DECNET_RESPOND", "alert, webhook:soc"),
        ("DECNET_ISOLATE_MIN_CONFIDENCE", "90"),
    ];
    layers
        .environment(given.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .unwrap();
    let config: Config = layers.finish().unwrap().0;
    assert_eq!(config.webhooks[0].name, "soc");
    assert_eq!(
        (config.webhooks.len(), config.respond.len(), config.isolate_confidence.0),
        (2, 2, 90)
    );
}
