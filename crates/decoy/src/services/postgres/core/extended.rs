//! Statements and portals: Parse, Bind, Describe, Execute, Close, Sync.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use sql::parse;
use sql::{Answer, Column, Error, Host, Prepared, Session, Type, Value};

use super::super::wire::{self, Fields, Message, format_of, put};
use super::{After, Talk};

/// Portals one client keeps.
const MOST: usize = 100;

#[derive(Default)]
pub(super) struct Portals(HashMap<String, Portal>);

struct Portal {
    prepared: Rc<Prepared>,
    params: Vec<Value>,
    formats: Vec<u16>,
    left: Option<Left>,
}

/// Columns, rows not yet sent, and the tag for when they are.
type Left = (Vec<Column>, VecDeque<Rc<[Value]>>, String);

pub(super) fn put_cells(
    out: &mut Vec<u8>,
    host: &dyn Host,
    session: &Session,
    columns: &[Column],
    row: &Rc<[Value]>,
    formats: &[u16],
) {
    let shown = session.shown(host, columns, row);
    let cells = shown.into_iter().enumerate().map(|(at, text)| {
        let text = text?;
        let wanted = format_of(formats, at) == 1;
        let binary = columns.get(at).zip(row.get(at)).filter(|_| wanted);
        let binary = binary.and_then(|(column, value)| wire::binary(column.ty, value));
        Some(binary.unwrap_or_else(|| text.into_bytes()))
    });
    wire::put_row(out, &cells.collect::<Vec<_>>());
}

// === impl Talk ===

impl Talk {
    pub(super) fn extended(&mut self, host: &dyn Host, session: &mut Session, message: &Message) -> After {
        match message.kind {
            b'S' => {
                self.skipping = false;
                if session.phase() == sql::Phase::Idle {
                    self.portals.0.clear();
                }
                self.ready(session.phase());
                return After::Same;
            }
            b'H' => return After::Same,
            _ if self.skipping => return After::Same,
            _ => {}
        }
        let mut fields = Fields(&message.body);
        let outcome = match message.kind {
            b'P' => self.parse(host, session, &mut fields),
            b'B' => self.bind(host, session, &mut fields),
            b'D' => self.describe(session, &mut fields),
            b'E' => match self.run(host, session, &mut fields) {
                Ok(after) => return after,
                Err(error) => Err(error),
            },
            _ => self.forget(session, &mut fields),
        };
        self.acts(session);
        if let Err(error) = outcome {
            self.refuse(session, &error);
            self.skipping = true;
        }
        After::Same
    }

    fn parse(&mut self, host: &dyn Host, session: &mut Session, fields: &mut Fields<'_>) -> Result<(), Error> {
        let name = fields.text()?.to_owned();
        let text = fields.text()?.to_owned();
        let count = fields.short()?;
        let params: Vec<Type> = (0..count)
            .map(|_| Ok(Type(fields.long()?)))
            .collect::<Result<_, Error>>()?;
        fields.end()?;
        let made = parse::statements(&text).and_then(|mut parsed| {
            if parsed.len() > 1 {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(Error::new("42601", message).raised("postgres.c", 1449, "exec_parse_message"));
            }
            let parsed = parsed.pop();
            let (params, columns) = session.describe(host, &text, parsed.as_ref(), &params)?;
            let prepared = Prepared {
                text: text.clone(),
                parsed,
                params,
                columns,
            };
            session.keep(&name, prepared)
        });
        if let Err(error) = made {
            self.tell_query(&text, error.code, 0);
            return Err(error);
        }
        put(&mut self.out, b'1', b"");
        Ok(())
    }

    fn bind(&mut self, host: &dyn Host, session: &mut Session, fields: &mut Fields<'_>) -> Result<(), Error> {
        let portal = fields.text()?.to_owned();
        let name = fields.text()?.to_owned();
        let prepared = session.kept(&name)?;
        let shorts = |fields: &mut Fields<'_>| -> Result<Vec<u16>, Error> {
            let count = fields.short()?;
            (0..count).map(|_| fields.short()).collect()
        };
        let given = shorts(fields)?;
        let count = fields.short()?;
        if usize::from(count) != prepared.params.len() {
            let message = format!(
                "bind message supplies {count} parameters, but prepared statement \"{name}\" requires {}",
                prepared.params.len()
            );
            return Err(Error::new("08P01", message).raised("postgres.c", 1697, "exec_bind_message"));
        }
        let mut params = Vec::new();
        for (at, ty) in prepared.params.iter().enumerate() {
            let length = fields.long()?;
            if length == u32::MAX {
                params.push(Value::Null);
                continue;
            }
            let bytes = fields.bytes(length as usize)?;
            let binary = (format_of(&given, at) == 1)
                .then(|| wire::from_binary(*ty, bytes))
                .flatten();
            params.push(match binary {
                Some(value) => value,
                None => session.read(host, *ty, wire::utf8(bytes)?)?,
            });
        }
        let formats = shorts(fields)?;
        fields.end()?;
        if !portal.is_empty() && (self.portals.0.contains_key(&portal) || self.portals.0.len() >= MOST) {
            let message = format!("cursor \"{portal}\" already exists");
            return Err(Error::new("42P03", message).raised("portalmem.c", 189, "CreatePortal"));
        }
        self.portals.0.insert(
            portal,
            Portal {
                prepared,
                params,
                formats,
                left: None,
            },
        );
        put(&mut self.out, b'2', b"");
        Ok(())
    }

    fn describe(&mut self, session: &mut Session, fields: &mut Fields<'_>) -> Result<(), Error> {
        let kind = fields.byte()?;
        let name = fields.text()?;
        let (prepared, formats) = match kind {
            b'S' => {
                let prepared = session.kept(name)?;
                let mut body = (prepared.params.len() as u16).to_be_bytes().to_vec();
                prepared.params.iter().for_each(|ty| body.extend(ty.0.to_be_bytes()));
                put(&mut self.out, b't', &body);
                (prepared, Vec::new())
            }
            b'P' => {
                let portal = self
                    .portals
                    .0
                    .get(name)
                    .ok_or_else(|| no_portal(name, 2687, "exec_describe_portal_message"))?;
                (portal.prepared.clone(), portal.formats.clone())
            }
            other => {
                let message = format!("invalid DESCRIBE message subtype {other}");
                return Err(Error::new("08P01", message).raised("postgres.c", 4790, "PostgresMain"));
            }
        };
        match &prepared.columns {
            Some(columns) => wire::put_columns(&mut self.out, columns, &formats),
            None => put(&mut self.out, b'n', b""),
        }
        Ok(())
    }

    fn run(&mut self, host: &dyn Host, session: &mut Session, fields: &mut Fields<'_>) -> Result<After, Error> {
        let name = fields.text()?.to_owned();
        let most = fields.long()? as usize;
        fields.end()?;
        let portal = self
            .portals
            .0
            .get_mut(&name)
            .ok_or_else(|| no_portal(&name, 2071, "exec_execute_message"))?;
        let formats = portal.formats.clone();
        if portal.left.is_none() {
            let prepared = portal.prepared.clone();
            let params = portal.params.clone();
            let Some(parsed) = &prepared.parsed else {
                put(&mut self.out, b'I', b"");
                return Ok(After::Same);
            };
            let outcome = session.execute(host, &prepared.text, parsed, (&prepared.params, params));
            self.acts(session);
            match outcome {
                Err(error) => {
                    self.tell_query(&prepared.text, error.code, 0);
                    return Err(error);
                }
                Ok(Answer::Rows { columns, rows, tag }) => {
                    self.tell_query(&prepared.text, "00000", rows.len());
                    if let Some(portal) = self.portals.0.get_mut(&name) {
                        portal.left = Some((columns, rows.into(), tag));
                    }
                }
                Ok(answer) => {
                    self.tell_query(&prepared.text, "00000", 0);
                    return Ok(self.answer(host, session, answer, Some(&formats)));
                }
            }
        }
        let Some(mut left) = self.portals.0.get_mut(&name).and_then(|portal| portal.left.take()) else {
            return Ok(After::Same);
        };
        let (columns, rows, tag) = &mut left;
        let count = if most == 0 { rows.len() } else { most.min(rows.len()) };
        for row in rows.drain(..count) {
            put_cells(&mut self.out, host, session, columns, &row, &formats);
        }
        if rows.is_empty() && (most == 0 || count < most) {
            put(&mut self.out, b'C', &[tag.as_bytes(), b"\0"].concat());
            if let Some((word, _)) = tag.rsplit_once(' ') {
                *tag = format!("{word} 0");
            }
        } else {
            put(&mut self.out, b's', b"");
        }
        if let Some(portal) = self.portals.0.get_mut(&name) {
            portal.left = Some(left);
        }
        Ok(After::Same)
    }

    fn forget(&mut self, session: &mut Session, fields: &mut Fields<'_>) -> Result<(), Error> {
        match fields.byte()? {
            b'S' => session.forget(fields.text()?),
            _ => {
                self.portals.0.remove(fields.text()?);
            }
        }
        put(&mut self.out, b'3', b"");
        Ok(())
    }
}

fn no_portal(name: &str, line: u32, routine: &'static str) -> Error {
    Error::new("34000", format!("portal \"{name}\" does not exist")).raised("postgres.c", line, routine)
}
