//! Sigma's correlations: event_count, value_count, temporal, temporal_ordered.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value as Yaml};

use super::definition::{Bounds, Count, Counted, Definition, Feed, Logic, Stage, Wanted};
use super::field::is_known;
use super::pattern::scalar;
use super::sigma::{get, ours};
use crate::time::Span;

const KEYS: [&str; 7] = [
    "type",
    "rules",
    "group-by",
    "timespan",
    "condition",
    "aliases",
    "generate",
];
const MAX_WINDOW: Span = Span::seconds(24 * 3600);
const MAX_STEPS: usize = 8;

pub(super) fn read(base: Definition, map: &Mapping) -> Result<Definition, String> {
    for (key, _) in map {
        let key = key.as_str().unwrap_or("?");
        if !KEYS.contains(&key) {
            return Err(format!("correlation `{key}` is not supported"));
        }
    }
    let names = texts(map.get("rules"));
    if names.is_empty() || names.len() > MAX_STEPS {
        return Err(format!("a correlation needs 1 to {MAX_STEPS} `rules`"));
    }
    let timespan = get(map, "timespan").ok_or("`timespan` is missing")?;
    let within = Span::parse(&timespan).filter(|span| span.0 > 0 && *span <= MAX_WINDOW);
    let within = within.ok_or_else(|| format!("timespan `{timespan}` must be like 30s, 5m, 1h, up to 1d"))?;
    let aliases = aliases(map.get("aliases"))?;
    let group_by: Vec<String> = texts(map.get("group-by")).iter().map(|field| ours(field)).collect();
    if let Some(field) = group_by
        .iter()
        .find(|field| !is_known(field) && !aliases.contains_key(*field))
    {
        return Err(format!("group-by: there is no field `{field}`"));
    }
    let (kind, logic) = logic(map, &names, within)?;
    let generate = map.get("generate").and_then(Yaml::as_bool).unwrap_or(false);
    let feed = Feed::Rules {
        names,
        aliases,
        generate,
    };
    Ok(Definition {
        kind,
        feed,
        logic,
        group_by,
        ..base
    })
}

fn logic(map: &Mapping, names: &[String], within: Span) -> Result<(&'static str, Logic), String> {
    let kind = get(map, "type").ok_or("`type` is missing")?;
    Ok(match kind.as_str() {
        "event_count" => ("event_count", threshold(map, Counted::Events, within)?),
        "value_count" => {
            let condition = map.get("condition").and_then(Yaml::as_mapping);
            let field = condition
                .and_then(|condition| get(condition, "field"))
                .ok_or("value_count needs `condition.field`")?;
            let field = ours(&field);
            if !is_known(&field) {
                return Err(format!("there is no field `{field}`"));
            }
            ("value_count", threshold(map, Counted::Distinct(field), within)?)
        }
        "temporal" => ("temporal", Logic::Together { within }),
        "temporal_ordered" => {
            let step = |name: &String| Stage {
                what: Wanted::Rule(name.clone()),
                runs: 1,
                optional: false,
                not: false,
            };
            (
                "temporal_ordered",
                Logic::Sequence {
                    steps: names.iter().map(step).collect(),
                    within,
                    until: None,
                },
            )
        }
        other => return Err(format!("correlation type `{other}` is not supported")),
    })
}

fn threshold(map: &Mapping, what: Counted, within: Span) -> Result<Logic, String> {
    let condition = map
        .get("condition")
        .and_then(Yaml::as_mapping)
        .ok_or("`condition` is missing")?;
    let mut bounds = Bounds::default();
    for (key, value) in condition {
        let key = key.as_str().unwrap_or("?");
        if key == "field" {
            continue;
        }
        let number = value.as_f64().ok_or_else(|| format!("`{key}` wants a number"))?;
        match key {
            "gt" => bounds.over = Some(number),
            "gte" => bounds.at_least = Some(number),
            "lt" => bounds.under = Some(number),
            "lte" => bounds.at_most = Some(number),
            "eq" => (bounds.at_least, bounds.at_most) = (Some(number), Some(number)),
            "neq" => bounds.other_than = Some(number),
            other => return Err(format!("condition `{other}` is not supported")),
        }
    }
    if bounds.is_empty() {
        return Err("`condition` needs gt, gte, lt, lte, eq or neq".to_owned());
    }
    Ok(Logic::Threshold {
        count: Count {
            what,
            at_close: bounds.has_upper(),
            bounds,
        },
        within,
    })
}

fn texts(value: Option<&Yaml>) -> Vec<String> {
    match value {
        Some(Yaml::Sequence(items)) => items.iter().filter_map(scalar).collect(),
        Some(one) => scalar(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn aliases(value: Option<&Yaml>) -> Result<BTreeMap<String, BTreeMap<String, String>>, String> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let read = |(name, fields): (&Yaml, &Yaml)| {
        let fields = fields
            .as_mapping()?
            .iter()
            .map(|(rule, field)| Some((scalar(rule)?, ours(&scalar(field)?))));
        Some((scalar(name)?, fields.collect::<Option<_>>()?))
    };
    let all = value.as_mapping().and_then(|map| map.iter().map(read).collect());
    all.ok_or_else(|| "`aliases` must map names to rules and their fields".to_owned())
}
