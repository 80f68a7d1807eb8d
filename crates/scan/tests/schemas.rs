//! The schemas that are shipped hold for what is printed and for the rules that are read.

use detect::Setup;
use scan::lab::SAMPLES;
use scan::{Options, scan};
use serde_json::{Value, json};

const SCAN: &str = include_str!("../../../schemas/scan.schema.json");
const RULES: &str = include_str!("../../../schemas/rules.schema.json");

/// What is wrong with a value, by the part of JSON Schema that our schemas use. A word of a schema that is not known
/// here is an error as well, so that no constraint is passed over.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else { return };
    for (word, wanted) in schema {
        let fine = match word.as_str() {
            "$schema" | "title" | "$defs" => true,
            "$ref" => {
                let pointer = wanted
                    .as_str()
                    .and_then(|path| path.strip_prefix('#'))
                    .expect("a local reference");
                faults(root, root.pointer(pointer).expect("a definition"), value, at, out);
                true
            }
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            "const" => wanted == value,
            "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
            "required" => wanted.as_array().into_iter().flatten().all(|key| {
                value
                    .as_object()
                    .is_none_or(|map| key.as_str().is_some_and(|key| map.contains_key(key)))
            }),
            "properties" => {
                for (key, inner) in wanted.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(key) {
                        faults(root, inner, value, &format!("{at}/{key}"), out);
                    }
                }
                true
            }
            "additionalProperties" => value.as_object().into_iter().flatten().all(|(key, value)| {
                let known = schema.get("properties").and_then(|known| known.get(key)).is_some();
                if !known && wanted.is_object() {
                    faults(root, wanted, value, &format!("{at}/{key}"), out);
                }
                known || wanted != &json!(false)
            }),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults(root, wanted, item, &format!("{at}/{index}"), out);
                }
                true
            }
            "anyOf" => wanted.as_array().into_iter().flatten().any(|one| {
                let mut inner = Vec::new();
                faults(root, one, value, at, &mut inner);
                inner.is_empty()
            }),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= wanted.as_f64().expect("a number")),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= wanted.as_f64().expect("a number")),
            "minItems" => value
                .as_array()
                .is_none_or(|all| all.len() as u64 >= wanted.as_u64().expect("a number")),
            "maxItems" => value
                .as_array()
                .is_none_or(|all| all.len() as u64 <= wanted.as_u64().expect("a number")),
            "pattern" => value.as_str().is_none_or(|text| {
                regex::Regex::new(wanted.as_str().expect("a pattern"))
                    .expect("a pattern")
                    .is_match(text)
            }),
            _ => false,
        };
        if !fine {
            out.push(format!("{at}: {word} {wanted} against {value}"));
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

fn check(schema: &str, value: &Value) -> Vec<String> {
    let schema = serde_json::from_str(schema).expect("a schema");
    let mut out = Vec::new();
    faults(&schema, &schema, value, "", &mut out);
    out
}

#[test]
fn every_report_of_the_lab_is_as_its_schema_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for sample in SAMPLES {
        sample.write(folder.path()).expect("written");
        let options = Options {
            setup: Setup::default(),
            ..Options::default()
        };
        let report = scan(&folder.path().join(sample.name), &options).expect("a report");
        let faults = check(SCAN, &serde_json::to_value(&report).expect("json"));
        assert!(faults.is_empty(), "{}: {faults:#?}", sample.name);
    }
}

#[test]
fn rules_that_are_read_fit_their_schema_and_others_do_not() {
    let rule = |more: Value| {
        let mut rule = json!({ "id": "abc", "title": "t", "kind": "match", "where": { "http.path": "/x" } });
        rule.as_object_mut()
            .expect("a map")
            .extend(more.as_object().expect("a map").clone());
        json!({ "decnet_rules": 1, "rules": [rule] })
    };
    for (more, fits) in [
        (json!({}), true),
        (
            json!({ "kind": "threshold", "count": { "over": 3 }, "within": "60s" }),
            true,
        ),
        (
            json!({ "kind": "absence", "period": "60s", "suppress": { "for": "5m", "mode": "every" } }),
            true,
        ),
        (
            json!({ "kind": "playbook", "where": null, "base": 40, "parts": { "fast_chain": 0 }, "respond": ["webhook:soc"],
                    "steps": [{ "any": ["recon", "sensitive"] }, { "feature": "outbound" }] }),
            true,
        ),
        (
            json!({ "kind": "playbook", "where": null, "base": 40, "steps": [{ "feature": "magic" }, { "feature": "exec" }] }),
            false,
        ),
        (json!({ "kind": "guess" }), false),
        (json!({ "colour": "red" }), false),
        (json!({ "emit": { "confidence": 101 } }), false),
        (json!({ "id": "a b" }), false),
    ] {
        let file = rule(more);
        let read = detect::Ruleset::default().add("x", &file.to_string());
        assert_eq!(
            check(RULES, &file).is_empty(),
            fits,
            "{file}: {:?}",
            check(RULES, &file)
        );
        assert_eq!(read.is_ok(), fits, "{file}: {read:?}");
    }
}
