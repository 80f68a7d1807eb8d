//! What a statement is refused with, field by field as clients see it.

use std::ops::{Deref, DerefMut};

/// A refusal; small, as it is what most of the engine may give back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Five characters of SQLSTATE.
    pub code: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// Where in the statement, in characters from one.
    pub place: Option<usize>,
    pub context: Option<String>,
    /// Names of what it is about.
    pub schema: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub constraint: Option<String>,
    /// Where in the product's own source it is raised: file, line, routine.
    pub raised: (&'static str, u32, &'static str),
}

/// Where the product raises what has this code, when nothing more exact is known.
const RAISED: &[(&str, (&str, u32, &str))] = &[
    ("42601", ("scan.l", 1188, "scanner_yyerror")),
    ("42703", ("parse_relation.c", 3665, "errorMissingColumn")),
    ("42P01", ("parse_relation.c", 1392, "parserOpenTable")),
    ("42883", ("parse_func.c", 629, "ParseFuncOrColumn")),
    ("42704", ("parse_type.c", 270, "typenameType")),
    ("42702", ("parse_relation.c", 908, "colNameToVar")),
    ("42803", ("parse_agg.c", 1433, "check_ungrouped_columns_walker")),
    ("22P02", ("numutils.c", 232, "pg_strtoint32")),
    ("22003", ("int.c", 781, "int4pl")),
    ("22012", ("int.c", 846, "int4div")),
    ("23505", ("nbtinsert.c", 663, "_bt_check_unique")),
    ("23502", ("execMain.c", 1963, "ExecConstraints")),
    ("23503", ("ri_triggers.c", 2539, "ri_ReportViolation")),
    ("42501", ("aclchk.c", 3650, "aclcheck_error")),
    ("42P07", ("heap.c", 1157, "heap_create_with_catalog")),
    ("25P02", ("postgres.c", 1081, "exec_simple_query")),
    ("0A000", ("parse_clause.c", 1, "transformStmt")),
    ("54001", ("postgres.c", 3542, "check_stack_depth")),
    ("57014", ("postgres.c", 3390, "ProcessInterrupts")),
    ("53200", ("mcxt.c", 1142, "MemoryContextAlloc")),
];

// === impl Error ===

impl Error {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let raised = RAISED
            .iter()
            .find(|(known, _)| *known == code)
            .map_or(("elog.c", 1, "errfinish"), |(_, raised)| *raised);
        Self(Box::new(Parts {
            code,
            message: message.into(),
            raised,
            ..Parts::default()
        }))
    }

    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::new("42601", message)
    }

    pub(crate) fn at(mut self, place: usize) -> Self {
        self.place = Some(place);
        self
    }

    pub fn raised(mut self, file: &'static str, line: u32, routine: &'static str) -> Self {
        self.raised = (file, line, routine);
        self
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Without its place, as statements have it that are no queries.
    pub(crate) fn unplaced(mut self) -> Self {
        self.place = None;
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Deref for Error {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}
