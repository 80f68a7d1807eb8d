//! The order hits come in.

use std::cmp::Ordering;

use super::json::Json;
use super::reply::Refusal;
use super::scope::Scope;
use super::search::{Hit, Wanted};
use super::value;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Number(f64),
    Text(String),
    Missing,
}

pub(super) struct Order {
    pub(super) field: String,
    pub(super) down: bool,
}

// === impl Key ===

impl Key {
    pub(super) fn of(hit: &Hit<'_>, field: &str) -> Self {
        match field {
            "_score" => return Self::Number(f64::from(hit.score)),
            "_doc" | "_shard_doc" | "_seq_no" => return Self::Number(hit.doc.seq as f64),
            "_id" => return Self::Text(hit.doc.id.clone()),
            _ => {}
        }
        let date = value::type_of(&hit.scope.index.properties, field) == Some("date");
        let Some(value) = value::at(&hit.doc.parsed, hit.scope.real(field)).first().copied() else {
            return Self::Missing;
        };
        match value {
            _ if date => value::millis(value).map_or(Self::Missing, |at| Self::Number(at as f64)),
            Json::Number(_) => value.float().map_or(Self::Missing, Self::Number),
            other => Self::Text(other.bare()),
        }
    }

    pub(super) fn json(&self) -> Json {
        match self {
            Self::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => Json::from(*number as i64),
            Self::Number(number) => Json::from(*number),
            Self::Text(text) => text.into(),
            Self::Missing => Json::Null,
        }
    }

    /// What is missing comes last, whatever the direction.
    fn against(&self, other: &Self, down: bool) -> Ordering {
        let turn = |order: Ordering| if down { order.reverse() } else { order };
        match (self, other) {
            (Self::Missing, Self::Missing) => Ordering::Equal,
            (Self::Missing, _) => Ordering::Greater,
            (_, Self::Missing) => Ordering::Less,
            (Self::Number(one), Self::Number(two)) => turn(one.total_cmp(two)),
            (Self::Text(one), Self::Text(two)) => turn(one.cmp(two)),
            (Self::Number(_), Self::Text(_)) => turn(Ordering::Less),
            (Self::Text(_), Self::Number(_)) => turn(Ordering::Greater),
        }
    }
}

// === impl Order ===

impl Order {
    pub(super) fn of_word(word: &str) -> Self {
        let (field, way) = word.split_once(':').unwrap_or((word, ""));
        Self {
            field: field.to_owned(),
            down: way == "desc" || (way.is_empty() && field == "_score"),
        }
    }

    pub(super) fn of(json: &Json) -> Option<Self> {
        if let Json::Text(word) = json {
            return Some(Self::of_word(word));
        }
        let (field, how) = json.only()?;
        let way = how.get("order").or(Some(how)).and_then(Json::text).unwrap_or_default();
        Some(Self::of_word(&format!("{field}:{way}")))
    }
}

pub(super) fn sort(hits: &mut Vec<Hit<'_>>, wanted: &Wanted) {
    if wanted.orders.is_empty() {
        return hits.sort_by(|one, two| two.score.total_cmp(&one.score));
    }
    for hit in hits.iter_mut() {
        hit.keys = wanted.orders.iter().map(|order| Key::of(hit, &order.field)).collect();
    }
    let compare = |one: &[Key], two: &[Key]| {
        let pairs = one.iter().zip(two).zip(&wanted.orders);
        let orders = pairs.map(|((one, two), order)| one.against(two, order.down));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    hits.sort_by(|one, two| compare(&one.keys, &two.keys));
    if let Some(after) = wanted.body.get("search_after") {
        let after: Vec<Key> = after
            .each()
            .iter()
            .map(|value| match value {
                Json::Number(_) => value.float().map_or(Key::Missing, Key::Number),
                Json::Null => Key::Missing,
                other => Key::Text(other.bare()),
            })
            .collect();
        hits.retain(|hit| compare(&hit.keys, &after).is_gt());
    }
}

/// Why a field cannot be sorted by, when it cannot.
pub(super) fn sortable(order: &Order, scope: &Scope<'_>) -> Result<(), Refusal> {
    let field = order.field.as_str();
    if field.starts_with('_') {
        return Ok(());
    }
    match value::type_of(&scope.index.properties, field) {
        Some("text") => Err(no_fielddata(field)),
        Some(_) => Ok(()),
        None => {
            let reason = format!("No mapping found for [{field}] in order to sort on");
            Err(Refusal::new(400, "query_shard_exception", reason).of_index(&scope.index.name, &scope.index.uuid))
        }
    }
}

pub(super) fn no_fielddata(field: &str) -> Refusal {
    Refusal::argument(format!(
        "Text fields are not optimised for operations that require per-document field data like aggregations and sorting, \
         so these operations are disabled by default. Please use a keyword field instead. Alternatively, set \
         fielddata=true on [{field}] in order to load field data by uninverting the inverted index. Note that this can \
         use significant memory."
    ))
}
