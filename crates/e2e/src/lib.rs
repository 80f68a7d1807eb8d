//! Helpers of the whole-grid tests: a grid, genuine products beside it, and tools to ask both the same questions.
#![forbid(unsafe_code)]

pub mod apart;
pub mod attacker;
pub mod genuine;
pub mod grid;
pub mod probe;
pub mod tools;
