//! A table of `_cat`: its columns chosen, its rows put in order, and how it is written.

use super::call::Call;
use super::json::Json;
use super::reply::{Answer, Refusal, Reply};

/// A column: its name, its other names, whether it is shown unasked, whether it ends flush.
pub(super) type Column = (&'static str, &'static [&'static str], bool, bool);

pub(super) struct Table {
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Vec<Option<String>>>,
}

// === impl Table ===

impl Table {
    pub(super) fn reply(mut self, call: &Call<'_>) -> Answer {
        if call.flag("help") {
            let lines = self.columns.iter().map(|(name, others, ..)| {
                let others = if others.is_empty() {
                    "-".to_owned()
                } else {
                    others.join(",")
                };
                format!("{name:<24} | {others:<24} | {name}\n")
            });
            return Ok(Reply::text(lines.collect()));
        }
        if let Some(order) = call.param("s") {
            self.sort(order)?;
        }
        let shown: Vec<(String, usize)> = match call.param("h") {
            None => {
                let shown = self.columns.iter().enumerate().filter(|(_, column)| column.2);
                shown.map(|(at, column)| (column.0.to_owned(), at)).collect()
            }
            Some(names) => names
                .split(',')
                .filter_map(|name| Some((name.to_owned(), self.column(name)?)))
                .collect(),
        };
        let accepts = call.request.header("accept").unwrap_or_default();
        if call.param("format") == Some("json") || accepts.contains("json") {
            let rows = self.rows.iter().map(|row| {
                let cells = shown
                    .iter()
                    .map(|(name, at)| (name.clone(), Json::from(row[*at].clone())));
                Json::Map(cells.collect())
            });
            return Ok(Reply::json(Json::List(rows.collect())));
        }
        Ok(Reply::text(self.text(&shown, call.flag("v"))))
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|(known, others, ..)| *known == name || others.contains(&name))
    }

    fn sort(&mut self, order: &str) -> Result<(), Refusal> {
        for word in order.split(',').rev() {
            let (name, way) = word.split_once(':').unwrap_or((word, "asc"));
            let Some(at) = self.column(name) else {
                let reason = format!("Unable to sort by unknown sort key `{name}`");
                return Err(Refusal::new(500, "unsupported_operation_exception", reason));
            };
            self.rows.sort_by(|one, two| {
                let number = |row: &[Option<String>]| row[at].as_ref().and_then(|cell| cell.parse::<f64>().ok());
                let order = match (number(one), number(two)) {
                    (Some(one), Some(two)) => one.total_cmp(&two),
                    _ => one[at].cmp(&two[at]),
                };
                if way == "desc" { order.reverse() } else { order }
            });
        }
        Ok(())
    }

    fn text(&self, shown: &[(String, usize)], with_head: bool) -> String {
        let width = |(name, at): &(String, usize)| {
            let cells = self
                .rows
                .iter()
                .map(|row| row[*at].as_ref().map_or(0, |cell| cell.chars().count()));
            cells.chain(with_head.then(|| name.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = shown.iter().map(width).collect();
        let mut out = String::new();
        let mut line = |cells: Vec<&str>| {
            for (n, cell) in cells.iter().enumerate() {
                let pad = " ".repeat(widths[n] - cell.chars().count());
                let last = n + 1 == cells.len();
                match self.columns[shown[n].1].3 {
                    true => out.extend([pad.as_str(), *cell]),
                    false => out.extend([*cell, if last { "" } else { pad.as_str() }]),
                }
                out.push_str(if last { "" } else { " " });
            }
            out.push('\n');
        };
        if with_head {
            line(shown.iter().map(|(name, _)| name.as_str()).collect());
        }
        for row in &self.rows {
            line(
                shown
                    .iter()
                    .map(|(_, at)| row[*at].as_deref().unwrap_or_default())
                    .collect(),
            );
        }
        out
    }
}
