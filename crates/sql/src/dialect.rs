//! Whose SQL it is.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    Postgres,
    /// `version` as comments name it: `101119`, `80036`.
    Mysql { version: u32, mariadb: bool },
}

// === impl Dialect ===

impl Dialect {
    pub fn is_mysql(self) -> bool {
        matches!(self, Self::Mysql { .. })
    }

    pub(crate) fn is_mariadb(self) -> bool {
        matches!(self, Self::Mysql { mariadb: true, .. })
    }

    /// Whether two names of columns are the same.
    pub(crate) fn same_column(self, one: &str, two: &str) -> bool {
        match self {
            Self::Postgres => one == two,
            Self::Mysql { .. } => one.eq_ignore_ascii_case(two),
        }
    }
}
