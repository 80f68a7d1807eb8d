//! An interface watched as packets pass.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use capture::live::{Config, Live};
use detect::{Counters, Engine, Input, News, Setup, Time};
use serde::Serialize;

use crate::captures::take;
use crate::error::Error;

/// An interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Interface {
    pub index: u32,
    pub name: String,
    pub loopback: bool,
}

/// How a watch went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Watched {
    pub packets_total: u64,
    pub packets_analysed: u64,
    /// Lost by the kernel because nobody read in time.
    pub dropped: u64,
    pub counters: Counters,
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
const REVIEW_EVERY: Duration = Duration::from_secs(300);
const INTERFACES: &str = "/sys/class/net";
const LOOPBACK: u32 = 0x8;

/// The interfaces there are, by their numbers.
///
/// # Errors
/// When the system does not tell.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    let cannot = |error| Error::io(INTERFACES, error);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(INTERFACES).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let read = |what: &str| std::fs::read_to_string(entry.path().join(what)).unwrap_or_default();
        let flags = read("flags");
        let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap_or(0);
        all.extend(read("ifindex").trim().parse().ok().map(|index| Interface {
            index,
            name: entry.file_name().to_string_lossy().into_owned(),
            loopback: flags & LOOPBACK != 0,
        }));
    }
    all.sort();
    Ok(all)
}

/// The interface of that name or number; without one the first that is not the loopback.
///
/// # Errors
/// When there is none.
pub fn interface(wanted: Option<&str>) -> Result<String, Error> {
    if let Some(name) = wanted
        && Path::new(INTERFACES).join(name).exists()
    {
        return Ok(name.to_owned());
    }
    let fits = |known: &Interface| match wanted {
        Some(number) => number.parse() == Ok(known.index),
        None => !known.loopback,
    };
    let found = interfaces()?.into_iter().find(fits);
    found.map(|known| known.name).ok_or_else(|| Error::NoInterface {
        wanted: wanted.unwrap_or("other than the loopback").to_owned(),
    })
}

/// Judges what passes until told to stop, and tells what is found as it is found. Ends as well when `tell` says false.
///
/// # Errors
/// When the interface cannot be captured on, or no longer.
pub fn watch(
    interface: &str,
    setup: Setup,
    stop: &AtomicBool,
    mut tell: impl FnMut(News) -> bool,
) -> Result<Watched, Error> {
    let refused = |error: capture::Error| Error::Capture {
        what: error.to_string(),
    };
    let mut live = Live::open(&Config::new(interface)).map_err(refused)?;
    let mut engine = Engine::live(setup, Input::Packets);
    let mut watched = Watched::default();
    let (mut looked, mut reviewed) = (Instant::now(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        live.read(LOOK_EVERY, |packet| {
            watched.packets_total += 1;
            watched.packets_analysed += u64::from(take(&packet, &mut engine));
        })
        .map_err(refused)?;
        if looked.elapsed() < LOOK_EVERY {
            continue;
        }
        looked = Instant::now();
        engine.tick(now());
        if reviewed.elapsed() > REVIEW_EVERY {
            reviewed = looked;
            engine.review(now());
        }
        if !tell(engine.news()) {
            break;
        }
    }
    watched.dropped = live.counters().map_err(refused)?.dropped;
    watched.counters = engine.so_far();
    Ok(watched)
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
