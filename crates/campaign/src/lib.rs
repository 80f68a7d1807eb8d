//! Synthetic campaigns: the language they are described in, the observations made of a description, and how well a
//! clustering of them agrees with the truth.
//!
//! Pure: files are read by whoever calls, randomness follows from a seed. The language is that of clustering.md §16;
//! `wiki/Clustering.md` is its reference. Truth labels are never shown to the rules that cluster.
#![forbid(unsafe_code)]

mod commands;
mod draw;
pub mod expect;
mod generate;
mod language;
mod load;
mod locate;
pub mod mixed;
mod node;
mod observations;
mod problem;
mod read;
mod record;
mod run;
mod schedule;
pub mod score;

pub use generate::{Play, Session, generate, play};
pub use language::{Actor, Campaign, Corpus, Noise, Step, Target};
pub use load::{Load, MAX_ROWS, MAX_SESSIONS, MAX_TEXT, load};
pub use observations::{MAX_LINE, Observed, write_observation};
pub use problem::{Problem, Problems, Severity};
pub use record::{Record, Truth};
pub use run::{Level, Outcome, features, run};
pub use score::Score;
