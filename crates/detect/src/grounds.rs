//! What a finding rests on: what anybody can send in somebody else's name, or connections that stood (detect.md §11).
//!
//! Only who is surely the one may be led away for it.

use std::collections::BTreeSet;

use crate::addr::Addr;
use crate::event::{Event, Kind};
use crate::ledger::Match;
use crate::rule::Rule;
use crate::table::{Caps, Held, Table};
use crate::time::{Span, Time};

pub(crate) struct Grounds {
    /// Rules that count nothing else than events of connections.
    rules: BTreeSet<String>,
    /// The event that is shown is one of a connection.
    shown: bool,
    /// Sources in whose name datagrams came that count as much as connections do.
    doubtful: Table<Addr, Doubted>,
}

struct Doubted(Time);

/// No rule about logins or decoys looks further back.
const DOUBT: Span = Span::seconds(1800);
const CAPS: Caps = Caps {
    keys: 100_000,
    entries: usize::MAX,
};

// === impl Grounds ===

impl Grounds {
    /// A rule that is shown events of these kinds, and judges nothing else.
    pub(crate) fn know(&mut self, rule: &Rule, kinds: &[Kind]) {
        if !kinds.is_empty() && kinds.iter().all(|kind| Kind::GROUNDED.contains(kind)) {
            self.rules.insert(rule.id.clone());
        }
    }

    /// As [`Self::know`], for a rule whose findings each rest on the one event that made them.
    pub(crate) fn know_single(&mut self, rule: &Rule) {
        self.rules.insert(rule.id.clone());
    }

    /// From now on rules are shown this event.
    pub(crate) fn show(&mut self, event: &Event) {
        self.shown = event.is_grounded();
        let counted = Kind::GROUNDED.contains(&event.kind());
        if let Some(src) = event.src().filter(|_| counted && !self.shown) {
            self.doubtful.update(
                &src,
                || Doubted(event.at),
                |doubted| doubted.0 = doubted.0.max(event.at),
            );
        }
    }

    /// What is found now is found because of time, not of an event.
    pub(crate) fn show_none(&mut self) {
        self.shown = false;
    }

    pub(crate) fn are_sure(&self, rule: &Rule, hit: &Match) -> bool {
        let doubtful = |addr| {
            let doubted = self.doubtful.peek(&addr);
            doubted.is_some_and(|doubted| hit.at.since(doubted.0) <= DOUBT)
        };
        self.shown && self.rules.contains(&rule.id) && hit.source.ip().is_some_and(|addr| !doubtful(addr))
    }
}

impl Default for Grounds {
    fn default() -> Self {
        Self {
            rules: BTreeSet::new(),
            shown: false,
            doubtful: Table::new(CAPS),
        }
    }
}

impl Held for Doubted {}
