//! Queries, read from JSON or from one line.

use super::json::Json;
use super::reply::Refusal;
use super::value;

const MOST_LEVELS: usize = 20;
/// `indices.query.bool.max_clause_count`
const MOST_CLAUSES: usize = 1024;
#[derive(Debug)]
pub(super) enum Query {
    All,
    Nothing,
    /// One of these values, exactly.
    Terms(String, Vec<Json>),
    Words {
        field: String,
        words: Vec<String>,
        /// As it was written, for fields that are no text.
        whole: Json,
        all: bool,
        phrase: bool,
    },
    Range(String, Vec<(String, Json)>),
    Exists(String),
    Ids(Vec<String>),
    Wildcard(String, String),
    Bool {
        must: Vec<Self>,
        filter: Vec<Self>,
        should: Vec<Self>,
        must_not: Vec<Self>,
        minimum: usize,
    },
    Constant(Box<Self>, f32),
}

// === impl Query ===

impl Query {
    pub(super) fn parse(json: &Json) -> Result<Self, Refusal> {
        parse(json, &mut Clauses { level: 0, count: 0 })
    }

    /// The query language of one line: `status:paid AND city:(Cork OR Lyon) -new "two words"`, without its finer points.
    pub(super) fn line(text: &str, fields: &[String], all: bool) -> Self {
        let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
        let (mut and, mut not) = (all, false);
        for word in pieces(text).into_iter().take(MOST_CLAUSES) {
            match word.as_str() {
                "AND" | "&&" => {
                    and = true;
                    // What stood before an AND must be, too.
                    must.extend(should.pop());
                    continue;
                }
                "OR" | "||" => {
                    and = false;
                    continue;
                }
                "NOT" | "!" => {
                    not = true;
                    continue;
                }
                _ => {}
            }
            let plus = word.starts_with('+');
            let minus = word.starts_with('-');
            let query = one(word.trim_start_matches(['+', '-', '(']).trim_end_matches(')'), fields);
            match (not || minus, and || plus) {
                (true, _) => must_not.push(query),
                (false, true) => must.push(query),
                (false, false) => should.push(query),
            }
            (and, not) = (all, false);
        }
        let minimum = usize::from(must.is_empty() && !should.is_empty());
        Self::Bool {
            must,
            filter: Vec::new(),
            should,
            must_not,
            minimum,
        }
    }

    fn words(field: &str, value: &Json, all: bool, phrase: bool) -> Self {
        Self::Words {
            field: field.to_owned(),
            words: value::words(&value.bare()),
            whole: value.clone(),
            all,
            phrase,
        }
    }
}

fn pieces(text: &str) -> Vec<String> {
    let (mut pieces, mut piece, mut quoted) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        if character == '"' {
            quoted = !quoted;
        }
        if character.is_whitespace() && !quoted {
            pieces.push(std::mem::take(&mut piece));
        } else {
            piece.push(character);
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn one(word: &str, fields: &[String]) -> Query {
    let (field, value) = match word.split_once(':') {
        Some((field, value)) if !field.is_empty() && !field.contains('"') => (field, value),
        _ => ("*", word),
    };
    let value = value.trim_start_matches('(');
    if field == "*" && value == "*" {
        return Query::All;
    }
    if field == "_exists_" {
        return Query::Exists(value.to_owned());
    }
    let quoted = value.contains('"');
    let text = value.trim_matches('"');
    let over = |field: &str| match text {
        "*" => Query::Exists(field.to_owned()),
        _ if text.contains('*') && !quoted => Query::Wildcard(field.to_owned(), text.to_lowercase()),
        _ => {
            let ordering = [">=", "<=", ">", "<"]
                .iter()
                .find_map(|sign| Some((sign, text.strip_prefix(sign)?)));
            match ordering {
                Some((sign, bound)) => {
                    let name = [(">=", "gte"), ("<=", "lte"), (">", "gt"), ("<", "lt")];
                    let name = name
                        .iter()
                        .find(|(known, _)| known == sign)
                        .map_or("gt", |(_, name)| name);
                    Query::Range(field.to_owned(), vec![(name.to_owned(), bound.into())])
                }
                None => Query::words(field, &text.into(), quoted, quoted),
            }
        }
    };
    if field != "*" || fields.is_empty() {
        return over(field);
    }
    any_of(fields.iter().map(|field| over(field)).collect())
}

fn any_of(should: Vec<Query>) -> Query {
    Query::Bool {
        must: Vec::new(),
        filter: Vec::new(),
        should,
        must_not: Vec::new(),
        minimum: 1,
    }
}

struct Clauses {
    level: usize,
    count: usize,
}

impl Clauses {
    fn more(&mut self, count: usize) -> Result<(), Refusal> {
        self.count += count;
        if self.count > MOST_CLAUSES {
            let reason = format!("failed to create query: maxClauseCount is set to {MOST_CLAUSES}");
            return Err(Refusal::new(400, "too_many_clauses", reason));
        }
        Ok(())
    }
}

fn parse(json: &Json, clauses: &mut Clauses) -> Result<Query, Refusal> {
    let Some((name, inner)) = json.only() else {
        return Err(Refusal::argument("query malformed, empty clause found"));
    };
    clauses.more(1)?;
    clauses.level += 1;
    if clauses.level > MOST_LEVELS {
        return Err(Refusal::argument(
            "The nested depth of the query exceeds the maximum nested depth for queries set in [indices.query.bool.max_nested_depth]",
        ));
    }
    let query = named(name, inner, clauses);
    clauses.level -= 1;
    query
}

fn named(name: &str, inner: &Json, clauses: &mut Clauses) -> Result<Query, Refusal> {
    let text = |name: &str| inner.get(name).map(Json::bare).unwrap_or_default();
    let fields = || -> Vec<String> {
        let fields = inner.get("fields").map(Json::each).unwrap_or_default();
        let fields = fields.iter().filter_map(Json::text);
        fields
            .map(|field| field.split('^').next().unwrap_or(field).to_owned())
            .collect()
    };
    let all = |inner: &Json, name: &str| {
        inner
            .get(name)
            .and_then(Json::text)
            .is_some_and(|operator| operator.eq_ignore_ascii_case("and"))
    };
    Ok(match name {
        "match_all" => Query::All,
        "match_none" => Query::Nothing,
        "term" | "terms" | "prefix" | "wildcard" | "regexp" | "fuzzy" => {
            let Some((field, given)) = inner.members().iter().find(|(name, _)| name != "boost") else {
                return Err(Refusal::parsing(format!(
                    "[{name}] query malformed, no field after start_object"
                )));
            };
            let given = given.get("value").or_else(|| given.get(name)).unwrap_or(given);
            clauses.more(given.each().len())?;
            match name {
                "prefix" => Query::Wildcard(field.clone(), format!("{}*", given.bare())),
                "wildcard" => Query::Wildcard(field.clone(), given.bare()),
                "regexp" => Query::Wildcard(field.clone(), given.bare().replace(".*", "*").replace(".+", "*")),
                "terms" if !matches!(given, Json::List(_)) => {
                    return Err(Refusal::parsing("[terms] query does not support [value]"));
                }
                _ => Query::Terms(field.clone(), given.each().to_vec()),
            }
        }
        "match" | "match_phrase" | "match_phrase_prefix" | "match_bool_prefix" => {
            let Some((field, given)) = inner.only() else {
                return Err(Refusal::parsing(format!(
                    "[{name}] query malformed, no field after start_object"
                )));
            };
            let value = given.get("query").unwrap_or(given);
            let phrase = name.starts_with("match_phrase");
            let query = Query::words(field, value, all(given, "operator") || phrase, phrase);
            if let Query::Words { words, .. } = &query {
                clauses.more(words.len())?;
            }
            query
        }
        "multi_match" => {
            let query: Json = text("query").into();
            let over = fields();
            clauses.more(over.len() * value::words(&query.bare()).len().max(1))?;
            if over.is_empty() {
                Query::words("*", &query, all(inner, "operator"), false)
            } else {
                any_of(
                    over.iter()
                        .map(|field| Query::words(field, &query, all(inner, "operator"), false))
                        .collect(),
                )
            }
        }
        "query_string" | "simple_query_string" => {
            let mut over = fields();
            over.extend(inner.get("default_field").map(Json::bare).filter(|field| field != "*"));
            let line = text("query");
            clauses.more(pieces(&line).len() * over.len().max(1))?;
            Query::line(&line, &over, all(inner, "default_operator"))
        }
        "range" => match inner.only() {
            Some((field, bounds)) => Query::Range(field.to_owned(), bounds.members().to_vec()),
            None => return Err(Refusal::parsing("[range] query malformed, no field after start_object")),
        },
        "exists" => Query::Exists(text("field")),
        "ids" => {
            let ids = inner.get("values").map(Json::each).unwrap_or_default();
            Query::Ids(ids.iter().map(Json::bare).collect())
        }
        "bool" => boolean(inner, clauses)?,
        "constant_score" => {
            let filter = inner
                .get("filter")
                .ok_or_else(|| Refusal::argument("[constant_score] requires a 'filter' element"))?;
            let boost = inner.get("boost").and_then(Json::float).unwrap_or(1.0);
            Query::Constant(Box::new(parse(filter, clauses)?), boost as f32)
        }
        "nested" | "function_score" | "script_score" | "has_child" | "has_parent" => match inner.get("query") {
            Some(query) => parse(query, clauses)?,
            None => Query::All,
        },
        "dis_max" => {
            let queries = inner.get("queries").map(Json::each).unwrap_or_default();
            any_of(
                queries
                    .iter()
                    .map(|query| parse(query, clauses))
                    .collect::<Result<_, _>>()?,
            )
        }
        "script" => Query::All,
        unknown => {
            let inner = Refusal::new(
                400,
                "named_object_not_found_exception",
                format!("[1:11] unknown field [{unknown}]"),
            );
            return Err(Refusal::parsing(format!("unknown query [{unknown}]")).caused(&inner));
        }
    })
}

fn boolean(inner: &Json, clauses: &mut Clauses) -> Result<Query, Refusal> {
    let mut group = |name: &str| -> Result<Vec<Query>, Refusal> {
        let given = inner.get(name).map(Json::each).unwrap_or_default();
        given.iter().map(|query| parse(query, clauses)).collect()
    };
    let (must, filter, should) = (group("must")?, group("filter")?, group("should")?);
    let must_not = group("must_not")?;
    let known = [
        "must",
        "filter",
        "should",
        "must_not",
        "minimum_should_match",
        "boost",
        "_name",
        "adjust_pure_negative",
    ];
    if let Some((unknown, _)) = inner.members().iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Refusal::parsing(format!("[bool] query does not support [{unknown}]")));
    }
    let minimum = inner.get("minimum_should_match").and_then(Json::whole);
    let minimum = minimum.map_or_else(
        || usize::from(must.is_empty() && filter.is_empty() && !should.is_empty()),
        |least| {
            if least < 0 {
                should.len().saturating_sub(least.unsigned_abs() as usize)
            } else {
                least as usize
            }
        },
    );
    Ok(Query::Bool {
        must,
        filter,
        should,
        must_not,
        minimum,
    })
}
