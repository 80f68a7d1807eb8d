//! Answers sent, COPY and programs among them.

use sql::{Answer, Error, Host, Session};

use super::super::wire::{self, Fields, Message, put};
use super::extended::put_cells;
use super::{After, Do, Talk, fatal};

/// Bytes of one COPY that are taken.
const MOST_COPIED: usize = 8 << 20;

// === impl Talk ===

impl Talk {
    /// Sends an answer; with `formats`, as the extended protocol does.
    pub(super) fn answer(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        answer: Answer,
        formats: Option<&[u16]>,
    ) -> After {
        match answer {
            Answer::Rows { columns, rows, tag } => {
                if formats.is_none() {
                    wire::put_columns(&mut self.out, &columns, &[]);
                }
                for row in &rows {
                    put_cells(&mut self.out, host, session, &columns, row, formats.unwrap_or(&[]));
                }
                self.complete(&tag);
                After::Ready
            }
            Answer::Done(tag) => {
                self.complete(&tag);
                After::Ready
            }
            Answer::CopyOut {
                columns,
                lines,
                tag,
                binary,
            } => {
                put(&mut self.out, b'H', &copy_head(columns, binary));
                lines.iter().for_each(|line| put(&mut self.out, b'd', line));
                put(&mut self.out, b'c', b"");
                self.complete(&tag);
                After::Ready
            }
            Answer::CopyIn { columns } => {
                put(&mut self.out, b'G', &copy_head(columns, false));
                self.lines.clear();
                self.copies_extended = formats.is_some();
                After::Copying
            }
            // Only MySQL asks for files.
            Answer::Local { .. } => After::Ready,
            Answer::Program { command, input } => {
                self.flush();
                self.todo.push_back(Do::Run { command, input });
                After::Running(formats.is_some())
            }
        }
    }

    fn complete(&mut self, tag: &str) {
        put(&mut self.out, b'C', &[tag.as_bytes(), b"\0"].concat());
    }

    pub(super) fn copying(&mut self, host: &dyn Host, session: &mut Session, message: &Message) -> After {
        let outcome = match message.kind {
            b'd' => {
                if self.lines.len() + message.body.len() > MOST_COPIED {
                    self.lines.clear();
                    self.refuse(session, &Error::new("53200", "out of memory"));
                    return After::Ready;
                }
                self.lines.extend(&message.body);
                return After::Same;
            }
            b'c' => {
                let lines = std::mem::take(&mut self.lines);
                session.copied(host, &lines)
            }
            b'f' => {
                let why = Fields(&message.body).text().unwrap_or("").to_owned();
                let mut error = fatal(
                    "57014",
                    format!("COPY from stdin failed: {why}"),
                    "copyfromparse.c",
                    315,
                    "CopyGetData",
                );
                error.context = Some(format!("COPY {}, line 1", session.copying().unwrap_or("")));
                Err(error)
            }
            _ => return After::Same,
        };
        self.finished(host, session, outcome, self.copies_extended);
        After::Ready
    }

    /// A COPY is through, or a program.
    pub(super) fn finished(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        outcome: Result<String, Error>,
        extended: bool,
    ) {
        self.acts(session);
        match outcome {
            Ok(tag) => {
                self.complete(&tag);
                if !extended {
                    self.done(host, session);
                }
            }
            Err(error) => {
                self.rest.clear();
                self.take_back(session);
                self.refuse(session, &error);
                self.skipping = extended;
                if !extended {
                    self.ready(session.phase());
                }
            }
        }
    }
}

fn copy_head(columns: usize, binary: bool) -> Vec<u8> {
    let format = u16::from(binary).to_be_bytes();
    let mut body = vec![binary.into()];
    body.extend((columns as u16).to_be_bytes());
    (0..columns).for_each(|_| body.extend(format));
    body
}
