//! TCP: connections, their timing, and what is said at their start.

use super::{
    Watch, details,
    observation::Observation,
    talk::{Listener, Phase, Talk},
};
use crate::{
    flow::{Ended, Endpoints, Handshake, Segment, Side, Summary, SummaryKey},
    ip::Ip,
    link::Link,
    lru::Lru,
    stream::{Limits, State, Stream, Want},
    tcp::Tcp,
    time::Time,
};

/// How far a connection was listened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Heard {
    /// The client has said nothing yet.
    #[default]
    Nothing,
    /// There is a [`Talk`] of it.
    Some,
    /// All that is wanted.
    All,
}

/// Connections whose first words come in pieces.
#[derive(Debug)]
pub(super) struct Talks {
    table: Lru<Endpoints, Talk>,
    /// Bytes of all of them, and how many there may be.
    pub(super) held: usize,
    most: usize,
    /// Given up for want of memory.
    given_up: u64,
}

// === impl Talks ===

impl Talks {
    pub(super) fn new(capacity: usize, most: usize) -> Self {
        Self {
            table: Lru::new(capacity),
            held: 0,
            most,
            given_up: 0,
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.table.evicted() + self.given_up
    }

    fn begin(&mut self, ends: Endpoints, talk: Talk) {
        self.held += talk.held();
        if let Some((_, evicted)) = self.table.entry(ends, || talk).evicted {
            self.held -= evicted.held();
        }
        self.make_room();
    }

    fn end(&mut self, ends: &Endpoints) {
        if let Some((_, talk)) = self.table.remove(ends) {
            self.held -= talk.held();
        }
    }

    fn make_room(&mut self) {
        while self.held > self.most
            && let Some((_, talk)) = self.table.pop_oldest()
        {
            self.held -= talk.held();
            self.given_up += 1;
        }
    }
}

// === impl Talk ===

impl Talk {
    fn held(&self) -> usize {
        let hello = match &self.phase {
            Phase::TlsAnswer { hello } => hello.len(),
            Phase::TlsCertificate { sni } => sni.len(),
            Phase::Open | Phase::SshKex { .. } | Phase::Over => 0,
        };
        self.client.held() + self.server.held() + hello
    }
}

// === impl Phase ===

impl Phase {
    /// It is the server's turn to speak.
    fn is_servers(&self) -> bool {
        matches!(self, Self::TlsAnswer { .. } | Self::TlsCertificate { .. })
    }
}

// === impl Watch ===

impl Watch {
    pub(super) fn segment(&mut self, at: Time, link: &Link, ip: &Ip<'_>, tcp: &Tcp<'_>, out: &mut Vec<Observation>) {
        if tcp.flags.opens() {
            self.syn(at, link, ip, tcp, out);
        }
        let Some(mut seen) = self.flows.packet(at, ip, tcp, None) else {
            let report = self.sources.stray(ip, tcp);
            let (from, to) = ((ip.source, tcp.source_port), (ip.destination, tcp.destination_port));
            return self.scanner(at, from, to, &report, out);
        };
        let displaced = seen.displaced.take();
        if tcp.payload.is_empty() || *seen.extra == Heard::All {
            return self.after(at, ip, tcp, displaced, out);
        }
        let ends = seen.ends;
        let between = self.deckies.ends(ends.client.0, ends.server.0);
        let sequence = tcp.sequence.wrapping_add(u32::from(tcp.flags.syn()));
        let mut listener = Listener {
            at,
            ends,
            flow: Some(&*seen.flow),
            role: between.role(),
            decky: between.decky(),
            repeats: &mut self.repeats,
            out,
        };
        let start = seen.flow.half(seen.side).start();
        let is_known = seen.flow.handshake != Handshake::Midstream;
        match (*seen.extra, seen.side) {
            (Heard::Nothing, Side::Server) => {}
            (Heard::Nothing, Side::Client) => {
                let stream = match start {
                    Some(start) if is_known => Stream::starting_at(start),
                    _ => Stream::new(),
                };
                let whole = seen.segment == Segment::New && start == Some(sequence);
                let talk = first_words(&mut listener, stream, sequence, tcp.payload, whole);
                *seen.extra = match talk {
                    Some(talk) => {
                        self.talks.begin(ends, talk);
                        Heard::Some
                    }
                    None => Heard::All,
                };
            }
            (Heard::Some, side) => {
                let Some(talk) = self.talks.table.get(&ends) else {
                    *seen.extra = Heard::All;
                    return self.after(at, ip, tcp, displaced, out);
                };
                let before = talk.held();
                let is_over = more_words(&mut listener, talk, side, sequence, tcp.payload);
                self.talks.held = self.talks.held + talk.held() - before;
                if is_over {
                    self.talks.end(&ends);
                    *seen.extra = Heard::All;
                } else {
                    self.talks.make_room();
                }
            }
            (Heard::All, _) => {}
        }
        self.after(at, ip, tcp, displaced, out);
    }

    /// What may have ended with a segment.
    fn after(
        &mut self,
        at: Time,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        displaced: Option<Box<Ended<Heard>>>,
        out: &mut Vec<Observation>,
    ) {
        if let Some(ended) = displaced {
            self.ended(at, *ended, out);
        }
        if (tcp.flags.fin() || tcp.flags.rst())
            && let Some(ended) = self.flows.close(ip, tcp)
        {
            self.ended(at, *ended, out);
        }
    }

    pub(super) fn ended(&mut self, at: Time, ended: Ended<Heard>, out: &mut Vec<Observation>) {
        if ended.extra == Heard::Some {
            self.talks.end(&ended.ends);
        }
        // Of a flood's there are many, and they show nothing of the tool that they had not shown at first.
        if matches!(ended.flow.handshake, Handshake::Established | Handshake::Refused) {
            let report = self.sources.ended(ended.ends.client.0, &ended.flow);
            self.scanner(ended.flow.last, ended.ends.client, ended.ends.server, &report, out);
        }
        let is_told = || self.deckies.ends(ended.ends.client.0, ended.ends.server.0).is_by_peer();
        let came_to_nothing = match ended.flow.handshake {
            Handshake::Refused => Some(true),
            Handshake::RstByClient => Some(false),
            _ => None,
        };
        if let Some(refused) = came_to_nothing.filter(|_| is_told()) {
            let (source, machine) = (ended.ends.client.0, ended.ends.server);
            self.tries.add(ended.flow.first, source, machine.0, machine.1, refused);
        }
        if ended.flow.is_trivial() || !is_told() {
            return;
        }
        if let Some((key, summary)) = self.summaries.add(at, &ended) {
            self.tell_summary(&key, &summary, out);
        }
    }

    pub(super) fn tell_tries(&mut self, out: &mut Vec<Observation>) {
        for (source, machine, at, tries) in self.tries.take() {
            let between = self.deckies.ends(source, machine);
            out.push(Observation {
                at,
                source: (source, 0),
                destination: (machine, 0),
                role: between.role(),
                decky: between.decky().cloned(),
                details: tries.into(),
            });
        }
    }

    pub(super) fn tell_summary(&mut self, key: &SummaryKey, summary: &Summary, out: &mut Vec<Observation>) {
        let between = self.deckies.ends(key.source, key.destination);
        out.push(Observation {
            at: summary.last,
            source: (key.source, 0),
            destination: (key.destination, key.port),
            role: between.role(),
            decky: between.decky().cloned(),
            details: details::Flow::from(summary).into(),
        });
    }
}

/// Listens to the client's first segment. Most say all that is wanted, and nothing of them needs to be kept.
fn first_words(
    listener: &mut Listener<'_>,
    mut stream: Stream,
    sequence: u32,
    payload: &[u8],
    whole: bool,
) -> Option<Talk> {
    let mut phase = Phase::Open;
    let state = match whole {
        true => {
            let want = listener.client(&mut phase, payload);
            match (want, &phase) {
                (Want::Enough, Phase::Over) => return None,
                (Want::Enough, _) => State::Done,
                (more, _) => stream.push(&Limits::HANDSHAKE, sequence, payload, listener.at, |_| more),
            }
        }
        false => stream.push(&Limits::HANDSHAKE, sequence, payload, listener.at, |bytes| {
            listener.client(&mut phase, bytes)
        }),
    };
    let goes_on = match state {
        State::Open => true,
        State::Done => phase.is_servers(),
        State::Abandoned(_) => false,
    };
    goes_on.then(|| Talk {
        client: stream,
        server: Stream::new(),
        phase,
    })
}

/// Listens on; true when there is nothing more to hear.
fn more_words(listener: &mut Listener<'_>, talk: &mut Talk, side: Side, sequence: u32, payload: &[u8]) -> bool {
    let Talk { client, server, phase } = talk;
    let answering = phase.is_servers();
    let state = match (side, answering) {
        (Side::Client, true) | (Side::Server, false) => return false,
        (Side::Client, false) => client.push(&Limits::HANDSHAKE, sequence, payload, listener.at, |bytes| {
            listener.client(phase, bytes)
        }),
        (Side::Server, true) => server.push(&Limits::HANDSHAKE, sequence, payload, listener.at, |bytes| {
            listener.server(phase, bytes)
        }),
    };
    match state {
        State::Open => false,
        // The client's hello is whole: what it was put together from may go.
        State::Done if !answering && phase.is_servers() => {
            *client = Stream::new();
            false
        }
        State::Done | State::Abandoned(_) => true,
    }
}
