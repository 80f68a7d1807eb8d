//! Header lines, byte by byte, as nginx reads them.

use std::ops::Range;

/// What a byte led to.
#[derive(Debug)]
pub(super) enum Field {
    More,
    /// A line is whole. One whose name holds odd signs is passed over.
    Line {
        name: Range<usize>,
        value: Range<usize>,
        valid: bool,
    },
    End,
}

#[derive(Debug, Default)]
pub(super) struct Fields {
    state: State,
    name: Range<usize>,
    value: Range<usize>,
    valid: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Name,
    BeforeValue,
    Value,
    AfterValue,
    AlmostDone,
    AlmostEnd,
}

// === impl Fields ===

impl Fields {
    /// Takes the byte at `at`; an error when no header may hold it.
    pub(super) fn push(&mut self, at: usize, byte: u8) -> Result<Field, ()> {
        use State::*;
        self.state = match (self.state, byte) {
            (Start, b'\r') => AlmostEnd,
            (Start | AlmostEnd, b'\n') => {
                self.state = Start;
                return Ok(Field::End);
            }
            (Start, 0..=0x20 | 0x7f | b':') => return Err(()),
            (Start, _) => {
                self.name = at..at;
                self.value = at..at;
                self.valid = is_usual(byte);
                Name
            }
            (Name, b':') => {
                self.name.end = at;
                self.value = at..at;
                BeforeValue
            }
            (Name, b'\r' | b'\n') => {
                self.name.end = at;
                self.value = at..at;
                return self.end_of_line(byte);
            }
            (Name, 0..=0x20 | 0x7f) => return Err(()),
            (Name, _) => {
                self.valid &= is_usual(byte);
                Name
            }
            (BeforeValue | Value | AfterValue, 0) => return Err(()),
            (BeforeValue, b' ') => BeforeValue,
            (BeforeValue, b'\r' | b'\n') => {
                self.value = at..at;
                return self.end_of_line(byte);
            }
            (BeforeValue, _) => {
                self.value = at..at + 1;
                Value
            }
            (Value, b' ') => {
                self.value.end = at;
                AfterValue
            }
            (Value, b'\r' | b'\n') => {
                self.value.end = at;
                return self.end_of_line(byte);
            }
            (AfterValue, b' ') => AfterValue,
            (AfterValue, b'\r' | b'\n') => return self.end_of_line(byte),
            (Value | AfterValue, _) => Value,
            (AlmostDone, b'\r') => AlmostDone,
            (AlmostDone, b'\n') => return self.end_of_line(byte),
            _ => return Err(()),
        };
        Ok(Field::More)
    }

    fn end_of_line(&mut self, byte: u8) -> Result<Field, ()> {
        if byte == b'\r' {
            self.state = State::AlmostDone;
            return Ok(Field::More);
        }
        self.state = State::Start;
        Ok(Field::Line {
            name: self.name.clone(),
            value: self.value.clone(),
            valid: self.valid,
        })
    }
}

/// What names of headers are made of.
fn is_usual(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
