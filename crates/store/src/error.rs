/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{given}` is no store address: give sqlite:///path/to/file.db or postgres://user@host/database")]
    Address { given: String },
    #[error("cannot open the store {place}: {source}")]
    Open { place: String, source: sea_orm::DbErr },
    #[error("cannot make the store's file {place}: {source}")]
    File { place: String, source: std::io::Error },
    #[error("the store {place} is of another release ({reason}): run the release that wrote it, or a newer one")]
    Release { place: String, reason: String },
    #[error("the store answered: {0}")]
    Database(#[from] sea_orm::DbErr),
    #[error("{what} in the store cannot be read: {reason}")]
    Corrupt { what: String, reason: String },
    #[error("the store knows no {kind} `{id}`")]
    Unknown { kind: &'static str, id: String },
    #[error("`{given}` is no place in a listing: give the `next` of the page before")]
    Cursor { given: String },
    #[error("{what} is of no use to the store: {reason}")]
    Value { what: &'static str, reason: String },
}

// === impl Error ===

impl Error {
    /// Whether trying the same again later may help: the store is busy, full or away.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Database(_))
    }
}
