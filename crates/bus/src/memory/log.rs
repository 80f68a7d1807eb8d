//! One in-process stream and its durable consumers, as a state machine: no locks, no waiting, time passed in.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use crate::pattern::Pattern;
use crate::registry::Durable;
use crate::subject::Subject;

/// Messages and bytes a stream holds before producers wait.
const MAX_MESSAGES: usize = 4096;
const MAX_BYTES: usize = 16 << 20;
/// Ids remembered for de-duplication after their message has gone.
const MAX_IDS: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Log {
    /// Sequence numbers given out so far.
    seq: u64,
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
    consumers: BTreeMap<&'static str, Reader>,
    ids: Ids,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    body: Bytes,
    /// Consumers that have not dealt with it.
    open: usize,
}

#[derive(Debug)]
struct Reader {
    filter: Pattern,
    ack_wait: Duration,
    in_flight: usize,
    ready: BTreeSet<u64>,
    /// Handed out, each with when it falls due again.
    given: BTreeMap<u64, Instant>,
    deliveries: HashMap<u64, u64>,
}

/// What became of an append.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Appended {
    /// Kept until its consumers are done with it.
    Kept { seq: u64, duplicate: bool },
    /// Nobody is left to wait for.
    Settled { duplicate: bool },
}

/// A message handed to a consumer.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) seq: u64,
    pub(crate) subject: Subject,
    pub(crate) body: Bytes,
    /// This one included.
    pub(crate) deliveries: u64,
}

/// Message ids of late, oldest forgotten first.
#[derive(Debug, Default)]
struct Ids {
    seqs: HashMap<Uuid, u64>,
    order: VecDeque<Uuid>,
}

// === impl Log ===

impl Log {
    /// Adds the consumer, or does nothing when it is there. It starts with what is still kept.
    pub(super) fn declare(&mut self, durable: &Durable) {
        if self.consumers.contains_key(durable.name) {
            return;
        }
        let mut ready = BTreeSet::new();
        for (seq, entry) in &mut self.entries {
            if durable.filter.matches(&entry.subject) {
                entry.open += 1;
                ready.insert(*seq);
            }
        }
        let reader = Reader {
            filter: durable.filter.clone(),
            ack_wait: durable.ack_wait,
            in_flight: durable.in_flight,
            ready,
            given: BTreeMap::new(),
            deliveries: HashMap::new(),
        };
        self.consumers.insert(durable.name, reader);
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_MESSAGES || self.bytes >= MAX_BYTES
    }

    pub(super) fn append(&mut self, id: Uuid, subject: Subject, body: Bytes) -> Appended {
        if let Some(seq) = self.ids.get(id) {
            return match self.entries.contains_key(&seq) {
                true => Appended::Kept { seq, duplicate: true },
                false => Appended::Settled { duplicate: true },
            };
        }
        self.seq += 1;
        let seq = self.seq;
        self.ids.remember(id, seq);
        let mut open = 0;
        for reader in self
            .consumers
            .values_mut()
            .filter(|reader| reader.filter.matches(&subject))
        {
            reader.ready.insert(seq);
            open += 1;
        }
        if open == 0 {
            return Appended::Settled { duplicate: false };
        }
        self.bytes += body.len();
        self.entries.insert(seq, Entry { subject, body, open });
        Appended::Kept { seq, duplicate: false }
    }

    /// Hands out up to `max` messages, oldest first, those whose time ran out among them.
    pub(super) fn fetch(&mut self, consumer: &str, max: usize, now: Instant) -> Vec<Handed> {
        let Some(reader) = self.consumers.get_mut(consumer) else {
            return Vec::new();
        };
        reader.expire(now);
        let mut handed = Vec::new();
        while handed.len() < max && reader.given.len() < reader.in_flight {
            let Some(seq) = reader.ready.pop_first() else { break };
            let Some(entry) = self.entries.get(&seq) else { continue };
            let deliveries = reader.deliveries.entry(seq).or_default();
            *deliveries += 1;
            let (subject, body) = (entry.subject.clone(), entry.body.clone());
            handed.push(Handed {
                seq,
                subject,
                body,
                deliveries: *deliveries,
            });
            reader.given.insert(seq, now + reader.ack_wait);
        }
        handed
    }

    /// The consumer is done with it, however late. True when that was the last one.
    pub(super) fn ack(&mut self, consumer: &str, seq: u64) -> bool {
        let Some(reader) = self.consumers.get_mut(consumer) else {
            return false;
        };
        let held = reader.given.remove(&seq).is_some() | reader.ready.remove(&seq);
        reader.deliveries.remove(&seq);
        let Some(entry) = self.entries.get_mut(&seq).filter(|_| held) else {
            return false;
        };
        entry.open -= 1;
        if entry.open > 0 {
            return false;
        }
        self.bytes -= entry.body.len();
        self.entries.remove(&seq);
        true
    }

    /// The consumer wants it again, not before `due`.
    pub(super) fn postpone(&mut self, consumer: &str, seq: u64, due: Instant) {
        let given = self
            .consumers
            .get_mut(consumer)
            .and_then(|reader| reader.given.get_mut(&seq));
        if let Some(given) = given {
            *given = due;
        }
    }

    /// When the next handed-out message falls due again.
    pub(super) fn next_due(&self, consumer: &str) -> Option<Instant> {
        self.consumers.get(consumer)?.given.values().min().copied()
    }

    /// Messages the consumer has not dealt with.
    pub(super) fn backlog(&self, consumer: &str) -> u64 {
        self.consumers
            .get(consumer)
            .map_or(0, |reader| (reader.ready.len() + reader.given.len()) as u64)
    }

    pub(super) fn ack_wait(&self, consumer: &str) -> Duration {
        self.consumers
            .get(consumer)
            .map_or(Duration::ZERO, |reader| reader.ack_wait)
    }
}

// === impl Reader ===

impl Reader {
    fn expire(&mut self, now: Instant) {
        let due: Vec<u64> = self
            .given
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(seq, _)| *seq)
            .collect();
        for seq in due {
            self.given.remove(&seq);
            self.ready.insert(seq);
        }
    }
}

// === impl Ids ===

impl Ids {
    fn get(&self, id: Uuid) -> Option<u64> {
        self.seqs.get(&id).copied()
    }

    fn remember(&mut self, id: Uuid, seq: u64) {
        if self.order.len() == MAX_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.seqs.remove(&oldest);
        }
        self.seqs.insert(id, seq);
        self.order.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WAIT: Duration = Duration::from_secs(10);

    fn durable(name: &'static str, filter: &str) -> Durable {
        Durable {
            name,
            stream: "LOGS",
            filter: Pattern::parse(filter).unwrap(),
            ack_wait: WAIT,
            in_flight: 100,
        }
    }

    fn log(names: &[&'static str]) -> Log {
        let mut log = Log::default();
        names.iter().for_each(|name| log.declare(&durable(name, "event.>")));
        log
    }

    fn append(log: &mut Log, id: u128) -> Appended {
        let subject = Subject::event("local", "web", "ssh").unwrap();
        log.append(Uuid::from_u128(id), subject, Bytes::from_static(b"body"))
    }

    fn seqs(log: &mut Log, consumer: &str, now: Instant) -> Vec<u64> {
        log.fetch(consumer, 10, now).iter().map(|handed| handed.seq).collect()
    }

    #[test]
    fn a_message_settles_with_the_last_consumers_ack() {
        let (mut log, now) = (log(&["a", "b"]), Instant::now());
        assert_eq!(
            append(&mut log, 1),
            Appended::Kept {
                seq: 1,
                duplicate: false
            }
        );
        assert_eq!((seqs(&mut log, "a", now), seqs(&mut log, "b", now)), (vec![1], vec![1]));
        assert!(!log.ack("a", 1));
        assert!(!log.ack("a", 1), "a second ack of one consumer counts for nobody else");
        assert!(log.ack("b", 1));
        assert_eq!((log.entries.len(), log.bytes), (0, 0));
    }

    #[test]
    fn without_a_consumer_there_is_nothing_to_wait_for() {
        assert_eq!(append(&mut log(&[]), 1), Appended::Settled { duplicate: false });
    }

    #[test]
    fn an_unacknowledged_message_is_given_out_again_after_the_wait() {
        let (mut log, now) = (log(&["a"]), Instant::now());
        append(&mut log, 1);
        assert_eq!(seqs(&mut log, "a", now), [1]);
        assert!(seqs(&mut log, "a", now + WAIT - Duration::from_millis(1)).is_empty());
        assert_eq!(log.next_due("a"), Some(now + WAIT));
        let again = log.fetch("a", 1, now + WAIT);
        assert_eq!(again[0].deliveries, 2);
    }

    #[test]
    fn an_ack_that_comes_too_late_still_counts() {
        let (mut log, now) = (log(&["a"]), Instant::now());
        append(&mut log, 1);
        seqs(&mut log, "a", now);
        log.consumers.get_mut("a").unwrap().expire(now + WAIT);
        assert!(log.ack("a", 1));
        assert!(seqs(&mut log, "a", now + WAIT).is_empty());
    }

    #[test]
    fn a_refused_message_comes_back_after_its_delay_and_not_before_the_others() {
        let (mut log, now) = (log(&["a"]), Instant::now());
        append(&mut log, 1);
        append(&mut log, 2);
        assert_eq!(log.fetch("a", 1, now)[0].seq, 1);
        log.postpone("a", 1, now + Duration::from_secs(1));
        assert_eq!(seqs(&mut log, "a", now), [2]);
        assert_eq!(seqs(&mut log, "a", now + Duration::from_secs(1)), [1]);
    }

    #[test]
    fn an_id_is_kept_once() {
        let (mut log, now) = (log(&["a"]), Instant::now());
        append(&mut log, 1);
        assert_eq!(
            append(&mut log, 1),
            Appended::Kept {
                seq: 1,
                duplicate: true
            }
        );
        assert_eq!(seqs(&mut log, "a", now), [1]);
        log.ack("a", 1);
        assert_eq!(append(&mut log, 1), Appended::Settled { duplicate: true });
    }

    #[test]
    fn no_more_is_in_flight_than_the_consumer_asked_for() {
        let (mut log, now) = (Log::default(), Instant::now());
        log.declare(&Durable {
            in_flight: 2,
            ..durable("a", "event.>")
        });
        (1..=5).for_each(|id| assert!(matches!(append(&mut log, id), Appended::Kept { .. })));
        assert_eq!(seqs(&mut log, "a", now), [1, 2]);
        assert!(seqs(&mut log, "a", now).is_empty());
        log.ack("a", 1);
        assert_eq!(seqs(&mut log, "a", now), [3]);
    }

    #[test]
    fn the_stream_says_when_it_is_full() {
        let mut log = log(&["a"]);
        (0..MAX_MESSAGES as u128).for_each(|id| assert!(matches!(append(&mut log, id), Appended::Kept { .. })));
        assert!(log.is_full());
        log.fetch("a", 1, Instant::now());
        log.ack("a", 1);
        assert!(!log.is_full());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append,
        Fetch(usize),
        Ack(usize),
        Postpone(usize),
        Pass,
    }

    proptest! {
        /// Whatever happens in between, in the end every message was acknowledged exactly once.
        #[test]
        fn nothing_is_lost_and_nothing_settles_twice(steps in proptest::collection::vec(prop_oneof![
            Just(Step::Append), (1..4usize).prop_map(Step::Fetch), (0..8usize).prop_map(Step::Ack),
            (0..8usize).prop_map(Step::Postpone), Just(Step::Pass),
        ], 0..80)) {
            let (mut log, mut now) = (log(&["a"]), Instant::now());
            let (mut appended, mut settled, mut held) = (0u64, Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Append => { appended += 1; append(&mut log, appended.into()); }
                    Step::Fetch(max) => held.extend(log.fetch("a", max, now).iter().map(|h| h.seq)),
                    Step::Ack(n) => if let Some(&seq) = held.get(n) && log.ack("a", seq) { settled.push(seq) },
                    Step::Postpone(n) => if let Some(&seq) = held.get(n) { log.postpone("a", seq, now + WAIT) },
                    Step::Pass => now += WAIT / 2,
                }
            }
            now += 2 * WAIT;
            loop {
                let rest = log.fetch("a", 3, now);
                if rest.is_empty() { break }
                rest.iter().for_each(|h| if log.ack("a", h.seq) { settled.push(h.seq) });
            }
            settled.sort_unstable();
            prop_assert_eq!(settled, (1..=appended).collect::<Vec<_>>());
            prop_assert_eq!((log.bytes, log.backlog("a")), (0, 0));
        }
    }
}
