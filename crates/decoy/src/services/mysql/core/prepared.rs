//! Statements kept for later.

use std::collections::HashMap;

use sql::mysql::{Client, Described, Kept, Refusal, code};
use sql::{Host, Value};

use super::super::wire::Fields;
use super::Talk;
use super::answer::count;

/// Statements one client keeps, and bytes of what it sends for them beforehand.
const MOST: usize = 200;
const MOST_LONG: usize = 8 << 20;

#[derive(Default)]
pub(super) struct Statements {
    kept: HashMap<u32, Statement>,
    last: u32,
    long: usize,
}

struct Statement {
    kept: Kept,
    text: String,
    /// Types of the parameters, as they were last told.
    types: Vec<(u8, u8)>,
    /// Parameters sent beforehand.
    long: HashMap<u16, Vec<u8>>,
}

// === impl Statements ===

impl Statements {
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.long = 0;
    }

    pub(super) fn forget(&mut self, body: &[u8]) {
        if let Some(id) = Fields(body).long() {
            self.kept.remove(&id);
        }
    }

    pub(super) fn reset(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let id = Fields(body).long().unwrap_or(0);
        match self.kept.get_mut(&id) {
            Some(statement) => {
                statement.long.clear();
                Ok(())
            }
            None => Err(missing(id, "mysqld_stmt_reset")),
        }
    }

    pub(super) fn long_data(&mut self, body: &[u8]) {
        let mut fields = Fields(body);
        let (Some(id), Some(at)) = (fields.long(), fields.short()) else {
            return;
        };
        if self.long + fields.0.len() > MOST_LONG {
            return;
        }
        if let Some(statement) = self.kept.get_mut(&id) {
            self.long += fields.0.len();
            statement.long.entry(at).or_default().extend(fields.0);
        }
    }
}

fn missing(id: u32, whom: &str) -> Refusal {
    Refusal::new(
        1243,
        format!("Unknown prepared statement handler ({id}) given to {whom}"),
    )
}

// === impl Talk ===

impl Talk {
    pub(super) fn prepare(&mut self, host: &dyn Host, client: &mut Client, body: &[u8]) {
        let text = String::from_utf8_lossy(body).into_owned();
        if self.statements.kept.len() >= MOST {
            return self.out.error(&Refusal {
                number: 1461,
                state: "42000",
                message: format!("Can't create more than max_prepared_stmt_count statements (current value: {MOST})"),
            });
        }
        let kept = match client.prepare(host, &text) {
            Ok(kept) => kept,
            Err(refusal) => {
                self.tell_query(&text, refusal.number, 0);
                return self.out.error(&refusal);
            }
        };
        self.statements.last += 1;
        let id = self.statements.last;
        let mut head = vec![0];
        head.extend(id.to_le_bytes());
        head.extend((kept.columns.len() as u16).to_le_bytes());
        head.extend((kept.params as u16).to_le_bytes());
        head.extend([0, 0, 0]);
        self.out.put(&head);
        let param = Described {
            name: "?".into(),
            charset: 63,
            code: code::NULL,
            flags: 0x8000,
            ..Described::default()
        };
        if kept.params > 0 {
            self.columns(client, &vec![param; kept.params]);
        }
        if !kept.columns.is_empty() {
            let columns = kept.columns.clone();
            self.columns(client, &columns);
        }
        let statement = Statement {
            kept,
            text,
            types: Vec::new(),
            long: HashMap::new(),
        };
        self.statements.kept.insert(id, statement);
    }

    pub(super) fn execute(&mut self, host: &dyn Host, client: &mut Client, body: &[u8]) {
        let mut fields = Fields(body);
        let id = fields.long().unwrap_or(0);
        let Some(mut statement) = self.statements.kept.remove(&id) else {
            return self.out.error(&missing(id, "mysqld_stmt_execute"));
        };
        let outcome = match params(&mut statement, fields) {
            None => Err(Refusal::new(1210, "Incorrect arguments to mysqld_stmt_execute")),
            Some(params) => client.execute(host, &statement.kept, params),
        };
        self.acts(client);
        match outcome {
            Ok(outcome) => {
                self.tell_query(&statement.text, 0, count(&outcome));
                self.outcome(client, outcome, true);
            }
            Err(refusal) => {
                self.tell_query(&statement.text, refusal.number, 0);
                self.out.error(&refusal);
            }
        }
        for (_, bytes) in statement.long.drain() {
            self.statements.long = self.statements.long.saturating_sub(bytes.len());
        }
        self.statements.kept.insert(id, statement);
    }
}

/// The values of a statement's parameters.
fn params(statement: &mut Statement, mut fields: Fields<'_>) -> Option<Vec<Value>> {
    let count = statement.kept.params;
    fields.bytes(5)?;
    if count == 0 {
        return Some(Vec::new());
    }
    let nulls = fields.bytes(count.div_ceil(8))?.to_vec();
    if fields.byte()? == 1 {
        statement.types.clear();
        for _ in 0..count {
            statement.types.push((fields.byte()?, fields.byte()?));
        }
    }
    let mut values = Vec::new();
    for at in 0..count {
        let (code, flags) = *statement.types.get(at)?;
        let long = statement.long.get(&(at as u16));
        values.push(if let Some(bytes) = long {
            text(bytes)
        } else if nulls[at / 8] & 1 << (at % 8) != 0 {
            Value::Null
        } else {
            value(code, flags & 0x80 != 0, &mut fields)?
        });
    }
    Some(values)
}

fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::text(text),
        Err(_) => Value::Bytes(bytes.into()),
    }
}

fn value(kind: u8, unsigned: bool, fields: &mut Fields<'_>) -> Option<Value> {
    let whole = |signed: i64, plain: i64| Value::Int(if unsigned { plain } else { signed });
    Some(match kind {
        code::NULL => Value::Null,
        code::TINY => {
            let n = fields.byte()?;
            whole((n as i8).into(), n.into())
        }
        code::SHORT | code::YEAR => {
            let n = fields.short()?;
            whole((n as i16).into(), n.into())
        }
        code::LONG | code::INT24 => {
            let n = fields.long()?;
            whole((n as i32).into(), n.into())
        }
        code::LONGLONG => Value::Int(i64::from_le_bytes(fields.bytes(8)?.try_into().ok()?)),
        code::FLOAT => Value::Float(f32::from_le_bytes(fields.bytes(4)?.try_into().ok()?).into()),
        code::DOUBLE => Value::Float(f64::from_le_bytes(fields.bytes(8)?.try_into().ok()?)),
        code::DATE | code::DATETIME | code::TIMESTAMP => moment(fields)?,
        code::TIME => {
            let count = fields.byte()?;
            let mut parts = Fields(fields.bytes(count.into())?);
            let negative = parts.byte().unwrap_or(0) == 1;
            let days = parts.long().unwrap_or(0);
            let hours = days.saturating_mul(24).saturating_add(parts.byte().unwrap_or(0).into());
            let (minutes, seconds) = (parts.byte().unwrap_or(0), parts.byte().unwrap_or(0));
            let sign = if negative { "-" } else { "" };
            Value::text(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"))
        }
        _ => text(fields.sized()?),
    })
}

/// A moment as text, which the engine reads as what it is compared with.
fn moment(fields: &mut Fields<'_>) -> Option<Value> {
    let count = fields.byte()?;
    let mut parts = Fields(fields.bytes(count.into())?);
    let year = parts.short().unwrap_or(0);
    let mut part = || parts.byte().unwrap_or(0);
    let (month, day, hour, minute, second) = (part(), part(), part(), part(), part());
    Some(Value::text(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    )))
}

#[cfg(test)]
mod tests {
    use sql::mysql::output::length;

    use super::*;

    #[test]
    fn parameters_are_read_by_the_types_told() {
        let bytes = [&[7u8][..], &length(2), b"ab"].concat();
        let mut fields = Fields(&bytes);
        assert!(matches!(value(code::TINY, false, &mut fields), Some(Value::Int(7))));
        assert!(matches!(value(code::VAR_STRING, false, &mut fields), Some(Value::Text(text)) if &*text == "ab"));
        assert!(value(code::LONG, false, &mut fields).is_none());
    }
}
