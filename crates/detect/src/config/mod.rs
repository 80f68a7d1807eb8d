//! What can be set: one table of keys, their defaults, and the layers that override each other.

mod keys;
mod layers;
mod value;

pub use keys::{Config, KEYS, Key};
pub use layers::{Layers, Origin, Warning};
pub use value::{Allow, Mode, Percent, Positive, Raw, Setting};
