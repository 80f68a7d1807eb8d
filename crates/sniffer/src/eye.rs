//! Threads that capture and look.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capture::live::{Config, Counters as Captured, Live};
use engine::{Containers, Docker, Scope};
use tokio::sync::mpsc;
use wire::link::LinkType;
use wire::time::Time;
use wire::watch::{Counters, Limits, Watch};

use crate::Error;
use crate::loss::Tally;
use crate::outlet::{self, BATCH, Batch, Outlet};
use crate::scene::{Place, Scene};

/// Threads that share a link.
const THREADS: usize = 2;
/// How long a thread waits for packets before it looks at its orders.
const PATIENCE: Duration = Duration::from_millis(200);
/// Between two rounds over machines that all were silent.
const ROUND: Duration = Duration::from_millis(20);
/// A machine's own ring is small: there may be many.
const SMALL_RING: usize = 4 << 20;
/// The link of a machine, inside.
const INSIDE: &str = "eth0";

/// All that watch.
pub(crate) struct Eyes {
    scene: Scene,
    eyes: Vec<Eye>,
    tell: Option<mpsc::Sender<Batch>>,
    /// Counted by those that watched before.
    past: Tally,
    group: u16,
}

struct Eye {
    thread: Option<JoinHandle<Result<(), capture::Error>>>,
    orders: Sender<Scene>,
    tally: Arc<Mutex<Tally>>,
}

/// What a thread has.
struct Looking {
    lives: Vec<Live>,
    watch: Watch,
    orders: Receiver<Scene>,
    outlet: Outlet,
    tally: Arc<Mutex<Tally>>,
}

// === impl Eyes ===

impl Eyes {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Batch>) {
        let (tell, seen) = outlet::queue();
        let eyes = Self {
            scene: Scene::default(),
            eyes: Vec::new(),
            tell: Some(tell),
            past: Tally::default(),
            // Another sniffer on this host has another.
            group: std::process::id() as u16,
        };
        (eyes, seen)
    }

    /// Watches this scene from now on. What did not change goes on.
    pub(crate) async fn turn_to(&mut self, scene: Scene, docker: &Docker) -> Result<(), Error> {
        let goes_on = self.scene.place == scene.place && self.eyes.iter().all(Eye::is_awake) && !self.eyes.is_empty();
        if goes_on {
            for eye in &self.eyes {
                // One that has just fallen is seen to at the next look.
                let _ = eye.orders.send(scene.clone());
            }
            self.scene = scene;
            return Ok(());
        }
        self.shut();
        let Some(tell) = self.tell.clone() else { return Ok(()) };
        let parts = match &scene.place {
            Place::Nowhere => Vec::new(),
            Place::Link(link) => self.on_link(link, &scene)?,
            Place::Machines(machines) => vec![inside(machines, &scene, docker).await?],
        };
        let limits = Limits::default().shared(parts.len());
        for lives in parts {
            let outlet = Outlet::new(tell.clone(), scene.anyone());
            self.eyes.push(Eye::open(lives, &limits, &scene, outlet)?);
        }
        self.scene = scene;
        Ok(())
    }

    fn on_link(&self, link: &str, scene: &Scene) -> Result<Vec<Vec<Live>>, Error> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let mut config = Config::new(link);
        config.ring = Config::RING / threads;
        config.hosts = Some(scene.addresses());
        config.group = (threads > 1).then_some(self.group);
        let shared: Result<Vec<_>, _> = (0..threads).map(|_| Live::open(&config)).collect();
        let lives = match shared {
            Ok(lives) => lives,
            // Where sockets cannot share a link, one has it alone.
            Err(_) if threads > 1 => {
                config.group = None;
                vec![Live::open(&config)?]
            }
            Err(error) => return Err(error.into()),
        };
        Ok(lives.into_iter().map(|live| vec![live]).collect())
    }

    pub(crate) fn deckies(&self) -> impl Iterator<Item = &model::Name> {
        self.scene.specs.iter().map(|spec| &spec.name)
    }

    pub(crate) fn tally(&self) -> Tally {
        self.eyes
            .iter()
            .fold(self.past.clone(), |all, eye| all.with(&lock(&eye.tally)))
    }

    /// Why one of them is no longer watching.
    pub(crate) fn fallen(&mut self) -> Option<capture::Error> {
        let eye = self
            .eyes
            .iter_mut()
            .find(|eye| !eye.is_awake() && eye.thread.is_some())?;
        eye.thread.take()?.join().ok()?.err()
    }

    /// Has them tell what is still open; their channel ends when they have.
    pub(crate) fn close(&mut self) {
        self.tell = None;
        self.shut();
    }

    fn shut(&mut self) {
        for eye in self.eyes.drain(..) {
            let Eye { thread, orders, tally } = eye;
            drop(orders);
            if let Some(thread) = thread {
                // How it ended does not matter any more.
                let _ = thread.join();
            }
            self.past = std::mem::take(&mut self.past).with(&lock(&tally));
        }
    }
}

async fn inside(machines: &[(String, model::Name)], scene: &Scene, docker: &Docker) -> Result<Vec<Live>, Error> {
    let containers = Containers::new(docker.clone(), Scope::fleet());
    let mut lives = Vec::new();
    for (id, decky) in machines {
        let mut config = Config::new(INSIDE);
        config.ring = SMALL_RING;
        config.hosts = Some(scene.addresses());
        config.inside = scene.address_of(decky);
        let open = move || Live::open(&config).map_err(std::io::Error::other);
        lives.push(containers.inside(id, decky, open).await?);
    }
    Ok(lives)
}

impl std::fmt::Debug for Eyes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Eyes({} on {:?})", self.eyes.len(), self.scene.place)
    }
}

// === impl Eye ===

impl Eye {
    fn open(lives: Vec<Live>, limits: &Limits, scene: &Scene, outlet: Outlet) -> Result<Self, Error> {
        let (orders, ordered) = channel();
        let tally = Arc::new(Mutex::new(Tally::default()));
        let looking = Looking {
            lives,
            watch: Watch::new(limits, scene.deckies()),
            orders: ordered,
            outlet,
            tally: Arc::clone(&tally),
        };
        let thread = std::thread::Builder::new()
            .name("sniffer".to_owned())
            .spawn(move || looking.run())
            .map_err(Error::Thread)?;
        Ok(Self {
            thread: Some(thread),
            orders,
            tally,
        })
    }

    fn is_awake(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

// === impl Looking ===

impl Looking {
    /// Until nobody orders any more, or the link is gone.
    fn run(mut self) -> Result<(), capture::Error> {
        let ended = loop {
            match self.orders.try_recv() {
                Ok(scene) => {
                    if let Err(error) = self.obey(&scene) {
                        break Err(error);
                    }
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => break Ok(()),
            }
            let read = self.read().and_then(|read| self.count().map(|()| read));
            match read {
                Ok(0) => self.watch.advance(now(), &mut self.outlet.seen),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
            self.outlet.hand_on();
        };
        self.watch.finish(&mut self.outlet.seen);
        // Whoever ends us waits for our end, and takes what is in the queue after it.
        self.outlet.hand_on();
        lock(&self.tally).set_unsent(self.outlet.unsent());
        ended
    }

    fn obey(&mut self, scene: &Scene) -> Result<(), capture::Error> {
        self.watch.watch(scene.deckies());
        self.outlet.name(scene.anyone());
        let hosts = scene.addresses();
        self.lives.iter_mut().try_for_each(|live| live.watch(&hosts))
    }

    fn read(&mut self) -> Result<u64, capture::Error> {
        let patience = if self.lives.len() == 1 {
            PATIENCE
        } else {
            Duration::ZERO
        };
        let (watch, outlet, mut read) = (&mut self.watch, &mut self.outlet, 0);
        for live in &mut self.lives {
            read += live.read(patience, |packet| {
                if let Some(link) = LinkType::from_linktype(packet.link.into()) {
                    let length = packet.length as usize;
                    watch.packet(Time(packet.at), link, packet.data, length, &mut outlet.seen);
                }
                if outlet.seen.len() >= BATCH {
                    outlet.hand_on();
                }
            })?;
        }
        if read == 0 && self.lives.len() != 1 {
            std::thread::sleep(ROUND);
        }
        Ok(read)
    }

    fn count(&mut self) -> Result<(), capture::Error> {
        let mut captured = Captured::default();
        for live in &mut self.lives {
            let one = live.counters()?;
            captured.seen += one.seen;
            captured.dropped += one.dropped;
            captured.taken += one.taken;
        }
        let counters: Counters = self.watch.counters();
        *lock(&self.tally) = Tally::of(&captured, &counters, self.outlet.unsent());
        Ok(())
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
