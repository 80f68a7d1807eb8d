//! What the engine is doing, as typed steps, for whoever draws it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Name;
use model::machine::Port;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something long about an image, in words that may be shown as they are.
    Image {
        image: String,
        doing: String,
    },
    ImageReady {
        image: String,
    },
    NetworkReady {
        network: String,
        is_new: bool,
    },
    Decky {
        name: Name,
        phase: Phase,
    },
}

/// How far one decky has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    Creating,
    Starting,
    Walling,
    Waiting,
    Updating,
    Removing,
    Done,
    /// Up, with these ports closed.
    Degraded {
        closed: BTreeSet<Port>,
    },
    Failed {
        reason: String,
    },
    /// What was there before is back in place.
    RolledBack,
    Removed,
}

/// Where steps are told. Cheap to clone; must not block.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Step) + Send + Sync>);

// === impl Progress ===

impl Progress {
    pub fn new(tell: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    pub(crate) fn tell(&self, step: Step) {
        (self.0)(step);
    }

    pub(crate) fn decky(&self, name: &Name, phase: Phase) {
        self.tell(Step::Decky {
            name: name.clone(),
            phase,
        });
    }

    pub(crate) fn image(&self, image: &str, doing: impl Into<String>) {
        self.tell(Step::Image {
            image: image.to_owned(),
            doing: doing.into(),
        });
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}
