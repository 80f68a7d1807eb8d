//! A small SQL engine over tables in memory, in the dialects of PostgreSQL and MySQL. Pure: no sockets, files, clock or chance of
//! its own; what it needs of them comes through [`Host`].
//!
//! [`parse`] reads statements, `bind` finds out what they mean, `exec` carries them out over a [`Cluster`], whose copies
//! share what they have in common. A [`Session`] is one client's.

mod aggregate;
pub mod ast;
mod bind;
mod cast;
mod catalog;
mod change;
mod copy;
mod cx;
mod datetime;
mod decimal;
mod dialect;
mod error;
mod eval;
mod exec;
mod function;
mod lex;
pub mod mysql;
mod operator;
pub mod parse;
mod pattern;
mod plan;
mod schema;
mod session;
mod store;
mod text;
mod types;
mod value;

pub use catalog::settings::TOLD;
pub use cx::{Act, FileError, Host, Notice, Persona};
pub use datetime::EPOCH;
pub use dialect::Dialect;
pub use error::Error;
pub use plan::Column;
pub use session::{Answer, Phase, Prepared, Session};
pub use store::{Cluster, Database, Role};
pub use types::Type;
pub use value::Value;
