//! What a detector is: one file that implements this, and one line in `catalogue`.

use std::sync::Arc;

use crate::config::Config;
use crate::event::{Event, Kind};
use crate::ledger::{Details, Ledger, Match, Raised};
use crate::rule::Rule;
use crate::time::Time;
use crate::world::World;

pub(crate) trait Detector: Send {
    /// Takes in one event; events come in order of time.
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>);

    /// Told how far time has come, before each event; for rules about what does not happen.
    fn advance(&mut self, _now: Time, _cx: &mut Cx<'_>) {}

    /// An input without end: judges what would else be judged only when it is over. Asked now and then.
    fn review(&mut self, _now: Time, _cx: &mut Cx<'_>) {}

    /// The input is over.
    fn finish(&mut self, _end: Time, _cx: &mut Cx<'_>) {}

    /// Keys its tables pushed out.
    fn evicted(&self) -> u64 {
        0
    }
}

/// What a detector may know and do.
pub(crate) struct Cx<'a> {
    pub(crate) world: &'a World,
    pub(crate) ledger: &'a mut Ledger,
}

/// A detector that is built in.
pub(crate) struct BuiltIn {
    pub(crate) rule: fn() -> Rule,
    /// Kinds of event it is shown.
    pub(crate) kinds: &'static [Kind],
    /// Makes it, from its rule and the settings.
    pub(crate) make: fn(Arc<Rule>, &Config) -> Box<dyn Detector>,
}

// === impl Cx ===

impl Cx<'_> {
    pub(crate) fn raise(&mut self, rule: &Arc<Rule>, hit: Match, details: impl FnOnce() -> Details) -> Raised {
        self.ledger.raise(rule, hit, details)
    }
}
