//! Statements about rows carried out.

use std::rc::Rc;

use super::Answer;
use super::define::{defined, no_language};
use crate::ast::Statement;
use crate::bind::Binder;
use crate::catalog::{self, settings};
use crate::change::insert::Insert;
use crate::change::update::Update;
use crate::change::{self, Changed};
use crate::cx::Cx;
use crate::error::Error;
use crate::exec;
use crate::schema;
use crate::schema::table::CreateTable;
use crate::store::Row;
use crate::types::Type;
use crate::value::Value;

pub(super) fn shown_name(name: &str) -> &str {
    settings::find(name).map_or(name, |setting| setting.name)
}

fn changed(word: &str, changed: Changed) -> Answer {
    let tag = if word == "INSERT" {
        format!("INSERT 0 {}", changed.count)
    } else {
        format!("{word} {}", changed.count)
    };
    if changed.columns.is_empty() {
        return Answer::Done(tag);
    }
    Answer::Rows {
        columns: changed.columns,
        rows: changed.rows,
        tag,
    }
}

pub(super) fn carried_out(binder: &Binder<'_, '_>, statement: &Statement) -> Result<Answer, Error> {
    let cx = binder.cx;
    let done = |tag: &str| Ok(Answer::Done(tag.to_owned()));
    match statement {
        Statement::Query(query) => {
            if let crate::ast::Body::Select(select) = &query.body
                && let Some(into) = &select.into
            {
                let create = CreateTable {
                    table: into,
                    columns: &[],
                    constraints: &[],
                    if_not_exists: false,
                    temporary: false,
                    query: Some(query),
                };
                let count = schema::table::create_table(binder, &create)?;
                return done(&format!("SELECT {}", count.unwrap_or(0)));
            }
            let plan = binder.query(query, None)?;
            let rows = exec::rows(cx, &plan, None)?;
            let tag = format!("SELECT {}", rows.len());
            Ok(Answer::Rows {
                columns: plan.columns,
                rows,
                tag,
            })
        }
        Statement::Insert {
            table,
            columns,
            source,
            ignore,
            returning,
        } => {
            let insert = Insert {
                table,
                columns,
                source,
                ignore: *ignore,
                returning,
            };
            Ok(changed("INSERT", change::insert::insert(binder, &insert)?))
        }
        Statement::Update {
            table,
            alias,
            set,
            from,
            filter,
            limited,
            returning,
        } => {
            let update = Update {
                table,
                alias: alias.as_deref(),
                set,
                from,
                filter: filter.as_ref(),
                limited,
                returning,
            };
            Ok(changed("UPDATE", change::update::update(binder, &update)?))
        }
        Statement::Delete {
            table,
            alias,
            using,
            filter,
            limited,
            returning,
        } => {
            let delete = Update {
                table,
                alias: alias.as_deref(),
                set: &[],
                from: using,
                filter: filter.as_ref(),
                limited,
                returning,
            };
            Ok(changed("DELETE", change::delete::delete(binder, &delete)?))
        }
        Statement::Truncate(tables) => {
            change::delete::truncate(binder, tables)?;
            done("TRUNCATE TABLE")
        }
        Statement::Show(name) => shown(cx, name.as_deref()),
        Statement::Explain(_) => Ok(Answer::Rows {
            columns: vec![crate::bind::column("QUERY PLAN", Type::TEXT, -1, 0, 0)],
            rows: vec![Rc::new([Value::text("Result  (cost=0.00..0.01 rows=1 width=4)")])],
            tag: "EXPLAIN".into(),
        }),
        Statement::Do { language, body } => {
            cx.exec("do", body.as_str());
            let known = cx.with_database(|database| database.extensions.iter().any(|(_, name, _)| name == language));
            if known != Some(true) {
                return Err(no_language(language));
            }
            done("DO")
        }
        Statement::Accepted(tag, tables) => {
            for path in tables {
                if binder.is_mysql() && catalog::listed(cx, path.schema.as_deref(), &path.name).is_some() {
                    continue;
                }
                cx.relation(path.schema.as_deref(), &path.name)
                    .ok_or_else(|| binder.missing(path).unplaced())?;
            }
            done(tag)
        }
        _ => defined(binder, statement),
    }
}

fn shown(cx: &Cx<'_>, name: Option<&str>) -> Result<Answer, Error> {
    let column = |name: &str| crate::bind::column(name, Type::TEXT, -1, 0, 0);
    let Some(name) = name else {
        let rows = settings::all().iter().map(|setting| -> Row {
            let value = settings::value(cx.state, setting.name);
            Rc::new([setting.name.into(), value.into(), setting.description.into()])
        });
        return Ok(Answer::Rows {
            columns: vec![column("name"), column("setting"), column("description")],
            rows: rows.collect(),
            tag: "SHOW".into(),
        });
    };
    let value = match name {
        "session_authorization" | "role" => catalog::names::role(cx, cx.state.user.get()),
        name => cx.setting(name).ok_or_else(|| settings::unknown(name))?,
    };
    Ok(Answer::Rows {
        columns: vec![column(shown_name(name))],
        rows: vec![Rc::new([value.into()])],
        tag: "SHOW".into(),
    })
}
