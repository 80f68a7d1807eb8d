use sea_orm::{DbErr, RuntimeErr};

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
    #[error("somebody else leads as {name} by now: nothing was written")]
    LeaseLost { name: String },
    #[error("{what} is of no use to the store: {reason}")]
    Value { what: &'static str, reason: String },
}

// === impl Error ===

impl Error {
    /// Whether trying the same again later may help: the store is busy, full or away. Otherwise it is the values
    /// that the store will not have.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Database(error) => !is_refusal(error),
            _ => false,
        }
    }
}

/// Whether the database objects to what it was given, and not to the moment.
fn is_refusal(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return matches!(error, DbErr::Type(_) | DbErr::Json(_) | DbErr::AttrNotSet(_));
    };
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| is_refusal_code(&code))
}

/// PostgreSQL: five characters, of which two are the class. SQLite: an extended result code, a number.
fn is_refusal_code(code: &str) -> bool {
    const DATA_CONSTRAINT_LIMIT: [&str; 3] = ["22", "23", "54"];
    const TOOBIG_CONSTRAINT_MISMATCH: [u32; 3] = [18, 19, 20];
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => TOOBIG_CONSTRAINT_MISMATCH.contains(&(number & 0xff)),
        _ => code.len() == 5 && DATA_CONSTRAINT_LIMIT.contains(&&code[..2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_busy_database_is_told_from_one_that_refuses_the_values() {
        for refusal in ["19", "2067", "1299", "18", "22021", "23505", "54000"] {
            assert!(is_refusal_code(refusal), "{refusal}");
        }
        for passing in ["13", "5", "517", "10", "778", "53100", "57P03", "40001", "08006", ""] {
            assert!(!is_refusal_code(passing), "{passing}");
        }
    }
}
