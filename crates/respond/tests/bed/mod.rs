//! A responder over a store of its own.
#![allow(dead_code)] // Each test binary uses its part.

use std::time::Duration;

use bus::Bus;
use detect::config::Layers;
use respond::{Channels, Responder};
use runtime::Crew;
use serde_json::json;
use store::{Finding, LOCAL, Store};
use tempfile::TempDir;
use time::OffsetDateTime;

pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    settings: String,
    dir: TempDir,
    crew: Crew,
}

impl Bed {
    pub(crate) async fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}/grid.db", dir.path().display()))
            .await
            .unwrap();
        Self::start(settings.to_owned(), dir, store).await
    }

    async fn start(settings: String, dir: TempDir, store: Store) -> Self {
        let bus = Bus::in_process();
        let mut crew = Crew::new(bus.clone(), LOCAL);
        let channels = channels(&settings, &dir, &store).unwrap();
        let kept = store.clone();
        crew.runner(move || Responder::new(kept.clone(), channels.clone()));
        Self {
            store,
            bus,
            settings,
            dir,
            crew,
        }
    }

    /// Why a responder with these settings does not start.
    pub(crate) async fn refused(settings: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open("sqlite::memory:").await.unwrap();
        channels(settings, &dir, &store).unwrap_err().to_string()
    }

    /// The process ends, and another one goes on.
    pub(crate) async fn restart(self) -> Self {
        drop(self.crew);
        Self::start(self.settings, self.dir, self.store).await
    }

    pub(crate) async fn found(&self, finding: &Finding) {
        self.store.findings().put(std::slice::from_ref(finding)).await.unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.maybe(name).unwrap()
    }

    /// A file of the state folder, when there is something in it.
    pub(crate) fn maybe(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.path().join(name)).ok()?;
        (!text.is_empty()).then_some(text)
    }

    pub(crate) async fn stop(self) {
        self.crew.stop().await;
    }
}

fn channels(settings: &str, dir: &TempDir, store: &Store) -> Result<Channels, respond::Error> {
    let mut layers = Layers::default();
    layers.file("test", settings).unwrap();
    let (config, warnings, _) = layers.finish().unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    Channels::new(&config, dir.path(), store)
}

pub(crate) fn finding(id: &str, severity: &str, confidence: u8) -> Finding {
    Finding {
        id: id.to_owned(),
        rule: "decoy.touch".to_owned(),
        class: "detection".to_owned(),
        severity: severity.to_owned(),
        confidence,
        source: "203.0.113.7".to_owned(),
        attacker_ip: "203.0.113.7".parse().ok(),
        stage: Some("Execution".to_owned()),
        mitre: vec!["T1059".to_owned()],
        reason: "Decoy touched".to_owned(),
        first_at: OffsetDateTime::now_utc(),
        last_at: OffsetDateTime::now_utc(),
        acknowledged_at: None,
        detail: json!({ "id": id, "established": confidence, "mitigation": "isolate the source" }),
    }
}

pub(crate) async fn soon<T>(patience: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(patience, future).await.expect("in time")
}
