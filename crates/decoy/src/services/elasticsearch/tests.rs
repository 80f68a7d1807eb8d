//! Whole conversations, without a socket.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::super::database::company::Company;
use super::bait;
use super::fuzzing;
use super::json::Json;
use super::node::{Answered, Node};
use super::record::Record;
use super::store::Store;
use super::wire::{Came, Reader};

const NOW: i64 = 1_700_000_000_000;

struct Talk {
    node: Node,
    store: Store,
}

impl Talk {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(password: Option<&str>) -> Self {
        Self {
            node: fuzzing::node(password),
            store: bait::store(&Company::new([1; 32], "acme.example"), [2; 32], NOW),
        }
    }

    fn wire(&mut self, wire: &str) -> Answered {
        let mut reader = Reader::default();
        reader.feed(wire.as_bytes());
        let Some(Came::Request(request)) = reader.next() else {
            panic!("no request: {wire}");
        };
        self.node.answer(&mut self.store, &request, NOW, [3; 32])
    }

    /// Status, body, and what was told.
    fn ask(&mut self, method: &str, target: &str, body: &str) -> (u16, String, Vec<Record>) {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answered = self.wire(&(head + body));
        let text = String::from_utf8(answered.bytes).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        (answered.status, body.to_owned(), answered.records)
    }

    fn json(&mut self, method: &str, target: &str, body: &str) -> Json {
        let (_, text, _) = self.ask(method, target, body);
        Json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{target}: {error}: {text}"))
    }
}

fn at<'a>(json: &'a Json, path: &str) -> &'a Json {
    path.split('.')
        .fold(json, |json, name| match (json, name.parse::<usize>()) {
            (Json::List(values), Ok(n)) => &values[n],
            (json, _) => json
                .get(name)
                .unwrap_or_else(|| panic!("no {name} of {path} in {json}")),
        })
}

#[test]
fn what_is_said_goes_byte_by_byte_as_written() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden/elasticsearch-7.10.2.txt");
    let mut talk = Talk::new();
    let asked = [
        "GET / HTTP/1.0\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS / HTTP/1.1\r\nX-Opaque-Id: 7\r\n\r\n",
        "GET /_cat/indices?v&s=index HTTP/1.1\r\n\r\n",
        "GET /_cat/health HTTP/1.1\r\n\r\n",
        "GET /_cluster/health?pretty HTTP/1.1\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\n\r\n",
        "GET /a/b/c/d HTTP/1.1\r\n\r\n",
        "PUT /_search HTTP/1.1\r\n\r\n",
        "PUT /notes/_doc/1 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"a\": [1] }",
        "GET /notes HTTP/1.1\r\n\r\n",
        "GET /notes/_search HTTP/1.1\r\n\r\n",
        "POST /notes/_doc HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        "DELETE /notes HTTP/1.1\r\n\r\n",
    ];
    let mut said = String::new();
    for wire in asked {
        let answered = talk.wire(wire);
        said.push_str(&format!("> {}\n", wire.lines().next().unwrap()));
        said.push_str(&String::from_utf8(answered.bytes).unwrap().replace('\r', "\\r"));
        said.push('\n');
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(golden).unwrap());
}

#[test]
fn a_search_finds_what_it_asks_for() {
    let mut talk = Talk::new();
    let count = |talk: &mut Talk, query: &str| {
        let found = talk.json("POST", "/orders/_search", &format!("{{\"size\":0,\"query\":{query}}}"));
        at(&found, "hits.total.value").whole().unwrap()
    };
    let all = count(&mut talk, r#"{"match_all":{}}"#);
    let paid = count(&mut talk, r#"{"term":{"status.keyword":"paid"}}"#);
    assert!(0 < paid && paid < all);
    assert_eq!(count(&mut talk, r#"{"match":{"status":"PAID"}}"#), paid);
    assert_eq!(
        count(&mut talk, r#"{"bool":{"must_not":{"term":{"status.keyword":"paid"}}}}"#),
        all - paid
    );
    let large = count(&mut talk, r#"{"range":{"total":{"gte":500}}}"#);
    let small = count(&mut talk, r#"{"range":{"total":{"lt":500}}}"#);
    assert_eq!(large + small, all);
    assert_eq!(count(&mut talk, r#"{"range":{"created_at":{"lte":"now"}}}"#), all);
    assert_eq!(count(&mut talk, r#"{"range":{"created_at":{"gt":"now"}}}"#), 0);
    assert_eq!(
        count(&mut talk, r#"{"query_string":{"query":"status:paid AND total:>=500"}}"#),
        count(
            &mut talk,
            r#"{"bool":{"filter":[{"term":{"status.keyword":"paid"}},{"range":{"total":{"gte":500}}}]}}"#
        )
    );
    let counted = talk.json("GET", "/orders/_count?q=status:paid", "");
    assert_eq!(at(&counted, "count").whole(), Some(paid));
}

#[test]
fn hits_are_sorted_paged_and_shown_in_part() {
    let mut talk = Talk::new();
    let body = r#"{"sort":[{"total":"desc"}],"size":3,"_source":["total"]}"#;
    let found = talk.json("POST", "/orders/_search", body);
    let Json::List(hits) = at(&found, "hits.hits") else {
        panic!()
    };
    let totals: Vec<f64> = hits
        .iter()
        .map(|hit| at(hit, "_source.total").float().unwrap())
        .collect();
    assert_eq!(totals.len(), 3);
    assert!(totals.is_sorted_by(|one, two| one >= two), "{totals:?}");
    assert_eq!(at(&hits[0], "_source").members().len(), 1);
    assert_eq!(*at(&hits[0], "_score"), Json::Null);
    let next = talk.json(
        "POST",
        "/orders/_search",
        r#"{"sort":[{"total":"desc"}],"from":2,"size":1}"#,
    );
    assert_eq!(at(&next, "hits.hits.0._id"), at(&hits[2], "_id"));
    let (status, refused, _) = talk.ask("GET", "/orders/_search?size=10001", "");
    assert_eq!(status, 400);
    assert!(refused.contains("Result window is too large"), "{refused}");
    let (status, refused, _) = talk.ask("POST", "/orders/_search", r#"{"sort":"status"}"#);
    assert_eq!(status, 400);
    assert!(
        refused.contains("\"type\":\"search_phase_execution_exception\""),
        "{refused}"
    );
}

#[test]
fn who_scrolls_gets_every_document_once() {
    let mut talk = Talk::new();
    let first = talk.json("POST", "/orders/_search?scroll=1m&size=40", "");
    let total = at(&first, "hits.total.value").whole().unwrap() as usize;
    let mut seen = std::collections::BTreeSet::new();
    let mut page = first;
    loop {
        let Json::List(hits) = at(&page, "hits.hits") else {
            panic!()
        };
        if hits.is_empty() {
            break;
        }
        seen.extend(hits.iter().map(|hit| at(hit, "_id").bare()));
        let id = at(&page, "_scroll_id").bare();
        page = talk.json("POST", "/_search/scroll", &format!("{{\"scroll_id\":\"{id}\"}}"));
    }
    assert_eq!(seen.len(), total);
}

#[test]
fn what_is_grouped_adds_up() {
    let mut talk = Talk::new();
    let body = r#"{"size":0,"aggs":{"by":{"terms":{"field":"status.keyword"},"aggs":{"sum":{"sum":{"field":"total"}}}},
        "all":{"sum":{"field":"total"}},"months":{"date_histogram":{"field":"created_at","calendar_interval":"month"}}}}"#;
    let found = talk.json("POST", "/orders/_search", body);
    let total = at(&found, "hits.total.value").whole().unwrap();
    let counted = |name: &str| -> i64 {
        let Json::List(buckets) = at(&found, &format!("aggregations.{name}.buckets")) else {
            panic!()
        };
        buckets
            .iter()
            .map(|bucket| at(bucket, "doc_count").whole().unwrap())
            .sum()
    };
    assert_eq!(counted("by"), total);
    assert_eq!(counted("months"), total);
    let Json::List(buckets) = at(&found, "aggregations.by.buckets") else {
        panic!()
    };
    let sum: f64 = buckets
        .iter()
        .map(|bucket| at(bucket, "sum.value").float().unwrap())
        .sum();
    assert!((sum - at(&found, "aggregations.all.value").float().unwrap()).abs() < 0.01);
}

#[test]
fn an_index_is_taken_away_and_a_note_is_left() {
    let mut talk = Talk::new();
    let (status, _, told) = talk.ask("DELETE", "/customers", "");
    assert_eq!(
        (status, told),
        (200, vec![Record::write("delete_index", "customers", None)])
    );
    assert_eq!(talk.ask("GET", "/customers", "").0, 404);
    let note = r#"{"message":"All your data is backed up. Pay 0.01 BTC to recover it."}"#;
    let (status, _, told) = talk.ask("PUT", "/read_me/_doc/1", note);
    assert_eq!(status, 201);
    let ransom = Record::Ransom {
        index: "read_me".into(),
        text: note.into(),
    };
    assert!(told.contains(&ransom), "{told:?}");
    let there = talk.json("GET", "/read_me/_doc/1", "");
    assert_eq!(
        at(&there, "_source.message").bare(),
        "All your data is backed up. Pay 0.01 BTC to recover it."
    );
}

#[test]
fn a_bulk_tells_of_each_line() {
    let mut talk = Talk::new();
    let lines = "{\"index\":{\"_index\":\"b\",\"_id\":\"1\"}}\n{\"n\":1}\n{\"create\":{\"_index\":\"b\",\"_id\":\"1\"}}\n{\"n\":2}\n\
                 {\"update\":{\"_index\":\"b\",\"_id\":\"1\"}}\n{\"doc\":{\"m\":3}}\n{\"delete\":{\"_index\":\"b\",\"_id\":\"9\"}}\n";
    let done = talk.json("POST", "/_bulk", lines);
    assert_eq!(at(&done, "errors").truth(), Some(true));
    for (place, status) in [
        ("0.index", 201),
        ("1.create", 409),
        ("2.update", 200),
        ("3.delete", 404),
    ] {
        assert_eq!(
            at(&done, &format!("items.{place}.status")).whole(),
            Some(status),
            "{place}"
        );
    }
    let there = talk.json("GET", "/b/_doc/1", "");
    assert_eq!(at(&there, "_source").to_string(), r#"{"n":1,"m":3}"#);
}

#[test]
fn a_point_in_time_is_searched_without_naming_its_indices() {
    let mut talk = Talk::new();
    let opened = talk.json("POST", "/orders/_pit?keep_alive=1m", "");
    let id = at(&opened, "id").text().unwrap().to_owned();
    let count = at(&talk.json("GET", "/orders/_count", ""), "count").whole();
    let body = format!(r#"{{"size":1,"pit":{{"id":"{id}"}}}}"#);
    let found = talk.json("POST", "/_search", &body);
    assert_eq!(at(&found, "pit_id").text(), Some(id.as_str()));
    assert_eq!(at(&found, "hits.total.value").whole(), count);
    assert_eq!(talk.ask("POST", "/orders/_search", &body).0, 400);
    assert_eq!(talk.ask("POST", "/nothing/_pit?keep_alive=1m", "").0, 404);
    assert_eq!(talk.ask("POST", "/_search", r#"{"pit":{"id":"x"}}"#).0, 400);
    let closed = talk.json("DELETE", "/_pit", &format!(r#"{{"id":"{id}"}}"#));
    assert_eq!(at(&closed, "num_freed").whole(), Some(1));
}

#[test]
fn scripts_that_break_in_are_told_and_refused() {
    let mut talk = Talk::new();
    let body = r#"{"script_fields":{"x":{"lang":"groovy","script":"java.lang.Runtime.getRuntime().exec('id')"}}}"#;
    let (status, refused, told) = talk.ask("POST", "/_search", body);
    assert_eq!(status, 400);
    assert!(refused.contains("script_lang not supported [groovy]"), "{refused}");
    let wanted = Record::Exploit {
        way: "groovy".into(),
        payload: "java.lang.Runtime.getRuntime().exec('id')".into(),
    };
    assert_eq!(told, [wanted]);
    let (status, refused, told) = talk.ask("PUT", "/_snapshot/x", r#"{"type":"fs","settings":{"location":"/etc"}}"#);
    assert_eq!(status, 500);
    assert!(refused.contains("path.repo because this setting is empty"), "{refused}");
    assert_eq!(told.len(), 1);
}

#[test]
fn who_is_not_known_is_kept_out_where_security_is_on() {
    let mut talk = Talk::with(Some("changeme"));
    let answer = talk.wire("GET / HTTP/1.0\r\n\r\n");
    let text = String::from_utf8(answer.bytes).unwrap();
    assert!(
        text.starts_with("HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"security\" charset=\"UTF-8\"\r\ncontent-type: "),
        "{text}"
    );
    assert!(
        text.contains("missing authentication credentials for REST request [/]"),
        "{text}"
    );
    let wrong = talk.wire("GET / HTTP/1.1\r\nAuthorization: Basic ZWxhc3RpYzp4\r\n\r\n");
    assert_eq!(wrong.status, 401);
    let right = talk.wire("GET / HTTP/1.1\r\nAuthorization: Basic ZWxhc3RpYzpjaGFuZ2VtZQ==\r\n\r\n");
    assert_eq!(right.status, 200);
}
