//! Our own rule files (detect.md §10): YAML that begins with `decnet_rules: 1`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use serde_yaml::Value as Yaml;

use super::condition::{Condition, Lists};
use super::definition::{
    Adjust, Bounds, Case, Count, Counted, Definition, Emit, Feed, Logic, Stage as SequenceStage, Suppress,
    SuppressMode, Wanted,
};
use super::field::is_known;
use super::file_playbook;
use crate::event::Kind;
use crate::rule::{Class, Family, Rule, Severity};
use crate::stage::Stage;
use crate::time::Span;
use crate::window::MAX_ENTRIES;

const VERSION: u32 = 1;
const MAX_RULES: usize = 1_000;
pub(super) const MAX_STEPS: usize = 8;
const MAX_WINDOW: Span = Span::seconds(24 * 3600);
const DEFAULT_CONFIDENCE: i64 = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    decnet_rules: u32,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    rules: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    id: String,
    title: String,
    /// For people.
    #[serde(default, rename = "description")]
    _description: String,
    kind: String,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default, rename = "where")]
    pub(super) condition: Yaml,
    #[serde(default)]
    pub(super) except: Yaml,
    #[serde(default, alias = "by")]
    pub(super) group_by: Vec<String>,
    count: Option<RawCount>,
    within: Option<Yaml>,
    max_span: Option<Yaml>,
    capacity: Option<u64>,
    leak: Option<Yaml>,
    distinct: Option<String>,
    #[serde(default)]
    pub(super) steps: Vec<RawStep>,
    #[serde(default)]
    until: Yaml,
    period: Option<Yaml>,
    grace: Option<Yaml>,
    pub(super) base: Option<i64>,
    #[serde(default)]
    pub(super) parts: BTreeMap<String, i64>,
    #[serde(default)]
    pub(super) emit: RawEmit,
    suppress: Option<RawSuppress>,
    #[serde(default)]
    respond: Vec<String>,
    #[serde(default)]
    tests: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCount {
    distinct: Option<String>,
    sum: Option<String>,
    ratio: Option<RawRatio>,
    over: Option<f64>,
    at_least: Option<f64>,
    under: Option<f64>,
    at_most: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRatio {
    of: Yaml,
    at_least: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    #[serde(default, rename = "where")]
    pub(super) condition: Yaml,
    pub(super) rule: Option<String>,
    pub(super) feature: Option<String>,
    #[serde(default)]
    pub(super) all: Vec<String>,
    #[serde(default)]
    pub(super) any: Vec<String>,
    #[serde(default)]
    pub(super) runs: Option<u32>,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(default)]
    pub(super) not: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmit {
    class: Option<String>,
    #[serde(default)]
    category: String,
    #[serde(default)]
    mitre: Vec<String>,
    stage: Option<String>,
    pub(super) confidence: Option<i64>,
    #[serde(default)]
    pub(super) adjust: Vec<RawAdjust>,
    severity: Option<RawSeverity>,
    #[serde(default)]
    mitigation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdjust {
    when: Yaml,
    add: i64,
    id: String,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum RawSeverity {
    Fixed(String),
    Bounds {
        floor: Option<String>,
        ceiling: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSuppress {
    key: Option<Vec<String>>,
    #[serde(rename = "for")]
    period: Option<Yaml>,
    mode: Option<String>,
    count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    event: Option<Map<String, Json>>,
    #[serde(default)]
    events: Vec<Map<String, Json>>,
    repeat: Option<u32>,
    step: Option<Yaml>,
    #[serde(default)]
    vary: BTreeMap<String, String>,
    expect: u64,
}

/// Reads a file of our own rules.
pub(super) fn read(origin: &str, text: &str) -> Result<Vec<Definition>, String> {
    let file: File = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    if file.decnet_rules != VERSION {
        return Err(format!("decnet_rules {} is not known; {VERSION} is", file.decnet_rules));
    }
    if file.rules.len() > MAX_RULES {
        return Err(format!("more than {MAX_RULES} rules"));
    }
    let lists = |name: &str| file.lists.get(name).cloned();
    let place = |id: &str| {
        let line = text
            .lines()
            .position(|line| line.contains(id))
            .map_or(0, |index| index + 1);
        format!("line {line}, rule `{id}`")
    };
    file.rules
        .into_iter()
        .map(|raw| {
            let id = raw.id.clone();
            raw.definition(origin, &lists)
                .map_err(|what| format!("{}: {what}", place(&id)))
        })
        .collect()
}

// === impl Raw ===

impl Raw {
    fn definition(self, origin: &str, lists: Lists<'_>) -> Result<Definition, String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(3..=80).contains(&self.id.len()) || !self.id.bytes().all(fits) {
            return Err("an id is 3 to 80 of letters, digits, `.`, `_`, `-`".to_owned());
        }
        known(&self.group_by)?;
        let condition = Condition::read(&self.condition, lists)?;
        let except = if self.except.is_null() {
            None
        } else {
            Some(Condition::read(&self.except, lists)?)
        };
        let (kind, logic) = self.logic(lists)?;
        let kinds = self.kinds(&condition)?;
        let rule = self.rule()?;
        Ok(Definition {
            rule: Arc::new(rule),
            name: String::new(),
            origin: origin.to_owned(),
            kind,
            feed: Feed::Events {
                kinds,
                condition,
                except,
            },
            logic,
            group_by: self.group_by,
            emit: self.emit.read(lists)?,
            suppress: self
                .suppress
                .map_or_else(|| Ok(Suppress::default()), RawSuppress::read)?,
            silent: false,
            tests: self.tests.into_iter().map(RawCase::read).collect::<Result<_, _>>()?,
        })
    }

    fn logic(&self, lists: Lists<'_>) -> Result<(&'static str, Logic), String> {
        let window = |value: &Option<Yaml>, name: &str| {
            span(value.as_ref(), name)?.ok_or_else(|| format!("`{name}` is missing"))
        };
        Ok(match self.kind.as_str() {
            "match" => ("match", Logic::Match),
            "threshold" => {
                let count = self.count.as_ref().ok_or("`count` is missing")?.read(lists)?;
                (
                    "threshold",
                    Logic::Threshold {
                        count,
                        within: window(&self.within, "within")?,
                    },
                )
            }
            "bucket" => {
                let capacity = self.capacity.ok_or("`capacity` is missing")?;
                known(self.distinct.as_slice())?;
                let leak = window(&self.leak, "leak")?;
                (
                    "bucket",
                    Logic::Bucket {
                        capacity,
                        leak,
                        distinct: self.distinct.clone(),
                    },
                )
            }
            "sequence" => ("sequence", self.sequence(lists)?),
            "absence" => {
                let learnt = self
                    .period
                    .as_ref()
                    .is_some_and(|period| period.as_str() == Some("learned"));
                let period = if learnt {
                    None
                } else {
                    Some(window(&self.period, "period")?)
                };
                (
                    "absence",
                    Logic::Absence {
                        period,
                        grace: span(self.grace.as_ref(), "grace")?.unwrap_or_default(),
                    },
                )
            }
            "playbook" => ("playbook", Logic::Playbook(self.playbook(lists)?)),
            other => {
                return Err(format!(
                    "kind `{other}` is none of match, threshold, bucket, sequence, absence, playbook"
                ));
            }
        })
    }

    fn sequence(&self, lists: Lists<'_>) -> Result<Logic, String> {
        if self.steps.len() < 2 || self.steps.len() > MAX_STEPS {
            return Err(format!("a sequence has 2 to {MAX_STEPS} steps"));
        }
        let step = |raw: &RawStep| {
            if raw.names_features() {
                return Err("`feature`, `all` and `any` belong into a playbook's steps".to_owned());
            }
            let what = match &raw.rule {
                Some(rule) => Wanted::Rule(rule.clone()),
                None => Wanted::Condition(Condition::read(&raw.condition, lists)?),
            };
            Ok(SequenceStage {
                what,
                runs: raw.runs.unwrap_or(1).max(1),
                optional: raw.optional,
                not: raw.not,
            })
        };
        let steps: Vec<_> = self.steps.iter().map(step).collect::<Result<_, String>>()?;
        if steps[0].not || steps[0].optional {
            return Err("the first step of a sequence must happen".to_owned());
        }
        let within =
            span(self.max_span.as_ref().or(self.within.as_ref()), "max_span")?.ok_or("`max_span` is missing")?;
        let until = if self.until.is_null() {
            None
        } else {
            Some(Condition::read(&self.until, lists)?)
        };
        Ok(Logic::Sequence { steps, within, until })
    }

    fn kinds(&self, condition: &Condition) -> Result<Vec<Kind>, String> {
        if self.kind == "playbook" {
            return Ok(Vec::new());
        }
        if self.events.is_empty() {
            return Ok(condition.kinds().unwrap_or_else(|| Kind::ALL.to_vec()));
        }
        let kind = |name: &String| Kind::parse(name).ok_or_else(|| format!("`{name}` is no kind of event"));
        self.events.iter().map(kind).collect()
    }

    fn rule(&self) -> Result<Rule, String> {
        let emit = &self.emit;
        let stage = match &emit.stage {
            Some(name) => Some(Stage::parse(name).ok_or_else(|| format!("`{name}` is no stage"))?),
            None => None,
        };
        let class = match emit.class.as_deref() {
            None | Some("detection") => Class::Detection,
            Some("notice") => Class::Notice,
            Some(other) => return Err(format!("class `{other}` is neither detection nor notice")),
        };
        let (floor, ceiling) = match &emit.severity {
            None => (None, None),
            Some(RawSeverity::Fixed(name)) => (severity(Some(name))?, severity(Some(name))?),
            Some(RawSeverity::Bounds { floor, ceiling }) => (severity(floor.as_ref())?, severity(ceiling.as_ref())?),
        };
        Ok(Rule {
            id: self.id.clone(),
            detection: self.id.clone(),
            title: self.title.clone(),
            class,
            category: emit.category.clone(),
            mitre: emit.mitre.clone(),
            stage,
            floor,
            ceiling,
            mitigation: if emit.mitigation.is_empty() {
                DEFAULT_MITIGATION.to_owned()
            } else {
                emit.mitigation.clone()
            },
            rank: None,
            recon: false,
            family: if self.kind == "playbook" {
                Family::Agent
            } else {
                Family::Any
            },
            respond: file_playbook::responders(&self.respond)?,
        })
    }
}

pub(super) const DEFAULT_MITIGATION: &str = "investigate the source and review its recent events";

// === impl RawCount ===

impl RawCount {
    fn read(&self, lists: Lists<'_>) -> Result<Count, String> {
        let mut bounds = Bounds {
            over: self.over,
            at_least: self.at_least,
            under: self.under,
            at_most: self.at_most,
            other_than: None,
        };
        let what = match (&self.distinct, &self.sum, &self.ratio) {
            (None, None, None) => Counted::Events,
            (Some(field), None, None) => Counted::Distinct(field.clone()),
            (None, Some(field), None) => Counted::Sum(field.clone()),
            (None, None, Some(ratio)) => {
                bounds.at_least = Some(ratio.at_least);
                Counted::Ratio(Condition::read(&ratio.of, lists)?)
            }
            _ => return Err("`count` takes one of distinct, sum, ratio".to_owned()),
        };
        known(self.distinct.as_slice())?;
        known(self.sum.as_slice())?;
        if bounds.is_empty() {
            return Err("`count` needs over or at_least".to_owned());
        }
        let counts = matches!(what, Counted::Events | Counted::Distinct(_));
        if counts && bounds.threshold() >= MAX_ENTRIES as u64 {
            return Err(format!(
                "counts are exact below {MAX_ENTRIES}; more cannot be asked for"
            ));
        }
        Ok(Count {
            what,
            at_close: bounds.has_upper(),
            bounds,
        })
    }
}

// === impl RawEmit ===

impl RawEmit {
    fn read(self, lists: Lists<'_>) -> Result<Emit, String> {
        let adjust = |raw: RawAdjust| {
            Ok(Adjust {
                id: raw.id,
                when: Condition::read(&raw.when, lists)?,
                add: raw.add,
            })
        };
        let confidence = self.confidence.unwrap_or(DEFAULT_CONFIDENCE);
        if !(0..=100).contains(&confidence) {
            return Err("`confidence` must be from 0 to 100".to_owned());
        }
        Ok(Emit {
            confidence,
            adjust: self.adjust.into_iter().map(adjust).collect::<Result<_, String>>()?,
        })
    }
}

// === impl Suppress ===

impl Default for Suppress {
    fn default() -> Self {
        Self {
            key: None,
            period: None,
            mode: SuppressMode::First,
            count: 1,
        }
    }
}

impl RawSuppress {
    fn read(self) -> Result<Suppress, String> {
        let mode = match self.mode.as_deref() {
            None | Some("first") => SuppressMode::First,
            Some("every") => SuppressMode::Every,
            Some("threshold") => SuppressMode::Threshold,
            Some("limit") => SuppressMode::Limit,
            Some("both") => SuppressMode::Both,
            Some("after") => SuppressMode::After,
            Some("backoff") => SuppressMode::Backoff,
            Some(other) => return Err(format!("suppress mode `{other}` is not known")),
        };
        known(self.key.as_deref().unwrap_or_default())?;
        let period = span(self.period.as_ref(), "for")?;
        Ok(Suppress {
            key: self.key,
            period,
            mode,
            count: self.count.unwrap_or(1).max(1),
        })
    }
}

// === impl RawCase ===

impl RawCase {
    fn read(self) -> Result<Case, String> {
        let events: Vec<_> = self.event.into_iter().chain(self.events).collect();
        if events.is_empty() {
            return Err(format!("test `{}` has no event", self.name));
        }
        Ok(Case {
            name: self.name,
            events,
            repeat: self.repeat.unwrap_or(1),
            step: span(self.step.as_ref(), "step")?.unwrap_or(Span::seconds(1)),
            vary: self.vary,
            expect: self.expect,
        })
    }
}

fn known(fields: &[String]) -> Result<(), String> {
    match fields.iter().find(|field| !is_known(field)) {
        Some(field) => Err(format!("there is no field `{field}`")),
        None => Ok(()),
    }
}

fn severity(name: Option<&String>) -> Result<Option<Severity>, String> {
    let read = |name: &String| Severity::parse(name).ok_or_else(|| format!("`{name}` is no severity"));
    name.map(read).transpose()
}

fn span(value: Option<&Yaml>, name: &str) -> Result<Option<Span>, String> {
    let Some(value) = value else { return Ok(None) };
    let text = super::pattern::scalar(value).unwrap_or_default();
    let span = Span::parse(&text).filter(|span| span.0 > 0 && *span <= MAX_WINDOW);
    span.map(Some)
        .ok_or_else(|| format!("`{name}` must be a length of time up to 24h, like 60s"))
}
