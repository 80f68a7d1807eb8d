//! `lab` and `mock`: inputs with known verdicts, and the demonstration.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use scan::lab::{EPOCH, SAMPLES, Sample, benign, scenarios};

use crate::args::{Lab, Mock};
use crate::context::Context;
use crate::exit::{Code, Failure, Result};

/// Marks what the demonstration made.
const TAG: &str = "mock";

pub fn lab(cx: &Context, asked: &Lab) -> Result {
    let Lab::Generate { names, out } = asked;
    let wanted: Vec<&Sample> = SAMPLES
        .iter()
        .filter(|sample| names.is_empty() || names.iter().any(|name| sample.is_called(name)))
        .collect();
    if let Some(name) = names
        .iter()
        .find(|name| !SAMPLES.iter().any(|sample| sample.is_called(name)))
    {
        let known: Vec<&str> = SAMPLES.iter().map(|sample| sample.name).collect();
        return Err(Failure::new(Code::Usage, format!("there is no sample `{name}`"))
            .help(format!("there are {}", known.join(", ")))
            .into());
    }
    let cannot =
        |error: std::io::Error| Failure::new(Code::Usage, format!("cannot write to {}: {error}", out.display()));
    std::fs::create_dir_all(out).map_err(cannot)?;
    for sample in &wanted {
        sample.write(out).map_err(cannot)?;
    }
    let rows: Vec<serde_json::Value> = wanted
        .iter()
        .map(|sample| {
            let verdict = if sample.alert { "ALERT" } else { "CLEAR" };
            serde_json::json!({ "file": out.join(sample.name), "verdict": verdict, "rule": sample.rule })
        })
        .collect();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let cells = |row: &serde_json::Value| vec![text(row, "file"), text(row, "verdict"), text(row, "rule")];
    cx.out
        .list(&rows, &["file", "expected", "rule"], cells, "nothing was asked for")
}

/// Writes events, never alerts: the engine has to find them.
pub async fn mock(cx: &Context, asked: &Mock) -> Result {
    let file = asked.out.clone().unwrap_or_else(|| cx.state_dir().join("mock.jsonl"));
    if asked.reset {
        return reset(cx, &file);
    }
    if asked.once {
        let begin = begin(asked);
        let mut lines: Vec<String> = scenarios(begin, TAG)
            .into_iter()
            .flat_map(|scenario| scenario.lines)
            .collect();
        // Each begins with its time, all of one length.
        lines.sort();
        append(&file, &lines)?;
        cx.out.note(&format!(
            "wrote {} requests of eight attacks to {}",
            lines.len(),
            file.display()
        ));
        return Ok(());
    }
    let mut cycle = 0;
    loop {
        append(&file, &cycle_of(asked, cycle))?;
        cycle += 1;
        tokio::select! {
            () = tokio::time::sleep(std::time::Duration::from_secs(asked.interval)) => {}
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

/// Cycles after which each attack comes round, H1 to H8.
const EVERY: [u64; 8] = [8, 11, 13, 17, 22, 27, 19, 31];

fn cycle_of(asked: &Mock, cycle: u64) -> Vec<String> {
    let begin = begin(asked)
        + if asked.seed.is_some() {
            cycle * asked.interval * 1000
        } else {
            0
        };
    let mut lines = benign(cycle ^ asked.seed.unwrap_or(0), begin, TAG);
    for (scenario, every) in scenarios(begin, TAG).into_iter().zip(EVERY) {
        if cycle > 0 && cycle.is_multiple_of(every) {
            lines.extend(scenario.lines);
        }
    }
    lines.sort();
    lines
}

/// With a seed the demonstration is always the same, else it is of now. Milliseconds since 1970.
fn begin(asked: &Mock) -> u64 {
    match asked.seed {
        Some(_) => EPOCH * 1000,
        None => {
            let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
            u64::try_from(now).unwrap_or(EPOCH * 1000)
        }
    }
}

/// Takes away what the demonstration made, and only that.
fn reset(cx: &Context, file: &Path) -> Result {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            cx.out.note("there was nothing to take away");
            return Ok(());
        }
        Err(error) => return Err(cannot(file, &error).into()),
    };
    let mark = format!(r#""tag":"{TAG}""#);
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(&mark)).collect();
    let gone = text.lines().count() - kept.len();
    if kept.is_empty() {
        std::fs::remove_file(file).map_err(|error| cannot(file, &error))?;
    } else {
        std::fs::write(file, kept.join("\n") + "\n").map_err(|error| cannot(file, &error))?;
    }
    cx.out.note(&format!("took away {gone} requests"));
    Ok(())
}

fn append(file: &Path, lines: &[String]) -> Result {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| cannot(file, &error))?;
    }
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    let mut opened = opened.map_err(|error| cannot(file, &error))?;
    writeln!(opened, "{}", lines.join("\n")).map_err(|error| cannot(file, &error))?;
    Ok(())
}

fn cannot(file: &Path, error: &std::io::Error) -> Failure {
    let file: PathBuf = file.to_owned();
    Failure::new(Code::Unreachable, format!("cannot write {}: {error}", file.display()))
        .help("name another file with --out")
}
