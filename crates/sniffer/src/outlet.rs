//! From the threads that look to the task that sends: a bounded queue. Whoever looks never waits; what there is no room
//! for is counted.

use model::Name;
use tokio::sync::mpsc::{self, Sender};
use wire::watch::{Details, Observation};

/// Observations of one batch, or a few more.
pub(crate) const BATCH: usize = 1_024;
/// Batches that nobody has taken yet.
const QUEUE: usize = 64;
/// With fewer places free, SYNs have to stand back: a flood of them must not hide all else.
const RESERVE: usize = QUEUE / 4;

/// What was seen together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) seen: Vec<Observation>,
    /// The machine to name where an observation concerns none in particular.
    pub(crate) anyone: Option<Name>,
}

/// One thread's end of the queue.
#[derive(Debug)]
pub(crate) struct Outlet {
    queue: Sender<Batch>,
    anyone: Option<Name>,
    pub(crate) seen: Vec<Observation>,
    unsent: u64,
}

pub(crate) fn queue() -> (Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(QUEUE)
}

// === impl Outlet ===

impl Outlet {
    pub(crate) fn new(queue: Sender<Batch>, anyone: Option<Name>) -> Self {
        Self {
            queue,
            anyone,
            seen: Vec::new(),
            unsent: 0,
        }
    }

    pub(crate) fn name(&mut self, anyone: Option<Name>) {
        self.anyone = anyone;
    }

    /// Observations there was no room for.
    pub(crate) fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Hands on what was seen, or as much of it as there is room for.
    pub(crate) fn hand_on(&mut self) {
        if self.seen.is_empty() {
            return;
        }
        let mut seen = std::mem::take(&mut self.seen);
        let all = seen.len();
        if self.queue.capacity() < RESERVE {
            seen.retain(|one| !matches!(one.details, Details::Syn(_)));
        }
        let left = seen.len();
        let anyone = self.anyone.clone();
        let is_sent = left == 0 || self.queue.try_send(Batch { seen, anyone }).is_ok();
        self.unsent += if is_sent { all - left } else { all } as u64;
    }
}

/// What a SYN, and a request, of so many sources show.
#[cfg(test)]
pub(crate) fn sample(sources: u8) -> Vec<Observation> {
    use wire::link::LinkType;
    use wire::time::Time;
    use wire::watch::{Deckies, Limits, Watch};

    let mut watch = Watch::new(&Limits::default().shared(64), Deckies::default());
    let mut seen = Vec::new();
    for source in 0..sources {
        let mut packet = vec![
            0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 203, 0, 113, source, 192, 0, 2, 10,
        ];
        packet.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x02, 4, 0, 0, 0, 0, 0]);
        watch.packet(Time(0), LinkType::Raw, &packet, packet.len(), &mut seen);
        packet[27] = 2;
        packet[33] = 0x18;
        packet.extend(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        watch.packet(Time(0), LinkType::Raw, &packet, packet.len(), &mut seen);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_nobody_takes_anything_syns_stand_back_first_and_every_loss_is_counted() {
        let (sender, mut receiver) = queue();
        let mut outlet = Outlet::new(sender, None);
        let (mut offered, mut taken, mut syns) = (0, 0, 0);
        for _ in 0..QUEUE + 20 {
            outlet.seen = sample(2);
            offered += outlet.seen.len() as u64;
            outlet.hand_on();
        }
        let mut requests = Vec::new();
        while let Ok(batch) = receiver.try_recv() {
            let those = |kind| batch.seen.iter().filter(move |one| one.kind() == kind).count();
            syns += usize::from(those("tcp_syn_fingerprint") > 0);
            requests.push(those("http_request_fingerprint"));
            taken += batch.seen.len() as u64;
        }
        assert_eq!(requests, [2; QUEUE], "a batch has the requests of both");
        assert_eq!(syns, QUEUE - RESERVE + 1, "the last batches have no SYNs");
        assert_eq!((offered, outlet.unsent()), (taken + outlet.unsent(), offered - taken));
        outlet.seen = sample(1);
        outlet.hand_on();
        assert_eq!(
            receiver.try_recv().map(|batch| batch.seen.len()).ok(),
            Some(2),
            "there is room again"
        );
    }
}
