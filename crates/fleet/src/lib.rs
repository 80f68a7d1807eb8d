//! The catalogue of what a decky can be, fleets planned from it, and the difference between a plan and what runs.
//!
//! Pure: time, secrets and what others found on the network are handed in; the same input gives the same fleet. The
//! one thing read from disk is an override folder, by [`catalogue::read_overrides`].
#![forbid(unsafe_code)]

mod accounts;
pub mod catalogue;
pub mod coerce;
pub mod diagnostic;
pub mod diff;
pub mod draw;
mod hostname;
pub mod identity;
pub mod ini;
mod mac;
mod nearest;
pub mod plan;
mod range;
pub mod request;

pub use catalogue::Catalogue;
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use diff::{ActualDecky, Change, Changes, diff};
pub use draw::{InstallSecret, Seed};
pub use ini::IniFleet;
pub use plan::{Ground, Planned, plan};
pub use range::covering;
pub use request::{Flags, Options, Request};
