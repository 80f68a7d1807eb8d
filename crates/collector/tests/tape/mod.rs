//! Machines and their logs in memory, with the engine's ways: whole seconds, streams that end and break.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use collector::Source;
use engine::{Frame, Speaker};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use model::event::{EventId, Fields, Origin, Report};
use model::line::{Line, Said};
use model::{Event, Name};
use time::OffsetDateTime;
use tokio::sync::watch;
use uuid::Uuid;

pub const BOOT: &str = "0000b001";

#[derive(Clone)]
pub struct Tape(Arc<Shared>);

struct Shared {
    machines: Mutex<BTreeMap<Name, Machine>>,
    /// Renewed with everything that happens.
    pulse: watch::Sender<u64>,
    /// Streams of an older generation break.
    generation: watch::Sender<u64>,
}

#[derive(Clone)]
struct Machine {
    container: String,
    is_running: bool,
    log: Vec<Frame>,
    /// The next stream does not see the frames in this range, as when the engine rotates files under it.
    hidden_once: Option<std::ops::Range<usize>>,
}

// === impl Tape ===

impl Tape {
    pub fn new() -> Self {
        let (pulse, generation) = (watch::Sender::new(0), watch::Sender::new(0));
        Self(Arc::new(Shared {
            machines: Mutex::default(),
            pulse,
            generation,
        }))
    }

    /// Starts a machine, in another container when there was one.
    pub fn start(&self, decky: &str) {
        let container = Uuid::new_v4().simple().to_string();
        let machine = Machine {
            container,
            is_running: true,
            log: Vec::new(),
            hidden_once: None,
        };
        self.machines().insert(Name::new(decky).unwrap(), machine);
        self.touch();
    }

    pub fn set_running(&self, decky: &str, is_running: bool) {
        self.with(decky, |machine| machine.is_running = is_running);
    }

    pub fn remove(&self, decky: &str) {
        self.machines().remove(&Name::new(decky).unwrap());
        self.touch();
    }

    pub fn write(&self, decky: &str, line: &Line) {
        self.write_bytes(decky, format!("{}\n", serde_json::to_string(line).unwrap()).as_bytes());
    }

    /// As with a clock that is so far behind.
    pub fn write_late(&self, decky: &str, line: &Line, behind: std::time::Duration) {
        let bytes = Bytes::from(format!("{}\n", serde_json::to_string(line).unwrap()));
        let frame = Frame {
            at: OffsetDateTime::now_utc() - behind,
            bytes,
        };
        self.with(decky, |machine| machine.log.push(frame));
    }

    pub fn write_bytes(&self, decky: &str, bytes: &[u8]) {
        let frame = Frame {
            at: OffsetDateTime::now_utc(),
            bytes: Bytes::copy_from_slice(bytes),
        };
        self.with(decky, |machine| machine.log.push(frame));
    }

    pub fn hide_once(&self, decky: &str, frames: std::ops::Range<usize>) {
        self.with(decky, |machine| machine.hidden_once = Some(frames));
    }

    /// Loses what was written first, as rotation does.
    pub fn forget(&self, decky: &str, frames: usize) {
        self.with(decky, |machine| drop(machine.log.drain(..frames)));
    }

    /// Every stream fails, as when the engine is restarted.
    pub fn break_streams(&self) {
        self.0.generation.send_modify(|generation| *generation += 1);
    }

    fn with(&self, decky: &str, change: impl FnOnce(&mut Machine)) {
        change(
            self.machines()
                .get_mut(&Name::new(decky).unwrap())
                .unwrap_or_else(|| panic!("no machine {decky}")),
        );
        self.touch();
    }

    fn touch(&self) {
        self.0.pulse.send_modify(|pulse| *pulse += 1);
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<Name, Machine>> {
        self.0.machines.lock().unwrap()
    }

    fn broken(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut generation = self.0.generation.subscribe();
        generation.mark_unchanged();
        async move { drop(generation.changed().await) }
    }
}

impl Source for Tape {
    type Error = String;

    async fn speakers(&self) -> Result<Vec<Speaker>, String> {
        let speaker = |(decky, machine): (&Name, &Machine)| Speaker {
            decky: decky.clone(),
            container: machine.container.clone(),
            is_running: machine.is_running,
        };
        Ok(self.machines().iter().map(speaker).collect())
    }

    fn changes(&self) -> BoxStream<'static, Result<(), String>> {
        let known = |tape: &Self| {
            tape.machines()
                .iter()
                .map(|(name, m)| (name.clone(), m.container.clone(), m.is_running))
                .collect::<Vec<_>>()
        };
        let state = (self.clone(), self.0.pulse.subscribe(), known(self));
        let changes = stream::unfold(state, move |(tape, mut pulse, before)| async move {
            loop {
                pulse.changed().await.ok()?;
                let now = known(&tape);
                if now != before {
                    return Some((Ok(()), (tape, pulse, now)));
                }
            }
        });
        changes.take_until(self.broken()).boxed()
    }

    fn follow(&self, container: &str, since: Option<OffsetDateTime>) -> BoxStream<'static, Result<Frame, String>> {
        let since = since.map_or(0, OffsetDateTime::unix_timestamp);
        let hidden = {
            let mut machines = self.machines();
            machines
                .values_mut()
                .find(|m| m.container == container)
                .and_then(|m| m.hidden_once.take())
        };
        let (container, hidden) = (container.to_owned(), hidden.unwrap_or(0..0));
        let state = (self.clone(), self.0.pulse.subscribe(), 0usize);
        let frames = stream::unfold(state, move |(tape, mut pulse, mut at)| {
            let (container, hidden) = (container.clone(), hidden.clone());
            async move {
                loop {
                    pulse.mark_unchanged();
                    let (next, is_running) = {
                        let machines = tape.machines();
                        let machine = machines.values().find(|m| m.container == container);
                        (
                            machine.and_then(|m| m.log.get(at).cloned()),
                            machine.is_some_and(|m| m.is_running),
                        )
                    };
                    match next {
                        Some(frame) => {
                            at += 1;
                            if frame.at.unix_timestamp() >= since && !hidden.contains(&(at - 1)) {
                                return Some((Ok(frame), (tape, pulse, at)));
                            }
                        }
                        None if is_running => pulse.changed().await.ok()?,
                        None => return None,
                    }
                }
            }
        });
        frames.take_until(self.broken()).boxed()
    }
}

// === lines ===

/// The line numbered `seq`, telling of a command that is the number itself.
pub fn command(boot: &str, seq: u64) -> Line {
    let fields = [("command".to_owned(), seq.into())].into_iter().collect();
    said(boot, seq, Said::Report(report("ssh", "command", fields)))
}

pub fn report(service: &'static str, kind: &'static str, fields: Fields) -> Report {
    Report {
        id: EventId(Uuid::now_v7()),
        at: OffsetDateTime::now_utc().replace_nanosecond(0).unwrap(),
        service: service.into(),
        kind: kind.into(),
        src: Some("192.0.2.7:4000".parse::<std::net::SocketAddr>().unwrap().into()),
        dst: Some("10.0.0.2:22".parse::<std::net::SocketAddr>().unwrap().into()),
        session: None,
        origin: Origin::Peer,
        fields,
    }
}

pub fn said(boot: &str, seq: u64, said: Said) -> Line {
    Line {
        seq,
        boot: boot.to_owned(),
        generation: 1,
        said,
    }
}

/// The number a `command` line told.
pub fn number(event: &Event) -> u64 {
    event.report.fields["command"].as_u64().unwrap()
}
