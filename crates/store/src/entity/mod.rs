//! Rows as they lie in the tables, one module a table; a test holds them against the migrated schema.
#![allow(unreachable_pub)] // The derives make everything of an entity as public as its model.

pub(crate) mod cursor;
pub(crate) mod decky;
pub(crate) mod operation;
pub(crate) mod operation_step;
pub(crate) mod secret;
pub(crate) mod setting;
