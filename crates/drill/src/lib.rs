//! `decnet drill`: attacks every decky from a throw-away host beside them and follows what happens hop by hop, from the
//! wire to the store. Its rows are marked as a drill's and counted nowhere else.
#![forbid(unsafe_code)]

mod hello;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddrV4};
use std::time::Duration;

use engine::logs::Logs;
use engine::visitor::free_addresses;
use engine::{Docker, Networks, Scope, Visitor};
use fleet::Catalogue;
use futures_util::StreamExt as _;
use model::event::{Endpoint, Origin};
use model::fleet::{DeckySpec, NetworkSpec};
use model::line::Said;
use model::machine::Proto;
use model::{EventId, Name};
use serde::Serialize;
use store::Store;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How often a hop that is awaited is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A part of the path, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hop {
    /// The port takes a connection.
    Reach,
    /// The service answers as itself, and the machine tells of it.
    Decoy,
    /// A collector reads what the machine tells.
    Collector,
    /// The bus has it safe.
    Bus,
    /// It is a row, marked as a drill's.
    Store,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub decky: Name,
    pub service: String,
    pub hop: Hop,
    pub ok: bool,
    /// What is wrong, and what to look at; empty when nothing is.
    pub detail: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the network {0} has no address left for a drill's host")]
    Full(ipnet::Ipv4Net),
    #[error("the network of the grid is not there: deploy first")]
    NoNetwork,
}

pub struct Drill<'a> {
    pub docker: &'a Docker,
    pub store: &'a Store,
    pub catalogue: &'a Catalogue,
    pub network: &'a NetworkSpec,
    /// How long what was told may take to its row.
    pub patience: Duration,
}

/// A service that was attacked and answered.
struct Touched {
    decky: Name,
    service: String,
    from: Endpoint,
}

// === impl Drill ===

impl Drill<'_> {
    /// Attacks every service of `deckies`, some of `all` there are; every row is handed to `tell` as soon as it is
    /// known.
    pub async fn run(
        &self,
        deckies: &[DeckySpec],
        all: &[DeckySpec],
        mut tell: impl FnMut(&Row),
    ) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        let mut told = |row: Row| {
            tell(&row);
            rows.push(row);
        };
        let ip = free_addresses(self.network, all)
            .next()
            .ok_or(Error::Full(self.network.subnet))?;
        let networks = Networks::new(self.docker.clone(), Scope::fleet());
        let stands = networks.find().await?.ok_or(Error::NoNetwork)?;
        let link = self.network.parent.clone().unwrap_or_else(|| stands.bridge());
        let drill = self.store.drills().begin(IpAddr::V4(ip)).await?;
        let began = OffsetDateTime::now_utc();
        let visitor = Visitor::enter(self.network.driver, &link, ip, self.network.subnet.prefix_len()).await?;
        for decky in deckies {
            let touched = self.touch(&visitor, decky, &mut told).await;
            self.follow(decky, &touched, began, &mut told).await?;
        }
        self.store.drills().end(drill.id).await?;
        Ok(rows)
    }

    /// Reach and decoy, service by service.
    async fn touch(&self, visitor: &Visitor, decky: &DeckySpec, told: &mut impl FnMut(Row)) -> Vec<Touched> {
        let mut touched = Vec::new();
        for service in &decky.machine.services {
            let row = |hop, wrong: Option<String>| Row {
                decky: decky.name.clone(),
                service: service.slug.clone(),
                hop,
                ok: wrong.is_none(),
                detail: wrong.unwrap_or_default(),
            };
            let Some(port) = service.ports.iter().find(|port| port.proto == Proto::Tcp) else {
                continue;
            };
            let Ok(known) = self.catalogue.service(&service.slug) else {
                continue;
            };
            let stream = match visitor.connect(SocketAddrV4::new(decky.ip, port.port), CONNECT).await {
                Ok(stream) => stream,
                Err(error) => {
                    let wrong = format!("{}:{}: {error}; is it in `decnet status`?", decky.ip, port.port);
                    told(row(Hop::Reach, Some(wrong)));
                    continue;
                }
            };
            told(row(Hop::Reach, None));
            let from = stream.local_addr().map(Endpoint::from);
            let hello = known.hello.clone();
            let said = tokio::task::spawn_blocking(move || hello::say(stream, &hello)).await;
            let wrong = match (said, from) {
                (Ok(Ok(())), Ok(from)) => {
                    touched.push(Touched {
                        decky: decky.name.clone(),
                        service: service.slug.clone(),
                        from,
                    });
                    None
                }
                (Ok(Err(wrong)), _) => Some(wrong),
                (Err(error), _) => Some(error.to_string()),
                (_, Err(error)) => Some(error.to_string()),
            };
            told(row(Hop::Decoy, wrong));
        }
        touched
    }

    /// What one decky told of what was done to it: is it read, safe, stored?
    async fn follow(
        &self,
        decky: &DeckySpec,
        touched: &[Touched],
        began: OffsetDateTime,
        told: &mut impl FnMut(Row),
    ) -> Result<(), Error> {
        let deadline = Instant::now() + self.patience;
        let mut spoken = self.spoken(decky, touched, began, deadline).await?;
        for touch in touched {
            let row = |hop, wrong: &str| Row {
                decky: touch.decky.clone(),
                service: touch.service.clone(),
                hop,
                ok: wrong.is_empty(),
                detail: wrong.to_owned(),
            };
            let Some(spoken) = spoken.remove(&touch.from.port) else {
                told(row(Hop::Decoy, "it answered, but its log does not tell of it"));
                continue;
            };
            let passed = self.passed(decky, &spoken, deadline).await?;
            let reading = "no collector reads its log: is `decnet up`, or `decnet collect`, running?";
            told(row(Hop::Collector, if passed.read { "" } else { reading }));
            let away = "read, but not taken by the bus: see `decnet status` for the bus and ingest";
            told(row(Hop::Bus, if passed.safe { "" } else { away }));
            let missing = if self.stored(spoken.id, deadline).await? {
                ""
            } else {
                "not a row of a drill's yet: is `decnet up`, or `decnet ingest`, running?"
            };
            told(row(Hop::Store, missing));
        }
        Ok(())
    }

    /// The lines of the decky's own log about us, by our port.
    async fn spoken(
        &self,
        decky: &DeckySpec,
        touched: &[Touched],
        began: OffsetDateTime,
        deadline: Instant,
    ) -> Result<BTreeMap<u16, Spoken>, Error> {
        let mut spoken = BTreeMap::new();
        let logs = Logs::new(self.docker.clone(), Scope::fleet());
        let speaker = logs
            .speakers()
            .await?
            .into_iter()
            .find(|speaker| speaker.decky == decky.name);
        let Some(speaker) = speaker else { return Ok(spoken) };
        let mut frames = logs.follow(&speaker.container, Some(began));
        let mut rest = Vec::new();
        while spoken.len() < touched.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(Some(Ok(frame))) = timeout(left, frames.next()).await else {
                break;
            };
            rest.extend_from_slice(&frame.bytes);
            while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let Some(line) = collector::parse(&line) else { continue };
                let Said::Report(report) = &line.said else { continue };
                if let Some(touch) = touched.iter().find(|touch| report.src == Some(touch.from)) {
                    let said = Spoken {
                        id: report.id,
                        boot: line.boot.clone(),
                        seq: line.seq,
                    };
                    spoken.entry(touch.from.port).or_insert(said);
                }
            }
        }
        Ok(spoken)
    }

    async fn passed(&self, decky: &DeckySpec, spoken: &Spoken, deadline: Instant) -> Result<Passed, Error> {
        let start = collector::position(self.store, &decky.name).await?;
        loop {
            let now = collector::position(self.store, &decky.name).await?;
            let safe = now
                .as_ref()
                .is_some_and(|position| position.has(&spoken.boot, spoken.seq));
            if safe || Instant::now() >= deadline {
                return Ok(Passed {
                    safe,
                    read: safe || now != start,
                });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn stored(&self, id: EventId, deadline: Instant) -> Result<bool, Error> {
        loop {
            let row = self.store.events().get(id).await?;
            if let Some(row) = row {
                return Ok(row.event.report.origin == Origin::Drill);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

struct Spoken {
    id: EventId,
    boot: String,
    seq: u64,
}

struct Passed {
    read: bool,
    safe: bool,
}
