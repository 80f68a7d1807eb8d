//! `scan`, `hunt`, `check`: files through the detection engine, and how the verdict is told.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use detect::{Finding, News, Report, ScanOutcome, Setup};
use runtime::Crew;
use scan::{InputType, Options};
use serde_json::{Value, json};
use store::LOCAL;
use workers::{Desk, Teller};

use crate::args::{Check, Engine, Hunt, Scan, Watch};
use crate::context::Context;
use crate::crew;
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Output, heard, say};
use crate::prose;

/// What a run of several files came to: the worst of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Clear,
    Alert,
    Failed,
}

pub async fn scan(cx: &Context, asked: &Scan) -> Result {
    let options = options(cx, asked)?;
    let mut told = Vec::new();
    let mut ended = Ended::Clear;
    for file in &asked.file {
        ended = ended.max(match scan::scan(file, &options) {
            Ok(mut report) => {
                prose::narrate(&options.setup.config, &mut report).await?;
                let outcome = report.verdict;
                log(asked.log.as_deref(), &report)?;
                heard(tell(&cx.out, &report, &mut told))?;
                if outcome == ScanOutcome::Alert {
                    Ended::Alert
                } else {
                    Ended::Clear
                }
            }
            Err(error) => {
                told.push(refusal(&error));
                output::tell(format_args!("error: {error}\n"));
                Ended::Failed
            }
        });
    }
    if cx.out.json {
        heard(answer(&cx.out, told, ended))?;
    }
    end(ended)
}

/// The hunting loop over a file: the same engine, each finding with the steps that led to it.
pub async fn hunt(cx: &Context, asked: &Hunt) -> Result {
    let setup = setup(cx, &asked.engine)?;
    let options = Options {
        setup,
        ..Options::default()
    };
    let mut report = scan::scan(&asked.file, &options).map_err(|error| failed(cx, &error))?;
    prose::narrate(&options.setup.config, &mut report).await?;
    report.findings.iter_mut().for_each(Finding::trace_steps);
    let ended = if report.verdict == ScanOutcome::Alert {
        Ended::Alert
    } else {
        Ended::Clear
    };
    let mut told = Vec::new();
    heard(tell(&cx.out, &report, &mut told))?;
    if cx.out.json {
        heard(answer(&cx.out, told, ended))?;
    }
    end(ended)
}

/// An interface, until Ctrl-C: a finding a panel, or with `--json` a line.
pub async fn watch(cx: &Context, asked: &Watch) -> Result {
    if asked.list_interfaces {
        let all = scan::live::interfaces().map_err(|error| failed(cx, &error))?;
        let cells = |one: &scan::live::Interface| vec![one.index.to_string(), one.name.clone()];
        return cx
            .out
            .list(&all, &["NUMBER", "INTERFACE"], cells, "there is no interface");
    }
    let setup = setup(cx, &asked.engine)?;
    let interface = scan::live::interface(asked.interface.as_deref()).map_err(|error| failed(cx, &error))?;
    let found = Arc::new(Found::default());
    let telling = if asked.no_record {
        None
    } else {
        record(cx, &found).await
    };
    cx.out.note(&format!("watching {interface}; Ctrl-C stops it"));
    let stop = Arc::new(AtomicBool::new(false));
    let (told, json, kept) = (stop.clone(), cx.out.json, found.clone());
    let watching = tokio::task::spawn_blocking(move || {
        scan::live::watch(&interface, setup, &told, |news| {
            let all = news.findings.iter().map(|finding| match json {
                true => say!("{}", serde_json::to_string(finding).unwrap_or_default()),
                false => say!("{}", panel(finding).trim_end()),
            });
            // Nobody reads on: there is nobody to watch for.
            let heard = all.into_iter().all(|printed| printed.is_ok());
            kept.put(news);
            heard
        })
    });
    tokio::pin!(watching);
    let ended = tokio::select! {
        ended = &mut watching => ended,
        () = crate::crew::stop_asked() => {
            stop.store(true, Ordering::Relaxed);
            watching.await
        }
    }?;
    if let Some(crew) = telling {
        // The last of it is fetched within a second.
        for _ in 0..30 {
            if found.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        crew.stop().await;
    }
    let watched = ended.map_err(|error| failed(cx, &error))?;
    cx.out.note(&format!(
        "{} packets, {} judged, {} lost by the kernel",
        watched.packets_total, watched.packets_analysed, watched.dropped
    ));
    Ok(())
}

/// What a watch found and nobody has stored yet.
#[derive(Default)]
struct Found(Mutex<News>);

/// Findings kept while the database is away.
const KEPT: usize = 10_000;

// === impl Found ===

impl Found {
    fn put(&self, news: News) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.findings.len() < KEPT {
            held.findings.extend(news.findings);
            held.incidents.extend(news.incidents);
        }
    }

    fn take(&self) -> News {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .findings
            .is_empty()
    }
}

/// As the teller asks it.
struct WatchDesk(Arc<Found>);

impl Desk for WatchDesk {
    fn news(&self) -> News {
        self.0.take()
    }
}

/// Stores and tells what is found for as long as the crew works; a watch without a database is still one.
async fn record(cx: &Context, found: &Arc<Found>) -> Option<Crew> {
    let opened = async {
        let store = cx.store().await?;
        Ok::<_, anyhow::Error>((store, crew::bus(cx, "watch").await?))
    };
    match opened.await {
        Ok((store, bus)) => {
            let mut crew = Crew::new(bus, LOCAL);
            let found = found.clone();
            crew.worker(move || Teller::new(store.clone(), WatchDesk(found.clone())));
            Some(crew)
        }
        Err(error) => {
            cx.out.note(&format!("warning: what is found is not stored: {error}"));
            None
        }
    }
}

pub fn check(cx: &Context, asked: &Check) -> Result {
    let setup = setup(cx, &asked.engine)?;
    let (mut lines, mut printed) = (Vec::new(), Ok(()));
    let (any, bad) = scan::replay(&asked.replay, setup, |checked| {
        let line = if cx.out.json {
            serde_json::to_string(checked).unwrap_or_default()
        } else {
            let verdict = &checked.verdict;
            let reason = verdict.reason.as_deref().unwrap_or("");
            let decision = json!(verdict.decision);
            let decision = decision.as_str().unwrap_or_default().to_owned();
            format!(
                "{:>6}  {decision:<5}  {:>3}  {}  {}  {reason}",
                checked.seq,
                verdict.confidence.value(),
                checked.agent_id,
                checked.tool_name
            )
        };
        lines.push(line);
        if lines.len() >= FLUSH {
            printed = std::mem::replace(&mut printed, Ok(())).and_then(|()| say!("{}", lines.join("\n")));
            lines.clear();
        }
    })
    .map_err(|error| failed(cx, &error))?;
    if !lines.is_empty() {
        printed = printed.and_then(|()| say!("{}", lines.join("\n")));
    }
    heard(printed)?;
    if bad > 0 {
        cx.out.note(&format!("{bad} lines could not be read"));
    }
    end(if any { Ended::Alert } else { Ended::Clear })
}

/// Lines printed at once.
const FLUSH: usize = 1024;

/// Settings, lists and rules as the flags, files and environment say.
pub fn setup(cx: &Context, asked: &Engine) -> Result<Setup> {
    let mut flags = Vec::new();
    for pair in &asked.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::new(Code::Usage, format!("--set wants KEY=VALUE, not `{pair}`")))?;
        flags.push((key.to_owned(), value.to_owned()));
    }
    if let Some(least) = asked.min_confidence {
        flags.push(("min_confidence".to_owned(), least.to_string()));
    }
    let (mut config, warnings, _) =
        scan::settings(asked.config.as_deref(), &flags).map_err(|error| failed(cx, &error))?;
    for warning in warnings {
        cx.out.note(&format!("warning: {warning}"));
    }
    config.disabled.extend(crate::rulebook::removed(cx));
    let intel = scan::intel(&config).map_err(|error| failed(cx, &error))?;
    let rules = match &asked.rules {
        Some(path) => scan::rules(path).map_err(|error| failed(cx, &error))?,
        None => crate::rulebook::installed(cx)?,
    };
    Ok(Setup {
        config,
        intel,
        rules,
        only: asked.only.clone(),
    })
}

fn options(cx: &Context, asked: &Scan) -> Result<Options> {
    let input = match &asked.kind {
        Some(name) => Some(InputType::parse(name).ok_or_else(|| {
            Failure::new(Code::Usage, format!("`{name}` is no type of input")).help("pcap, zeek, http, events or tools")
        })?),
        None => None,
    };
    Ok(Options {
        setup: setup(cx, &asked.engine)?,
        input,
        strict: asked.strict,
        strict_notices: asked.strict_notices,
    })
}

/// An error that ends the command, told in JSON as well when that was asked for.
fn failed(cx: &Context, error: &scan::Error) -> anyhow::Error {
    if cx.out.json {
        // The error itself is said on stderr in any case.
        let _ = say!("{}", refusal(error));
    }
    Failure::new(Code::Usage, error.to_string()).into()
}

fn refusal(error: &scan::Error) -> Value {
    json!({ "error": error.to_string(), "code": error.code(), "file": error.file() })
}

fn end(ended: Ended) -> Result {
    match ended {
        Ended::Clear => Ok(()),
        Ended::Alert => Err(Failure::new(Code::Invalid, "").into()),
        Ended::Failed => Err(Failure::new(Code::Usage, "").into()),
    }
}

/// One report as it is; several as a list with the worst verdict.
fn answer(out: &Output, mut told: Vec<Value>, ended: Ended) -> Result {
    if told.len() == 1 {
        return out.value(&told.remove(0));
    }
    let verdict = if ended == Ended::Clear { "CLEAR" } else { "ALERT" };
    let verdict = if ended == Ended::Failed { "ERROR" } else { verdict };
    out.value(&json!({ "schema": "decnet.scan-list/1", "verdict": verdict, "files": told }))
}

fn tell(out: &Output, report: &Report, told: &mut Vec<Value>) -> Result {
    if out.json {
        told.push(serde_json::to_value(report)?);
        return Ok(());
    }
    for warning in &report.warnings {
        out.note(&format!("warning: {}: {warning}", report.file));
    }
    let mut text = String::new();
    for finding in report.findings.iter().filter(|_| !out.quiet) {
        text.push_str(&panel(finding));
    }
    let verdict = if report.verdict == ScanOutcome::Alert {
        "ALERT"
    } else {
        "CLEAR"
    };
    let detections = report
        .findings
        .iter()
        .filter(|finding| finding.decision == "flag")
        .count();
    say!(
        "{text}VERDICT: {verdict} ({detections} detections, {} findings in {})",
        report.findings.len(),
        report.file
    )
}

fn panel(finding: &Finding) -> String {
    let source = finding
        .source
        .parts()
        .map_or_else(|| "several".to_owned(), |(_, value)| value);
    let stage = finding.stage.map_or("-", detect::Stage::name);
    let next = finding.predicted_next.stage.map_or("-", detect::Stage::name);
    format!(
        "{} {}\n  source      {source}\n  rule        {}\n  technique   {}\n  stage       {stage}\n  confidence  {}%\n  next        {next}\n  reason      {}\n\n",
        finding.severity.name().to_uppercase(),
        finding.threat_type,
        finding.rule,
        finding.mitre.join(", "),
        finding.confidence.value(),
        finding.reason(),
    )
}

/// Appends what was found to a log of JSON lines.
fn log(path: Option<&Path>, report: &Report) -> Result {
    use std::io::Write as _;
    let Some(path) = path.map(PathBuf::from) else {
        return Ok(());
    };
    let cannot = |error: std::io::Error| Failure::new(Code::Usage, format!("cannot write {}: {error}", path.display()));
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(cannot)?;
    for finding in report.findings.iter().filter(|finding| finding.decision == "flag") {
        writeln!(file, "{}", serde_json::to_string(finding)?).map_err(cannot)?;
    }
    Ok(())
}
