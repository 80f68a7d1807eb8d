//! Commands of a client that is in.

use sql::Host;
use sql::mysql::{Client, Refusal};

use super::super::record::Record;
use super::super::wire::{Fields, can};
use super::{After, Stage, Talk};

const QUIT: u8 = 1;
const INIT_DB: u8 = 2;
const QUERY: u8 = 3;
const FIELD_LIST: u8 = 4;
const STATISTICS: u8 = 9;
const PROCESS_INFO: u8 = 10;
const PROCESS_KILL: u8 = 12;
const DEBUG: u8 = 13;
const PING: u8 = 14;
const CHANGE_USER: u8 = 17;
const PREPARE: u8 = 22;
const EXECUTE: u8 = 23;
const LONG_DATA: u8 = 24;
const CLOSE: u8 = 25;
const RESET: u8 = 26;
const SET_OPTION: u8 = 27;
const FETCH: u8 = 28;
const RESET_CONNECTION: u8 = 31;
/// Bytes of a client's own file that are taken.
const MOST_SENT: usize = 8 << 20;

fn unknown() -> Refusal {
    Refusal {
        number: 1047,
        state: "08S01",
        message: "Unknown command".into(),
    }
}

// === impl Talk ===

impl Talk {
    pub(super) fn command(&mut self, host: &dyn Host, client: &mut Client, body: &[u8]) -> After {
        let (code, body) = body.split_first().map_or((0, body), |(code, body)| (*code, body));
        self.queries += 1;
        match code {
            QUIT => self.close(),
            INIT_DB => {
                let name = String::from_utf8_lossy(body).into_owned();
                let outcome = client.use_schema(host, &name);
                let code = outcome.as_ref().err().map_or(0, |refusal| refusal.number);
                self.tell_query(&format!("USE {name}"), code, 0);
                self.simple(client, outcome);
            }
            QUERY => {
                let text = String::from_utf8_lossy(body).into_owned();
                return self.statement(host, client, &text);
            }
            FIELD_LIST => {
                let table = Fields(body).text().unwrap_or(body);
                let table = String::from_utf8_lossy(table).into_owned();
                match client.fields(host, &table) {
                    Err(refusal) => self.out.error(&refusal),
                    Ok(columns) => {
                        let more = self.extended & can::MORE_OF_COLUMNS != 0;
                        for column in &columns {
                            self.out.column(column, more, true);
                        }
                        self.end_of_rows(client, false);
                    }
                }
            }
            STATISTICS => {
                let up = ((host.now() - self.persona.started) / 1_000_000).max(1);
                let queries = self.queries + u64::from(self.persona.pid) * 3;
                let line = format!(
                    "Uptime: {up}  Threads: 1  Questions: {queries}  Slow queries: 0  Opens: 33  Open tables: 26  Queries per second avg: {:.3}",
                    queries as f64 / up as f64
                );
                self.out.put(line.as_bytes());
            }
            PROCESS_INFO => return self.statement(host, client, "SHOW PROCESSLIST"),
            PROCESS_KILL => {
                let id = Fields(body).long().unwrap_or(0);
                return self.statement(host, client, &format!("KILL {id}"));
            }
            DEBUG => self.end_of_rows(client, false),
            PING => self.simple(client, Ok(())),
            CHANGE_USER => self.change_user(host, body),
            PREPARE => self.prepare(host, client, body),
            EXECUTE => self.execute(host, client, body),
            LONG_DATA => self.statements.long_data(body),
            CLOSE => self.statements.forget(body),
            RESET => {
                let outcome = self.statements.reset(body);
                self.simple(client, outcome);
            }
            SET_OPTION => match Fields(body).short() {
                Some(option @ (0 | 1)) => {
                    if option == 0 {
                        self.capabilities |= can::MULTI_STATEMENTS;
                    } else {
                        self.capabilities &= !can::MULTI_STATEMENTS;
                    }
                    self.end_of_rows(client, false);
                }
                _ => self.out.error(&unknown()),
            },
            FETCH => {
                let id = Fields(body).long().unwrap_or(0);
                self.out.error(&Refusal::new(
                    1243,
                    format!("Unknown prepared statement handler ({id}) given to mysqld_stmt_fetch"),
                ));
            }
            RESET_CONNECTION => {
                client.reset();
                self.statements.clear();
                self.simple(client, Ok(()));
            }
            _ => self.out.error(&unknown()),
        }
        After::Ready
    }

    fn simple(&mut self, client: &Client, outcome: Result<(), Refusal>) {
        match outcome {
            Ok(()) => self.out.ok(0, (0, 0), self.status(client), ""),
            Err(refusal) => self.out.error(&refusal),
        }
    }

    pub(super) fn tell_query(&mut self, sql: &str, code: u16, rows: usize) {
        self.tell(Record::Query {
            sql: sql.to_owned(),
            code,
            rows,
        });
    }

    /// A piece of a file the client was asked for; the last is empty.
    pub(super) fn file(&mut self, host: &dyn Host, body: &[u8]) {
        let Stage::Sending(mut client, path, mut bytes) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        if !body.is_empty() {
            let room = MOST_SENT.saturating_sub(bytes.len());
            bytes.extend(&body[..body.len().min(room)]);
            self.stage = Stage::Sending(client, path, bytes);
            return;
        }
        let outcome = client.sent(host, &bytes);
        self.tell(Record::Sent { path, bytes });
        self.acts(&mut client);
        match outcome {
            Ok(outcome) => self.outcome(&client, outcome, false),
            Err(refusal) => {
                self.rest.clear();
                self.out.error(&refusal);
            }
        }
        self.stage = Stage::Ready(client);
    }
}
