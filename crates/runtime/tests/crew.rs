//! Workers under the shell, watched over the bus as an operator would.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::{Bus, NatsConfig, Pattern, Subject, Subscription};
use runtime::{Action, Beat, ControlError, Crew, Cx, Ended, Order, Phase, Runner, Summary, Worker, order};
use testkit::nats::NatsServer;

const SOON: Duration = Duration::from_secs(10);

/// Counts its passes and fails or panics when told to.
struct Counter(Arc<Script>);

#[derive(Default)]
struct Script {
    passes: AtomicU64,
    made: AtomicU64,
    fail: AtomicU64,
    panic: AtomicU64,
    left: AtomicU64,
}

impl Worker for Counter {
    const NAME: &'static str = "counter";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("logs.ingested")];
    const TICK: Duration = Duration::from_secs(3600);
    type Error = String;

    async fn work(&mut self, _: &Cx) -> Result<Summary, String> {
        if take(&self.0.fail) {
            return Err("told to fail".into());
        }
        assert!(!take(&self.0.panic), "told to panic");
        self.0.passes.fetch_add(1, Ordering::SeqCst);
        Ok(Summary {
            done: 1,
            left: u64::from(take(&self.0.left)),
        })
    }
}

/// Runs until cancelled, or never ends.
struct Stream {
    stubborn: bool,
}

impl Runner for Stream {
    const NAME: &'static str = "stream";
    type Error = String;

    async fn run(&mut self, cx: &Cx) -> Result<(), String> {
        cx.alive();
        cx.cancelled().await;
        if self.stubborn {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_makes_a_pass_at_once_and_then_when_it_is_woken() {
    let (bus, script) = (Bus::in_process(), Arc::<Script>::default());
    let crew = counting(&bus, &script);
    passes(&script, 1).await;
    bus.tell(&Subject::LOGS_INGESTED, "ingested", &serde_json::json!({}))
        .await;
    passes(&script, 2).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(script.passes.load(Ordering::SeqCst), 2, "nothing woke it");
    crew.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_left_over_is_done_at_once() {
    let (bus, script) = (Bus::in_process(), Arc::<Script>::default());
    script.left.store(5, Ordering::SeqCst);
    let crew = counting(&bus, &script);
    passes(&script, 6).await;
    crew.stop().await;
}

#[tokio::test]
async fn a_worker_that_fails_or_panics_is_made_anew_and_its_neighbour_does_not_notice() {
    let (bus, script) = (Bus::in_process(), Arc::<Script>::default());
    let mut beats = beats_of(&bus, "counter").await;
    script.panic.store(1, Ordering::SeqCst);
    script.fail.store(1, Ordering::SeqCst);
    let mut crew = counting(&bus, &script);
    crew.runner(|| Stream { stubborn: false });
    passes(&script, 1).await;
    assert_eq!(script.made.load(Ordering::SeqCst), 3);
    order(&bus, "counter", &Order::new(Action::TickNow, "test"))
        .await
        .unwrap();
    let beat = beat_with(&mut beats, |beat| beat.restarts == 2).await;
    assert_eq!((beat.errors_5m, beat.state), (2, Phase::Running));
    assert_eq!(beat.last_error.as_deref(), Some("panicked: told to panic"));
    let stream: Vec<Beat> = bus.announced().await.unwrap();
    let stream = stream.iter().find(|beat| beat.worker == "stream").unwrap();
    assert_eq!((stream.restarts, stream.errors_5m), (0, 0));
    crew.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_keeps_failing_makes_the_process_sick() {
    let (bus, script) = (Bus::in_process(), Arc::<Script>::default());
    script.fail.store(u64::MAX, Ordering::SeqCst);
    let mut crew = Crew::new(bus, "local");
    crew.worker(move || Counter(script.clone()));
    assert_eq!(crew.ended().await, Ended::Sick("counter"));
}

#[tokio::test]
async fn the_first_beat_comes_at_once_and_the_last_says_goodbye() {
    let (bus, script) = (Bus::in_process(), Arc::<Script>::default());
    let mut beats = beats_of(&bus, "counter").await;
    let crew = counting(&bus, &script);
    let first = beat_with(&mut beats, |_| true).await;
    assert_eq!(
        (first.host.as_str(), first.tick_s, first.pid),
        ("local", 3600, std::process::id())
    );
    crew.stop().await;
    let last = beat_with(&mut beats, |beat| beat.state == Phase::Stopping).await;
    assert_eq!(last.instance, first.instance);
}

#[tokio::test]
async fn orders_are_answered_and_obeyed_in_process() {
    orders_are_answered_and_obeyed(Bus::in_process()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_answered_and_obeyed_over_nats() {
    let server = NatsServer::start();
    let bus = Bus::connect(NatsConfig::new(server.url(), "test")).await.unwrap();
    bus.ready(SOON).await.unwrap();
    orders_are_answered_and_obeyed(bus).await;
}

async fn orders_are_answered_and_obeyed(bus: Bus) {
    let script = Arc::<Script>::default();
    let mut crew = counting(&bus, &script);
    crew.runner(|| Stream { stubborn: false });
    passes(&script, 1).await;
    let give = async |worker: &str, action| {
        let order = Order {
            host: Some("local".into()),
            ..Order::new(action, "test")
        };
        soon(runtime::order(&bus, worker, &order)).await
    };

    assert!(give("counter", Action::TickNow).await.unwrap().accepted);
    passes(&script, 2).await;

    let paused = give("counter", Action::Pause).await.unwrap();
    assert_eq!((paused.accepted, paused.state), (true, Phase::Paused));
    assert!(!give("counter", Action::TickNow).await.unwrap().accepted);

    assert_eq!(give("counter", Action::Resume).await.unwrap().state, Phase::Running);
    passes(&script, 3).await;

    assert!(give("counter", Action::Stop).await.unwrap().accepted);
    soon(async { while give("counter", Action::TickNow).await.is_ok() {} }).await;
    assert!(matches!(
        give("counter", Action::Stop).await,
        Err(ControlError::Silent { .. })
    ));
    assert!(
        give("stream", Action::TickNow).await.unwrap().accepted,
        "its neighbour lives on"
    );

    let elsewhere = Order {
        host: Some("elsewhere".into()),
        ..Order::new(Action::Stop, "test")
    };
    assert!(matches!(
        order(&bus, "stream", &elsewhere).await,
        Err(ControlError::Silent { .. })
    ));

    give("stream", Action::Stop).await.unwrap();
    assert_eq!(soon(crew.ended()).await, Ended::All);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_will_not_end_is_ended() {
    let mut crew = Crew::new(Bus::in_process(), "local");
    crew.runner(|| Stream { stubborn: true });
    tokio::task::yield_now().await;
    crew.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_run_without_a_server_and_appear_when_it_comes() {
    let mut server = NatsServer::not_yet();
    let bus = Bus::connect(NatsConfig::new(server.url(), "test")).await.unwrap();
    let script = Arc::<Script>::default();
    let crew = counting(&bus, &script);
    passes(&script, 1).await;

    server.restart();

    soon(async {
        while bus.announced::<Beat>().await.map_or(0, |beats| beats.len()) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    passes(&script, 2).await; // the return of the bus is a wake
    crew.stop().await;
}

// === helpers ===

fn counting(bus: &Bus, script: &Arc<Script>) -> Crew {
    let mut crew = Crew::new(bus.clone(), "local");
    let script = script.clone();
    crew.worker(move || {
        script.made.fetch_add(1, Ordering::SeqCst);
        Counter(script.clone())
    });
    crew
}

/// Counts one down; whether there was one.
fn take(count: &AtomicU64) -> bool {
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
        .is_ok()
}

async fn passes(script: &Script, least: u64) {
    soon(async {
        while script.passes.load(Ordering::SeqCst) < least {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

async fn beats_of(bus: &Bus, worker: &str) -> Subscription {
    bus.subscribe(&Pattern::from(&Subject::health(worker).unwrap()))
        .await
        .unwrap()
}

async fn beat_with(beats: &mut Subscription, wanted: impl Fn(&Beat) -> bool) -> Beat {
    soon(async {
        loop {
            let beat: Beat = beats.next().await.unwrap().envelope().unwrap().payload().unwrap();
            if wanted(&beat) {
                return beat;
            }
        }
    })
    .await
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}
