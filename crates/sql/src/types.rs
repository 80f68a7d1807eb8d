//! Types by the numbers the product gives them.

use std::sync::OnceLock;

/// An oid of `pg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub u32);

/// A line of the product's list of its own types.
pub(crate) struct Info {
    pub(crate) ty: Type,
    /// Fields in the order of `types.tsv`: oid, name, length, by value, kind, category, preferred, delimiter, element,
    /// array, alignment, storage, collation, name as told to people.
    pub(crate) fields: Vec<&'static str>,
}

static TYPES: &str = include_str!("../../../templates/services/postgres/types.tsv");

macro_rules! types {
    ($($name:ident = $oid:literal;)*) => { impl Type { $(pub const $name: Self = Self($oid);)* } };
}

types! {
    BOOL = 16; BYTEA = 17; CHAR = 18; NAME = 19; INT8 = 20; INT2 = 21; INT2VECTOR = 22; INT4 = 23; REGPROC = 24;
    TEXT = 25; OID = 26; TID = 27; XID = 28; CID = 29; OIDVECTOR = 30; JSON = 114; XML = 142; NODE_TREE = 194;
    FLOAT4 = 700; FLOAT8 = 701; UNKNOWN = 705; MONEY = 790; CIDR = 650; INET = 869; ACLITEM = 1033; BPCHAR = 1042;
    VARCHAR = 1043; DATE = 1082; TIME = 1083; TIMESTAMP = 1114; TIMESTAMPTZ = 1184; INTERVAL = 1186; TIMETZ = 1266;
    NUMERIC = 1700; REGPROCEDURE = 2202; REGOPER = 2203; REGCLASS = 2205; REGTYPE = 2206; RECORD = 2249; VOID = 2278;
    UUID = 2950; JSONB = 3802; REGCONFIG = 3734; REGNAMESPACE = 4089; REGROLE = 4096; REGCOLLATION = 4191;
    TEXT_ARRAY = 1009; OID_ARRAY = 1028; INT4_ARRAY = 1007; INT2_ARRAY = 1005; NAME_ARRAY = 1003; CHAR_ARRAY = 1002;
    ACLITEM_ARRAY = 1034; PG_LSN = 3220; INT8_ARRAY = 1016;
}

pub(crate) fn all() -> &'static [Info] {
    static ALL: OnceLock<Vec<Info>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = TYPES.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        lines
            .filter_map(|fields| {
                Some(Info {
                    ty: Type(fields.first()?.parse().ok()?),
                    fields,
                })
            })
            .collect()
    })
}

/// Other words for types than their own names.
const WORDS: &[(&str, Type)] = &[
    ("integer", Type::INT4),
    ("int", Type::INT4),
    ("bigint", Type::INT8),
    ("smallint", Type::INT2),
    ("real", Type::FLOAT4),
    ("float", Type::FLOAT8),
    ("decimal", Type::NUMERIC),
    ("dec", Type::NUMERIC),
    ("boolean", Type::BOOL),
    ("serial", Type::INT4),
    ("serial4", Type::INT4),
    ("bigserial", Type::INT8),
    ("serial8", Type::INT8),
    ("smallserial", Type::INT2),
    ("string", Type::TEXT),
];

// === impl Type ===

impl Type {
    fn info(self) -> Option<&'static Info> {
        let all = all();
        all.binary_search_by_key(&self, |info| info.ty).ok().map(|at| &all[at])
    }

    fn field(self, at: usize) -> &'static str {
        self.info().and_then(|info| info.fields.get(at)).copied().unwrap_or("")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let word = WORDS.iter().find(|(word, _)| *word == name).map(|(_, ty)| *ty);
        word.or_else(|| {
            all()
                .iter()
                .find(|info| info.fields.get(1) == Some(&name))
                .map(|info| info.ty)
        })
    }

    /// By the name people are told: `timestamp with time zone`, `text[]`.
    pub(crate) fn told(name: &str) -> Option<Self> {
        let told = all()
            .iter()
            .find(|info| info.fields.get(13) == Some(&name))
            .map(|info| info.ty);
        told.or_else(|| Self::named(name))
    }

    pub(crate) fn name(self) -> &'static str {
        self.field(1)
    }

    /// The name people are told.
    pub fn title(self) -> &'static str {
        self.field(13)
    }

    /// Bytes of a value; -1 where they vary.
    pub fn width(self) -> i16 {
        self.field(2).parse().unwrap_or(-1)
    }

    pub(crate) fn category(self) -> char {
        self.field(5).chars().next().unwrap_or('X')
    }

    pub(crate) fn is_preferred(self) -> bool {
        self.field(6) == "t"
    }

    pub(crate) fn element(self) -> Option<Self> {
        match self {
            Self::OIDVECTOR => Some(Self::OID),
            Self::INT2VECTOR => Some(Self::INT2),
            _ if self.category() == 'A' => self.field(8).parse().ok().map(Self),
            _ => None,
        }
    }

    pub(crate) fn array(self) -> Self {
        match self.field(9).parse() {
            Ok(oid) if oid > 0 => Self(oid),
            _ => Self::TEXT_ARRAY,
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(
            self,
            Self::INT2 | Self::INT4 | Self::INT8 | Self::FLOAT4 | Self::FLOAT8 | Self::NUMERIC
        )
    }

    /// A number of something, shown as a number or by the name of what it stands for.
    pub(crate) fn is_oid(self) -> bool {
        matches!(self, Self::OID | Self::XID | Self::CID) || self.is_reg()
    }

    pub(crate) fn is_reg(self) -> bool {
        matches!(
            self,
            Self::REGPROC
                | Self::REGPROCEDURE
                | Self::REGOPER
                | Self::REGCLASS
                | Self::REGTYPE
                | Self::REGNAMESPACE
                | Self::REGROLE
                | Self::REGCONFIG
                | Self::REGCOLLATION
        )
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Self::INT2 | Self::INT4 | Self::INT8)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Self::TEXT | Self::VARCHAR | Self::BPCHAR | Self::NAME | Self::CHAR | Self::UNKNOWN
        )
    }

    pub(crate) fn is_date(self) -> bool {
        matches!(self, Self::DATE | Self::TIMESTAMP | Self::TIMESTAMPTZ)
    }
}
