//! Datagrams: no handshake, so the first one is the attempt and the first one back the answer.

use super::table::{Flow, Key, Phase};
use super::tracker::{SAME, Segment, TELL_BYTES, Told, Tracker, tell_end, tell_volume};
use crate::addr::HomeNets;
use crate::event::{Outcome, Proto};
use crate::time::{Span, Time};

/// Ports whose datagrams, early in an input, are taken for answers to what came before it.
const SERVERS: [u16; 14] = [53, 67, 88, 123, 137, 161, 389, 443, 500, 1812, 1900, 3478, 4500, 5353];
const EARLY: Span = Span::seconds(60);
const FIRST_CLIENT_PORT: u16 = 1024;

enum Step {
    New,
    Same,
    Answer,
    Moved,
}

// === impl Tracker ===

impl Tracker {
    pub(super) fn datagram(&mut self, segment: &Segment, home: &HomeNets, told: &mut Told) {
        let Segment {
            at, src, dst, proto, ..
        } = *segment;
        let key = Key::new(src, dst, proto);
        let step = self.flows.update_if_there(&key, |flow| step(flow, segment, home, told));
        match step.unwrap_or(Step::New) {
            Step::New => self.first_datagram(key, segment, home, told),
            Step::Same => {}
            Step::Answer => {
                self.answer(&key, dst.0, Outcome::Answered);
                self.told_of(&key, at, told);
            }
            Step::Moved => self.told_of(&key, at, told),
        }
    }

    fn first_datagram(&mut self, key: Key, segment: &Segment, home: &HomeNets, told: &mut Told) {
        let Segment {
            at,
            src,
            dst,
            proto,
            payload,
            ..
        } = *segment;
        if let Some(mut old) = self.flows.remove(&key) {
            tell_volume(&mut old, home, told);
            tell_end(&old, told);
        }
        let early = self.began.is_some_and(|began| at.since(began) <= EARLY);
        let is_reply = proto == Proto::Udp && early && SERVERS.contains(&src.1) && dst.1 >= FIRST_CLIENT_PORT;
        if is_reply {
            let flow = Flow::new(self.make(at, dst, src, proto), Phase::Midstream);
            self.flows.update(&key, || flow, |flow| flow.count(false, payload));
        } else {
            self.begin(key, segment, false, told);
            self.flows.update_if_there(&key, |flow| flow.count(true, payload));
        }
    }

    fn told_of(&mut self, key: &Key, at: Time, told: &mut Told) {
        if let Some(mut flow) = self.flows.peek(key).cloned() {
            self.milestones_of(key, &mut flow, at, told);
        }
    }
}

fn step(flow: &mut Flow, segment: &Segment, home: &HomeNets, told: &mut Told) -> Step {
    let Segment { at, src, payload, .. } = *segment;
    if at.since(flow.last) > SAME {
        return Step::New;
    }
    flow.last = at;
    let outgoing = flow.is_from_initiator(src.0, src.1);
    flow.count(outgoing, payload);
    if flow.untold_out + flow.untold_back >= TELL_BYTES {
        tell_volume(flow, home, told);
    }
    if !outgoing && matches!(flow.phase, Phase::Pending | Phase::Rejected) {
        flow.phase = Phase::Established;
        return Step::Answer;
    }
    if flow.phase == Phase::Established && !(flow.contact && flow.productive) {
        Step::Moved
    } else {
        Step::Same
    }
}
