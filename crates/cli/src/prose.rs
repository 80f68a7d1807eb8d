//! Prose about findings by a model, where the settings name one. It is written after all was decided.

use std::time::{Duration, Instant};

use detect::config::Prose;
use detect::{Config, Report};
use llm::{Facts, Kind, Settings, Status, Writer};

use crate::exit::{Code, Coded as _, Failure, Result};

/// A run of files does not wait longer for all its prose.
const PATIENCE: Duration = Duration::from_secs(60);
/// Findings of one report that are written about.
const MOST: usize = 32;

/// The model of the settings; none when a template writes.
pub fn writer(config: &Config) -> Result<Option<Writer>> {
    let key = match config.llm_key.as_str() {
        "" => String::new(),
        path => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Code::Usage, format!("cannot read {path}: {error}")))?,
    };
    let settings = Settings {
        kind: match config.llm_backend {
            Prose::Template => Kind::Template,
            Prose::Ollama => Kind::Ollama,
            Prose::OpenAi => Kind::OpenAi,
        },
        url: config.llm_url.clone(),
        model: config.llm_model.clone(),
        key: key.trim().to_owned(),
        remote: config.llm_remote,
        timeout: Duration::from_secs_f64(config.llm_timeout.as_seconds()),
    };
    Writer::new(&settings).or_exit(Code::Usage)
}

/// Puts the model's prose in the place of the template's. Where it writes none the template's stays.
pub async fn narrate(config: &Config, report: &mut Report) -> Result {
    let Some(writer) = writer(config)? else { return Ok(()) };
    let began = Instant::now();
    let alarming = report.findings.iter_mut().filter(|finding| finding.decision == "flag");
    for finding in alarming.take(MOST) {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let facts = Facts::of(&serde_json::to_value(&*finding)?);
        let Ok(narrative) = tokio::time::timeout(left, writer.narrate(&facts)).await else {
            break;
        };
        finding.narrative.status = narrative.status.name();
        finding.narrative.model = narrative.model;
        if narrative.status == Status::Ok {
            finding.narrative.hypothesis = narrative.hypothesis;
            finding.narrative.report = narrative.report;
        }
        if matches!(narrative.status, Status::Offline | Status::Timeout) {
            break;
        }
    }
    Ok(())
}
