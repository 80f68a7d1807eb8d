//! Rows as they lie in the tables, one module a table; a test holds them against the migrated schema.
#![allow(unreachable_pub)] // The derives make everything of an entity as public as its model.

pub(crate) mod artifact;
pub(crate) mod attacker;
pub(crate) mod attribution;
pub(crate) mod campaign;
pub(crate) mod chunk;
pub(crate) mod command;
pub(crate) mod credential;
pub(crate) mod cursor;
pub(crate) mod decision;
pub(crate) mod decky;
pub(crate) mod delivery;
pub(crate) mod drill;
pub(crate) mod event;
pub(crate) mod finding;
pub(crate) mod fingerprint;
pub(crate) mod identity;
pub(crate) mod incident;
pub(crate) mod lease;
pub(crate) mod narrative;
pub(crate) mod network;
pub(crate) mod operation;
pub(crate) mod operation_step;
pub(crate) mod outbox;
pub(crate) mod pin;
pub(crate) mod place;
pub(crate) mod probe;
pub(crate) mod probe_history;
pub(crate) mod probe_state;
pub(crate) mod probe_target;
pub(crate) mod reuse;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod setting;
pub(crate) mod sighting;
pub(crate) mod target;
