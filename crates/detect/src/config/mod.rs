//! What can be set: one table of keys, their defaults, and the layers that override each other.

mod keys;
mod layers;
mod responders;
mod value;

pub use keys::{Config, KEYS, Key};
pub use layers::{Layers, Origin, Warning};
pub(crate) use responders::RESPONDERS;
pub use responders::{Prose, Responder, SyslogFormat, Way, Webhook};
pub use value::{Allow, Mode, Percent, Positive, Raw, Setting};
