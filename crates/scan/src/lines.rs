//! Lines of text: one by one, however long the file and whatever stands in it.

use std::io::{self, BufRead};

use detect::input::{AccessLog, FlowLog, MAX_LINE, call, event};
use detect::{About, Body, Engine, Event, Input, Report, Totals};

use crate::Options;
use crate::error::Error;
use crate::open::{InputType, Opened};

/// Reads lines, passing over what is longer than a line may be.
pub(crate) struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

/// A line, or why there is none.
pub(crate) enum Line<'a> {
    Text(std::borrow::Cow<'a, str>),
    TooLong,
}

/// A parser of one kind of line: true when the line was an event, false when it belongs to a header.
type Parser<'a> = Box<dyn FnMut(&str, &mut Engine) -> detect::Result<bool> + 'a>;

pub(crate) fn scan(input: Opened, kind: InputType, options: &Options) -> Result<Report, Error> {
    let mut engine = Engine::new(options.setup.clone(), family(kind));
    let mut parse = parser(kind, options);
    let mut lines = Lines::new(input.bytes);
    let (mut total, mut parsed, mut bad) = (0u64, 0u64, 0u64);
    let mut warnings = Vec::new();
    let mut complete = true;
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) if error.to_string() == crate::open::LIMIT => return Err(Error::io(&input.file, error)),
            Err(error) if total == 0 => return Err(Error::io(&input.file, error)),
            Err(error) => {
                warnings.push(format!("truncated_record: after {total} lines: {error}"));
                complete = false;
                break;
            }
        };
        match line {
            Line::Text(text) if text.trim().is_empty() => {}
            Line::TooLong => (total, bad) = (total + 1, bad + 1),
            Line::Text(text) => {
                total += 1;
                match parse(&text, &mut engine) {
                    Ok(true) => parsed += 1,
                    Ok(false) => {}
                    Err(_) => bad += 1,
                }
            }
        }
    }
    if total == 0 {
        return Err(Error::Empty { file: input.file });
    }
    if parsed == 0 && bad > 0 {
        return Err(Error::NoLines { file: input.file });
    }
    Ok(engine.finish().report(About {
        file: input.file,
        input_type: kind.name().to_owned(),
        complete,
        totals: Totals::Lines {
            lines_total: total,
            events_parsed: parsed,
            lines_bad: bad,
        },
        warnings,
        strict_notices: options.strict_notices,
    }))
}

fn family(kind: InputType) -> Input {
    match kind {
        InputType::Pcap => Input::Packets,
        InputType::Zeek => Input::Flows,
        InputType::Http => Input::Http,
        InputType::Events => Input::Events,
        InputType::Tools => Input::Tools,
    }
}

fn parser(kind: InputType, options: &Options) -> Parser<'static> {
    match kind {
        InputType::Zeek => {
            let mut log = FlowLog::default();
            Box::new(move |line, engine| {
                let record = log.line(line)?;
                let Some(record) = record else { return Ok(false) };
                engine.flow(record);
                Ok(true)
            })
        }
        InputType::Events => Box::new(|line, engine| {
            engine.event(event(line)?);
            Ok(true)
        }),
        InputType::Tools => Box::new(|line, engine| {
            let (at, call) = call(line)?;
            engine.event(Event::new(at, "tools", Body::Tool(Box::new(call))));
            Ok(true)
        }),
        InputType::Http | InputType::Pcap => {
            let log = AccessLog::new(&options.setup.config);
            Box::new(move |line, engine| {
                engine.event(log.line(line)?);
                Ok(true)
            })
        }
    }
}

// === impl Lines ===

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, line: Vec::new() }
    }

    /// The next line without its end; none when there are no more.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let held = self.from.fill_buf()?;
            if held.is_empty() {
                break;
            }
            any = true;
            let end = held.iter().position(|&byte| byte == b'\n');
            let take = end.unwrap_or(held.len());
            if self.line.len() + take > MAX_LINE {
                too_long = true;
            } else {
                self.line.extend_from_slice(&held[..take]);
            }
            self.from.consume(end.map_or(take, |end| end + 1));
            if end.is_some() {
                break;
            }
        }
        Ok(match (any, too_long) {
            (false, _) => None,
            (true, true) => Some(Line::TooLong),
            (true, false) => Some(Line::Text(String::from_utf8_lossy(&self.line))),
        })
    }
}
