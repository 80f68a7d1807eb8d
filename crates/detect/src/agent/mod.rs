//! Agents' tool calls: what a call does, and chains of calls that together do harm (detect.md §9).

mod checker;
mod compound;
mod content;
mod destination;
mod feature;
mod history;
pub(crate) mod playbook;
pub(crate) mod score;
mod sensitivity;
mod strings;
mod surprise;
mod verb;

pub use checker::{Chain, Decision, Verdict};
pub(crate) use checker::{Checker, Known};
