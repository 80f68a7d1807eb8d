//! The table of conversations: what is an attempt, what became of it, how much it carried.

use std::collections::VecDeque;

use super::packet::{Carried, Packet, TcpFlags};
use super::table::{Flow, Key, Phase};
use crate::addr::{Addr, HomeNets};
use crate::event::{Attempt, Body, Ended, Outcome, Proto, Resolved, Volume};
use crate::table::{Caps, Held, Table};
use crate::time::{SECOND, Span, Time};

/// Conversations remembered; the oldest that never stood go first.
const MAX_FLOWS: usize = 262_144;
/// Sources of which is known whether anything comes back, and targets known to be in use.
const MAX_SOURCES: usize = 100_000;
const MAX_FAMILIAR: usize = 200_000;

/// An answer later than this is none.
const ANSWER: Span = Span::seconds(5);
/// A SYN or datagram on the same ports is the same attempt for this long.
pub(super) const SAME: Span = Span::seconds(60);
const SAME_ECHO: Span = Span::seconds(30);
/// Payload in both directions that makes a conversation productive, bytes.
const PRODUCTIVE: u64 = 256;
/// Records of one conversation that stand for contact when outcomes are unknown.
const RECORDS_ARE_CONTACT: u32 = 3;
/// Volume is told when so much has gathered, or after so long.
pub(super) const TELL_BYTES: u64 = 64 * 1024;
const TELL_AFTER: Span = Span(SECOND);

/// What happened, with the time it happened.
pub(crate) type Told = Vec<(Time, Body)>;

pub(crate) struct Tracker {
    pub(super) flows: Table<Key, Flow>,
    waiting: VecDeque<Waiting>,
    /// Ticket of the first in `waiting`.
    first_ticket: u64,
    replies: Table<Addr, Seen>,
    familiar: Table<(Addr, Addr, u16, Proto), Since>,
    /// Begin of the input.
    pub(super) began: Option<Time>,
    early: u64,
}

struct Waiting {
    attempt: Attempt,
    outcome: Option<Outcome>,
}

/// A conversation told in one record, by a flow log or by metadata.
#[derive(Clone, Copy, Debug)]
pub struct FlowRecord {
    pub at: Time,
    pub src: Addr,
    pub dst: Addr,
    /// 0 when the record has none.
    pub sport: u16,
    pub dport: u16,
    pub proto: Proto,
    pub duration: Span,
    /// Payload bytes.
    pub out: u64,
    pub back: u64,
    pub state: State,
}

/// How a record says its conversation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Answered,
    Rejected,
    Unanswered,
    /// Not a try of its own: seen from the middle, or scattered back.
    NotAttempt,
    /// The record says nothing of it.
    Unknown,
}

/// A TCP segment or a datagram.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) at: Time,
    pub(super) src: (Addr, u16),
    pub(super) dst: (Addr, u16),
    pub(super) proto: Proto,
    pub(super) flags: TcpFlags,
    pub(super) payload: u64,
}

struct Seen;
struct Since(Time);

// === impl Tracker ===

impl Tracker {
    pub(crate) fn new() -> Self {
        Self {
            flows: Table::new(Caps {
                keys: MAX_FLOWS,
                entries: usize::MAX,
            }),
            waiting: VecDeque::new(),
            first_ticket: 0,
            replies: Table::new(Caps {
                keys: MAX_SOURCES,
                entries: usize::MAX,
            }),
            familiar: Table::new(Caps {
                keys: MAX_FAMILIAR,
                entries: usize::MAX,
            }),
            began: None,
            early: 0,
        }
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.flows.evicted() + self.replies.evicted() + self.familiar.evicted() + self.early
    }

    /// Takes in a packet; packets come in order of time.
    pub(crate) fn packet(&mut self, packet: &Packet, home: &HomeNets, told: &mut Told) {
        let Packet { at, src, dst, carried } = *packet;
        self.began.get_or_insert(at);
        let segment = |proto, sport, dport, flags, payload: u32| Segment {
            at,
            src: (src, sport),
            dst: (dst, dport),
            proto,
            flags,
            payload: payload.into(),
        };
        match carried {
            Carried::Tcp {
                sport,
                dport,
                flags,
                payload,
            } => {
                self.tcp(&segment(Proto::Tcp, sport, dport, flags, payload), home, told);
            }
            Carried::Udp { sport, dport, payload } => {
                self.datagram(&segment(Proto::Udp, sport, dport, TcpFlags(0), payload), home, told);
            }
            Carried::Sctp { sport, dport, payload } => {
                self.datagram(&segment(Proto::Sctp, sport, dport, TcpFlags(0), payload), home, told);
            }
            Carried::EchoRequest { id, v6 } => self.echo(at, src, dst, id, v6, told),
            Carried::EchoReply { id, v6 } => {
                let key = Key::new((dst, id), (src, id), echo_proto(v6));
                self.answer(&key, dst, Outcome::Answered);
            }
            Carried::Unreachable {
                proto,
                src: from,
                sport,
                dst: to,
                dport,
            } if from == dst => {
                self.answer(&Key::new((from, sport), (to, dport), proto), from, Outcome::Rejected);
            }
            Carried::Unreachable { .. } | Carried::Other => {}
        }
    }

    /// Tells the outcome of every attempt older than the wait for an answer.
    pub(crate) fn advance(&mut self, now: Time, told: &mut Told) {
        while self
            .waiting
            .front()
            .is_some_and(|first| first.attempt.at.plus(ANSWER) < now)
        {
            self.resolve(told);
        }
    }

    /// The input is over: what was not answered never is.
    pub(crate) fn finish(&mut self, home: &HomeNets, told: &mut Told) {
        while !self.waiting.is_empty() {
            self.resolve(told);
        }
        let mut rest = Told::new();
        for (_, flow) in self.flows.iter() {
            let mut flow = flow.clone();
            tell_volume(&mut flow, home, &mut rest);
            tell_end(&flow, &mut rest);
        }
        rest.sort_by_key(|(at, _)| *at);
        told.append(&mut rest);
    }

    /// Takes in a whole conversation at once.
    pub(crate) fn record(&mut self, record: &FlowRecord, home: &HomeNets, told: &mut Told) {
        self.began.get_or_insert(record.at);
        let mut attempt = self.make(
            record.at,
            (record.src, record.sport),
            (record.dst, record.dport),
            record.proto,
        );
        if record.state == State::Unknown {
            return self.unknown(attempt, record, home, told);
        }
        let outcome = match record.state {
            State::Answered => Outcome::Answered,
            State::Rejected => Outcome::Rejected,
            State::Unanswered => Outcome::Unanswered,
            State::NotAttempt | State::Unknown => return,
        };
        attempt.familiar_since = self.familiar_since(&attempt);
        told.push((record.at, Body::Attempt(attempt)));
        if outcome != Outcome::Unanswered {
            self.replies.update(&record.src, || Seen, |_| ());
        }
        self.wait(attempt, Some(outcome), told);
        let mut flow = Flow::new(attempt, Phase::Established);
        flow.answered = outcome == Outcome::Answered;
        flow.last = record.at.plus(record.duration);
        flow.count(true, record.out);
        flow.count(false, record.back);
        if flow.answered {
            self.milestones(&mut flow, record.at, told);
        }
        tell_volume(&mut flow, home, told);
        tell_end(&flow, told);
    }

    /// A conversation of which records tell only that it is there.
    fn unknown(&mut self, attempt: Attempt, record: &FlowRecord, home: &HomeNets, told: &mut Told) {
        let key = Key::new((record.src, record.sport), (record.dst, record.dport), record.proto);
        let at = record.at;
        let seen = self.flows.update_if_there(&key, |flow| {
            if record.sport == 0 || at.since(flow.last) > SAME {
                return None;
            }
            flow.last = at;
            flow.records += 1;
            let outgoing = flow.is_from_initiator(record.src, record.sport);
            flow.count(outgoing, record.out);
            tell_volume(flow, home, told);
            let contact = flow.records >= RECORDS_ARE_CONTACT
                && !std::mem::replace(&mut flow.contact, flow.records >= RECORDS_ARE_CONTACT);
            Some(contact.then_some(flow.attempt))
        });
        match seen.flatten() {
            Some(Some(attempt)) => told.push((at, Body::Contact(attempt))),
            Some(None) => {}
            None => {
                told.push((at, Body::Attempt(attempt)));
                let mut flow = Flow::new(attempt, Phase::Midstream);
                flow.count(true, record.out);
                tell_volume(&mut flow, home, told);
                self.flows.update(&key, || flow.clone(), |held| *held = flow.clone());
            }
        }
    }

    fn tcp(&mut self, segment: &Segment, home: &HomeNets, told: &mut Told) {
        let Segment {
            at, src, dst, flags, ..
        } = *segment;
        let key = Key::new(src, dst, Proto::Tcp);
        let opens = flags.syn() && !flags.ack();
        let Some(step) = self
            .flows
            .update_if_there(&key, |flow| tcp_step(flow, segment, home, told))
        else {
            return self.tcp_new(key, segment, told);
        };
        match step {
            Step::Nothing => {}
            Step::Again => {
                if let Some(mut old) = self.flows.remove(&key) {
                    tell_volume(&mut old, home, told);
                    tell_end(&old, told);
                }
                self.begin(key, segment, !opens, told);
            }
            Step::Answer(outcome) => {
                let initiator = dst.0;
                self.answer(&key, initiator, outcome);
                if let Some(mut flow) = self.flows.peek(&key).cloned() {
                    self.milestones_of(&key, &mut flow, at, told);
                }
            }
            Step::Probe => {
                // A lone ACK was answered by RST: a probe, dated at the answer.
                let mut attempt = self.make(at, dst, src, Proto::Tcp);
                attempt.stealth = true;
                attempt.familiar_since = self.familiar_since(&attempt);
                told.push((at, Body::Attempt(attempt)));
                self.replies.update(&attempt.src, || Seen, |_| ());
                self.wait(attempt, Some(Outcome::Rejected), told);
            }
            Step::Moved => {
                if let Some(mut flow) = self.flows.peek(&key).cloned() {
                    self.milestones_of(&key, &mut flow, at, told);
                }
            }
        }
    }

    fn tcp_new(&mut self, key: Key, segment: &Segment, told: &mut Told) {
        let Segment {
            at,
            src,
            dst,
            flags,
            payload,
            ..
        } = *segment;
        if (flags.syn() && !flags.ack()) || flags.is_stealth() {
            return self.begin(key, segment, flags.is_stealth(), told);
        }
        if flags.rst() {
            return;
        }
        let syn_ack = flags.syn() && flags.ack();
        let (from, to) = if syn_ack { (dst, src) } else { (src, dst) };
        if syn_ack {
            self.replies.update(&from.0, || Seen, |_| ());
        }
        let phase = match flags {
            _ if syn_ack => Phase::Answered,
            flags if flags.is_lone_ack() && payload == 0 => Phase::LoneAck,
            _ => Phase::Midstream,
        };
        let mut flow = Flow::new(self.make(at, from, to, Proto::Tcp), phase);
        flow.answered = syn_ack;
        flow.count(!syn_ack, payload);
        self.flows.update(&key, || flow, |_| ());
    }

    fn echo(&mut self, at: Time, src: Addr, dst: Addr, id: u16, v6: bool, told: &mut Told) {
        let key = Key::new((src, id), (dst, id), echo_proto(v6));
        let repeated = self.flows.update_if_there(&key, |flow| {
            let same = flow.attempt.src == src && at.since(flow.attempt.at) <= SAME_ECHO;
            flow.last = at;
            same
        });
        if repeated != Some(true) {
            self.flows.remove(&key);
            let (src, dst, proto) = ((src, id), (dst, id), echo_proto(v6));
            let segment = Segment {
                at,
                src,
                dst,
                proto,
                flags: TcpFlags(0),
                payload: 0,
            };
            self.begin(key, &segment, false, told);
        }
    }

    /// A new attempt, waiting for its outcome.
    pub(super) fn begin(&mut self, key: Key, segment: &Segment, stealth: bool, told: &mut Told) {
        let Segment {
            at, src, dst, proto, ..
        } = *segment;
        let mut attempt = self.make(at, src, dst, proto);
        attempt.stealth = stealth;
        attempt.familiar_since = self.familiar_since(&attempt);
        told.push((at, Body::Attempt(attempt)));
        let ticket = self.wait(attempt, None, told);
        let mut flow = Flow::new(attempt, Phase::Pending);
        flow.ticket = ticket;
        self.flows.update(&key, || flow, |_| ());
    }

    pub(super) fn make(&self, at: Time, src: (Addr, u16), dst: (Addr, u16), proto: Proto) -> Attempt {
        let portless = matches!(proto, Proto::Icmp | Proto::Icmp6);
        let port = |port: u16| if portless { 0 } else { port };
        Attempt {
            at,
            src: src.0,
            dst: dst.0,
            sport: src.1,
            dport: port(dst.1),
            proto,
            familiar_since: None,
            stealth: false,
        }
    }

    fn familiar_since(&self, attempt: &Attempt) -> Option<Time> {
        let key = (attempt.src, attempt.dst, attempt.dport, attempt.proto);
        self.familiar.peek(&key).map(|since| since.0)
    }

    /// Something came back for an attempt: notes its outcome if it is still waited for.
    pub(super) fn answer(&mut self, key: &Key, initiator: Addr, outcome: Outcome) {
        let found = self.flows.update_if_there(key, |flow| {
            let first_reply = !std::mem::replace(&mut flow.reply_seen, true);
            if flow.phase == Phase::Pending && outcome == Outcome::Rejected {
                flow.phase = Phase::Rejected;
            }
            flow.answered |= outcome == Outcome::Answered;
            (flow.ticket, first_reply)
        });
        let Some((ticket, first_reply)) = found else { return };
        if first_reply {
            self.replies.update(&initiator, || Seen, |_| ());
        }
        if let Some(place) = ticket.checked_sub(self.first_ticket)
            && let Some(waiting) = self.waiting.get_mut(place as usize)
        {
            waiting.outcome.get_or_insert(outcome);
        }
    }

    fn wait(&mut self, attempt: Attempt, outcome: Option<Outcome>, told: &mut Told) -> u64 {
        if self.waiting.len() >= MAX_FLOWS {
            self.early += 1;
            self.resolve(told);
        }
        self.waiting.push_back(Waiting { attempt, outcome });
        self.first_ticket + self.waiting.len() as u64 - 1
    }

    fn resolve(&mut self, told: &mut Told) {
        let Some(Waiting { attempt, outcome }) = self.waiting.pop_front() else {
            return;
        };
        self.first_ticket += 1;
        let resolved = Resolved {
            attempt,
            outcome: outcome.unwrap_or(Outcome::Unanswered),
            replies_visible: self.replies.peek(&attempt.src).is_some(),
        };
        told.push((attempt.at, Body::Resolved(resolved)));
    }

    pub(super) fn milestones_of(&mut self, key: &Key, flow: &mut Flow, at: Time, told: &mut Told) {
        let before = (flow.productive, flow.contact);
        self.milestones(flow, at, told);
        if before != (flow.productive, flow.contact) {
            let (productive, contact) = (flow.productive, flow.contact);
            self.flows
                .update_if_there(key, |flow| (flow.productive, flow.contact) = (productive, contact));
        }
    }

    /// Tells when a conversation first carried data, and when it became productive.
    fn milestones(&mut self, flow: &mut Flow, at: Time, told: &mut Told) {
        if flow.phase != Phase::Established {
            return;
        }
        let attempt = flow.attempt;
        let datagrams = matches!(attempt.proto, Proto::Udp | Proto::Sctp);
        if !flow.contact && (flow.out >= 1 || datagrams) {
            flow.contact = true;
            told.push((at, Body::Contact(attempt)));
        }
        if !flow.productive && flow.out + flow.back >= PRODUCTIVE {
            flow.productive = true;
            let key = (attempt.src, attempt.dst, attempt.dport, attempt.proto);
            self.familiar
                .update(&key, || Since(attempt.at), |since| since.0 = since.0.min(attempt.at));
            told.push((at, Body::Productive(attempt)));
        }
    }
}

/// What a packet of a known conversation means.
enum Step {
    Nothing,
    /// A new attempt on old ports.
    Again,
    Answer(Outcome),
    Probe,
    /// Bytes were carried, or the handshake went on.
    Moved,
}

fn tcp_step(flow: &mut Flow, segment: &Segment, home: &HomeNets, told: &mut Told) -> Step {
    let Segment {
        at,
        src,
        flags,
        payload,
        ..
    } = *segment;
    let idle = at.since(flow.last);
    flow.last = at;
    if flags.syn() && !flags.ack() {
        let last_syn = std::mem::replace(&mut flow.last_syn, at);
        let known = if matches!(flow.phase, Phase::Midstream | Phase::LoneAck) {
            idle
        } else {
            at.since(last_syn)
        };
        return if known > SAME { Step::Again } else { Step::Nothing };
    }
    let outgoing = flow.is_from_initiator(src.0, src.1);
    match flow.phase {
        Phase::LoneAck if !outgoing && flags.rst() && at.since(flow.attempt.at) <= ANSWER => {
            flow.phase = Phase::Rejected;
            return Step::Probe;
        }
        Phase::LoneAck => flow.phase = Phase::Midstream,
        Phase::Pending if !outgoing && flags.rst() => return Step::Answer(Outcome::Rejected),
        Phase::Pending if !outgoing && flags.syn() && flags.ack() => {
            flow.phase = Phase::Answered;
            return Step::Answer(Outcome::Answered);
        }
        Phase::Answered if outgoing && flags.ack() && !flags.rst() => flow.phase = Phase::Established,
        _ => {}
    }
    flow.count(outgoing, payload);
    if flow.untold_out + flow.untold_back >= TELL_BYTES || at.since(flow.told) >= TELL_AFTER {
        tell_volume(flow, home, told);
    }
    if flags.fin() || flags.rst() {
        tell_volume(flow, home, told);
    }
    if flow.phase == Phase::Established && !(flow.contact && flow.productive) {
        Step::Moved
    } else {
        Step::Nothing
    }
}

/// Tells the payload since the last time, if it went between inside and outside.
pub(super) fn tell_volume(flow: &mut Flow, home: &HomeNets, told: &mut Told) {
    let (out, back) = (flow.untold_out, flow.untold_back);
    if out + back == 0 {
        return;
    }
    (flow.untold_out, flow.untold_back, flow.told) = (0, 0, flow.last);
    let Attempt { src, dst, dport, .. } = flow.attempt;
    if home.is_internal(src) && home.is_public(dst) {
        told.push((
            flow.last,
            Body::Volume(Volume {
                src,
                dst,
                dport,
                out,
                back,
            }),
        ));
    } else if home.is_internal(dst) && home.is_public(src) {
        let sport = flow.attempt.sport;
        told.push((
            flow.last,
            Body::Volume(Volume {
                src: dst,
                dst: src,
                dport: sport,
                out: back,
                back: out,
            }),
        ));
    }
}

pub(super) fn tell_end(flow: &Flow, told: &mut Told) {
    if flow.answered && flow.phase != Phase::Midstream {
        let ended = Ended {
            attempt: flow.attempt,
            out: flow.out,
            back: flow.back,
            last: flow.last,
        };
        told.push((flow.last, Body::Ended(ended)));
    }
}

fn echo_proto(v6: bool) -> Proto {
    if v6 { Proto::Icmp6 } else { Proto::Icmp }
}

impl Held for Seen {}
impl Held for Since {}
