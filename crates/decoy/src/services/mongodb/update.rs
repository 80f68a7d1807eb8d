//! Changes of a document.

use std::collections::HashSet;

use super::bson::{Bson, Doc};
use super::filter::Fault;
use super::store::key;

/// Names in a dotted name.
const MOST_LEVELS: usize = 50;

/// Makes of `doc` what an update wants; comes to whether that is something else.
pub(super) fn update(doc: &mut Doc, wanted: &Bson, fresh: bool, now: i64) -> Result<bool, Fault> {
    let before = doc.clone();
    match wanted {
        Bson::Doc(operators) if operators.0.first().is_some_and(|(name, _)| name.starts_with('$')) => {
            for (operator, fields) in &operators.0 {
                let Bson::Doc(fields) = fields else {
                    let text = format!(
                        "Modifiers operate on fields but we found type {} instead.",
                        fields.kind_name()
                    );
                    return Err(Fault::new(9, "FailedToParse", text));
                };
                for (field, operand) in &fields.0 {
                    operate(doc, operator, (field, operand), fresh, now)?;
                }
            }
        }
        Bson::Doc(new) => {
            let id = doc.get("_id").cloned();
            *doc = new.clone();
            if let Some(id) = id {
                doc.remove("_id");
                doc.0.insert(0, ("_id".into(), id));
            }
        }
        // A pipeline: its plain stages.
        Bson::List(stages) => {
            for stage in stages {
                if let Bson::Doc(stage) = stage
                    && let Some(fields) = stage.doc("$set").or_else(|| stage.doc("$addFields"))
                {
                    fields
                        .0
                        .iter()
                        .for_each(|(field, value)| set(doc, field, value.clone()));
                }
            }
        }
        _ => {
            let text = "Update argument must be either an object or an array";
            return Err(Fault::new(9, "FailedToParse", text));
        }
    }
    Ok(*doc != before)
}

fn operate(doc: &mut Doc, operator: &str, (field, operand): (&str, &Bson), fresh: bool, now: i64) -> Result<(), Fault> {
    let named = |name: &str| name.split('.').count() <= MOST_LEVELS;
    if !named(field) || matches!(operand, Bson::Text(name) if operator == "$rename" && !named(name)) {
        return Err(Fault::new(15, "Overflow", "cannot update a field that lies so deep"));
    }
    let old = get(doc, field).cloned();
    let number = |by: fn(f64, f64) -> f64, from: f64| {
        let (one, two) = (old.clone().unwrap_or(Bson::Int(from as i32)), operand);
        match (&one, two) {
            (Bson::Int(a), Bson::Int(b)) => {
                let result = by(f64::from(*a), f64::from(*b));
                if result.abs() < 2e9 {
                    Some(Bson::Int(result as i32))
                } else {
                    Some(Bson::Long(result as i64))
                }
            }
            (Bson::Long(_), Bson::Int(_) | Bson::Long(_)) | (Bson::Int(_), Bson::Long(_)) => {
                Some(Bson::Long(by(one.float()?, two.float()?) as i64))
            }
            _ => Some(Bson::Double(by(one.float()?, two.float()?))),
        }
    };
    let listed = || match &old {
        Some(Bson::List(values)) => Ok(values.clone()),
        None => Ok(Vec::new()),
        Some(other) => {
            let text = format!(
                "The field '{field}' must be an array but is of type {}",
                other.kind_name()
            );
            Err(Fault::bad_value(text))
        }
    };
    let wrong = || Fault::bad_type(format!("Cannot apply {operator} to a value of non-numeric type"));
    let added = || match operand {
        Bson::Doc(each) if each.get("$each").is_some() => each.list("$each").to_vec(),
        one => vec![one.clone()],
    };
    match operator {
        "$set" => set(doc, field, operand.clone()),
        "$setOnInsert" if fresh => set(doc, field, operand.clone()),
        "$setOnInsert" => {}
        "$unset" => unset(doc, field),
        "$inc" => set(doc, field, number(|one, two| one + two, 0.0).ok_or_else(wrong)?),
        "$mul" => set(doc, field, number(|one, two| one * two, 0.0).ok_or_else(wrong)?),
        "$min" if old.as_ref().is_none_or(|old| operand.order(old).is_lt()) => set(doc, field, operand.clone()),
        "$max" if old.as_ref().is_none_or(|old| operand.order(old).is_gt()) => set(doc, field, operand.clone()),
        "$min" | "$max" => {}
        "$currentDate" => set(doc, field, Bson::Date(now)),
        "$rename" => {
            if let (Some(value), Bson::Text(name)) = (old.clone(), operand) {
                unset(doc, field);
                set(doc, name, value);
            }
        }
        "$push" | "$addToSet" => {
            let mut values = listed()?;
            let mut known: HashSet<Vec<u8>> = values.iter().map(key).collect();
            values.extend(
                added()
                    .into_iter()
                    .filter(|value| operator == "$push" || known.insert(key(value))),
            );
            set(doc, field, values);
        }
        "$pull" => {
            let mut values = listed()?;
            values.retain(|value| !value.is_same(operand));
            set(doc, field, values);
        }
        "$pop" => {
            let mut values = listed()?;
            if operand.whole() == Some(-1) && !values.is_empty() {
                values.remove(0);
            } else {
                values.pop();
            }
            set(doc, field, values);
        }
        unknown => {
            let text = format!(
                "Unknown modifier: {unknown}. Expected a valid update modifier or pipeline-style update specified as an array"
            );
            return Err(Fault::new(9, "FailedToParse", text));
        }
    }
    Ok(())
}

fn get<'a>(doc: &'a Doc, name: &str) -> Option<&'a Bson> {
    match name.split_once('.') {
        None => doc.get(name),
        Some((first, rest)) => match doc.get(first)? {
            Bson::Doc(inner) => get(inner, rest),
            _ => None,
        },
    }
}

fn set(doc: &mut Doc, name: &str, value: impl Into<Bson>) {
    let Some((first, rest)) = name.split_once('.') else {
        return doc.set(name, value);
    };
    let mut inner = match doc.get(first) {
        Some(Bson::Doc(inner)) => inner.clone(),
        _ => Doc::default(),
    };
    set(&mut inner, rest, value);
    doc.set(first, inner);
}

fn unset(doc: &mut Doc, name: &str) {
    let Some((first, rest)) = name.split_once('.') else {
        doc.remove(name);
        return;
    };
    if let Some((_, Bson::Doc(inner))) = doc.0.iter_mut().find(|(known, _)| known == first) {
        unset(inner, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bson::document;
    use super::*;

    #[test]
    fn a_document_is_changed_as_the_operators_say() {
        let mut doc = document! {"_id": 1, "n": 2, "l": vec![Bson::Int(1)]};
        let wanted = document! {
            "$inc": document! {"n": 3}, "$set": document! {"a.b": "x"}, "$push": document! {"l": 2}, "$unset": document! {"z": ""},
        };
        assert_eq!(update(&mut doc, &wanted.into(), false, 0), Ok(true));
        let now = document! {"_id": 1, "n": 5, "l": vec![Bson::Int(1), Bson::Int(2)], "a": document! {"b": "x"}};
        assert_eq!(doc, now);
        assert_eq!(update(&mut doc, &document! {"m": 1}.into(), false, 0), Ok(true));
        assert_eq!(doc, document! {"_id": 1, "m": 1});
        assert_eq!(
            update(&mut doc, &document! {"$x": document! {"a": 1}}.into(), false, 0)
                .unwrap_err()
                .code,
            9
        );
    }
}
