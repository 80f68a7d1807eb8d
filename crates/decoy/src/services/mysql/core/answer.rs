//! Statements carried out, and their answers sent.

use sql::Host;
use sql::mysql::output::{self, length, sized};
use sql::mysql::{Client, Described, Outcome, Refusal};
use sql::{Type, Value};

use super::super::wire::{can, status};
use super::{After, Talk};

// === impl Talk ===

impl Talk {
    /// The first statement of a text; where clients may send several, the rest waits.
    pub(super) fn statement(&mut self, host: &dyn Host, client: &mut Client, text: &str) -> After {
        let carried = client.first(host, text);
        let several = self.capabilities & can::MULTI_STATEMENTS != 0;
        match carried {
            Ok(None) => {
                // A text that ends in blanks or comments is no text of several.
                self.out.error(&Refusal::new(1065, "Query was empty"));
                self.tell_query(text, 1065, 0);
                After::Ready
            }
            Ok(Some((outcome, rest))) => {
                let left = text.get(rest..).unwrap_or("").trim_start();
                let told = text.get(..rest).unwrap_or(text).trim_end_matches(';').trim_end();
                if several && !left.is_empty() {
                    self.rest = left.to_owned();
                }
                self.acts(client);
                self.tell_query(told, 0, count(&outcome));
                if let Outcome::Local { path } = outcome {
                    if self.capabilities & can::LOCAL_FILES == 0 {
                        self.out.error(&Refusal {
                            number: 1148,
                            state: "42000",
                            message: "The used command is not allowed with this MariaDB version".into(),
                        });
                        return After::Ready;
                    }
                    let mut body = vec![0xfb];
                    body.extend(path.bytes());
                    self.out.put(&body);
                    return After::Sending(path);
                }
                self.outcome(client, outcome, false);
                After::Ready
            }
            Err(refusal) => {
                self.acts(client);
                self.tell_query(text, refusal.number, 0);
                self.out.error(&refusal);
                After::Ready
            }
        }
    }

    /// Sends what a statement came to; `binary` as prepared statements have it.
    pub(super) fn outcome(&mut self, client: &Client, outcome: Outcome, binary: bool) {
        match outcome {
            Outcome::Done {
                affected,
                matched,
                inserted,
                info,
            } => {
                let count = if self.capabilities & can::FOUND_ROWS != 0 {
                    matched
                } else {
                    affected
                };
                self.out.ok(0, (count, inserted), self.status(client), &info);
            }
            Outcome::Rows { columns, rows } => self.rows(client, &columns, &rows, binary),
            Outcome::Local { .. } => self.out.ok(0, (0, 0), self.status(client), ""),
        }
    }

    fn rows(&mut self, client: &Client, columns: &[Described], rows: &[std::rc::Rc<[Value]>], binary: bool) {
        let mut head = length(columns.len() as u64);
        if self.extended & can::CACHED_COLUMNS != 0 {
            // Columns follow.
            head.push(1);
        }
        self.out.put(&head);
        self.columns(client, columns);
        for row in rows {
            let body = if binary {
                packed(columns, row)
            } else {
                let cells = columns.iter().zip(row.iter()).map(|(column, value)| {
                    let ty = if column.code == sql::mysql::code::FLOAT {
                        Type::FLOAT4
                    } else {
                        Type::TEXT
                    };
                    output::text(ty, value).map_or_else(|| vec![0xfb], |bytes| sized(&bytes))
                });
                cells.collect::<Vec<_>>().concat()
            };
            self.out.put(&body);
        }
        let scanned = columns.iter().any(|column| !column.table.is_empty());
        self.end_of_rows(client, scanned);
    }

    /// Columns, and their end where the client knows one.
    pub(super) fn columns(&mut self, client: &Client, columns: &[Described]) {
        let more = self.extended & can::MORE_OF_COLUMNS != 0;
        for column in columns {
            self.out.column(column, more, false);
        }
        if self.capabilities & can::NO_EOF == 0 {
            let scanned = columns.iter().any(|column| !column.table.is_empty());
            self.out.end(self.ended(client, scanned));
        }
    }

    fn ended(&self, client: &Client, scanned: bool) -> u16 {
        self.status(client) | if scanned { status::NO_INDEX } else { 0 }
    }

    pub(super) fn end_of_rows(&mut self, client: &Client, scanned: bool) {
        let status = self.ended(client, scanned);
        if self.capabilities & can::NO_EOF != 0 {
            self.out.ok(0xfe, (0, 0), status, "");
        } else {
            self.out.end(status);
        }
    }
}

pub(super) fn count(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Rows { rows, .. } => rows.len(),
        _ => 0,
    }
}

/// A row of a prepared statement: which values are NULL, then the others.
fn packed(columns: &[Described], row: &[Value]) -> Vec<u8> {
    let mut body = vec![0; 1 + (columns.len() + 9) / 8];
    for (at, (column, value)) in columns.iter().zip(row).enumerate() {
        match output::binary(column.code, value) {
            None => body[1 + (at + 2) / 8] |= 1 << ((at + 2) % 8),
            Some(bytes) => body.extend(bytes),
        }
    }
    body
}
