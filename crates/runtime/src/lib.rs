//! How workers are run.
//!
//! A worker says what it does; the shell here decides when, tells the grid that it lives ([`Beat`]), takes orders
//! ([`Order`]), starts it again when it fails or panics, and stops it when asked. Several run side by side in a
//! [`Crew`] and know nothing of each other.
//!
//! There are two shapes: a [`Worker`] makes one pass at a time, when something woke it or its tick has come; a
//! [`Runner`] follows streams and runs until it is cancelled.
#![forbid(unsafe_code)]

mod backoff;
mod beat;
mod control;
mod crew;
mod cx;
mod dlq;
mod pace;
mod passes;
mod shell;

pub use backoff::Backoff;
pub use beat::{Beat, Gauge, Phase, Status};
pub use control::{Action, Answer, ControlError, Order, order};
pub use crew::{Crew, Ended};
pub use cx::Cx;
pub use dlq::DeadLetter;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// Works in passes.
pub trait Worker: Send + 'static {
    /// Names the worker on the bus and to people.
    const NAME: &'static str;
    /// What wakes it. A wake that arrives during a pass causes another; many at once cause one.
    const WAKE: &'static [bus::Pattern] = &[];
    /// The longest time between passes: the floor under missed wakes.
    const TICK: Duration = Duration::from_secs(60);
    type Error: Display + Send;

    /// One pass. An error or a panic ends this instance; a new one is made after a pause.
    fn work(&mut self, cx: &Cx) -> impl Future<Output = Result<Summary, Self::Error>> + Send;
}

/// Runs until it is cancelled.
pub trait Runner: Send + 'static {
    /// Names the worker on the bus and to people.
    const NAME: &'static str;
    type Error: Display + Send;

    /// Ends soon after [`Cx::cancelled`]. It should call [`Cx::alive`] at least every [`Beat::EVERY`]. An error or a
    /// panic ends this instance; a new one is made after a pause.
    fn run(&mut self, cx: &Cx) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Things dealt with.
    pub done: u64,
    /// Things left; the next pass then follows at once.
    pub left: u64,
}
