//! What was told already is not told again within five minutes, but counted (fingerprint.md §12).

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hash},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use hashbrown::DefaultHashBuilder;

use super::{
    Role,
    deckies::Decky,
    details::Repeat,
    observation::{Details, Observation},
};
use crate::{lru::Lru, time::Time};

/// Within so much of its first telling a thing is the same thing.
const WINDOW: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) struct Repeats {
    seen: Lru<Key, Seen>,
    /// Windows in which something came again, by their start.
    pending: VecDeque<(Time, Key)>,
    hasher: DefaultHashBuilder,
    suppressed: u64,
}

/// Of whom and of what; all that makes two tellings the same is in the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    matter: u64,
}

#[derive(Debug)]
struct Seen {
    first: Time,
    last: Time,
    count: u64,
    /// Made with the first repeat.
    about: Option<Box<About>>,
}

#[derive(Debug)]
struct About {
    kind: &'static str,
    destination: IpAddr,
    role: Role,
    decky: Option<Arc<Decky>>,
}

/// Of what kind a thing is and whom it concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matter<'a> {
    pub(super) kind: &'static str,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) role: Role,
    pub(super) decky: Option<&'a Arc<Decky>>,
}

// === impl Repeats ===

impl Repeats {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            seen: Lru::new(capacity),
            pending: VecDeque::new(),
            hasher: DefaultHashBuilder::default(),
            suppressed: 0,
        }
    }

    /// Whether it is to be told: nothing of that matter with the same `detail` was within five minutes.
    pub(super) fn is_first(
        &mut self,
        at: Time,
        matter: Matter<'_>,
        detail: impl Hash,
        out: &mut Vec<Observation>,
    ) -> bool {
        let key = Key {
            source: matter.source,
            matter: self.hasher.hash_one((matter.kind, matter.destination, detail)),
        };
        let used = self.seen.entry(key, || Seen::new(at));
        if let Some((key, seen)) = used.evicted {
            seen.tell(&key, out);
        }
        if used.new {
            return true;
        }
        if at.since(used.value.first) >= WINDOW {
            std::mem::replace(used.value, Seen::new(at)).tell(&key, out);
            return true;
        }
        used.value.last = used.value.last.max(at);
        used.value.count += 1;
        self.suppressed += 1;
        if used.value.about.is_none() {
            self.pending.push_back((used.value.first, key));
            used.value.about = Some(Box::new(About {
                kind: matter.kind,
                destination: matter.destination,
                role: matter.role,
                decky: matter.decky.cloned(),
            }));
        }
        false
    }

    /// Tells what came again in windows that are over at `now`.
    pub(super) fn expire(&mut self, now: Time, out: &mut Vec<Observation>) {
        // Not in order of their start, but of their first repeat, which is at most a window later.
        while let Some(&(first, key)) = self.pending.front()
            && now.since(first) >= WINDOW
        {
            self.pending.pop_front();
            self.tell(first, key, out);
        }
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        while let Some((first, key)) = self.pending.pop_front() {
            self.tell(first, key, out);
        }
    }

    /// Things not told because they had been; those forgotten for want of room.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.suppressed, self.seen.evicted())
    }

    fn tell(&mut self, first: Time, key: Key, out: &mut Vec<Observation>) {
        if self.seen.peek(&key).is_some_and(|seen| seen.first == first)
            && let Some((_, seen)) = self.seen.remove(&key)
        {
            seen.tell(&key, out);
        }
    }
}

// === impl Seen ===

impl Seen {
    fn new(at: Time) -> Self {
        Self {
            first: at,
            last: at,
            count: 0,
            about: None,
        }
    }

    fn tell(self, key: &Key, out: &mut Vec<Observation>) {
        let Some(about) = self.about else { return };
        out.push(Observation {
            at: self.last,
            source: (key.source, 0),
            destination: (about.destination, 0),
            role: about.role,
            decky: about.decky,
            details: Details::from(Repeat {
                repeated: about.kind,
                first_ts: self.first,
                last_ts: self.last,
                count: self.count,
            }),
        });
    }
}
