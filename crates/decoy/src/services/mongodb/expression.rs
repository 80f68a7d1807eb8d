//! Expressions over documents, and how much they may make.

use std::cell::Cell;

use super::bson::{Bson, Doc};
use super::filter::Fault;
use super::find::first;

/// Levels of an expression.
const MOST_LEVELS: usize = 20;
/// Bytes one command may make.
const MOST_MADE: usize = 64 << 20;

/// What is left of what may be made.
pub(super) struct Room(Cell<usize>);

// === impl Room ===

impl Default for Room {
    fn default() -> Self {
        Self(Cell::new(MOST_MADE))
    }
}

impl Room {
    pub(super) fn take(&self, value: &Bson) -> Result<Bson, Fault> {
        self.spend(weight(value))?;
        Ok(value.clone())
    }

    pub(super) fn spend(&self, bytes: usize) -> Result<(), Fault> {
        let left = self.0.get().checked_sub(bytes).ok_or_else(|| {
            let text = "Exceeded memory limit for aggregation, but didn't allow external sort. Pass allowDiskUse:true to opt in.";
            Fault::new(292, "QueryExceededMemoryLimitNoDiskUseAllowed", text)
        })?;
        self.0.set(left);
        Ok(())
    }
}

fn weight(value: &Bson) -> usize {
    32 + match value {
        Bson::Text(text) | Bson::Code(text) | Bson::Symbol(text) => text.len(),
        Bson::Binary(_, bytes) => bytes.len(),
        Bson::List(values) => values.iter().map(weight).sum(),
        Bson::Doc(doc) | Bson::Scoped(_, doc) => weight_of(doc),
        _ => 0,
    }
}

pub(super) fn weight_of(doc: &Doc) -> usize {
    doc.0.iter().map(|(name, value)| 32 + name.len() + weight(value)).sum()
}

/// The value of an expression over a document.
pub(super) fn evaluate(expression: &Bson, doc: &Doc, room: &Room, level: usize) -> Result<Bson, Fault> {
    if level > MOST_LEVELS {
        return Err(Fault::new(15, "Overflow", "expression is nested too deeply"));
    }
    Ok(match expression {
        Bson::Text(path) if path == "$$ROOT" => {
            room.spend(weight_of(doc))?;
            Bson::Doc(doc.clone())
        }
        Bson::Text(path) if path.starts_with('$') => room.take(first(doc, path.trim_start_matches('$')))?,
        Bson::Doc(inner) => match inner.0.first() {
            Some((name, operand)) if name.starts_with('$') => operation(name, operand, doc, room, level)?,
            _ => {
                let fields = inner
                    .0
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), evaluate(value, doc, room, level + 1)?)));
                Bson::Doc(Doc(fields.collect::<Result<_, Fault>>()?))
            }
        },
        Bson::List(values) => {
            let values = values.iter().map(|value| evaluate(value, doc, room, level + 1));
            Bson::List(values.collect::<Result<_, _>>()?)
        }
        plain => room.take(plain)?,
    })
}

fn operation(name: &str, operand: &Bson, doc: &Doc, room: &Room, level: usize) -> Result<Bson, Fault> {
    if name == "$literal" {
        return room.take(operand);
    }
    let value = evaluate(operand, doc, room, level + 1)?;
    let values = match &value {
        Bson::List(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let numbers = || values.iter().filter_map(Bson::float);
    let pair = |by: fn(f64, f64) -> f64| match (
        values.first().and_then(Bson::float),
        values.get(1).and_then(Bson::float),
    ) {
        (Some(one), Some(two)) => number(by(one, two)),
        _ => Bson::Null,
    };
    Ok(match name {
        "$add" | "$sum" => number(numbers().sum()),
        "$multiply" => number(numbers().product()),
        "$subtract" => pair(|one, two| one - two),
        "$divide" => pair(|one, two| one / two),
        "$concat" => {
            let texts = values.iter().map(|value| match value {
                Bson::Text(text) => Some(text.as_str()),
                _ => None,
            });
            texts.collect::<Option<String>>().map_or(Bson::Null, Bson::Text)
        }
        "$toLower" | "$toUpper" | "$toString" => match values.first() {
            Some(Bson::Text(text)) if name == "$toLower" => text.to_lowercase().into(),
            Some(Bson::Text(text)) if name == "$toUpper" => text.to_uppercase().into(),
            Some(Bson::Id(id)) => hex::encode(id).into(),
            Some(other) if other.float().is_some() => other.json().to_string().into(),
            Some(other) => other.clone(),
            None => Bson::Null,
        },
        "$size" => Bson::Int(values.len() as i32),
        "$type" => values.first().map_or("missing", Bson::kind_name).into(),
        "$ifNull" => values
            .iter()
            .find(|value| **value != Bson::Null)
            .cloned()
            .unwrap_or(Bson::Null),
        "$avg" | "$min" | "$max" => gathered(name, values),
        unknown => {
            let text = format!("Unrecognized expression '{unknown}'");
            return Err(Fault::new(168, "InvalidPipelineOperator", text));
        }
    })
}

/// A number as the smallest type that holds it.
pub(super) fn number(value: f64) -> Bson {
    if value.fract() != 0.0 || value.abs() > 9e15 {
        Bson::Double(value)
    } else if value.abs() < 2e9 {
        Bson::Int(value as i32)
    } else {
        Bson::Long(value as i64)
    }
}

pub(super) fn gathered(name: &str, values: &[Bson]) -> Bson {
    let there = || values.iter().filter(|value| **value != Bson::Null);
    let best = match name {
        "$min" => there().min_by(|one, two| one.order(two)),
        _ => there().max_by(|one, two| one.order(two)),
    };
    if name != "$avg" {
        return best.cloned().unwrap_or(Bson::Null);
    }
    let numbers: Vec<f64> = values.iter().filter_map(Bson::float).collect();
    if numbers.is_empty() {
        return Bson::Null;
    }
    Bson::Double(numbers.iter().sum::<f64>() / numbers.len() as f64)
}
