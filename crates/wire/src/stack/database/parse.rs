//! Reading a signature file.

use super::{Database, Entry, Label, Origin, pattern::Pattern};

/// What is wrong with a signature file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FileError {
    /// From one.
    pub line: usize,
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("neither a section, a comment nor `name = value`")]
    Line,
    #[error("`[{0}]` is no section; there are tcp:request, tcp:response, mtu, http:request and http:response")]
    Section(String),
    #[error("`{0}` belongs into a section")]
    NoSection(String),
    #[error("a section of signatures has no `{0}`; it has label, sys and sig")]
    Key(String),
    #[error("a signature without a label above it")]
    NoLabel,
    #[error("label `{0}` is not `s|g:class:name:flavor`")]
    Label(String),
    #[error("`;@` is not followed by JSON with source, date and confirmations: {0}")]
    Origin(String),
    #[error(
        "a signature has eight fields, version:ttl:option length:mss:window,scale:options:quirks:payload, this has {0}"
    )]
    Fields(usize),
    #[error("version `{0}` is neither 4, 6 nor *")]
    Version(String),
    #[error("TTL `{0}` is not of 1 to 255, with - or +distance behind it or nothing")]
    Ttl(String),
    #[error("option length `{0}` is no number")]
    OptionLen(String),
    #[error("MSS `{0}` is neither a number nor *")]
    Mss(String),
    #[error("window `{0}` is neither a number, mss*n, mtu*n, %n nor *, with a comma and the scale behind it")]
    Window(String),
    #[error("scale `{0}` is neither a number nor *")]
    Scale(String),
    #[error("there is no option `{0}`; there are mss, nop, ws, sok, sack, ts, ?kind and eol+bytes")]
    Option(String),
    #[error("options after eol")]
    AfterEol,
    #[error("there is no quirk `{0}`")]
    Quirk(String),
    #[error("payload `{0}` is neither 0, + nor *")]
    Payload(String),
    #[error("MTU `{0}` is no number")]
    Mtu(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Requests,
    Responses,
    Links,
    /// Of another protocol: read over.
    Other,
}

/// Where the reading stands.
#[derive(Default)]
struct Reader {
    database: Database,
    section: Option<Section>,
    origin: Origin,
    /// Of the links.
    link: Option<String>,
    /// The last label is of this section.
    has_label: bool,
}

// === impl Database ===

impl Database {
    /// Reads a signature file in the format of p0f version 3. Sections of HTTP are read over; lines that begin with
    /// `;@` say in JSON where the signatures below come from ([`Origin`]).
    ///
    /// # Errors
    /// At the first line that is not as it should be.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            reader
                .line(at + 1, line.trim())
                .map_err(|problem| FileError { line: at + 1, problem })?;
        }
        Ok(reader.database)
    }
}

// === impl Reader ===

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Problem> {
        if let Some(origin) = line.strip_prefix(";@") {
            self.origin = serde_json::from_str(origin).map_err(|error| Problem::Origin(error.to_string()))?;
            return Ok(());
        }
        if line.is_empty() || line.starts_with(';') {
            return Ok(());
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return self.section(section);
        }
        let (name, value) = line.split_once('=').ok_or(Problem::Line)?;
        self.setting(number, name.trim(), value.trim())
    }

    fn section(&mut self, name: &str) -> Result<(), Problem> {
        self.section = Some(match name {
            "tcp:request" => Section::Requests,
            "tcp:response" => Section::Responses,
            "mtu" => Section::Links,
            "http:request" | "http:response" => Section::Other,
            _ => return Err(Problem::Section(name.to_owned())),
        });
        self.has_label = false;
        self.link = None;
        Ok(())
    }

    fn setting(&mut self, number: usize, name: &str, value: &str) -> Result<(), Problem> {
        match (self.section, name) {
            (Some(Section::Other), _) | (None, "classes") => Ok(()),
            (None, _) => Err(Problem::NoSection(name.to_owned())),
            (Some(Section::Links), "label") => {
                self.link = Some(value.to_owned());
                Ok(())
            }
            (Some(Section::Links), "sig") => self.link(value),
            (Some(Section::Requests | Section::Responses), "label") => self.label(value),
            (Some(Section::Requests | Section::Responses), "sys") => self.systems(value),
            (Some(Section::Requests), "sig") => self.signature(number, value, false),
            (Some(Section::Responses), "sig") => self.signature(number, value, true),
            (Some(_), _) => Err(Problem::Key(name.to_owned())),
        }
    }

    fn link(&mut self, mtu: &str) -> Result<(), Problem> {
        let name = self.link.clone().ok_or(Problem::NoLabel)?;
        let mtu = mtu.parse().map_err(|_| Problem::Mtu(mtu.to_owned()))?;
        self.database.links.push((mtu, name));
        Ok(())
    }

    fn label(&mut self, text: &str) -> Result<(), Problem> {
        let problem = || Problem::Label(text.to_owned());
        let mut parts = text.splitn(4, ':').map(str::trim);
        let (Some(kind), Some(class), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(problem());
        };
        let generic = match kind {
            "s" => false,
            "g" => true,
            _ => return Err(problem()),
        };
        if class.is_empty() || name.is_empty() {
            return Err(problem());
        }
        self.database.labels.push(Label {
            generic,
            class: (class != "!").then(|| class.to_owned()),
            name: name.to_owned(),
            flavor: parts.next().unwrap_or_default().to_owned(),
            systems: Vec::new(),
            origin: self.origin.clone(),
        });
        self.has_label = true;
        Ok(())
    }

    fn systems(&mut self, text: &str) -> Result<(), Problem> {
        let label = self
            .database
            .labels
            .last_mut()
            .filter(|_| self.has_label)
            .ok_or(Problem::NoLabel)?;
        label.systems = text.split(',').map(|system| system.trim().to_owned()).collect();
        Ok(())
    }

    fn signature(&mut self, line: usize, text: &str, response: bool) -> Result<(), Problem> {
        let pattern: Pattern = text.parse()?;
        if !self.has_label {
            return Err(Problem::NoLabel);
        }
        let entry = Entry {
            pattern,
            label: self.database.labels.len() - 1,
            line,
        };
        let known = if response {
            &mut self.database.responses
        } else {
            &mut self.database.requests
        };
        known.add(entry);
        Ok(())
    }
}
