//! One deterministic detection engine: packets, flow records, requests, logins, decoys' events and agents' tool calls in,
//! findings and a verdict out. Pure: no I/O, no clock; the same input gives the same findings, byte for byte.
//!
//! [`Engine`] takes input ([`Packet`], [`FlowRecord`], [`Event`], calls through [`Engine::check`]) and ends in a
//! [`Conclusion`]. A detector is one file and one line in `catalogue`.
#![forbid(unsafe_code)]

mod addr;
mod agent;
mod catalogue;
pub mod config;
mod detector;
mod engine;
mod error;
mod event;
mod finding;
mod flow;
mod grounds;
mod http;
mod incident;
pub mod input;
mod intel;
mod ledger;
mod net;
mod reorder;
mod report;
mod rule;
mod rules;
mod stage;
mod table;
mod text;
mod time;
mod window;
mod world;

pub use addr::{Addr, HomeNets, Net, Scope};
pub use agent::{Chain, Decision, Verdict};
pub use catalogue::built_in_rules;
pub use config::Config;
pub use engine::{Engine, Input, News, Setup};
pub use error::{Error, Result};
pub use event::{
    Arp, Attempt, Auth, Body, Call, Canary, Decoy, Dns, Ended, Event, Heartbeat, Http, Kind, Outcome, Proto, Resolved,
    Sighting, Signal, Tls, Volume,
};
pub use finding::{Finding, Narrative, Part, Source, Step, Target};
pub use flow::{Carried, FlowRecord, Packet, State, TcpFlags, arp};
pub use http::canon;
pub use incident::{Incident, Moment};
pub use intel::{Indicator, Intel};
pub use ledger::MAX_FINDINGS;
pub use report::{About, Conclusion, Counters, Outcome as ScanOutcome, Report, Row, Totals};
pub use rule::{Class, Confidence, Family, Rule, Severity};
pub use rules::{Definition, Ruleset, TestOutcome};
pub use stage::{Prediction, Stage};
pub use time::{Span, Time};
