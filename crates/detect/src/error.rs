//! What can be wrong with what is handed in.

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A layer of settings holds something that cannot be.
    #[error("{layer}: {what}")]
    Config { layer: String, what: String },
    /// A rule file that was refused as a whole.
    #[error("{file}: {what}")]
    Rules { file: String, what: String },
    /// A record that is none; `what` says which field.
    #[error("{what}")]
    Record { what: String },
}

impl Error {
    pub(crate) fn record(what: impl Into<String>) -> Self {
        Self::Record { what: what.into() }
    }
}
