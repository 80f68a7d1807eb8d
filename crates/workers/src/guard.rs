//! Keeps the machines that run behind their walls, and tells what the walls stop.

use std::time::Duration;

use bus::{Bus, Envelope, Subject};
use engine::{Docker, Guard, Paths, Scope};
use futures_util::StreamExt as _;
use model::detail::EgressBlocked;
use model::event::{Endpoint, EventId, Origin, Report};
use model::fleet::{DeckySpec, NetworkSpec};
use model::{Detail as _, Event, Name};
use runtime::{Cx, Runner};
use store::{LOCAL, Store};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::Error;

/// The machines are looked at this often, whatever the engine reports.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// After a failure, and after a change: a machine that restarts is seen a moment later. And while somebody changes the
/// grid.
const SOON: Duration = Duration::from_millis(200);
/// What walls stopped and nobody has taken yet.
const QUEUE: usize = 1024;
/// Key under which the store keeps the network of the fleet.
const NETWORK: &str = "network";
/// In the place of a machine's boot: the host saw it, not the machine.
const SEEN_FROM_OUTSIDE: &str = "00000000";

/// The worker `guard`.
#[derive(Debug)]
pub struct Guardian {
    docker: Docker,
    store: Store,
    paths: Paths,
    host: String,
}

// === impl Guardian ===

impl Guardian {
    /// `host` is this host's uuid, or `local`.
    pub fn new(docker: Docker, store: Store, paths: Paths, host: impl Into<String>) -> Self {
        Self {
            docker,
            store,
            paths,
            host: host.into(),
        }
    }

    async fn desired(&self) -> Result<Option<(Vec<DeckySpec>, NetworkSpec)>, Error> {
        let rows = self.store.deckies().list().await?;
        let specs: Vec<_> = rows
            .into_iter()
            .filter(|row| row.host == LOCAL)
            .map(|row| row.spec)
            .collect();
        Ok(self
            .store
            .settings()
            .get(NETWORK)
            .await?
            .map(|network| (specs, network)))
    }

    /// When to look again.
    async fn pass(&self, guard: &mut Guard, cx: &Cx) -> Result<Instant, Error> {
        let turn = match guard.turn() {
            Ok(Some(turn)) => turn,
            Ok(None) => return Ok(Instant::now() + SOON),
            Err(error) => {
                cx.fault(&error);
                return Ok(Instant::now() + LOOK_EVERY);
            }
        };
        if let Some((deckies, network)) = self.desired().await?
            && let Err(error) = guard.pass(turn, &deckies, &network).await
        {
            cx.fault(&error);
        }
        Ok(Instant::now() + LOOK_EVERY)
    }
}

impl Runner for Guardian {
    const NAME: &'static str = "guard";
    type Error = Error;

    async fn run(&mut self, cx: &Cx) -> Result<(), Error> {
        let (tell, mut stopped) = mpsc::channel(QUEUE);
        let mut guard = Guard::new(&self.docker, &Scope::fleet(), &self.paths, tell);
        let mut changes = guard.changes();
        let mut look_at = Instant::now();
        while !cx.is_cancelled() {
            tokio::select! {
                () = cx.cancelled() => {}
                () = cx.pressed() => look_at = Instant::now(),
                change = changes.next() => {
                    look_at = look_at.min(Instant::now() + SOON);
                    if !matches!(change, Some(Ok(()))) {
                        // The engine is away; asking at once would only spin.
                        tokio::time::sleep(SOON).await;
                        changes = guard.changes();
                    }
                }
                () = sleep_until(look_at) => {
                    look_at = self.pass(&mut guard, cx).await?;
                    cx.alive();
                }
                Some((decky, blocked)) = stopped.recv() => self.tell(cx.bus(), decky, blocked).await?,
            }
        }
        Ok(())
    }
}

impl Guardian {
    async fn tell(&self, bus: &Bus, decky: Name, blocked: EgressBlocked) -> Result<(), Error> {
        let event = event(decky, &self.host, blocked, Uuid::now_v7(), OffsetDateTime::now_utc());
        let subject = Subject::event(&self.host, event.decky.as_str(), &event.report.service);
        let envelope = Envelope::new(event.report.id.0, event.report.at, &event.report.kind, &event);
        if let (Ok(subject), Ok(envelope)) = (subject, envelope) {
            // What walls stop is rare and not worth waiting for: a receipt that fails is a fault of the bus, told there.
            let _receipt = bus.append(&subject, &envelope).await?;
        }
        Ok(())
    }
}

fn event(decky: Name, host: &str, blocked: EgressBlocked, id: Uuid, at: OffsetDateTime) -> Event {
    let dst = Endpoint {
        ip: blocked.dst_ip,
        port: blocked.dst_port,
    };
    Event {
        decky,
        host: host.to_owned(),
        boot: SEEN_FROM_OUTSIDE.to_owned(),
        seq: 0,
        report: Report {
            id: EventId(id),
            at,
            service: "system".into(),
            kind: EgressBlocked::KIND.into(),
            src: None,
            dst: Some(dst),
            session: None,
            origin: Origin::Peer,
            fields: blocked.into_fields(),
        },
    }
}
