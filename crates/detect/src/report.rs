//! What a run says at its end (detect.md §13).

use std::sync::Arc;

use serde::Serialize;

use crate::finding::{Finding, LIST, Source, Step};
use crate::incident::{self, Incident};
use crate::rule::{Class, Confidence, Rule};
use crate::stage::Stage;
use crate::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    Clear,
    Alert,
}

/// Everything skipped, dropped or passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub malformed: u64,
    pub late: u64,
    pub unsupported_linktype: u64,
    pub non_ip: u64,
    pub allowed: u64,
    pub excluded: u64,
    pub evicted: u64,
    pub findings_dropped: u64,
    pub bad_interface: u64,
    pub empty_records: u64,
    pub untimed: u64,
    pub rule_errors: u64,
}

/// A run as the engine leaves it.
pub struct Conclusion {
    pub(crate) rules: Vec<Arc<Rule>>,
    pub first: Option<Time>,
    pub last: Option<Time>,
    pub counters: Counters,
    pub(crate) min_confidence: u8,
    pub(crate) findings: Vec<(Finding, Arc<Rule>)>,
}

/// A run as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub file: String,
    pub input_type: String,
    /// False when a part of the input could not be read.
    pub complete: bool,
    #[serde(flatten)]
    pub totals: Totals,
    pub first_ts: Option<Time>,
    pub last_ts: Option<Time>,
    pub verdict: Outcome,
    pub results: Vec<Row>,
    pub findings: Vec<Finding>,
    pub incidents: Vec<Incident>,
    pub counters: Counters,
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Totals {
    Packets {
        packets_total: u64,
        packets_analysed: u64,
    },
    Lines {
        lines_total: u64,
        events_parsed: u64,
        lines_bad: u64,
    },
}

/// One rule's result.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub detection: String,
    pub rule: String,
    pub passed: bool,
    pub reason: Option<String>,
    pub mitre: Option<String>,
    pub stage: Option<Stage>,
    pub confidence: Confidence,
    pub source: Option<String>,
}

/// What a reader of input has to say beside the findings.
#[derive(Clone, Debug)]
pub struct About {
    pub file: String,
    pub input_type: String,
    pub complete: bool,
    pub totals: Totals,
    pub warnings: Vec<String>,
    /// Notices count as well.
    pub strict_notices: bool,
}

const SCHEMA: &str = "decnet.scan/1";
const SENSITIVE: &str = "net.sensitive_port";
const BRUTE_FORCE: &str = "http.brute_force";
const STUFFING: &str = "http.cred_stuffing";

// === impl Conclusion ===

impl Conclusion {
    pub fn report(self, about: About) -> Report {
        let Self {
            rules,
            first,
            last,
            counters,
            min_confidence,
            findings,
        } = self;
        let mut findings: Vec<Finding> = findings.into_iter().map(|(finding, _)| finding).collect();
        let bar = Bar {
            min_confidence,
            strict_notices: about.strict_notices,
        };
        settle(&mut findings, bar);
        let counts = |finding: &Finding| bar.is_passed(finding);
        let verdict = if findings.iter().any(counts) {
            Outcome::Alert
        } else {
            Outcome::Clear
        };
        Report {
            schema: SCHEMA,
            file: about.file,
            input_type: about.input_type,
            complete: about.complete,
            totals: about.totals,
            first_ts: first,
            last_ts: last,
            verdict,
            results: rules.iter().map(|rule| Row::of(rule, &findings, &counts)).collect(),
            incidents: incident::gather(&findings),
            findings,
            counters,
            warnings: about.warnings,
        }
    }
}

/// From where on a finding counts for the verdict.
#[derive(Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) min_confidence: u8,
    pub(crate) strict_notices: bool,
}

impl Bar {
    fn is_passed(self, finding: &Finding) -> bool {
        let class = finding.class == Class::Detection || self.strict_notices;
        class && finding.confidence.value() >= self.min_confidence
    }
}

/// What findings say of each other, put into order and words.
pub(crate) fn settle(findings: &mut Vec<Finding>, bar: Bar) {
    findings.sort_by(|a, b| (a.trigger_ts, &a.rule, &a.key).cmp(&(b.trigger_ts, &b.rule, &b.key)));
    supersede(findings);
    fold_sensitive(findings);
    incident::predict(findings);
    findings.iter_mut().for_each(explain);
    for finding in findings {
        finding.decision = if bar.is_passed(finding) { "flag" } else { "allow" };
    }
}

/// Credential stuffing explains the brute force of the same source at the same time.
fn supersede(findings: &mut [Finding]) {
    let stuffing: Vec<(Source, Time, Time, String)> = findings
        .iter()
        .filter(|finding| finding.rule == STUFFING)
        .map(|finding| {
            (
                finding.source.clone(),
                finding.first_ts,
                finding.last_ts,
                finding.id.clone(),
            )
        })
        .collect();
    for finding in findings.iter_mut().filter(|finding| finding.rule == BRUTE_FORCE) {
        let by = stuffing.iter().find(|(source, from, to, _)| {
            *source == finding.source && *from <= finding.last_ts && *to >= finding.first_ts
        });
        finding.superseded_by = by.map(|(.., id)| id.clone());
    }
}

/// Notices of touched ports of a source that has a detection become evidence of it.
fn fold_sensitive(findings: &mut Vec<Finding>) {
    let is_notice = |finding: &Finding| finding.rule == SENSITIVE && finding.class == Class::Notice;
    let mut folded = Vec::new();
    findings.retain(|finding| {
        // Borrow rules: detections are looked up below, by source.
        if is_notice(finding) {
            folded.push(finding.clone());
        }
        !is_notice(finding)
    });
    for notice in folded {
        let detection = findings
            .iter_mut()
            .find(|finding| finding.source == notice.source && finding.class == Class::Detection);
        match detection {
            Some(detection) => {
                let ports = detection
                    .evidence
                    .entry("sensitive_ports")
                    .or_insert_with(|| serde_json::json!([]));
                if let Some(list) = ports.as_array_mut() {
                    let port = notice.targets.first().map_or(0, |target| target.port);
                    if list.len() < LIST && !list.contains(&port.into()) {
                        list.push(port.into());
                    }
                }
                if !detection.also_matched.contains(&notice.rule) {
                    detection.also_matched.push(notice.rule);
                }
            }
            None => {
                let place = findings.partition_point(|other| {
                    (other.trigger_ts, &other.rule, &other.key) < (notice.trigger_ts, &notice.rule, &notice.key)
                });
                findings.insert(place, notice);
            }
        }
    }
}

/// The template's prose: from structured fields, decided by nothing and deciding nothing.
fn explain(finding: &mut Finding) {
    let reason = finding.reason();
    finding.narrative.status = "template";
    finding.narrative.hypothesis = finding.hypothesis();
    let next = finding.predicted_next.stage.map_or("nothing further", Stage::name);
    finding.narrative.report = format!(
        "{reason}. Expect {next} next; watch for {}. {}.",
        finding.predicted_next.watch, finding.mitigation
    );
}

// === impl Finding ===

impl Finding {
    /// One sentence: who, what, how much.
    pub fn reason(&self) -> String {
        let mut text = format!("{}: {}", self.threat_type, self.who());
        if self.target_count > 0 {
            let plural = if self.target_count == 1 { "" } else { "s" };
            text.push_str(&format!(", {} target{plural}", self.target_count));
        }
        if self.threshold > 0 && self.window_seconds > 0.0 {
            let (count, window, threshold) = (self.count, self.window_seconds, self.threshold);
            text.push_str(&format!(", {count} in {window} s (threshold {threshold})"));
        }
        text
    }

    /// Notes the steps of the hunt that led to this finding.
    pub fn trace_steps(&mut self) {
        let parts: Vec<String> = self
            .breakdown
            .iter()
            .map(|part| format!("{} {:+}", part.id, part.value))
            .collect();
        let steps = [
            ("observe", format!("events from {} on", self.first_ts)),
            ("hypothesise", self.hypothesis()),
            (
                "investigate",
                format!("{} counted, threshold {}", self.count, self.threshold),
            ),
            (
                "decide",
                format!("confidence {} = {}", self.confidence.value(), parts.join(", ")),
            ),
            ("explain", self.reason()),
        ];
        self.trace = steps.into_iter().map(|(step, text)| Step { step, text }).collect();
    }

    fn hypothesis(&self) -> String {
        format!(
            "{} may be carrying out {}.",
            self.who(),
            self.threat_type.to_lowercase()
        )
    }

    fn who(&self) -> String {
        self.source
            .parts()
            .map_or_else(|| "several sources".to_owned(), |(_, value)| value)
    }
}

// === impl Row ===

impl Row {
    fn of(rule: &Rule, findings: &[Finding], counts: &dyn Fn(&Finding) -> bool) -> Self {
        let own = findings.iter().filter(|finding| finding.rule == rule.id);
        let best = own.max_by_key(|finding| (counts(finding), finding.confidence));
        let noted = || {
            findings
                .iter()
                .find(|finding| finding.also_matched.contains(&rule.id) && counts(finding))
        };
        let (passed, reason_text, confidence, source) = match (best, noted()) {
            (Some(finding), _) => (
                !counts(finding),
                Some(finding.reason()),
                finding.confidence,
                finding.source.parts(),
            ),
            (None, Some(finding)) => {
                let passed = rule.class != Class::Detection;
                (
                    passed,
                    Some(format!("seen too, told as {}", finding.rule)),
                    Confidence::default(),
                    finding.source.parts(),
                )
            }
            (None, None) => (true, None, Confidence::default(), None),
        };
        Self {
            detection: rule.detection.clone(),
            rule: rule.id.clone(),
            passed,
            reason: reason_text,
            mitre: rule.mitre.first().cloned(),
            stage: rule.stage,
            confidence,
            source: source.map(|(_, value)| value),
        }
    }
}
