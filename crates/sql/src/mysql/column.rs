//! Columns as MySQL describes them to its clients.

use crate::cx::Cx;
use crate::plan::Column;
use crate::types::Type;

/// Types as the protocol numbers them.
pub mod code {
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDECIMAL: u8 = 246;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
}

const BINARY: u16 = 63;
const NOT_NULL: u16 = 1;
const PRIMARY: u16 = 2;
const UNIQUE: u16 = 4;
const IS_BLOB: u16 = 16;
const UNSIGNED: u16 = 32;
const IS_BINARY: u16 = 128;
const COUNTS_UP: u16 = 512;
const NUMERIC: u16 = 0x8000;
const MANY_DECIMALS: u8 = 0x1f;
const TEXT_DECIMALS: u8 = 0x27;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    pub schema: String,
    /// As the query calls it, and as it is called.
    pub table: String,
    pub name: String,
    pub own_name: String,
    pub charset: u16,
    pub length: u32,
    pub code: u8,
    pub flags: u16,
    pub decimals: u8,
}

/// Columns of a result; `charset` is that of the connection's text.
pub(super) fn described(cx: &Cx<'_>, columns: &[Column], charset: u16) -> Vec<Described> {
    columns.iter().map(|column| one(cx, column, charset)).collect()
}

fn one(cx: &Cx<'_>, column: &Column, charset: u16) -> Described {
    let mut out = of_type(column.ty, column.modifier, charset);
    out.name.clone_from(&column.name);
    if column.table == 0 {
        return out;
    }
    if let Some(listed) = crate::catalog::of_mysql()
        .iter()
        .find(|listed| listed.oid == column.table)
    {
        out.schema = listed.schema.to_owned();
        out.table = listed.name.to_owned();
        out.own_name.clone_from(&column.name);
        out.decimals = 0;
        return out;
    }
    let place = usize::try_from(column.place).unwrap_or(0).wrapping_sub(1);
    let found = cx.with_database(|database| {
        let relation = database.relations.get(&column.table)?;
        let schema = database.schema_name(relation.schema)?.to_owned();
        let table = relation.table()?;
        let own = table.columns.get(place)?.clone();
        let keys = super::table::keys(table);
        Some((schema, relation.name.clone(), own, super::table::key_of(&keys, place)))
    });
    let Some(Some((schema, table, own, key))) = found else {
        return out;
    };
    let (code, length) = declared(&own.declared).unwrap_or((out.code, out.length));
    out.code = code;
    out.length = length.max(if length == 0 { out.length } else { 0 });
    out.schema = schema;
    out.table = table;
    out.own_name = own.name;
    if out.charset != BINARY {
        out.decimals = 0;
        out.flags &= !NUMERIC;
    }
    if code == self::code::BLOB {
        out.flags |= IS_BLOB;
    }
    if own.not_null {
        out.flags |= NOT_NULL;
    } else {
        out.flags &= !NOT_NULL;
    }
    if own.declared.contains("unsigned") {
        out.flags |= UNSIGNED;
    }
    match key {
        "PRI" => out.flags |= PRIMARY | 0x4000,
        "UNI" => out.flags |= UNIQUE | 0x4000,
        _ => {}
    }
    if matches!(
        own.default,
        Some(crate::store::Default {
            value: crate::store::DefaultValue::Serial(_),
            ..
        })
    ) {
        out.flags |= COUNTS_UP;
    }
    out
}

/// Code and length of a column declared so.
fn declared(text: &str) -> Option<(u8, u32)> {
    let word = text.split(['(', ' ']).next()?;
    let width = text
        .split(['(', ',', ')'])
        .nth(1)
        .and_then(|width| width.parse::<u32>().ok())
        .unwrap_or(0);
    Some(match word {
        "tinyint" => (code::TINY, width),
        "smallint" => (code::SHORT, width),
        "mediumint" => (code::INT24, width),
        "int" => (code::LONG, width),
        "bigint" => (code::LONGLONG, width),
        "year" => (code::YEAR, 4),
        "char" => (code::STRING, width * 4),
        "varchar" => (code::VAR_STRING, width * 4),
        "enum" | "set" => (code::STRING, 40),
        "tinytext" | "tinyblob" => (code::BLOB, 255),
        "text" | "blob" => (code::BLOB, 65_535 * 4),
        "mediumtext" | "mediumblob" => (code::BLOB, 16_777_215),
        "longtext" | "longblob" => (code::BLOB, u32::MAX),
        "timestamp" => (code::TIMESTAMP, 19),
        "datetime" => (code::DATETIME, 19),
        "binary" => (code::STRING, width),
        "varbinary" => (code::VAR_STRING, width),
        _ => return None,
    })
}

fn of_type(ty: Type, modifier: i32, charset: u16) -> Described {
    let number = |code, length, decimals| Described {
        charset: BINARY,
        length,
        code,
        flags: NUMERIC | IS_BINARY | NOT_NULL,
        decimals,
        ..Described::default()
    };
    match ty {
        Type::BOOL | Type::INT4 => number(code::LONG, 11, 0),
        Type::INT2 => number(code::SHORT, 6, 0),
        Type::INT8 => number(code::LONGLONG, 21, 0),
        Type::FLOAT4 => number(code::FLOAT, 12, MANY_DECIMALS),
        Type::FLOAT8 => number(code::DOUBLE, 22, MANY_DECIMALS),
        Type::NUMERIC => {
            let scale = if modifier < 4 {
                4
            } else {
                ((modifier - 4) & 0xffff) as u8
            };
            number(code::NEWDECIMAL, 12, scale)
        }
        Type::DATE => number(code::DATE, 10, 0).plain(),
        Type::TIME => number(code::TIME, 10, 0).plain(),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => number(code::DATETIME, 19, 0).plain(),
        Type::BYTEA => Described {
            charset: BINARY,
            length: 65_535,
            code: code::VAR_STRING,
            flags: IS_BINARY,
            ..Described::default()
        },
        Type::UNKNOWN => Described {
            charset: BINARY,
            code: code::NULL,
            flags: NUMERIC | IS_BINARY,
            ..Described::default()
        },
        _ => Described {
            charset,
            length: if modifier > 4 { (modifier - 4) as u32 * 4 } else { 1024 },
            code: code::VAR_STRING,
            decimals: TEXT_DECIMALS,
            ..Described::default()
        },
    }
}

// === impl Described ===

impl Described {
    fn plain(mut self) -> Self {
        self.flags &= !(NUMERIC | NOT_NULL);
        self
    }
}
