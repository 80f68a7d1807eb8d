//! Sigma rules: the documents themselves (detect.md §10). What is not supported is refused by name, never passed over.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize as _;
use serde_yaml::{Mapping, Value as Yaml};

use super::condition::Condition;
use super::definition::{Definition, Emit, Feed, Logic, Suppress};
use super::file::DEFAULT_MITIGATION;
use super::pattern::{Test, scalar};
use super::sigma_condition;
use super::sigma_correlation;
use crate::event::Kind;
use crate::rule::{Class, Family, Rule, Severity};
use crate::stage::Stage;

const KEYS: [&str; 18] = [
    "title",
    "id",
    "name",
    "status",
    "description",
    "references",
    "author",
    "date",
    "modified",
    "logsource",
    "detection",
    "level",
    "tags",
    "fields",
    "falsepositives",
    "related",
    "license",
    "correlation",
];

/// Field names of Sigma's log sources, and ours.
const FIELDS: [(&str, &str); 27] = [
    ("c-ip", "src.ip"),
    ("src_ip", "src.ip"),
    ("SourceIp", "src.ip"),
    ("source.ip", "src.ip"),
    ("id.orig_h", "src.ip"),
    ("dst_ip", "dst.ip"),
    ("DestinationIp", "dst.ip"),
    ("id.resp_h", "dst.ip"),
    ("src_port", "src.port"),
    ("SourcePort", "src.port"),
    ("dst_port", "dst.port"),
    ("DestinationPort", "dst.port"),
    ("id.resp_p", "dst.port"),
    ("cs-method", "http.method"),
    ("cs-uri-stem", "http.path"),
    ("cs-uri-query", "http.query"),
    ("cs-uri", "http.uri"),
    ("c-uri", "http.uri"),
    ("sc-status", "http.status"),
    ("cs-user-agent", "http.user_agent"),
    ("c-useragent", "http.user_agent"),
    ("cs-host", "http.host"),
    ("cs-referer", "http.referer"),
    ("cs-username", "http.user"),
    ("query", "dns.query"),
    ("QueryName", "dns.query"),
    ("TargetUserName", "auth.username"),
];

/// Reads all documents of a text.
pub(super) fn read(origin: &str, text: &str) -> Result<Vec<Definition>, String> {
    let mut definitions = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Yaml::deserialize(document).map_err(|error| error.to_string())?;
        match value {
            Yaml::Null => {}
            Yaml::Mapping(map) => {
                let title = get(&map, "title").unwrap_or_else(|| "(no title)".to_owned());
                definitions.push(document_of(origin, &map).map_err(|what| format!("rule `{title}`: {what}"))?);
            }
            _ => return Err("a document is no map".to_owned()),
        }
    }
    if definitions.is_empty() {
        return Err("there is no rule in it".to_owned());
    }
    Ok(definitions)
}

fn document_of(origin: &str, map: &Mapping) -> Result<Definition, String> {
    for (key, _) in map {
        let key = key.as_str().unwrap_or("?");
        if !KEYS.contains(&key) {
            return Err(format!("`{key}` is not supported"));
        }
    }
    let rule = Arc::new(rule(map)?);
    let level = get(map, "level").unwrap_or_default();
    let base = Definition {
        rule,
        name: get(map, "name").unwrap_or_default(),
        origin: origin.to_owned(),
        kind: "match",
        feed: Feed::Events {
            kinds: Vec::new(),
            condition: Condition::Always,
            except: None,
        },
        logic: Logic::Match,
        group_by: Vec::new(),
        emit: Emit {
            confidence: confidence(&level)?,
            adjust: Vec::new(),
        },
        suppress: Suppress::default(),
        silent: false,
        tests: Vec::new(),
    };
    match (map.get("correlation"), map.get("detection")) {
        (Some(Yaml::Mapping(correlation)), None) => sigma_correlation::read(base, correlation),
        (None, Some(Yaml::Mapping(detection))) => {
            let kinds = kinds(map.get("logsource"))?;
            let condition = condition(detection)?;
            let group_by = if kinds == [Kind::ToolCall] {
                "tool.agent_id"
            } else {
                "src.ip"
            };
            let feed = Feed::Events {
                kinds,
                condition,
                except: None,
            };
            Ok(Definition {
                feed,
                group_by: vec![group_by.to_owned()],
                ..base
            })
        }
        _ => Err("a document needs either `detection` or `correlation`".to_owned()),
    }
}

fn rule(map: &Mapping) -> Result<Rule, String> {
    let title = get(map, "title").ok_or("`title` is missing")?;
    let id = get(map, "id").or_else(|| get(map, "name")).ok_or("`id` is missing")?;
    let tags = map.get("tags").and_then(Yaml::as_sequence);
    let tags: Vec<String> = tags
        .into_iter()
        .flatten()
        .filter_map(scalar)
        .map(|tag| tag.to_lowercase())
        .collect();
    let attack = || tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
    let technique = |tag: &&str| tag.starts_with('t') && tag[1..].starts_with(|c: char| c.is_ascii_digit());
    let level = get(map, "level").unwrap_or_default();
    let severity = match level.as_str() {
        "" => Severity::Medium,
        other => Severity::parse(other).ok_or_else(|| format!("level `{other}` is not known"))?,
    };
    Ok(Rule {
        detection: id.clone(),
        id,
        title,
        class: Class::Detection,
        category: "sigma".to_owned(),
        mitre: attack().filter(technique).map(str::to_uppercase).collect(),
        stage: attack().filter(|tag| !technique(tag)).find_map(Stage::parse),
        floor: Some(severity),
        ceiling: Some(severity),
        mitigation: DEFAULT_MITIGATION.to_owned(),
        rank: None,
        recon: false,
        family: Family::Any,
        respond: Vec::new(),
    })
}

fn confidence(level: &str) -> Result<i64, String> {
    Ok(match level {
        "informational" => 20,
        "low" => 40,
        "medium" | "" => 55,
        "high" => 70,
        "critical" => 85,
        other => return Err(format!("level `{other}` is not known")),
    })
}

fn kinds(logsource: Option<&Yaml>) -> Result<Vec<Kind>, String> {
    let Some(Yaml::Mapping(source)) = logsource else {
        return Err("`logsource` is missing".to_owned());
    };
    let field = |key: &str| get(source, key).unwrap_or_default();
    let (category, product, service) = (field("category"), field("product"), field("service"));
    Ok(match (category.as_str(), product.as_str(), service.as_str()) {
        ("webserver" | "proxy", ..) => vec![Kind::Http],
        ("firewall", ..) | (_, "zeek", "conn") => vec![Kind::FlowAttempt],
        ("dns", ..) => vec![Kind::Dns],
        ("authentication", ..) => vec![Kind::Auth],
        (_, "decnet", "") => Kind::ALL.to_vec(),
        (_, "decnet", service) => {
            vec![Kind::parse(service).ok_or_else(|| format!("decnet has no service `{service}`"))?]
        }
        _ => {
            return Err(format!(
                "logsource category `{category}`, product `{product}`, service `{service}` is not supported"
            ));
        }
    })
}

fn condition(detection: &Mapping) -> Result<Condition, String> {
    if detection.contains_key("timeframe") {
        return Err("`timeframe` is not supported; use a correlation".to_owned());
    }
    let mut searches = BTreeMap::new();
    for (key, value) in detection {
        let key = key.as_str().unwrap_or("?");
        if key != "condition" {
            searches.insert(
                key.to_owned(),
                search(value).map_err(|what| format!("`{key}`: {what}"))?,
            );
        }
    }
    let texts = match detection.get("condition") {
        Some(Yaml::String(text)) => vec![text.clone()],
        Some(Yaml::Sequence(items)) => items.iter().filter_map(scalar).collect(),
        _ => return Err("`condition` is missing".to_owned()),
    };
    let any: Result<Vec<_>, String> = texts
        .iter()
        .map(|text| sigma_condition::read(text, &searches))
        .collect();
    any.map(Condition::Any)
}

/// A map is `and`; a list of maps, or of keywords, is `or`.
fn search(value: &Yaml) -> Result<Condition, String> {
    match value {
        Yaml::Mapping(map) => {
            let tests = map.iter().map(|(key, value)| {
                let key = key.as_str().ok_or("a field's name must be text")?;
                if key.starts_with('|') {
                    return keywords(key, value);
                }
                Test::read(&ours(key), value, &|_| None).map(Condition::Test)
            });
            tests.collect::<Result<_, String>>().map(Condition::All)
        }
        Yaml::Sequence(items) => items
            .iter()
            .map(search)
            .collect::<Result<_, String>>()
            .map(Condition::Any),
        other => scalar(other)
            .map(Condition::Keyword)
            .ok_or_else(|| "neither fields nor keywords".to_owned()),
    }
}

/// `|all:` over keywords.
fn keywords(key: &str, value: &Yaml) -> Result<Condition, String> {
    let words: Option<Vec<_>> = value
        .as_sequence()
        .map(|items| items.iter().filter_map(scalar).collect());
    let words = words
        .ok_or("keywords must be a list")?
        .into_iter()
        .map(Condition::Keyword)
        .collect();
    match key {
        "|all" => Ok(Condition::All(words)),
        other => Err(format!("modifier `{}` is not supported for keywords", &other[1..])),
    }
}

/// A field with modifiers under our name.
pub(super) fn ours(key: &str) -> String {
    let (field, modifiers) = key.find('|').map_or((key, ""), |at| key.split_at(at));
    let name = FIELDS
        .iter()
        .find(|(theirs, _)| *theirs == field)
        .map_or(field, |(_, ours)| ours);
    format!("{name}{modifiers}")
}

pub(super) fn get(map: &Mapping, key: &str) -> Option<String> {
    map.get(key).and_then(scalar)
}
