//! What runs inside a decoy machine (architecture.md §3).
//!
//! `supervisor` is PID 1; it forks one child per service. Each child runs [`host`], which owns listening, limits and
//! shutdown for every protocol and hands connections to one of [`services`]. All of them share one [`machine`]: its
//! users, files and seed. What happened leaves through [`report`] only.

pub mod conn;
pub mod host;
pub mod hygiene;
pub mod machine;
pub mod report;
pub mod services;
pub mod shell;
pub mod supervisor;
pub mod sys;
