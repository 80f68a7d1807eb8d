//! TCP connections as the wire shows them: their handshake, timing, losses and clocks.
//!
//! [`Flows`] keeps a hard-capped table of [`Flow`]s. Time is that of the packets.

mod clock;
mod half;
mod record;
mod summary;
mod table;

pub use clock::{Clock, Uptime};
pub use half::{Half, Segment};
pub use record::{Flow, Handshake, IAT_BOUNDS};
pub use summary::{Summaries, Summary, SummaryKey};
pub use table::{Ended, Endpoints, Flows, Seen, Why};

/// The two sides of a connection: who opened it, and who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Client,
    Server,
}

// === impl Side ===

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
