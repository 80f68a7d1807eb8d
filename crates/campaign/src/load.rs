//! From the text of description files to one corpus.

use std::io;

use serde_yaml::Value;

use crate::language::{Corpus, Noise};
use crate::node::{Node, Reader};
use crate::problem::{Problem, Problems};
use crate::{read, schedule};

/// How the text of a file is had: a composite names others by their place beside it.
pub trait Load {
    /// The text of a file, and the name by which files it includes are to be asked for.
    ///
    /// # Errors
    /// What the system says when the file cannot be read.
    fn text(&mut self, name: &str, beside: Option<&str>) -> io::Result<(String, String)>;
}

/// Bytes of one description.
pub const MAX_TEXT: usize = 4 << 20;
/// Addresses of one corpus.
pub const MAX_ROWS: u64 = 2_000_000;
/// Sessions of one corpus.
pub const MAX_SESSIONS: u64 = 5_000_000;
/// Composites of composites.
const MAX_DEPTH: usize = 8;
/// Files of one composite.
const MAX_INCLUDES: usize = 1_000;

/// Reads the files into one corpus: their campaigns in order, their noise together. What is odd but no error comes
/// along.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn load(files: &[String], source: &mut dyn Load) -> Result<(Corpus, Problems), Problems> {
    let mut loading = Loading {
        source,
        corpus: Corpus::default(),
        problems: Problems::default(),
        open: Vec::new(),
        included: 0,
    };
    for file in files {
        match loading.source.text(file, None) {
            Ok((name, text)) => loading.file(&name, &text),
            Err(error) => {
                let problem = Problem::error(file, format!("the file cannot be read: {error}"));
                loading.problems.push(problem);
            }
        }
    }
    let Loading {
        corpus, mut problems, ..
    } = loading;
    if let (false, Some(file)) = (problems.has_errors(), files.last()) {
        check_size(&corpus, file, &mut problems);
    }
    if problems.has_errors() {
        return Err(problems);
    }
    Ok((corpus, problems))
}

fn check_size(corpus: &Corpus, file: &str, problems: &mut Problems) {
    let sizes = [
        (corpus.rows(), MAX_ROWS, "addresses"),
        (corpus.sessions(), MAX_SESSIONS, "sessions"),
    ];
    for (asked, most, what) in sizes {
        if asked > most {
            problems.push(Problem::error(
                file,
                format!("{asked} {what} are asked for; {most} are the most"),
            ));
        }
    }
}

struct Loading<'s> {
    source: &'s mut dyn Load,
    corpus: Corpus,
    problems: Problems,
    /// Names of the files that are being read, the outermost first.
    open: Vec<String>,
    included: usize,
}

// === impl Loading ===

impl Loading<'_> {
    fn file(&mut self, name: &str, text: &str) {
        if text.len() > MAX_TEXT {
            let problem = Problem::error(name, format!("the file is larger than {} MiB", MAX_TEXT >> 20));
            return self.problems.push(problem);
        }
        let value = match parse(text) {
            Ok(value) => value,
            Err(error) => {
                let mut problem = Problem::error(name, format!("this is no YAML: {}", said(&error)));
                if let Some(place) = error.location() {
                    problem = problem.at((place.line(), place.column()), text);
                }
                return self.problems.push(problem);
            }
        };
        let mut reader = Reader::new(name, text);
        self.open.push(name.to_owned());
        self.document(&Node::root(&value), &mut reader);
        self.open.pop();
        self.problems.extend(reader.problems);
    }

    fn document(&mut self, root: &Node<'_>, reader: &mut Reader<'_>) {
        const KINDS: [&str; 3] = ["campaign", "corpus", "include_fixtures"];
        if !root.is_mapping() {
            return reader.error(
                root,
                "a description is a mapping that begins with `campaign:` or `corpus:`",
            );
        }
        let there: Vec<_> = KINDS.into_iter().filter(|kind| root.has(kind)).collect();
        match there[..] {
            ["campaign"] => {
                reader.only(root, "a description", &KINDS);
                self.campaign(root, reader);
            }
            ["corpus"] => {
                reader.only(root, "a description", &KINDS);
                self.corpus(root, reader);
            }
            ["include_fixtures"] => {
                reader.only(root, "a composite", &["include_fixtures", "extra_noise_scanners"]);
                self.composite(root, reader);
            }
            [] => reader.error_with_help(
                root,
                "`campaign` is missing".to_owned(),
                "a description has `campaign:`, `corpus:` or `include_fixtures:`".to_owned(),
            ),
            _ => reader.error(
                root,
                format!("only one of `{}` can be described", there.join("` and `")),
            ),
        }
    }

    fn campaign(&mut self, holder: &Node<'_>, reader: &mut Reader<'_>) {
        let Some(node) = holder.get("campaign") else {
            return reader.error(holder, "`campaign` is missing");
        };
        let Some(campaign) = read::campaign(&node, reader) else {
            return;
        };
        if campaign.ordered && !schedule::can_be_ordered(&campaign) {
            let at = node.get("ordered").unwrap_or(node);
            return reader.error_with_help(
                &at,
                "the phases cannot be put in this order: an actor's last hour is over before the one before him begins"
                    .to_owned(),
                "widen `hours_active_utc` or `active_days`, or change the order of the phases".to_owned(),
            );
        }
        self.corpus.campaigns.push(campaign);
    }

    fn corpus(&mut self, root: &Node<'_>, reader: &mut Reader<'_>) {
        let Some(node) = root.get("corpus") else { return };
        if !reader.mapping(&node, "`corpus`") {
            return;
        }
        reader.only(&node, "a corpus", &["campaigns", "noise"]);
        if let Some(campaigns) = node.get("campaigns") {
            for item in reader.list(&campaigns, "`campaigns`").unwrap_or_default() {
                if reader.mapping(&item, "each of `campaigns`") {
                    reader.only(&item, "a list of campaigns", &["campaign"]);
                    self.campaign(&item, reader);
                }
            }
        }
        if let Some(noise) = node.get("noise") {
            self.corpus.noise.extend(read::noise(&noise, reader));
        }
    }

    fn composite(&mut self, root: &Node<'_>, reader: &mut Reader<'_>) {
        let Some(list) = root.get("include_fixtures") else {
            return;
        };
        for item in reader.list(&list, "`include_fixtures`").unwrap_or_default() {
            if let Some(name) = reader.word(&item, "the name of a file") {
                self.include(&item, &name, reader);
            }
        }
        if let Some(extra) = root.get("extra_noise_scanners")
            && let Some(scanners) = reader.number(&extra, "`extra_noise_scanners`", 0, MAX_ROWS)
        {
            self.corpus.noise.push(Noise {
                scanners: scanners as u32,
                ja3: None,
                hassh: None,
            });
        }
    }

    fn include(&mut self, item: &Node<'_>, name: &str, reader: &mut Reader<'_>) {
        self.included += 1;
        if self.included > MAX_INCLUDES {
            return reader.error(item, format!("more than {MAX_INCLUDES} files are included"));
        }
        if self.open.len() > MAX_DEPTH {
            return reader.error(item, format!("files include each other more than {MAX_DEPTH} deep"));
        }
        match self.source.text(name, self.open.last().map(String::as_str)) {
            Ok((name, _)) if self.open.contains(&name) => reader.error(item, format!("`{name}` includes itself")),
            Ok((name, text)) => self.file(&name, &text),
            Err(error) => reader.error(item, format!("`{name}` cannot be read: {error}")),
        }
    }
}

fn parse(text: &str) -> Result<Value, serde_yaml::Error> {
    let mut value: Value = serde_yaml::from_str(text)?;
    value.apply_merge()?;
    Ok(value)
}

/// The error without its place, which is told beside it.
fn said(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}
