//! ALTER TABLE.

use std::rc::Rc;

use super::constraint::constrain;
use super::table::{column_of, is_serial, own_sequences, sequence_for};
use super::{change_relation, change_table, exists, new_oid, relation_of};
use crate::ast::{AlterTable, ColumnDef, Path};
use crate::bind::Binder;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::store::{Default, DefaultValue, Kind, Row, Rule};

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
