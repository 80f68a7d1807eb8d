//! What an attacker's doings say of him: the rhythm of his visits, the tools behind them, what his headers give away.
//!
//! Pure: times, names and values in, findings out (profile.md §3.2-§3.4, §6.1-§6.3). Nothing here decides anything; it is
//! shown to whoever looks.
#![forbid(unsafe_code)]

mod agent;
mod attribution;
mod habits;
mod proxy;
mod quirks;
mod rhythm;
mod tools;
mod traversal;

pub use agent::{Agent, Category, Signal, agent};
pub use attribution::{Attribution, Kind, Measured, State, attribution, suspects};
pub use habits::{AtService, Deed, Habits, habits};
pub use proxy::{Claim, Claimed, claim};
pub use quirks::{Casing, Quirks, quirks};
pub use rhythm::{Behaviour, Rhythm, behaviour, rhythm};
pub use tools::{beacon_tools, header_tool};
pub use traversal::{Hop, Traversal, traversal};
