//! Numbers of objects to names and back.

use crate::ast::Expr;
use crate::cx::Cx;
use crate::error::Error;
use crate::function;
use crate::store::Relation;
use crate::types::Type;

use crate::function::quoted_ident as quote;

/// Roles the product comes with, and their numbers.
pub(crate) const ROLES: &[(u32, &str)] = &[
    (6171, "pg_database_owner"),
    (6181, "pg_read_all_data"),
    (6182, "pg_write_all_data"),
    (3373, "pg_monitor"),
    (3374, "pg_read_all_settings"),
    (3375, "pg_read_all_stats"),
    (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (4200, "pg_signal_backend"),
    (4544, "pg_checkpoint"),
];

pub(crate) fn role(cx: &Cx<'_>, oid: u32) -> String {
    if let Some((_, name)) = ROLES.iter().find(|(own, _)| *own == oid) {
        return (*name).to_owned();
    }
    let cluster = cx.cluster.borrow();
    let name = cluster.role_name(oid).map(str::to_owned);
    name.unwrap_or_else(|| format!("unknown (OID={oid})"))
}

fn listed(oid: u32) -> Option<&'static super::Listed> {
    super::all().iter().find(|listed| listed.oid == oid)
}

fn relation(cx: &Cx<'_>, oid: u32) -> Option<std::rc::Rc<Relation>> {
    cx.with_database(|database| database.relations.get(&oid).cloned())?
}

/// As it is called from here: with its schema where it is not found without.
pub(crate) fn relation_name(cx: &Cx<'_>, oid: u32) -> String {
    match (relation(cx, oid), listed(oid)) {
        (Some(relation), _) if cx.is_visible(relation.schema) => quote(&relation.name),
        (Some(relation), _) => full_name(cx, &relation),
        (None, Some(listed)) if listed.schema == "pg_catalog" => listed.name.to_owned(),
        (None, Some(listed)) => format!("{}.{}", listed.schema, listed.name),
        (None, None) => oid.to_string(),
    }
}

pub(crate) fn full_name(cx: &Cx<'_>, relation: &Relation) -> String {
    let schema = cx.with_database(|database| database.schema_name(relation.schema).map(quote));
    format!("{}.{}", schema.flatten().unwrap_or_default(), quote(&relation.name))
}

pub(crate) fn is_visible(cx: &Cx<'_>, oid: u32) -> bool {
    match relation(cx, oid) {
        Some(relation) => cx.is_visible(relation.schema),
        None => listed(oid).is_some_and(|listed| listed.schema == "pg_catalog"),
    }
}

/// The type of a table's rows, by its number.
pub(crate) fn row_type(cx: &Cx<'_>, oid: u32) -> String {
    let found = cx.with_database(|database| {
        let mut relations = database.relations.values();
        let mut array = "";
        let found = relations.find(|relation| {
            relation.table().is_some_and(|table| {
                array = if table.row_type == oid + 1 { "[]" } else { "" };
                table.row_type == oid || table.row_type == oid + 1
            })
        })?;
        Some((found.oid, array))
    });
    match found.flatten() {
        Some((relation, array)) => format!("{}{array}", relation_name(cx, relation)),
        None => "???".into(),
    }
}

pub(crate) fn name_of(cx: &Cx<'_>, ty: Type, oid: u32) -> Option<String> {
    match ty {
        Type::REGCLASS => Some(relation_name(cx, oid)),
        Type::REGTYPE => {
            let title = Type(oid).title();
            Some(if title.is_empty() {
                row_type(cx, oid)
            } else {
                title.into()
            })
        }
        Type::REGNAMESPACE => cx.with_database(|database| database.schema_name(oid).map(quote))?,
        Type::REGROLE => Some(quote(&role(cx, oid))),
        Type::REGPROC => super::described::HANDLERS
            .iter()
            .find(|(own, _)| *own == oid)
            .map(|(_, name)| (*name).to_owned()),
        _ => None,
    }
}

pub(crate) fn oid_of(cx: &Cx<'_>, ty: Type, name: &str) -> Result<u32, Error> {
    let parts: Vec<String> = name.split('.').map(unquoted).collect();
    let (schema, plain) = match parts.as_slice() {
        [schema, plain] => (Some(schema.as_str()), plain.as_str()),
        [.., plain] => (None, plain.as_str()),
        [] => (None, ""),
    };
    let (found, what, code) = match ty {
        Type::REGCLASS => {
            let own = super::listed(cx, schema, plain).map(|listed| listed.oid);
            let found = own.or_else(|| cx.relation(schema, plain).map(|relation| relation.oid));
            (found, "relation", "42P01")
        }
        Type::REGTYPE => (
            Type::told(name).or_else(|| Type::named(plain)).map(|ty| ty.0),
            "type",
            "42704",
        ),
        Type::REGNAMESPACE => (
            cx.with_database(|database| database.schema(plain)).flatten(),
            "schema",
            "3F000",
        ),
        Type::REGROLE => {
            let own = ROLES.iter().find(|(_, name)| *name == plain).map(|(oid, _)| *oid);
            let made = cx.cluster.borrow().role(plain).map(|role| role.oid);
            (own.or(made), "role", "42704")
        }
        Type::REGPROC => {
            let own = super::described::HANDLERS
                .iter()
                .find(|(_, name)| *name == plain)
                .map(|(oid, _)| *oid);
            let made = cx.with_database(|database| {
                database
                    .functions
                    .iter()
                    .find(|function| function.name == plain)
                    .map(|function| function.oid)
            });
            let known = function::exists(plain).then(|| 1200 + plain.bytes().map(u32::from).sum::<u32>() % 4000);
            (own.or(made.flatten()).or(known), "function", "42883")
        }
        _ => (Some(0), "object", "42704"),
    };
    found.ok_or_else(|| {
        let error = Error::new(code, format!("{what} \"{name}\" does not exist"));
        if ty == Type::REGCLASS {
            error.raised("namespace.c", 433, "RangeVarGetRelidExtended")
        } else {
            error
        }
    })
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_lowercase(),
    }
}

/// A type with its length or precision.
pub(crate) fn format_type(ty: Type, modifier: i32) -> String {
    let title = ty.title();
    if modifier < 0 {
        return title.to_owned();
    }
    match ty {
        Type::VARCHAR | Type::BPCHAR => format!("{title}({})", modifier - 4),
        Type::NUMERIC => {
            let scale = (modifier - 4) & 0xffff;
            format!("{title}({},{scale})", (modifier - 4) >> 16 & 0xffff)
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME => match title.split_once(' ') {
            Some((first, rest)) => format!("{first}({modifier}) {rest}"),
            None => title.to_owned(),
        },
        _ => match ty.element() {
            Some(element) => format!("{}[]", format_type(element, modifier)),
            None => title.to_owned(),
        },
    }
}

/// An expression as the product writes what it has stored; constants are of the type given.
pub(crate) fn expr_text(expr: &Expr, ty: Option<Type>) -> String {
    let joined = |all: &[Expr], between: &str| {
        let shown: Vec<String> = all.iter().map(|one| expr_text(one, None)).collect();
        shown.join(between)
    };
    match expr {
        Expr::Null => "NULL".into(),
        Expr::Bool(b) => b.to_string(),
        Expr::Number(text) => text.clone(),
        Expr::String(text) => {
            let ty = ty.unwrap_or(Type::TEXT);
            format!("{}::{}", function::quoted_literal(text), ty.title())
        }
        Expr::Column(path, _) => path.iter().map(|part| quote(part)).collect::<Vec<_>>().join("."),
        Expr::Cast(inner, name) => match &**inner {
            Expr::String(text) => format!("{}::{}", function::quoted_literal(text), type_text(&name.name)),
            inner => format!("({})::{}", expr_text(inner, None), type_text(&name.name)),
        },
        Expr::Call(call) if call.args.is_empty() && call.name.starts_with("current_") => call.name.to_uppercase(),
        Expr::Call(call) => format!("{}({})", call.name, joined(&call.args, ", ")),
        Expr::Binary(op, left, right, _) => format!("({} {op} {})", expr_text(left, None), expr_text(right, None)),
        Expr::And(parts) => format!("({})", joined(parts, " AND ")),
        Expr::Or(parts) => format!("({})", joined(parts, " OR ")),
        Expr::Not(inner) => format!("(NOT {})", expr_text(inner, None)),
        Expr::IsNull(inner, not) => format!("({} IS {}NULL)", expr_text(inner, None), if *not { "NOT " } else { "" }),
        Expr::In(left, all, not, _) => format!(
            "({} {} (ARRAY[{}]))",
            expr_text(left, None),
            if *not { "<> ALL" } else { "= ANY" },
            joined(all, ", ")
        ),
        Expr::Unary(op, inner, _) => format!("({op} {})", expr_text(inner, None)),
        _ => "NULL".into(),
    }
}

fn type_text(name: &str) -> String {
    Type::named(name).map_or_else(|| name.to_owned(), |ty| ty.title().to_owned())
}
