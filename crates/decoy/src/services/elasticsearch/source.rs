//! What of a document is shown.

use super::call::Call;
use super::json::Json;
use super::store::{Doc, like};

/// The source of a document, or what is wanted of it.
pub(super) fn source(call: &Call<'_>, wanted: Option<&Json>, doc: &Doc) -> Option<Json> {
    let listed = |name: &str| -> Vec<String> {
        let words = call.param(name).unwrap_or_default().split(',');
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (mut with, mut without) = (listed("_source_includes"), listed("_source_excludes"));
    match (call.param("_source"), wanted) {
        (Some("false"), _) | (None, Some(Json::Bool(false))) => return None,
        (Some("true" | ""), _) | (None, None | Some(Json::Bool(true))) => {}
        (Some(_), _) => with.extend(listed("_source")),
        (None, Some(Json::Map(_))) => {
            let names = |name: &str| {
                wanted
                    .and_then(|wanted| wanted.get(name))
                    .map(Json::each)
                    .unwrap_or_default()
            };
            with.extend(names("includes").iter().chain(names("include")).map(Json::bare));
            without.extend(names("excludes").iter().chain(names("exclude")).map(Json::bare));
        }
        (None, Some(names)) => with.extend(names.each().iter().map(Json::bare)),
    }
    if with.is_empty() && without.is_empty() {
        return Some(Json::Raw(doc.source.clone()));
    }
    Some(part(&doc.parsed, "", &with, &without))
}

/// What of a value has such a name, dots between the names of levels.
pub(super) fn part(value: &Json, above: &str, with: &[String], without: &[String]) -> Json {
    match value {
        Json::Map(members) => {
            let kept = members.iter().filter_map(|(name, value)| {
                let path = if above.is_empty() {
                    name.clone()
                } else {
                    format!("{above}.{name}")
                };
                let fits = |pattern: &String| {
                    like(pattern, &path)
                        || path
                            .strip_prefix(pattern.as_str())
                            .is_some_and(|rest| rest.starts_with('.'))
                };
                let deeper = with.iter().any(|pattern| pattern.starts_with(&format!("{path}.")));
                if without.iter().any(fits) || !(with.is_empty() || deeper || with.iter().any(fits)) {
                    return None;
                }
                Some((name.clone(), part(value, &path, with, without)))
            });
            Json::Map(kept.collect())
        }
        Json::List(values) => Json::List(values.iter().map(|value| part(value, above, with, without)).collect()),
        plain => plain.clone(),
    }
}
