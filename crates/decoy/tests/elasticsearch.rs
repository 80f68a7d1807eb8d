//! Elasticsearch, driven by stock clients.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod stand;

use serde_json::{Value, json};
use stand::Stand;

fn open() -> Stand {
    Stand::new("elasticsearch", json!({}))
}

/// What the Python client prints of what a line of it comes to.
fn python(stand: &Stand, lines: &str) -> Value {
    let head =
        "import json, elasticsearch\nes = elasticsearch.Elasticsearch('http://127.0.0.1:{port}', http_auth=None)\n";
    let script = stand.root.path().join("ask.py");
    std::fs::write(
        &script,
        format!("{head}{lines}\n").replace("{port}", &stand.port.to_string()),
    )
    .unwrap();
    let ran = stand.run("/usr/bin/python3 -W ignore {root}/ask.py");
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}{}", String::from_utf8_lossy(&ran.stderr)))
}

#[test]
fn curl_shows_the_root_and_the_tables() {
    let stand = open();
    let root = stand.sh("curl -si http://127.0.0.1:{port}/");
    assert!(
        root.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: "),
        "{root}"
    );
    assert!(
        root.contains("  \"name\" : \"app-web-03\",\n  \"cluster_name\" : \""),
        "{root}"
    );
    assert!(
        root.ends_with("  \"tagline\" : \"You Know, for Search\"\n}\n"),
        "{root}"
    );
    let table = stand.sh("curl -s 'http://127.0.0.1:{port}/_cat/indices?v&s=index'");
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head[..3], ["health", "status", "index"], "{table}");
    assert!(table.contains(" customers "), "{table}");
    let names = stand.sh("curl -s 'http://127.0.0.1:{port}/_cat/indices?h=index&s=index'");
    assert_eq!(names.lines().count(), lines.count());
    let packed = stand.sh("curl -s --compressed http://127.0.0.1:{port}/_cluster/health");
    assert!(packed.contains("\"status\":\"yellow\""), "{packed}");
    let head = stand.sh("curl -sI http://127.0.0.1:{port}/customers; curl -sI http://127.0.0.1:{port}/nothing");
    assert!(
        head.contains("HTTP/1.1 200 OK") && head.contains("HTTP/1.1 404 Not Found"),
        "{head}"
    );
    stand.told("request", "path", "/_cat/indices?v&s=index");
}

#[test]
fn the_python_client_takes_it_for_the_product_and_reads_every_document() {
    let stand = open();
    let lines = "info = es.info()\ncount = es.count(index='orders')['count']\n\
         from elasticsearch import helpers\nall = list(helpers.scan(es, index='orders', size=50))\n\
         print(json.dumps([info['version']['number'], count, len(all), len(set(d['_id'] for d in all))]))";
    let printed = python(&stand, lines);
    assert_eq!(printed[0], "7.10.2");
    assert!(printed[1].as_u64().unwrap() >= 150, "{printed}");
    assert_eq!((&printed[2], &printed[3]), (&printed[1], &printed[1]));
    stand.told("search", "index", "orders");
}

#[test]
fn what_the_python_client_writes_is_there_when_it_asks_again() {
    let stand = open();
    let lines = "es.index(index='loot', id='1', body={'who': 'kim', 'n': 3}, refresh=True)\n\
         from elasticsearch import helpers\n\
         helpers.bulk(es, ({'_index': 'loot', '_id': str(n), 'n': n} for n in range(10, 30)))\n\
         es.update(index='loot', id='1', body={'doc': {'n': 4}})\nes.delete(index='loot', id='10')\n\
         print(json.dumps([es.count(index='loot')['count'], es.get(index='loot', id='1')['_source'], \
         es.indices.get_mapping(index='loot')['loot']['mappings']['properties']['n']['type'], \
         es.search(index='loot', body={'query': {'range': {'n': {'gte': 20}}}})['hits']['total']['value']]))";
    assert_eq!(python(&stand, lines), json!([20, {"who": "kim", "n": 4}, "long", 10]));
    stand.told("api_write", "op", "bulk");
}

#[test]
fn a_ransom_note_is_kept_as_a_file() {
    let stand = open();
    let note = "All your data is a backed up. You must pay 0.015 BTC to 1JtGVrmfxkfVp9Us to recover it";
    let lines = format!(
        "for name in es.indices.get('*'): es.indices.delete(index=name)\n\
         es.index(index='read_me', id='1', body={{'message': '{note}'}})\nprint(json.dumps(list(es.indices.get('*'))))"
    );
    assert_eq!(python(&stand, &lines), json!(["read_me"]));
    let told = stand.told("ransom_note", "index", "read_me");
    let sha256 = told.fields["sha256"].as_str().unwrap();
    assert!(String::from_utf8(stand.blob(sha256)).unwrap().contains(note));
    stand.told("api_write", "op", "delete_index");
}

#[test]
fn a_script_that_breaks_in_is_told_and_kept() {
    let stand = open();
    let refused = stand.sh(
        "curl -s -H 'Content-Type: application/json' http://127.0.0.1:{port}/_search -d \
         '{\"script_fields\":{\"x\":{\"lang\":\"groovy\",\"script\":\"java.lang.Runtime.getRuntime().exec(\\\"id\\\")\"}}}'",
    );
    assert!(refused.contains("script_lang not supported [groovy]"), "{refused}");
    stand.told("exploit_probe", "way", "groovy");
}

#[test]
fn where_security_is_on_a_password_is_asked_for_and_each_try_is_told() {
    let stand = Stand::new(
        "elasticsearch",
        json!({"security": "on", "password": "s3cret", "version": "8.11.1"}),
    );
    let refused = stand.sh("curl -si http://127.0.0.1:{port}/");
    assert!(
        refused.starts_with(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"security\" charset=\"UTF-8\"\r\n"
        ),
        "{refused}"
    );
    std::fs::write(stand.root.path().join("tries"), "one\ntwo\ns3cret\n").unwrap();
    let found = stand.sh("hydra -I -t 1 -l elastic -P {root}/tries -s {port} 127.0.0.1 http-get /");
    assert!(found.contains("password: s3cret"), "{found}");
    let outcomes = ["one", "two", "s3cret"].map(|secret| {
        let told = stand.told("auth_attempt", "secret_printable", secret);
        told.fields["outcome"].as_str().unwrap().to_owned()
    });
    assert_eq!(outcomes, ["failure", "failure", "success"]);
}

#[test]
fn nmap_names_the_product_its_cluster_and_its_node() {
    let stand = open();
    let scan = stand.sh("nmap -Pn -n -sV --version-all -p {port} 127.0.0.1");
    assert!(
        scan.contains("Elasticsearch REST API 7.10.2 (name: app-web-03; cluster: "),
        "{scan}"
    );
    assert!(!scan.contains("unrecognized"), "{scan}");
}
