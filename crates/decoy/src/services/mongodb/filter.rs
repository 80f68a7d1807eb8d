//! Which documents fit a filter, and what a dotted name means in one.

use super::bson::{Bson, Doc};

/// Levels of `$and` and its like.
const MOST_LEVELS: usize = 30;

/// What a client got wrong: the product's code, its name, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) code: i32,
    pub(super) name: &'static str,
    pub(super) text: String,
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(code: i32, name: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            name,
            text: text.into(),
        }
    }

    pub(super) fn bad_value(text: impl Into<String>) -> Self {
        Self::new(2, "BadValue", text)
    }

    pub(super) fn bad_type(text: impl Into<String>) -> Self {
        Self::new(14, "TypeMismatch", text)
    }
}

/// The values under a dotted name; a list stands for itself and for each of its values.
pub(super) fn at<'a>(doc: &'a Doc, name: &str) -> Vec<&'a Bson> {
    let mut found = Vec::new();
    walk(doc, name, &mut found);
    found
}

fn walk<'a>(doc: &'a Doc, name: &str, found: &mut Vec<&'a Bson>) {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let Some(value) = doc.get(first) else { return };
    if rest.is_empty() {
        found.push(value);
        if let Bson::List(values) = value {
            found.extend(values);
        }
        return;
    }
    match value {
        Bson::Doc(inner) => walk(inner, rest, found),
        Bson::List(values) => {
            let (place, beyond) = rest.split_once('.').unwrap_or((rest, ""));
            match place.parse::<usize>().ok().and_then(|n| values.get(n)) {
                Some(value) if beyond.is_empty() => found.push(value),
                Some(Bson::Doc(inner)) => walk(inner, beyond, found),
                _ => {}
            }
            for value in values {
                if let Bson::Doc(inner) = value {
                    walk(inner, rest, found);
                }
            }
        }
        _ => {}
    }
}

pub(super) fn fits(doc: &Doc, filter: &Doc) -> Result<bool, Fault> {
    fits_at(doc, filter, 0)
}

fn fits_at(doc: &Doc, filter: &Doc, level: usize) -> Result<bool, Fault> {
    if level > MOST_LEVELS {
        return Err(Fault::new(
            168,
            "InvalidPipelineOperator",
            "exceeded depth limit in nested match expression",
        ));
    }
    for (name, wanted) in &filter.0 {
        if !one(doc, name, wanted, level)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn one(doc: &Doc, name: &str, wanted: &Bson, level: usize) -> Result<bool, Fault> {
    let each = || -> Result<Vec<bool>, Fault> {
        let Bson::List(filters) = wanted else {
            return Err(Fault::bad_value(format!("{name} must be an array")));
        };
        if filters.is_empty() {
            return Err(Fault::bad_value(format!("{name} must be a nonempty array")));
        }
        let filters = filters.iter().map(|filter| match filter {
            Bson::Doc(filter) => fits_at(doc, filter, level + 1),
            _ => Err(Fault::bad_value("$or/$and/$nor entries need to be full objects")),
        });
        filters.collect()
    };
    Ok(match name {
        "$and" => each()?.into_iter().all(|fits| fits),
        "$or" => each()?.into_iter().any(|fits| fits),
        "$nor" => !each()?.into_iter().any(|fits| fits),
        "$comment" | "$expr" | "$where" | "$jsonSchema" | "$text" => true,
        unknown if unknown.starts_with('$') => {
            return Err(Fault::bad_value(format!("unknown top level operator: {unknown}")));
        }
        field => match wanted {
            Bson::Doc(operators)
                if operators
                    .0
                    .first()
                    .is_some_and(|(name, _)| name.starts_with('$') && name != "$ref") =>
            {
                for (operator, operand) in &operators.0 {
                    if !operated(doc, field, (operator, operand), operators, level)? {
                        return Ok(false);
                    }
                }
                true
            }
            Bson::Regex(pattern, options) => at(doc, field).iter().any(|value| is_like(value, pattern, options)),
            _ => equals(doc, field, wanted),
        },
    })
}

fn equals(doc: &Doc, field: &str, wanted: &Bson) -> bool {
    let values = at(doc, field);
    values.iter().any(|value| value.is_same(wanted)) || (values.is_empty() && *wanted == Bson::Null)
}

fn operated(
    doc: &Doc,
    field: &str,
    (operator, operand): (&str, &Bson),
    all: &Doc,
    level: usize,
) -> Result<bool, Fault> {
    let values = at(doc, field);
    let compared = |fits: fn(std::cmp::Ordering) -> bool| {
        values
            .iter()
            .any(|value| value.is_comparable(operand) && fits(value.order(operand)))
    };
    let among = || -> Result<bool, Fault> {
        let Bson::List(wanted) = operand else {
            return Err(Fault::bad_value(format!("{operator} needs an array")));
        };
        Ok(wanted.iter().any(|wanted| match wanted {
            Bson::Regex(pattern, options) => values.iter().any(|value| is_like(value, pattern, options)),
            other => equals(doc, field, other),
        }))
    };
    Ok(match operator {
        "$eq" => equals(doc, field, operand),
        "$ne" => !equals(doc, field, operand),
        "$gt" => compared(std::cmp::Ordering::is_gt),
        "$gte" => compared(std::cmp::Ordering::is_ge),
        "$lt" => compared(std::cmp::Ordering::is_lt),
        "$lte" => compared(std::cmp::Ordering::is_le),
        "$in" => among()?,
        "$nin" => !among()?,
        "$exists" => values.is_empty() != operand.truth(),
        "$not" => match operand {
            Bson::Doc(operators) => {
                let mut all_fit = true;
                for (operator, operand) in &operators.0 {
                    all_fit &= operated(doc, field, (operator, operand), operators, level + 1)?;
                }
                !all_fit
            }
            Bson::Regex(pattern, options) => !values.iter().any(|value| is_like(value, pattern, options)),
            _ => return Err(Fault::bad_value("$not needs a regex or a document")),
        },
        "$regex" => {
            let (pattern, options) = match operand {
                Bson::Text(pattern) => (pattern.as_str(), all.text("$options").unwrap_or_default()),
                Bson::Regex(pattern, options) => (pattern.as_str(), options.as_str()),
                _ => return Err(Fault::bad_value("$regex has to be a string")),
            };
            values.iter().any(|value| is_like(value, pattern, options))
        }
        "$options" | "$comment" => true,
        "$size" => {
            let size = operand.whole().unwrap_or(-1);
            values
                .iter()
                .any(|value| matches!(value, Bson::List(list) if list.len() as i64 == size))
        }
        "$all" => {
            let Bson::List(wanted) = operand else {
                return Err(Fault::bad_value("$all needs an array"));
            };
            !wanted.is_empty() && wanted.iter().all(|wanted| equals(doc, field, wanted))
        }
        "$elemMatch" => {
            let Bson::Doc(filter) = operand else {
                return Err(Fault::bad_value("$elemMatch needs an Object"));
            };
            let mut any = false;
            for value in &values {
                if let Bson::Doc(inner) = value {
                    any |= fits_at(inner, filter, level + 1)?;
                }
            }
            any
        }
        "$mod" => match operand {
            Bson::List(pair) => match (pair.first().and_then(Bson::whole), pair.get(1).and_then(Bson::whole)) {
                (Some(0), _) => return Err(Fault::bad_value("divisor cannot be 0")),
                (Some(by), Some(rest)) => values
                    .iter()
                    .any(|value| value.whole().and_then(|number| number.checked_rem(by)) == Some(rest)),
                _ => return Err(Fault::bad_value("malformed mod, not enough elements")),
            },
            _ => return Err(Fault::bad_value("malformed mod, needs to be an array")),
        },
        "$type" => {
            let wanted = match operand {
                Bson::List(kinds) => kinds.as_slice(),
                one => std::slice::from_ref(one),
            };
            let is = |value: &Bson, kind: &Bson| match kind {
                Bson::Text(name) if name == "number" => value.float().is_some(),
                Bson::Text(name) => value.kind_name() == name,
                _ => false,
            };
            values.iter().any(|value| wanted.iter().any(|kind| is(value, kind)))
        }
        unknown => return Err(Fault::bad_value(format!("unknown operator: {unknown}"))),
    })
}

/// Whether a text fits a pattern, as far as patterns are plain: `^`, `$`, `.*`, letters.
fn is_like(value: &Bson, pattern: &str, options: &str) -> bool {
    let Bson::Text(text) = value else { return false };
    let fold = |text: &str| {
        if options.contains('i') {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    };
    let (text, pattern) = (fold(text), fold(pattern));
    let (starts, pattern) = pattern
        .strip_prefix('^')
        .map_or((false, pattern.as_str()), |rest| (true, rest));
    let (ends, pattern) = pattern.strip_suffix('$').map_or((false, pattern), |rest| (true, rest));
    let parts: Vec<String> = pattern.split(".*").map(|part| part.replace('\\', "")).collect();
    let mut rest = text.as_str();
    for (n, part) in parts.iter().enumerate() {
        if n == 0 && starts {
            match rest.strip_prefix(part.as_str()) {
                Some(after) => rest = after,
                None => return false,
            }
        } else if n + 1 == parts.len() && ends {
            return rest.ends_with(part.as_str());
        } else {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    !ends || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::bson::document;
    use super::*;

    #[test]
    fn documents_fit_what_is_asked_of_them() {
        let one =
            document! {"a": 5, "b": document! {"c": "Hello"}, "l": vec![Bson::Int(1), Bson::Doc(document! {"k": 2})]};
        let like = |pattern: &str, options: &str| Bson::Regex(pattern.into(), options.into());
        for (filter, wanted) in [
            (document! {"a": 5.0}, true),
            (document! {"a": document! {"$gt": 4, "$lt": 6}}, true),
            (document! {"a": document! {"$gt": "4"}}, false),
            (document! {"b.c": like("^hel.*o$", "i")}, true),
            (document! {"b.c": like("^ello", "")}, false),
            (document! {"l": 1}, true),
            (document! {"l.k": 2}, true),
            (document! {"l": document! {"$size": 2}}, true),
            (document! {"x": Bson::Null}, true),
            (document! {"x": document! {"$exists": true}}, false),
            (document! {"$or": vec![document! {"a": 1}, document! {"a": 5}]}, true),
            (
                document! {"a": document! {"$in": vec![Bson::Int(5)]}, "b.c": document! {"$ne": "x"}},
                true,
            ),
            (document! {"l": document! {"$elemMatch": document! {"k": 2}}}, true),
            (document! {"a": document! {"$not": document! {"$gt": 9}}}, true),
        ] {
            assert_eq!(fits(&one, &filter), Ok(wanted), "{filter:?}");
        }
        assert_eq!(fits(&one, &document! {"$foo": 1}).unwrap_err().code, 2);
    }
}
