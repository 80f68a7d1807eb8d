//! CREATE, ALTER and DROP.

use std::rc::Rc;

use crate::ast::{self, AlterTable, ColumnDef, ConstraintKind, DropKind, Path, Query};
use crate::bind::Binder;
use crate::catalog;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::store::{
    self, Column, Constraint, Default, DefaultValue, Index, Kind, MOST_RELATIONS, PUBLIC, Relation, Row, Rule,
    Sequence, Table,
};
use crate::types::Type;

fn exists(what: &str, name: &str) -> Error {
    let code = match what {
        "relation" => "42P07",
        "schema" => "42P06",
        "database" => "42P04",
        _ => "42710",
    };
    Error::new(code, format!("{what} \"{name}\" already exists"))
}

/// The schema new things go into.
fn schema_for(cx: &Cx<'_>, path: &Path) -> Result<u32, Error> {
    let schema = match &path.schema {
        None => cx.search_path().get(1).copied(),
        Some(name) => cx.with_database(|database| database.schema(name)).flatten(),
    };
    let Some(schema) = schema else {
        return Err(match &path.schema {
            Some(name) => Error::new("3F000", format!("schema \"{name}\" does not exist")),
            None => Error::new("3F000", "no schema has been selected to create in"),
        });
    };
    let owned = cx
        .with_database(|database| database.owner == cx.state.user.get())
        .unwrap_or(false);
    if schema < PUBLIC || (schema == PUBLIC && !owned && !cx.is_superuser()) {
        let name = cx.with_database(|database| database.schema_name(schema).unwrap_or("").to_owned());
        return Err(Error::new(
            "42501",
            format!("permission denied for schema {}", name.unwrap_or_default()),
        ));
    }
    Ok(schema)
}

fn put(cx: &Cx<'_>, relation: Relation) -> Result<u32, Error> {
    let oid = relation.oid;
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(512) {
        return Err(change::full());
    }
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        if database.relations.len() >= MOST_RELATIONS {
            return Err(change::full());
        }
        database.relations.insert(oid, Rc::new(relation));
    }
    Ok(oid)
}

fn new_oid(cx: &Cx<'_>) -> u32 {
    cx.cluster.borrow_mut().new_oid()
}

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
            ty: column.ty,
            modifier: column.modifier,
            not_null: false,
            default: None,
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
fn own_sequences(cx: &Cx<'_>, oid: u32) {
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

fn is_serial(def: &ColumnDef) -> bool {
    def.identity || def.ty.name.contains("serial")
}

fn column_of(binder: &Binder<'_, '_>, def: &ColumnDef) -> Result<Column, Error> {
    let (ty, modifier) = binder.type_of(&def.ty)?;
    let mut column = Column {
        name: def.name.clone(),
        ty,
        modifier,
        not_null: def.not_null,
        default: None,
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

fn sequence_for(cx: &Cx<'_>, schema: u32, base: &str, ty: Type) -> Result<u32, Error> {
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

fn index_for(cx: &Cx<'_>, table: &Relation, name: &str, index: Index) -> Result<u32, Error> {
    let oid = new_oid(cx);
    put(
        cx,
        Relation {
            oid,
            schema: table.schema,
            name: name.to_owned(),
            owner: table.owner,
            temporary: table.temporary,
            kind: Kind::Index(index),
        },
    )
}

fn relation_of(cx: &Cx<'_>, oid: u32) -> Result<Rc<Relation>, Error> {
    let found = cx
        .with_database(|database| database.relations.get(&oid).cloned())
        .flatten();
    found.ok_or_else(|| Error::new("XX000", format!("could not open relation with OID {oid}")))
}

fn constrain(binder: &Binder<'_, '_>, table: u32, constraint: &ast::Constraint) -> Result<(), Error> {
    let cx = binder.cx;
    let relation = relation_of(cx, table)?;
    let named = |columns: &[String], end: &str| {
        constraint.name.clone().unwrap_or_else(|| {
            let middle = if end == "pkey" {
                String::new()
            } else {
                format!("{}_", columns.join("_"))
            };
            let base = format!("{}_{middle}{end}", relation.name);
            cx.with_database(|database| database.free_name(relation.schema, &base))
                .unwrap_or(base)
        })
    };
    let (name, rule) = match &constraint.kind {
        ConstraintKind::Primary(names) | ConstraintKind::Unique(names) => {
            let primary = matches!(constraint.kind, ConstraintKind::Primary(_));
            let columns = change::places(&relation, names)?;
            let name = named(names, if primary { "pkey" } else { "key" });
            let index = index_for(
                cx,
                &relation,
                &name,
                Index {
                    table,
                    columns: columns.clone(),
                    unique: true,
                    primary,
                },
            )?;
            (
                name,
                Rule::Unique {
                    columns,
                    index,
                    primary,
                },
            )
        }
        ConstraintKind::Check(expr, text) => {
            let columns = match expr {
                ast::Expr::Binary(_, left, _, _) => match &**left {
                    ast::Expr::Column(path, _) => path.last().cloned().into_iter().collect(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            let rule = Rule::Check {
                expr: Rc::new(expr.clone()),
                text: text.clone(),
            };
            (named(&columns, "check"), rule)
        }
        ConstraintKind::References {
            columns: names,
            table: other,
            others,
            on_delete,
            on_update,
        } => {
            let columns = change::places(&relation, names)?;
            let target = change::table_of(binder, other)?;
            let unique = target.table().map_or(&[][..], |table| &table.constraints);
            let wanted = if others.is_empty() {
                None
            } else {
                Some(change::places(&target, others)?)
            };
            let found = unique.iter().find_map(|one| match &one.rule {
                Rule::Unique {
                    columns,
                    index,
                    primary,
                } => {
                    let fits = wanted.as_ref().map_or(*primary, |wanted| wanted == columns);
                    fits.then(|| (columns.clone(), *index))
                }
                _ => None,
            });
            let Some((others, index)) = found else {
                let message = format!(
                    "there is no unique constraint matching given keys for referenced table \"{}\"",
                    target.name
                );
                return Err(Error::new("42830", message).raised("tablecmds.c", 11_655, "transformFkeyCheckAttrs"));
            };
            let rule = Rule::Foreign {
                columns,
                table: target.oid,
                others,
                index,
                on_delete: *on_delete,
                on_update: *on_update,
            };
            (named(names, "fkey"), rule)
        }
    };
    let oid = new_oid(cx);
    let mut cluster = cx.cluster.borrow_mut();
    let database = cluster.by_oid_mut(cx.state.database);
    if let Some(table) = database.and_then(|database| database.table_mut(table)) {
        if let Rule::Unique {
            columns, primary: true, ..
        } = &rule
        {
            for at in columns {
                table.columns[*at].not_null = true;
            }
        }
        table.constraints.push(Constraint { oid, name, rule });
    }
    Ok(())
}

pub(crate) fn create_view(
    binder: &Binder<'_, '_>,
    view: &Path,
    query: &Query,
    text: &str,
    replace: bool,
) -> Result<(), Error> {
    let cx = binder.cx;
    let schema = schema_for(cx, view)?;
    let old = cx
        .with_database(|database| database.relation(schema, &view.name).map(|old| old.oid))
        .flatten();
    if old.is_some() && !replace {
        return Err(exists("relation", &view.name));
    }
    let plan = binder.query(query, None)?;
    let columns = plan.columns.iter().map(|column| Column {
        name: column.name.clone(),
        ty: column.ty,
        modifier: column.modifier,
        not_null: false,
        default: None,
    });
    let relation = Relation {
        oid: old.unwrap_or_else(|| new_oid(cx)),
        schema,
        name: view.name.clone(),
        owner: cx.state.user.get(),
        temporary: false,
        kind: Kind::View {
            query: Rc::new(query.clone()),
            text: text.to_owned(),
            columns: columns.collect(),
        },
    };
    put(cx, relation)?;
    Ok(())
}

pub(crate) fn create_index(
    binder: &Binder<'_, '_>,
    name: Option<&str>,
    table: &Path,
    columns: &[String],
    (unique, if_not_exists): (bool, bool),
) -> Result<(), Error> {
    let cx = binder.cx;
    let relation = change::table_of(binder, table)?;
    let named: Vec<String> = columns.iter().filter(|column| !column.is_empty()).cloned().collect();
    let places = change::places(&relation, &named)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => {
            let base = format!("{}_{}_idx", relation.name, named.join("_"));
            cx.with_database(|database| database.free_name(relation.schema, &base))
                .unwrap_or(base)
        }
    };
    if cx.with_database(|database| database.relation(relation.schema, &name).is_some()) == Some(true) {
        return if if_not_exists {
            Ok(())
        } else {
            Err(exists("relation", &name))
        };
    }
    let index = Index {
        table: relation.oid,
        columns: places,
        unique,
        primary: false,
    };
    index_for(cx, &relation, &name, index)?;
    Ok(())
}

pub(crate) fn create_sequence(binder: &Binder<'_, '_>, name: &Path, if_not_exists: bool) -> Result<(), Error> {
    let schema = schema_for(binder.cx, name)?;
    let there = binder
        .cx
        .with_database(|database| database.relation(schema, &name.name).is_some());
    if there == Some(true) {
        return if if_not_exists {
            Ok(())
        } else {
            Err(exists("relation", &name.name))
        };
    }
    sequence_for(binder.cx, schema, &name.name, Type::INT8)?;
    Ok(())
}

pub(crate) fn create_schema(cx: &Cx<'_>, name: &str, if_not_exists: bool) -> Result<(), Error> {
    let there = cx.with_database(|database| database.schema(name).is_some()) == Some(true);
    if there {
        return if if_not_exists {
            Ok(())
        } else {
            Err(exists("schema", name))
        };
    }
    if name.starts_with("pg_") {
        return Err(Error::new("42939", format!("unacceptable schema name \"{name}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    let mut cluster = cx.cluster.borrow_mut();
    let oid = cluster.new_oid();
    let room = cluster.writes(256);
    if let Some(database) = cluster.by_oid_mut(cx.state.database).filter(|_| room) {
        database.schemas.push(store::Schema {
            oid,
            name: name.to_owned(),
            owner: cx.state.user.get(),
        });
        return Ok(());
    }
    Err(change::full())
}

pub(crate) fn create_database(cx: &Cx<'_>, name: &str) -> Result<(), Error> {
    let allowed = cx.is_superuser()
        || cx
            .cluster
            .borrow()
            .roles
            .iter()
            .any(|role| role.oid == cx.state.user.get() && role.createdb);
    if !allowed {
        return Err(Error::new("42501", "permission denied to create database").raised(
            "dbcommands.c",
            892,
            "createdb",
        ));
    }
    if cx.cluster.borrow().database(name).is_some() {
        return Err(exists("database", name).raised("dbcommands.c", 1187, "createdb"));
    }
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(64 << 10) {
        return Err(change::full());
    }
    cluster.add_database(name, cx.state.user.get());
    Ok(())
}

pub(crate) fn alter(binder: &Binder<'_, '_>, path: &Path, actions: &[AlterTable]) -> Result<(), Error> {
    let cx = binder.cx;
    let relation = cx
        .relation(path.schema.as_deref(), &path.name)
        .ok_or_else(|| binder.missing(path))?;
    if relation.owner != cx.state.user.get() && !cx.is_superuser() {
        return Err(Error::new(
            "42501",
            format!("must be owner of {} {}", relation.word(), relation.name),
        ));
    }
    for action in actions {
        match action {
            AlterTable::AddColumn(def, if_not_exists) => add_column(binder, relation.oid, def, *if_not_exists)?,
            AlterTable::AddConstraint(constraint) => constrain(binder, relation.oid, constraint)?,
            AlterTable::DropColumn(name, if_exists) => drop_column(cx, relation.oid, name, *if_exists)?,
            AlterTable::RenameTo(name) => {
                let there = cx.with_database(|database| database.relation(relation.schema, name).is_some());
                if there == Some(true) {
                    return Err(exists("relation", name));
                }
                change_relation(cx, relation.oid, |relation| relation.name.clone_from(name));
            }
            AlterTable::Owner(name) => {
                let owner = cx.cluster.borrow().role(name).map(|role| role.oid);
                let missing = || Error::new("42704", format!("role \"{name}\" does not exist"));
                let owner = owner.ok_or_else(missing)?;
                change_relation(cx, relation.oid, |relation| relation.owner = owner);
            }
            AlterTable::RenameColumn(old, name) => {
                let at = change::places(&relation, std::slice::from_ref(old))?[0];
                change_table(cx, relation.oid, |table| table.columns[at].name.clone_from(name));
            }
            AlterTable::SetDefault(column, default) => {
                let at = change::places(&relation, std::slice::from_ref(column))?[0];
                let oid = new_oid(cx);
                let default = default.as_ref().map(|(expr, _)| Default {
                    oid,
                    value: DefaultValue::Expr(Rc::new(expr.clone())),
                });
                change_table(cx, relation.oid, |table| table.columns[at].default = default);
            }
            AlterTable::SetNotNull(column, not_null) => {
                let at = change::places(&relation, std::slice::from_ref(column))?[0];
                change_table(cx, relation.oid, |table| table.columns[at].not_null = *not_null);
            }
            AlterTable::Nothing => {}
        }
    }
    Ok(())
}

fn change_relation(cx: &Cx<'_>, oid: u32, change: impl FnOnce(&mut Relation)) {
    let mut cluster = cx.cluster.borrow_mut();
    if let Some(relation) = cluster
        .by_oid_mut(cx.state.database)
        .and_then(|database| database.relation_mut(oid))
    {
        change(relation);
    }
}

fn change_table(cx: &Cx<'_>, oid: u32, change: impl FnOnce(&mut Table)) {
    change_relation(cx, oid, |relation| {
        if let Kind::Table(table) = &mut relation.kind {
            change(table);
        }
    });
}

fn add_column(binder: &Binder<'_, '_>, oid: u32, def: &ColumnDef, if_not_exists: bool) -> Result<(), Error> {
    let cx = binder.cx;
    let relation = relation_of(cx, oid)?;
    if relation.table().is_some_and(|table| table.column(&def.name).is_some()) {
        let message = format!(
            "column \"{}\" of relation \"{}\" already exists",
            def.name, relation.name
        );
        return if if_not_exists {
            Ok(())
        } else {
            Err(Error::new("42701", message))
        };
    }
    let mut column = column_of(binder, def)?;
    if is_serial(def) {
        let base = format!("{}_{}_seq", relation.name, def.name);
        let sequence = sequence_for(cx, relation.schema, &base, column.ty)?;
        column.default = Some(Default {
            oid: new_oid(cx),
            value: DefaultValue::Serial(sequence),
        });
    }
    let node = change::default_of(binder, &column)?;
    let mut rows = Vec::new();
    for row in relation.table().map_or(&[][..], |table| &table.rows) {
        let value = eval(cx, &node, &Env { row: &[], up: None })?;
        rows.push(row.iter().cloned().chain([value]).collect::<Row>());
    }
    if !cx.cluster.borrow_mut().writes(rows.len() * 40) {
        return Err(change::full());
    }
    change_table(cx, oid, |table| {
        table.columns.push(column);
        table.rows = Rc::new(rows);
    });
    own_sequences(cx, oid);
    for constraint in &def.constraints {
        constrain(binder, oid, constraint)?;
    }
    Ok(())
}

fn drop_column(cx: &Cx<'_>, oid: u32, name: &str, if_exists: bool) -> Result<(), Error> {
    let relation = relation_of(cx, oid)?;
    let Some(at) = relation.table().and_then(|table| table.column(name)) else {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
        return if if_exists {
            Ok(())
        } else {
            Err(Error::new("42703", message))
        };
    };
    change_table(cx, oid, |table| {
        table.columns.remove(at);
        let rows = table.rows.iter().map(|row| {
            let kept = row.iter().enumerate().filter(|(place, _)| *place != at);
            kept.map(|(_, value)| value.clone()).collect::<Row>()
        });
        table.rows = Rc::new(rows.collect());
        let shift = |places: &mut Vec<usize>| {
            let hit = places.contains(&at);
            places
                .iter_mut()
                .filter(|place| **place > at)
                .for_each(|place| *place -= 1);
            !hit
        };
        table.constraints.retain_mut(|constraint| match &mut constraint.rule {
            Rule::Unique { columns, .. } | Rule::Foreign { columns, .. } => shift(columns),
            Rule::Check { .. } => true,
        });
    });
    let mut cluster = cx.cluster.borrow_mut();
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.relations.retain(|_, relation| match &relation.kind {
            Kind::Index(index) => index.table != oid || !index.columns.contains(&at),
            Kind::Sequence(sequence) => sequence.owned_by != Some((oid, at)),
            _ => true,
        });
        let own: Vec<u32> = database.relations.keys().copied().collect();
        for one in own {
            match database.relation_mut(one).map(|relation| &mut relation.kind) {
                Some(Kind::Index(index)) if index.table == oid => {
                    index
                        .columns
                        .iter_mut()
                        .filter(|place| **place > at)
                        .for_each(|place| *place -= 1);
                }
                Some(Kind::Sequence(sequence)) => {
                    if let Some((table, place)) = &mut sequence.owned_by
                        && *table == oid
                        && *place > at
                    {
                        *place -= 1;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

pub(crate) fn drop(
    binder: &Binder<'_, '_>,
    kind: DropKind,
    names: &[Path],
    if_exists: bool,
    cascade: bool,
) -> Result<(), Error> {
    let cx = binder.cx;
    for path in names {
        let name = &path.name;
        let (found, word) = match kind {
            DropKind::Table => (drop_relation(cx, path, "table", cascade)?, "table"),
            DropKind::View => (drop_relation(cx, path, "view", cascade)?, "view"),
            DropKind::Index => (drop_relation(cx, path, "index", cascade)?, "index"),
            DropKind::Sequence => (drop_relation(cx, path, "sequence", cascade)?, "sequence"),
            DropKind::Schema => (drop_schema(cx, name, cascade)?, "schema"),
            DropKind::Database => (drop_database(cx, name)?, "database"),
            DropKind::Role => {
                let mut cluster = cx.cluster.borrow_mut();
                let before = cluster.roles.len();
                cluster
                    .roles
                    .retain(|role| role.name != *name || role.oid == store::SUPERUSER);
                (cluster.roles.len() < before, "role")
            }
            DropKind::Function => {
                let mut cluster = cx.cluster.borrow_mut();
                let Some(database) = cluster.by_oid_mut(cx.state.database) else {
                    continue;
                };
                let before = database.functions.len();
                database.functions.retain(|function| function.name != *name);
                (database.functions.len() < before, "function")
            }
            DropKind::Extension => {
                let mut cluster = cx.cluster.borrow_mut();
                let Some(database) = cluster.by_oid_mut(cx.state.database) else {
                    continue;
                };
                let before = database.extensions.len();
                database.extensions.retain(|(_, extension, _)| extension != name);
                (database.extensions.len() < before, "extension")
            }
            DropKind::Type => (false, "type"),
        };
        if found {
            continue;
        }
        let shown = if kind == DropKind::Function {
            format!("{name}()")
        } else {
            format!("\"{name}\"")
        };
        if if_exists {
            let message = format!("{word} {shown} does not exist, skipping");
            cx.notice(
                "NOTICE",
                Error::new("00000", message).raised("tablecmds.c", 1266, "DropErrorMsgNonExistent"),
            );
            continue;
        }
        let code = match kind {
            DropKind::Table | DropKind::View | DropKind::Sequence => "42P01",
            DropKind::Schema => "3F000",
            DropKind::Database => "3D000",
            DropKind::Function => "42883",
            _ => "42704",
        };
        return Err(Error::new(code, format!("{word} {shown} does not exist")).raised(
            "tablecmds.c",
            1256,
            "DropErrorMsgNonExistent",
        ));
    }
    Ok(())
}

fn drop_relation(cx: &Cx<'_>, path: &Path, word: &str, cascade: bool) -> Result<bool, Error> {
    if let Some(listed) = catalog::listed(cx, path.schema.as_deref(), &path.name) {
        let message = format!("permission denied: \"{}\" is a system catalog", listed.name);
        return Err(Error::new("42501", message).raised("tablecmds.c", 1618, "RangeVarCallbackForDropRelation"));
    }
    let Some(relation) = cx.relation(path.schema.as_deref(), &path.name) else {
        return Ok(false);
    };
    if relation.word() != word {
        return Err(
            Error::new("42809", format!("\"{}\" is not a {word}", path.name)).hint(format!(
                "Use DROP {} to remove a {}.",
                relation.word().to_uppercase(),
                relation.word()
            )),
        );
    }
    if relation.owner != cx.state.user.get() && !cx.is_superuser() {
        return Err(Error::new("42501", format!("must be owner of {word} {}", path.name)));
    }
    let referring = cx.with_database(|database| {
        let mut found = None;
        for other in database.relations.values().filter(|other| other.oid != relation.oid) {
            for constraint in other.table().map_or(&[][..], |table| &table.constraints) {
                if matches!(constraint.rule, Rule::Foreign { table, .. } if table == relation.oid) {
                    found.get_or_insert((constraint.name.clone(), other.name.clone()));
                }
            }
        }
        found
    });
    if let (Some(Some((constraint, table))), false) = (&referring, cascade) {
        let message = format!("cannot drop table {} because other objects depend on it", path.name);
        return Err(Error::new("2BP01", message)
            .detail(format!(
                "constraint {constraint} on table {table} depends on table {}",
                path.name
            ))
            .hint("Use DROP ... CASCADE to drop the dependent objects too.")
            .raised("dependency.c", 1204, "reportDependentObjects"));
    }
    let mut cluster = cx.cluster.borrow_mut();
    let freed = relation
        .table()
        .map_or(0, |table| table.rows.iter().map(|row| store::weight(row)).sum());
    cluster.frees(freed);
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.relations.remove(&relation.oid);
        database.relations.retain(|_, other| match &other.kind {
            Kind::Index(index) => index.table != relation.oid,
            Kind::Sequence(sequence) => sequence.owned_by.is_none_or(|(table, _)| table != relation.oid),
            _ => true,
        });
        let others: Vec<u32> = database.relations.keys().copied().collect();
        for other in others {
            if let Some(table) = database.table_mut(other) {
                table
                    .constraints
                    .retain(|one| !matches!(one.rule, Rule::Foreign { table, .. } if table == relation.oid));
            }
        }
    }
    Ok(true)
}

fn drop_schema(cx: &Cx<'_>, name: &str, cascade: bool) -> Result<bool, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let Some(database) = cluster.by_oid_mut(cx.state.database) else {
        return Ok(false);
    };
    let Some(oid) = database.schema(name) else {
        return Ok(false);
    };
    let held = database.relations.values().any(|relation| relation.schema == oid);
    if held && !cascade {
        return Err(Error::new(
            "2BP01",
            format!("cannot drop schema {name} because other objects depend on it"),
        )
        .hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    database.relations.retain(|_, relation| relation.schema != oid);
    database.schemas.retain(|schema| schema.oid != oid);
    Ok(true)
}

fn drop_database(cx: &Cx<'_>, name: &str) -> Result<bool, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let Some(database) = cluster.database(name) else {
        return Ok(false);
    };
    if database.oid == cx.state.database {
        return Err(Error::new("55006", "cannot drop the currently open database").raised(
            "dbcommands.c",
            1583,
            "dropdb",
        ));
    }
    if database.template {
        return Err(Error::new("42809", "cannot drop a template database").raised("dbcommands.c", 1588, "dropdb"));
    }
    cluster.databases.retain(|database| database.name != name);
    Ok(true)
}
