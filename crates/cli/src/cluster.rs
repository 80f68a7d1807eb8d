//! `decnet cluster run | mixed`: clustering without a grid, of whatever corpus one has.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use campaign::mixed::{Mix, mixed};
use campaign::{Corpus, Level, Load, Observed, Outcome, Problem, Problems, Record, Score, Severity};
use cluster::{Profile, Settings};
use serde::Serialize;

use crate::args;
use crate::context::{Context, refused};
use crate::exit::{Code, Failure, Result};
use crate::output::say;

pub fn cluster(cx: &Context, asked: &args::Cluster) -> Result {
    match asked {
        args::Cluster::Run(asked) => run(cx, asked),
        args::Cluster::Mixed(asked) => mix(cx, asked),
    }
}

fn run(cx: &Context, asked: &args::ClusterRun) -> Result {
    let records = read(cx, asked)?;
    let mut settings = Settings::new(asked.profile.into());
    if let Some(file) = &asked.commodity {
        add_commodity(file, &mut settings)?;
    }
    let outcome = campaign::run(&records, &settings);
    let report = Report::new(&records, &outcome, &settings, asked);
    if cx.out.json {
        return cx.out.value(&report);
    }
    report.show(cx)
}

fn add_commodity(file: &Path, settings: &mut Settings) -> Result {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    settings.commodity.extend(&text).map_err(|wrong| {
        let what = format!("{}:{}: {}", file.display(), wrong.line, wrong.reason);
        Failure::new(Code::Invalid, what)
            .help("a line is `family<TAB>value<TAB>name`, as `ja3<TAB>...<TAB>curl`")
            .into()
    })
}

// === What is clustered ===

/// All files as one corpus: first what the descriptions make, then the observations.
fn read(cx: &Context, asked: &args::ClusterRun) -> Result<Vec<Record>> {
    let mut descriptions = Vec::new();
    let mut observed = Observed::default();
    for file in &asked.files {
        if is_description(file)? {
            descriptions.push(file.display().to_string());
        } else {
            observe(file, &mut observed)?;
        }
    }
    let mut records = Vec::new();
    if !descriptions.is_empty() {
        records = campaign::generate(&corpus(cx, &descriptions)?, asked.seed);
    }
    records.extend(observed.finish().map_err(wrong)?);
    Ok(records)
}

/// What descriptions say, as one corpus.
pub fn corpus(cx: &Context, files: &[String]) -> Result<Corpus> {
    let (corpus, warnings) = campaign::load(files, &mut Disk).map_err(wrong)?;
    if !warnings.is_empty() {
        cx.out.note(&diagnostics(warnings).to_string());
    }
    Ok(corpus)
}

/// By its ending; without a telling one, by its first character.
fn is_description(file: &Path) -> Result<bool> {
    let ending = file.extension().map(|ending| ending.to_ascii_lowercase());
    match ending.as_deref().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => return Ok(true),
        Some("ndjson" | "jsonl") => return Ok(false),
        _ => {}
    }
    let mut opened = BufReader::new(File::open(file).map_err(|error| unreadable(file, &error))?);
    let first = opened.fill_buf().map_err(|error| unreadable(file, &error))?;
    Ok(!first.trim_ascii_start().starts_with(b"{"))
}

fn observe(file: &Path, observed: &mut Observed) -> Result {
    let mut opened = BufReader::new(File::open(file).map_err(|error| unreadable(file, &error))?);
    let name = file.display().to_string();
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let most = campaign::MAX_LINE as u64 + 2;
        let read = opened.by_ref().take(most).read_until(b'\n', &mut bytes);
        if read.map_err(|error| unreadable(file, &error))? == 0 || observed.is_hopeless() {
            break;
        }
        // What is not UTF-8 is not JSON either, and the reader says so.
        observed.push(&name, number, String::from_utf8_lossy(&bytes).trim_end());
        if bytes.len() as u64 == most {
            break;
        }
    }
    Ok(())
}

/// Descriptions on disk; an included one is looked for beside the one that includes it.
struct Disk;

impl Load for Disk {
    fn text(&mut self, name: &str, beside: Option<&str>) -> io::Result<(String, String)> {
        let folder = beside
            .and_then(|file| Path::new(file).parent())
            .unwrap_or(Path::new(""));
        let path = folder.join(name);
        let with = |ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
        let found = [path.clone(), with("yaml"), with("yml")]
            .into_iter()
            .find(|path| path.is_file());
        let path = found.unwrap_or(path);
        let mut text = String::new();
        File::open(&path)?
            .take(campaign::MAX_TEXT as u64 + 1)
            .read_to_string(&mut text)?;
        Ok((path.display().to_string(), text))
    }
}

fn unreadable(file: &Path, error: &io::Error) -> anyhow::Error {
    Failure::new(Code::Invalid, format!("{} cannot be read: {error}", file.display())).into()
}

fn wrong(found: Problems) -> anyhow::Error {
    refused(&diagnostics(found), "")
}

/// Problems as all inputs of the command tell theirs.
fn diagnostics(found: Problems) -> fleet::Diagnostics {
    let one = |problem: Problem| {
        let mut told = match problem.severity {
            Severity::Error => fleet::Diagnostic::error("E_CAMPAIGN", problem.message),
            Severity::Warning => fleet::Diagnostic::warning("W_CAMPAIGN", problem.message),
        };
        let mut place = fleet::Place::file(problem.file);
        if let Some(line) = problem.line {
            place = place.line(line, problem.column.unwrap_or(1)).text(problem.text);
        }
        told = told.at([place]);
        match problem.help {
            Some(help) => told.help(help),
            None => told,
        }
    };
    found.into_iter().map(one).collect()
}

// === What came out ===

#[derive(Serialize)]
struct Report<'r> {
    profile: Profile,
    seed: u64,
    observations: usize,
    identity: LevelReport,
    campaign: LevelReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<Row<'r>>>,
}

#[derive(Serialize)]
struct LevelReport {
    clusters: usize,
    /// Observations in the largest cluster.
    largest: usize,
    /// Observations whose truth is known.
    known: usize,
    #[serde(flatten)]
    score: Option<Score>,
}

#[derive(Serialize)]
struct Row<'r> {
    observation: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ip: &'r str,
    identity: Labels<'r>,
    campaign: Labels<'r>,
}

#[derive(Serialize)]
struct Labels<'r> {
    label: &'r str,
    truth: Option<&'r str>,
}

// === impl Report ===

impl<'r> Report<'r> {
    fn new(records: &'r [Record], outcome: &'r Outcome, settings: &Settings, asked: &args::ClusterRun) -> Self {
        let row = |(n, record): (usize, &'r Record)| Row {
            observation: &record.observation.id,
            ip: &record.ip,
            identity: Labels {
                label: outcome.identity.label(n),
                truth: record.truth.identity.as_deref(),
            },
            campaign: Labels {
                label: outcome.campaign.label(n),
                truth: record.truth.campaign.as_deref(),
            },
        };
        Self {
            profile: settings.profile,
            seed: asked.seed,
            observations: records.len(),
            identity: LevelReport::new(&outcome.identity),
            campaign: LevelReport::new(&outcome.campaign),
            labels: asked.labels.then(|| records.iter().enumerate().map(row).collect()),
        }
    }

    fn show(&self, cx: &Context) -> Result {
        let header = [
            "LEVEL",
            "CLUSTERS",
            "LARGEST",
            "ARI",
            "HOMOGENEITY",
            "COMPLETENESS",
            "SINGLETON RECALL",
        ];
        let levels = [("identity", &self.identity), ("campaign", &self.campaign)];
        cx.out.list(&levels, &header, |(name, level)| level.cells(name), "")?;
        let Some(rows) = &self.labels else { return Ok(()) };
        say!()?;
        let header = ["OBSERVATION", "IP", "IDENTITY", "TRUTH", "CAMPAIGN", "TRUTH"];
        cx.out.list(rows, &header, Row::cells, "the corpus is empty")
    }
}

impl LevelReport {
    fn new(level: &Level) -> Self {
        Self {
            clusters: level.partition.clusters(),
            largest: level.partition.largest(),
            known: level.known,
            score: level.score,
        }
    }

    fn cells(&self, name: &str) -> Vec<String> {
        let mut cells = vec![name.to_owned(), self.clusters.to_string(), self.largest.to_string()];
        match &self.score {
            Some(score) => {
                let measures = [score.ari, score.homogeneity, score.completeness, score.singleton_recall];
                cells.extend(measures.map(|measure| format!("{measure:.4}")));
            }
            None => cells.extend(["", "", "", ""].map(str::to_owned)),
        }
        cells
    }
}

impl Row<'_> {
    fn cells(&self) -> Vec<String> {
        let truth = |labels: &Labels<'_>| labels.truth.unwrap_or("").to_owned();
        vec![
            self.observation.to_owned(),
            self.ip.to_owned(),
            self.identity.label.to_owned(),
            truth(&self.identity),
            self.campaign.label.to_owned(),
            truth(&self.campaign),
        ]
    }
}

// === Mixed corpora ===

fn mix(cx: &Context, asked: &args::ClusterMixed) -> Result {
    let mix = Mix {
        rows: asked.rows,
        popular_ja3: asked.popular_ja3,
    };
    let records = mixed(&mix, asked.seed);
    let cannot = |error: io::Error| {
        let what = format!("{} cannot be written: {error}", asked.out.display());
        anyhow::Error::from(Failure::new(Code::Invalid, what))
    };
    let mut out = BufWriter::new(File::create(&asked.out).map_err(cannot)?);
    for record in &records {
        writeln!(out, "{}", campaign::write_observation(record)).map_err(cannot)?;
    }
    out.flush().map_err(cannot)?;
    cx.out
        .note(&format!("{} observations in {}", records.len(), asked.out.display()));
    Ok(())
}

impl From<args::Profile> for Profile {
    fn from(profile: args::Profile) -> Self {
        match profile {
            args::Profile::Strict => Self::Strict,
            args::Profile::Compat => Self::Compat,
        }
    }
}
