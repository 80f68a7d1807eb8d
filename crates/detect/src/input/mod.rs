//! Lines of text to events: access logs, flow logs, event records, tool calls (detect.md §3.3).

mod access;
mod fields;
mod flows;
mod json;
mod record;
mod sniff;

pub use access::AccessLog;
pub use flows::FlowLog;
pub(crate) use record::event_from_flat;
pub use record::{call, event};
pub use sniff::{LineKind, sniff};

/// Longer lines are bad ones, bytes.
pub const MAX_LINE: usize = 64 * 1024;
