//! From lines to messages, with everything that can get in between.
#![allow(clippy::unwrap_used)]

mod tape;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use bus::registry::INGEST;
use bus::{Bus, Consumer, Delivery};
use collector::{Collector, Config};
use model::Event;
use model::detail::{Detail as _, FileCaptured};
use model::line::{Blob, Said};
use runtime::{Beat, Crew};
use sha2::Digest as _;
use store::Store;
use tape::{BOOT, Tape, command, number, report, said};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

struct Rig {
    tape: Tape,
    bus: Bus,
    store: Store,
    dir: TempDir,
    crew: Option<Crew>,
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}/test.db", dir.path().display()))
            .await
            .unwrap();
        Self {
            tape: Tape::new(),
            bus: Bus::in_process(),
            store,
            dir,
            crew: None,
        }
    }

    fn start(&mut self) {
        let config = Config {
            host: "local".into(),
            artifacts: self.artifacts().to_owned(),
        };
        let (tape, store) = (self.tape.clone(), self.store.clone());
        let mut crew = Crew::new(self.bus.clone(), "local");
        crew.runner(move || Collector::new(tape.clone(), store.clone(), config.clone()));
        self.crew = Some(crew);
    }

    async fn stop(&mut self) {
        self.crew.take().unwrap().stop().await;
    }

    /// As if the process had been killed: no farewell, no cursor; with a bus as empty as a new process has.
    fn crash(&mut self) {
        drop(self.crew.take());
        self.bus = Bus::in_process();
    }

    async fn consumer(&self) -> Consumer {
        self.bus.consumer(&INGEST).await.unwrap()
    }

    fn artifacts(&self) -> &Path {
        Box::leak(self.dir.path().join("artifacts").into_boxed_path())
    }

    fn write(&self, seqs: std::ops::RangeInclusive<u64>) {
        seqs.for_each(|seq| self.tape.write("web", &command(BOOT, seq)));
    }

    async fn counted(&self, name: &str, least: u64) {
        soon(async {
            loop {
                runtime::order(
                    &self.bus,
                    "collector",
                    &runtime::Order::new(runtime::Action::TickNow, "test"),
                )
                .await
                .unwrap();
                let beats: Vec<Beat> = self.bus.announced().await.unwrap();
                if beats
                    .iter()
                    .any(|beat| beat.extra.get(name).is_some_and(|n| *n >= least))
                {
                    break;
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_line_becomes_an_event_of_its_machine_on_the_subject_of_its_service() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.start();
    let line = command(BOOT, 1);
    rig.tape.write("web", &line);
    let delivery = take(&mut rig.consumer().await, 1).await.remove(0);
    assert_eq!(delivery.message.subject.as_str(), "event.local.web.ssh");
    let [event] = &events(&delivery)[..] else {
        panic!("one event")
    };
    let Said::Report(told) = line.said else { unreachable!() };
    assert_eq!(
        (
            event.decky.as_str(),
            event.host.as_str(),
            event.boot.as_str(),
            event.seq
        ),
        ("web", "local", BOOT, 1)
    );
    assert_eq!(event.report, told);
    rig.stop().await;
}

#[tokio::test]
async fn after_a_stop_it_goes_on_where_it_stopped() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=5);
    rig.start();
    assert_eq!(numbers(&mut rig.consumer().await, 5).await, [1, 2, 3, 4, 5]);
    rig.stop().await;
    rig.write(6..=8);
    rig.start();
    assert_eq!(numbers(&mut rig.consumer().await, 3).await, [6, 7, 8]);
    rig.stop().await;
}

#[tokio::test]
async fn what_was_not_safe_when_it_crashed_is_sent_again_under_the_same_ids() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=3);
    rig.start();
    let first = take(&mut rig.consumer().await, 3).await;
    rig.crash();
    rig.start();
    let again = take(&mut rig.consumer().await, 3).await;
    let ids = |deliveries: &[Delivery]| {
        deliveries
            .iter()
            .map(|d| d.message.envelope().unwrap().id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&again));
    rig.stop().await;
}

#[tokio::test]
async fn a_machine_started_again_and_a_machine_made_anew_are_followed_on() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=2);
    rig.start();
    let mut consumer = rig.consumer().await;
    assert_eq!(numbers(&mut consumer, 2).await, [1, 2]);

    rig.tape.set_running("web", false);
    rig.tape.write("web", &command(BOOT, 3));
    rig.tape.set_running("web", true);
    rig.tape.write("web", &command("0000b002", 1));
    assert_eq!(numbers(&mut consumer, 2).await, [3, 1]);

    rig.tape.remove("web");
    rig.tape.start("web");
    rig.tape.write("web", &command("0000b003", 1));
    rig.tape.write("web", &command("0000b003", 2));
    assert_eq!(numbers(&mut consumer, 2).await, [1, 2]);
    nothing_more(&mut consumer).await;
    rig.stop().await;
}

#[tokio::test]
async fn when_the_engine_comes_back_nothing_is_lost_and_nothing_comes_twice() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.start();
    let mut consumer = rig.consumer().await;
    for n in 1..=5 {
        rig.write(2 * n - 1..=2 * n);
        assert_eq!(numbers(&mut consumer, 2).await, [2 * n - 1, 2 * n]);
        rig.tape.break_streams();
    }
    rig.counted("again", 2).await;
    nothing_more(&mut consumer).await;
    rig.stop().await;
}

#[tokio::test]
async fn lines_lost_before_they_were_read_are_reported() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=10);
    rig.tape.forget("web", 6);
    rig.start();
    let mut consumer = rig.consumer().await;
    let all = collect(&mut consumer, 5).await;
    let gap = &all.iter().find(|event| event.report.kind == "log_gap").unwrap().report;
    assert_eq!(
        (gap.fields["from"].as_u64(), gap.fields["to"].as_u64()),
        (Some(1), Some(6))
    );
    assert_eq!(gap.origin, model::Origin::Internal);
    let told: Vec<_> = all
        .iter()
        .filter(|event| event.report.kind == "command")
        .map(number)
        .collect();
    assert_eq!(told, [7, 8, 9, 10]);
    rig.stop().await;
}

#[tokio::test]
async fn lines_the_engine_skipped_are_fetched_instead_of_reported() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=10);
    rig.tape.hide_once("web", 3..7);
    rig.start();
    assert_eq!(
        numbers(&mut rig.consumer().await, 10).await,
        (1..=10).collect::<Vec<_>>()
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_clock_set_back_while_it_was_away_hides_nothing() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=3);
    rig.start();
    assert_eq!(numbers(&mut rig.consumer().await, 3).await, [1, 2, 3]);
    rig.stop().await;
    let hour = Duration::from_secs(3600);
    (4..=6).for_each(|seq| rig.tape.write_late("web", &command(BOOT, seq), hour));
    rig.write(7..=7);
    rig.start();
    assert_eq!(numbers(&mut rig.consumer().await, 4).await, [4, 5, 6, 7]);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_not_ours_is_counted_and_dropped() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.start();
    rig.tape.write_bytes("web", b"panicked at somewhere\n");
    rig.tape.write_bytes("web", b"\xff\xfe{}\n");
    rig.write(1..=1);
    let mut consumer = rig.consumer().await;
    assert_eq!(numbers(&mut consumer, 1).await, [1]);
    rig.counted("noise", 2).await;
    nothing_more(&mut consumer).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_long_line_in_many_frames_is_one_event() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.start();
    let fields = [("command".to_owned(), "x".repeat(40_000).into())]
        .into_iter()
        .collect();
    let line = said(BOOT, 1, Said::Report(report("ssh", "command", fields)));
    let text = format!("{}\n", serde_json::to_string(&line).unwrap());
    text.as_bytes()
        .chunks(16 << 10)
        .for_each(|frame| rig.tape.write_bytes("web", frame));
    let all = collect(&mut rig.consumer().await, 1).await;
    assert_eq!(all[0].report.text("command").unwrap().len(), 40_000);
    rig.stop().await;
}

#[tokio::test]
async fn a_captured_file_is_kept_before_its_event_is_told() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.start();
    let bytes = (0..50_000u32).map(|n| n as u8).collect::<Vec<_>>();
    let (sha256, pieces) = pieces(&bytes);
    let last = write_file(&rig, &sha256, pieces.clone(), 1);
    let mut consumer = rig.consumer().await;
    let all = collect(&mut consumer, 1).await;
    assert_eq!((all[0].report.kind.as_ref(), all[0].seq), ("file_captured", last));
    let kept = rig.artifacts().join(&sha256[..2]).join(&sha256);
    assert_eq!(std::fs::read(kept).unwrap(), bytes);
    rig.stop().await;
}

#[tokio::test]
async fn a_file_half_read_when_it_stopped_is_whole_after_the_restart() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.start();
    let bytes = vec![7; 50_000];
    let (sha256, pieces) = pieces(&bytes);
    for (n, piece) in pieces[..3].iter().enumerate() {
        rig.tape.write("web", &said(BOOT, n as u64 + 1, piece.clone()));
    }
    rig.tape.write("web", &command(BOOT, 4));
    let mut consumer = rig.consumer().await;
    assert_eq!(numbers(&mut consumer, 1).await, [4]);
    rig.stop().await;

    rig.start();
    write_file(&rig, &sha256, pieces[3..].to_vec(), 5);
    let told = soon(async {
        loop {
            // What came after the file began is told again: the store knows it.
            if let Some(event) = collect(&mut consumer, 1)
                .await
                .into_iter()
                .find(|e| e.report.kind == "file_captured")
            {
                break event;
            }
        }
    })
    .await;
    assert_eq!(told.report.text("sha256"), Some(sha256.as_str()));
    assert_eq!(
        std::fs::read(rig.artifacts().join(&sha256[..2]).join(&sha256)).unwrap(),
        bytes
    );
    rig.stop().await;
}

#[tokio::test]
async fn the_cursor_does_not_move_before_the_bus_has_the_events_safe() {
    let mut rig = Rig::new().await;
    rig.tape.start("web");
    rig.write(1..=3);
    rig.start();
    let mut consumer = rig.consumer().await;
    drop(take(&mut consumer, 3).await); // fetched, never acknowledged
    rig.stop().await;
    rig.bus = Bus::in_process();
    rig.start();
    assert_eq!(numbers(&mut rig.consumer().await, 3).await, [1, 2, 3]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_machines_are_followed_at_once() {
    let mut rig = Rig::new().await;
    let names: Vec<_> = (0..300).map(|n| format!("web-{n}")).collect();
    names.iter().for_each(|name| rig.tape.start(name));
    rig.start();
    for seq in 1..=5 {
        names.iter().for_each(|name| rig.tape.write(name, &command(BOOT, seq)));
    }
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in collect(&mut rig.consumer().await, 1500).await {
        told.entry(event.decky.to_string()).or_default().push(number(&event));
    }
    assert_eq!(told.len(), 300);
    assert!(told.values().all(|numbers| numbers == &[1, 2, 3, 4, 5]));
    rig.stop().await;
}

// === helpers ===

/// Writes the pieces from line `seq` on, and the event after them; returns its number.
fn write_file(rig: &Rig, sha256: &str, pieces: Vec<Said>, seq: u64) -> u64 {
    let last = seq + pieces.len() as u64;
    for (n, piece) in pieces.into_iter().enumerate() {
        rig.tape.write("web", &said(BOOT, seq + n as u64, piece));
    }
    let captured = FileCaptured {
        sha256: sha256.to_owned(),
        size: 1,
        path: "/tmp/x".into(),
        way: "upload".into(),
        user: None,
    };
    let told = report("ssh", "file_captured", captured.into_fields());
    rig.tape.write("web", &said(BOOT, last, Said::Report(told)));
    last
}

/// The pieces of a file, and its hash.
fn pieces(bytes: &[u8]) -> (String, Vec<Said>) {
    let sha256 = hex::encode(sha2::Sha256::digest(bytes));
    let count = bytes.len().div_ceil(Blob::PIECE);
    let piece = |(index, chunk): (usize, &[u8])| {
        Said::Blob(Blob {
            sha256: sha256.clone(),
            index: index as u32,
            last: index + 1 == count,
            data: base64::engine::general_purpose::STANDARD.encode(chunk),
        })
    };
    (
        sha256.clone(),
        bytes.chunks(Blob::PIECE).enumerate().map(piece).collect(),
    )
}

/// Messages that hold at least `count` events, not acknowledged.
async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    soon(async {
        while deliveries.iter().map(|delivery| events(delivery).len()).sum::<usize>() < count {
            deliveries.extend(consumer.fetch(100, SOON).await.unwrap());
        }
    })
    .await;
    deliveries
}

/// At least `count` events, acknowledged.
async fn collect(consumer: &mut Consumer, count: usize) -> Vec<Event> {
    let mut all = Vec::new();
    while all.len() < count {
        for delivery in take(consumer, 1).await {
            all.extend(events(&delivery));
            delivery.ack().await.unwrap();
        }
    }
    all
}

async fn numbers(consumer: &mut Consumer, count: usize) -> Vec<u64> {
    collect(consumer, count).await.iter().map(number).collect()
}

async fn nothing_more(consumer: &mut Consumer) {
    let more = consumer.fetch(100, Duration::from_millis(300)).await.unwrap();
    assert!(more.is_empty(), "{:?}", more.iter().map(events).collect::<Vec<_>>());
}

fn events(delivery: &Delivery) -> Vec<Event> {
    #[derive(serde::Deserialize)]
    struct Payload {
        events: Vec<Event>,
    }
    delivery
        .message
        .envelope()
        .unwrap()
        .payload::<Payload>()
        .unwrap()
        .events
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}
