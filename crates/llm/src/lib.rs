//! Prose about findings: by a template, or by a model behind one trait. It is written after all was decided, from facts
//! that were decided, and is text: nothing reads it but people.
//!
//! A backend is one file and one line in [`Writer::new`].
#![forbid(unsafe_code)]

mod backend;
mod error;
mod facts;
mod http;
mod ollama;
mod openai;
mod settings;
mod writer;

pub use error::Error;
pub use facts::Facts;
pub use settings::{Kind, Settings};
pub use writer::{Narrative, Status, Writer};
