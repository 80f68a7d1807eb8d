//! CREATE TABLE.

use std::rc::Rc;

use super::constraint::constrain;
use super::{exists, new_oid, put, schema_for};
use crate::ast::{self, ColumnDef, Path, Query};
use crate::bind::Binder;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::exec;
use crate::store::{self, Column, Default, DefaultValue, Kind, Relation, Row, Sequence, Table};
use crate::types::Type;

pub(crate) struct CreateTable<'a> {
    pub(crate) table: &'a Path,
    pub(crate) columns: &'a [ColumnDef],
    pub(crate) constraints: &'a [ast::Constraint],
    pub(crate) if_not_exists: bool,
    pub(crate) temporary: bool,
    pub(crate) query: Option<&'a Query>,
}

/// The number of rows a query put into it; none when there is no query.
pub(crate) fn create_table(binder: &Binder<'_, '_>, create: &CreateTable<'_>) -> Result<Option<usize>, Error> {
    let cx = binder.cx;
    let schema = schema_for(cx, create.table)?;
    let name = &create.table.name;
    if cx.with_database(|database| database.relation(schema, name).is_some()) == Some(true) {
        let error = exists("relation", name);
        if create.if_not_exists {
            let message = format!("relation \"{name}\" already exists, skipping");
            cx.notice(
                "NOTICE",
                Error::new("42P07", message).raised("parse_utilcmd.c", 209, "transformCreateStmt"),
            );
            return Ok(None);
        }
        return Err(error);
    }
    let mut columns = Vec::new();
    let mut serials = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    if let Some(query) = create.query {
        let plan = binder.query(query, None)?;
        rows = exec::rows(cx, &plan, None)?;
        columns.extend(plan.columns.iter().map(|column| Column {
            name: column.name.clone(),
            ty: if column.ty == Type::UNKNOWN {
                Type::TEXT
            } else {
                column.ty
            },
            modifier: column.modifier,
            not_null: false,
            default: None,
            declared: String::new(),
        }));
    }
    for def in create.columns {
        if columns.iter().any(|column: &Column| column.name == def.name) {
            return Err(Error::new(
                "42701",
                format!("column \"{}\" specified more than once", def.name),
            ));
        }
        let column = column_of(binder, def)?;
        if is_serial(def) {
            serials.push(columns.len());
        }
        columns.push(column);
    }
    for at in &serials {
        let base = format!("{name}_{}_seq", columns[*at].name);
        let sequence = sequence_for(cx, schema, &base, columns[*at].ty)?;
        let oid = new_oid(cx);
        columns[*at].default = Some(Default {
            oid,
            value: DefaultValue::Serial(sequence),
        });
        columns[*at].not_null = true;
    }
    let oid = new_oid(cx);
    // The number before that of the rows is that of arrays of them.
    new_oid(cx);
    let row_type = new_oid(cx);
    let count = create.query.map(|_| rows.len());
    {
        let mut cluster = cx.cluster.borrow_mut();
        if !cluster.writes(rows.iter().map(|row| store::weight(row)).sum()) {
            return Err(change::full());
        }
    }
    let relation = Relation {
        oid,
        schema,
        name: name.clone(),
        owner: cx.state.user.get(),
        temporary: create.temporary,
        kind: Kind::Table(Table {
            columns,
            rows: Rc::new(rows),
            constraints: Vec::new(),
            row_type,
        }),
    };
    put(cx, relation)?;
    own_sequences(cx, oid);
    let own = create.columns.iter().flat_map(|def| &def.constraints);
    for constraint in own.chain(create.constraints) {
        constrain(binder, oid, constraint)?;
    }
    Ok(count)
}

/// Sequences the table's defaults draw from belong to it.
pub(super) fn own_sequences(cx: &Cx<'_>, oid: u32) {
    let mut cluster = cx.cluster.borrow_mut();
    let Some(database) = cluster.by_oid_mut(cx.state.database) else {
        return;
    };
    let columns = database
        .relations
        .get(&oid)
        .and_then(|relation| relation.table())
        .map(|table| table.columns.clone());
    for (at, column) in columns.unwrap_or_default().iter().enumerate() {
        if let Some(Default {
            value: DefaultValue::Serial(sequence),
            ..
        }) = &column.default
            && let Some(sequence) = database.sequence_mut(*sequence)
        {
            sequence.owned_by = Some((oid, at));
        }
    }
}

pub(super) fn is_serial(def: &ColumnDef) -> bool {
    def.identity || def.ty.name.contains("serial")
}

pub(super) fn column_of(binder: &Binder<'_, '_>, def: &ColumnDef) -> Result<Column, Error> {
    let (ty, modifier) = binder.type_of(&def.ty)?;
    let mut column = Column {
        name: def.name.clone(),
        ty,
        modifier,
        not_null: def.not_null,
        default: None,
        declared: def.ty.declared.clone(),
    };
    if let Some((expr, _)) = &def.default {
        let oid = new_oid(binder.cx);
        column.default = Some(Default {
            oid,
            value: DefaultValue::Expr(Rc::new(expr.clone())),
        });
        change::default_of(binder, &column)?;
    }
    Ok(column)
}

pub(super) fn sequence_for(cx: &Cx<'_>, schema: u32, base: &str, ty: Type) -> Result<u32, Error> {
    let name = cx
        .with_database(|database| database.free_name(schema, base))
        .unwrap_or_default();
    let oid = new_oid(cx);
    put(
        cx,
        Relation {
            oid,
            schema,
            name,
            owner: cx.state.user.get(),
            temporary: false,
            kind: Kind::Sequence(Sequence::new(ty)),
        },
    )
}
