//! What the catalogue says of its objects.

use super::{ANY, Function, function, int_of, oid_of, str_of};
use crate::catalog::{self, names};
use crate::cx::Cx;
use crate::error::Error;
use crate::store::{DefaultValue, Kind, Rule, weight};
use crate::text::Names as _;
use crate::types::Type;
use crate::value::Value;

const T: Type = Type::TEXT;
const I: Type = Type::INT4;
const L: Type = Type::INT8;
const O: Type = Type::OID;
const B: Type = Type::BOOL;
const NAME: Type = Type::NAME;
const TREE: Type = Type::NODE_TREE;
const ACL: Type = Type::ACLITEM_ARRAY;

pub(super) const TABLE: &[Function] = &[
    function("pg_get_userbyid", &[O], NAME, |cx, a| {
        Ok(names::role(cx, oid_of(a, 0)).into())
    }),
    function("pg_encoding_to_char", &[I], NAME, |_, a| {
        Ok(if int_of(a, 0) == 6 { "UTF8" } else { "SQL_ASCII" }.into())
    }),
    function("pg_char_to_encoding", &[NAME], I, |_, _| Ok(Value::Int(6))),
    function("pg_client_encoding", &[], NAME, |cx, _| {
        Ok(cx.setting("client_encoding").into())
    }),
    function("format_type", &[O, I], T, |cx, a| match &a[0] {
        Value::Null => Ok(Value::Null),
        oid => {
            let ty = Type(oid.as_int().and_then(|oid| u32::try_from(oid).ok()).unwrap_or(0));
            let modifier = a[1].as_int().and_then(|n| i32::try_from(n).ok()).unwrap_or(-1);
            let title = names::format_type(ty, modifier);
            Ok(if title.is_empty() {
                names::row_type(cx, ty.0).into()
            } else {
                title.into()
            })
        }
    })
    .lenient(),
    function("pg_get_expr", &[TREE, O], T, |cx, a| {
        Ok(expression(cx, str_of(a, 0)).into())
    }),
    function("pg_get_expr", &[TREE, O, B], T, |cx, a| {
        Ok(expression(cx, str_of(a, 0)).into())
    }),
    function("pg_get_indexdef", &[O], T, |cx, a| {
        Ok(index(cx, oid_of(a, 0), 0, false).into())
    }),
    function("pg_get_indexdef", &[O, I, B], T, |cx, a| {
        Ok(index(cx, oid_of(a, 0), int_of(a, 1), a[2].is_true()).into())
    }),
    function("pg_get_constraintdef", &[O], T, |cx, a| {
        Ok(constraint(cx, oid_of(a, 0)).into())
    }),
    function("pg_get_constraintdef", &[O, B], T, |cx, a| {
        Ok(constraint(cx, oid_of(a, 0)).into())
    }),
    function("pg_get_viewdef", &[O], T, |cx, a| Ok(view(cx, oid_of(a, 0)).into())),
    function("pg_get_viewdef", &[O, B], T, |cx, a| Ok(view(cx, oid_of(a, 0)).into())),
    function("pg_get_triggerdef", &[O, B], T, |_, _| Ok(Value::Null)),
    function("pg_get_ruledef", &[O], T, |_, _| Ok(Value::Null)),
    function("pg_get_functiondef", &[O], T, |cx, a| Ok(body(cx, oid_of(a, 0)).into())),
    function("pg_get_function_result", &[O], T, |_, _| Ok("text".into())),
    function("pg_get_function_arguments", &[O], T, |_, _| Ok("".into())),
    function("pg_get_function_identity_arguments", &[O], T, |_, _| Ok("".into())),
    function("pg_get_statisticsobjdef_columns", &[O], T, |_, _| Ok(Value::Null)),
    function("pg_get_partkeydef", &[O], T, |_, _| Ok(Value::Null)),
    function("pg_get_serial_sequence", &[T, T], T, |cx, a| {
        serial(cx, str_of(a, 0), str_of(a, 1))
    }),
    function("pg_get_keywords", &[], T, |_, _| Ok(Value::Array([].into()))).set(),
    function("pg_table_is_visible", &[O], B, |cx, a| {
        Ok(names::is_visible(cx, oid_of(a, 0)).into())
    }),
    function("pg_type_is_visible", &[O], B, |_, _| Ok(true.into())),
    function("pg_function_is_visible", &[O], B, |_, _| Ok(true.into())),
    function("pg_operator_is_visible", &[O], B, |_, _| Ok(true.into())),
    function("pg_collation_is_visible", &[O], B, |_, _| Ok(true.into())),
    function("pg_relation_is_publishable", &[Type::REGCLASS], B, |_, a| {
        Ok((oid_of(a, 0) >= 16_384).into())
    }),
    function("pg_partition_ancestors", &[Type::REGCLASS], Type::REGCLASS, |_, _| {
        Ok(Value::Array([].into()))
    })
    .set(),
    function("has_database_privilege", &[ANY, T], B, |_, _| Ok(true.into())),
    function("has_database_privilege", &[ANY, ANY, T], B, |_, _| Ok(true.into())),
    function("has_schema_privilege", &[ANY, T], B, |_, _| Ok(true.into())),
    function("has_schema_privilege", &[ANY, ANY, T], B, |_, _| Ok(true.into())),
    function("has_table_privilege", &[ANY, T], B, |_, _| Ok(true.into())),
    function("has_table_privilege", &[ANY, ANY, T], B, |_, _| Ok(true.into())),
    function("has_column_privilege", &[ANY, ANY, T], B, |_, _| Ok(true.into())),
    function("has_function_privilege", &[ANY, T], B, |_, _| Ok(true.into())),
    function("has_sequence_privilege", &[ANY, T], B, |_, _| Ok(true.into())),
    function("has_tablespace_privilege", &[ANY, T], B, |_, _| Ok(true.into())),
    function("pg_has_role", &[ANY, T], B, |cx, _| Ok(cx.is_superuser().into())),
    function("pg_has_role", &[ANY, ANY, T], B, |cx, _| Ok(cx.is_superuser().into())),
    function("row_security_active", &[ANY], B, |_, _| Ok(false.into())),
    function("pg_table_size", &[Type::REGCLASS], L, |cx, a| {
        Ok(size(cx, oid_of(a, 0)).into())
    }),
    function("pg_relation_size", &[Type::REGCLASS], L, |cx, a| {
        Ok(size(cx, oid_of(a, 0)).into())
    }),
    function("pg_relation_size", &[Type::REGCLASS, T], L, |cx, a| {
        Ok(size(cx, oid_of(a, 0)).into())
    }),
    function("pg_total_relation_size", &[Type::REGCLASS], L, |cx, a| {
        Ok((size(cx, oid_of(a, 0)) + 32_768).into())
    }),
    function("pg_indexes_size", &[Type::REGCLASS], L, |_, _| Ok(Value::Int(16_384))),
    function("pg_database_size", &[NAME], L, |cx, a| {
        let found = cx.cluster.borrow().database(str_of(a, 0)).map(|database| database.oid);
        match found {
            Some(oid) => Ok(database_size(cx, oid).into()),
            None => Err(
                Error::new("3D000", format!("database \"{}\" does not exist", str_of(a, 0))).raised(
                    "dbcommands.c",
                    2990,
                    "get_database_oid",
                ),
            ),
        }
    }),
    function("pg_database_size", &[O], L, |cx, a| {
        Ok(database_size(cx, oid_of(a, 0)).into())
    }),
    function("pg_tablespace_size", &[ANY], L, |_, _| Ok(Value::Int(30_147_000))),
    function("pg_size_pretty", &[L], T, |_, a| Ok(pretty(int_of(a, 0)).into())),
    function("pg_size_pretty", &[Type::NUMERIC], T, |_, a| {
        Ok(pretty(int_of(a, 0)).into())
    }),
    function("pg_tablespace_location", &[O], T, |_, _| Ok("".into())),
    function("pg_relation_filepath", &[Type::REGCLASS], T, |cx, a| {
        Ok(format!("base/{}/{}", cx.state.database, oid_of(a, 0)).into())
    }),
    function("pg_relation_filenode", &[Type::REGCLASS], O, |_, a| Ok(a[0].clone())),
    function("obj_description", &[O, NAME], T, |_, a| {
        Ok(catalog::description(oid_of(a, 0), str_of(a, 1)).into())
    }),
    function("obj_description", &[O], T, |_, a| {
        Ok(catalog::description(oid_of(a, 0), "").into())
    }),
    function("shobj_description", &[O, NAME], T, |_, a| {
        Ok(catalog::description(oid_of(a, 0), str_of(a, 1)).into())
    }),
    function("col_description", &[O, I], T, |_, _| Ok(Value::Null)),
    function("acldefault", &[Type::CHAR, O], ACL, |cx, a| {
        Ok(acl(cx, str_of(a, 0), oid_of(a, 1)))
    }),
    function("aclexplode", &[ACL], Type::RECORD, |_, _| Ok(Value::Array([].into()))).set(),
    function("pg_options_to_table", &[Type::TEXT_ARRAY], Type::RECORD, |_, a| {
        let pairs = a[0].items().iter().map(|item| {
            let (name, value) = item.as_str().unwrap_or("").split_once('=').unwrap_or(("", ""));
            Value::Row([Value::from(name), Value::from(value)].into())
        });
        Ok(Value::Array(pairs.collect()))
    })
    .set(),
    function("to_regclass", &[T], Type::REGCLASS, |cx, a| {
        Ok(cx.oid_of(Type::REGCLASS, str_of(a, 0)).ok().into())
    }),
    function("to_regtype", &[T], Type::REGTYPE, |_, a| {
        Ok(Type::told(str_of(a, 0)).map(|ty| ty.0).into())
    }),
    function("to_regproc", &[T], Type::REGPROC, |cx, a| {
        Ok(cx.oid_of(Type::REGPROC, str_of(a, 0)).ok().into())
    }),
];

/// The text behind what stands for a stored expression.
fn expression(cx: &Cx<'_>, tree: &str) -> Option<String> {
    let oid: u32 = tree.strip_prefix("{DEFAULT ")?.strip_suffix('}')?.parse().ok()?;
    let found = cx.with_database(|database| {
        let tables = database.relations.values().filter_map(|relation| relation.table());
        let mut columns = tables.flat_map(|table| &table.columns);
        let column = columns.find(|column| column.default.as_ref().is_some_and(|default| default.oid == oid))?;
        Some((column.ty, column.default.clone()?.value))
    })??;
    Some(match found.1 {
        DefaultValue::Serial(sequence) => format!("nextval('{}'::regclass)", names::relation_name(cx, sequence)),
        DefaultValue::Expr(expr) => names::expr_text(&expr, Some(found.0)),
    })
}

/// The whole definition, or with `column` that column alone.
fn index(cx: &Cx<'_>, oid: u32, column: i64, pretty: bool) -> Option<String> {
    let (relation, table) = cx.with_database(|database| {
        let relation = database.relations.get(&oid)?.clone();
        let Kind::Index(index) = &relation.kind else {
            return None;
        };
        let table = database.relations.get(&index.table)?.clone();
        Some((relation, table))
    })??;
    let Kind::Index(index) = &relation.kind else {
        return None;
    };
    let all = &table.table()?.columns;
    let columns: Vec<String> = index
        .columns
        .iter()
        .filter_map(|at| all.get(*at))
        .map(|column| super::quote::quote_ident(&column.name))
        .collect();
    if let Some(at) = usize::try_from(column).ok().and_then(|n| n.checked_sub(1)) {
        return Some(columns.get(at).cloned().unwrap_or_default());
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let on = if pretty {
        names::relation_name(cx, table.oid)
    } else {
        names::full_name(cx, &table)
    };
    Some(format!(
        "CREATE {unique}INDEX {} ON {on} USING btree ({})",
        super::quote::quote_ident(&relation.name),
        columns.join(", ")
    ))
}

fn constraint(cx: &Cx<'_>, oid: u32) -> Option<String> {
    let (table, rule) = cx.with_database(|database| {
        let mut tables = database
            .relations
            .values()
            .filter(|relation| relation.table().is_some());
        tables.find_map(|relation| {
            let found = relation
                .table()?
                .constraints
                .iter()
                .find(|constraint| constraint.oid == oid)?;
            Some((relation.clone(), found.rule.clone()))
        })
    })??;
    let columns = |relation: &crate::store::Relation, places: &[usize]| {
        let all = relation.table().map_or(&[][..], |table| &table.columns);
        let named = places
            .iter()
            .filter_map(|at| all.get(*at))
            .map(|column| super::quote::quote_ident(&column.name));
        named.collect::<Vec<_>>().join(", ")
    };
    Some(match rule {
        Rule::Unique {
            columns: places,
            primary,
            ..
        } => {
            let word = if primary { "PRIMARY KEY" } else { "UNIQUE" };
            format!("{word} ({})", columns(&table, &places))
        }
        Rule::Check { text, .. } => format!("CHECK (({text}))"),
        Rule::Foreign {
            columns: places,
            table: other,
            others,
            on_delete,
            on_update,
            ..
        } => {
            let other = cx.with_database(|database| database.relations.get(&other).cloned())??;
            let action = |letter| match letter {
                'c' => "CASCADE",
                'r' => "RESTRICT",
                'n' => "SET NULL",
                'd' => "SET DEFAULT",
                _ => "",
            };
            let mut text = format!(
                "FOREIGN KEY ({}) REFERENCES {}({})",
                columns(&table, &places),
                names::relation_name(cx, other.oid),
                columns(&other, &others)
            );
            if on_update != 'a' {
                text.push_str(&format!(" ON UPDATE {}", action(on_update)));
            }
            if on_delete != 'a' {
                text.push_str(&format!(" ON DELETE {}", action(on_delete)));
            }
            text
        }
    })
}

fn view(cx: &Cx<'_>, oid: u32) -> Option<String> {
    cx.with_database(|database| match &database.relations.get(&oid)?.kind {
        Kind::View { text, .. } => Some(format!(" {};", text.trim().trim_end_matches(';'))),
        _ => None,
    })?
}

fn body(cx: &Cx<'_>, oid: u32) -> Option<String> {
    cx.with_database(|database| {
        let function = database.functions.iter().find(|function| function.oid == oid)?;
        let schema = database.schema_name(function.schema)?;
        Some(format!(
            "CREATE OR REPLACE FUNCTION {schema}.{}()\n RETURNS text\n LANGUAGE {}\nAS $function${}$function$\n",
            function.name,
            function.language,
            function.body.join(", ")
        ))
    })?
}

fn serial(cx: &Cx<'_>, table: &str, column: &str) -> Result<Value, Error> {
    let oid = cx.oid_of(Type::REGCLASS, table)?;
    let found = cx.with_database(|database| {
        let at = database.relations.get(&oid)?.table()?.column(column)?;
        database.relations.values().find_map(|relation| match &relation.kind {
            Kind::Sequence(sequence) if sequence.owned_by == Some((oid, at)) => Some(relation.clone()),
            _ => None,
        })
    });
    Ok(found.flatten().map(|relation| names::full_name(cx, &relation)).into())
}

const PAGE: usize = 8192;

fn size(cx: &Cx<'_>, oid: u32) -> i64 {
    let bytes = cx.with_database(|database| {
        let relation = database.relations.get(&oid)?;
        Some(match &relation.kind {
            Kind::Table(table) => table.rows.iter().map(|row| weight(row)).sum::<usize>(),
            Kind::View { .. } => 0,
            _ => PAGE,
        })
    });
    let bytes = bytes.flatten().unwrap_or(0);
    (bytes.div_ceil(PAGE) * PAGE + if bytes > 0 { PAGE } else { 0 }) as i64
}

/// What an empty one takes, and its tables.
fn database_size(cx: &Cx<'_>, oid: u32) -> i64 {
    let cluster = cx.cluster.borrow();
    let relations = cluster
        .by_oid(oid)
        .map(|database| database.relations.values().cloned().collect::<Vec<_>>());
    let tables: usize = relations
        .iter()
        .flatten()
        .filter_map(|relation| relation.table())
        .map(|table| table.rows.iter().map(|row| weight(row)).sum::<usize>().div_ceil(PAGE) * PAGE + 4 * PAGE)
        .sum();
    7_705_903 + tables as i64
}

fn pretty(bytes: i64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut size, mut at) = (bytes, 0);
    while size.abs() >= 10 * 1024 && at + 1 < units.len() {
        size = (size + 512).div_euclid(1024);
        at += 1;
    }
    format!("{size} {}", units[at])
}

fn acl(cx: &Cx<'_>, kind: &str, owner: u32) -> Value {
    let name = names::role(cx, owner);
    let (all, public) = match kind {
        "r" => ("arwdDxt", ""),
        "s" => ("rwU", ""),
        "n" => ("UC", ""),
        "f" => ("X", "X"),
        "T" | "l" => ("U", "U"),
        "d" => ("CTc", "Tc"),
        "t" => ("C", ""),
        "L" => ("rw", ""),
        "p" => ("sA", ""),
        _ => ("U", ""),
    };
    let public = (!public.is_empty()).then(|| Value::from(format!("={public}/{name}")));
    Value::Array(
        public
            .into_iter()
            .chain([Value::from(format!("{name}={all}/{name}"))])
            .collect(),
    )
}
