//! MongoDB, driven by stock clients.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod stand;

use serde_json::{Value, json};
use stand::Stand;

/// What the Python driver prints of what a line of it comes to.
fn python(stand: &Stand, login: &str, lines: &str) -> Value {
    let head = format!(
        "import json, pymongo\nc = pymongo.MongoClient('127.0.0.1', {}, serverSelectionTimeoutMS=5000, appname='probe'{login})\n",
        stand.port
    );
    let script = stand.root.path().join("ask.py");
    std::fs::write(&script, format!("{head}{lines}\n")).unwrap();
    let ran = stand.run("/usr/bin/python3 -W ignore {root}/ask.py");
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}{}", String::from_utf8_lossy(&ran.stderr)))
}

#[test]
fn the_python_driver_lists_finds_and_counts() {
    let stand = Stand::new("mongodb", json!({}));
    let lines = "names = c.list_database_names()\nevents = c.analytics.events\n\
         print(json.dumps([c.server_info()['version'], 'analytics' in names, c.analytics.list_collection_names(), \
         events.count_documents({}), len(list(events.find({}, batch_size=50))), \
         [d['type'] for d in events.find({'type': 'login'}).sort('at', -1).limit(2)], \
         events.estimated_document_count(), sorted(events.distinct('type'))[0]]))";
    let wanted = json!(["4.4.29", true, ["events"], 240, 240, ["login", "login"], 240, "export"]);
    assert_eq!(python(&stand, "", lines), wanted);
    let meta = stand.told("client_meta", "driver", "PyMongo");
    assert_eq!(meta.fields["app"], "probe");
    stand.told("db_query", "ns", "analytics.events");
}

#[test]
fn what_the_python_driver_writes_is_there_when_it_asks_again() {
    let stand = Stand::new("mongodb", json!({}));
    let lines = "t = c.loot.takes\nt.insert_many([{'_id': n, 'n': n} for n in range(500)])\n\
         t.update_many({'n': {'$lt': 10}}, {'$set': {'low': True}})\nt.delete_one({'_id': 3})\n\
         t.create_index('n')\nt.replace_one({'_id': 'x'}, {'who': 'kim'}, upsert=True)\n\
         again = pymongo.MongoClient('127.0.0.1', c.address[1])\nt = again.loot.takes\n\
         print(json.dumps([t.count_documents({}), t.count_documents({'low': True}), t.find_one({'_id': 'x'})['who'], \
         sorted(t.index_information()), list(t.aggregate([{'$group': {'_id': None, 's': {'$sum': '$n'}}}]))[0]['s']]))";
    let sum = (0..500).sum::<i64>() - 3;
    assert_eq!(python(&stand, "", lines), json!([500, 9, "kim", ["_id_", "n_1"], sum]));
    stand.told("db_write", "op", "insert");
}

#[test]
fn a_ransom_note_is_kept_as_a_file() {
    let stand = Stand::new("mongodb", json!({}));
    let note = "All your data is backed up. You must pay 0.01 BTC to recover it";
    let lines = format!(
        "for name in c.list_database_names():\n  if name not in ('admin', 'config', 'local'): c.drop_database(name)\n\
         c.READ__ME_TO_RECOVER_YOUR_DATA.README.insert_one({{'content': '{note}'}})\n\
         print(json.dumps(c.list_database_names()))"
    );
    let left = python(&stand, "", &lines);
    assert_eq!(
        left,
        json!(["READ__ME_TO_RECOVER_YOUR_DATA", "admin", "config", "local"])
    );
    let told = stand.told("ransom_note", "ns", "READ__ME_TO_RECOVER_YOUR_DATA.README");
    let sha256 = told.fields["sha256"].as_str().unwrap();
    assert!(String::from_utf8(stand.blob(sha256)).unwrap().contains(note));
    stand.told("db_write", "op", "dropDatabase");
}

#[test]
fn a_login_is_told_with_all_that_is_needed_to_test_a_guess() {
    let stand = Stand::new("mongodb", json!({"auth": "on", "password": "s3cret"}));
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let as_admin =
            |password: &str| format!(", username='admin', password='{password}', authMechanism='{mechanism}'");
        let lines = "try: print(json.dumps(len(c.list_database_names()) > 3))\n\
                     except pymongo.errors.OperationFailure as e: print(json.dumps(e.code))";
        assert_eq!(python(&stand, &as_admin("guess"), lines), json!(18));
        assert_eq!(python(&stand, &as_admin("s3cret"), lines), json!(true));
        let kind = mechanism.replace("-SHA-", "_sha").to_lowercase();
        let told = stand.event("auth_attempt", |report| {
            report.fields["secret_kind"] == kind && report.fields["outcome"] == "success"
        });
        assert_eq!(told.fields["principal"], "admin");
        for field in ["client_first", "server_first", "client_final_nopf"] {
            assert!(told.fields.contains_key(field), "{field}");
        }
        stand.event("auth_attempt", |report| {
            report.fields["secret_kind"] == kind && report.fields["outcome"] == "failure"
        });
    }
    let refused =
        "try: c.list_database_names()\nexcept pymongo.errors.OperationFailure as e: print(json.dumps(e.code))";
    assert_eq!(python(&stand, "", refused), json!(13));
}

#[test]
fn hydra_finds_the_password_and_every_try_is_one_event() {
    let stand = Stand::new("mongodb", json!({"auth": "on", "password": "s3cret"}));
    std::fs::write(stand.root.path().join("tries"), "one\ntwo\nthree\nfour\nfive\ns3cret\n").unwrap();
    // It tries one password in each of its tasks.
    let found = stand.sh("hydra -I -t 6 -l admin -P {root}/tries -s {port} 127.0.0.1 mongodb 2>&1");
    assert!(found.contains("password: s3cret"), "{found}");
    stand.told("auth_attempt", "outcome", "success");
    // Its driver answers with its greeting, and anew when that fails.
    let tries = stand.reports("auth_attempt").into_iter();
    let (greeted, anew): (Vec<_>, Vec<_>) = tries.partition(|report| report.fields.get("speculative").is_some());
    assert_eq!((greeted.len(), anew.len()), (6, 5));
    assert!(anew.iter().all(|report| report.fields["outcome"] == "failure"));
}

#[test]
fn nmap_reads_its_release_and_its_databases() {
    let stand = Stand::new("mongodb", json!({}));
    let scan = stand.sh("nmap -Pn -n --script +mongodb-info,+mongodb-databases,+mongodb-brute -p {port} 127.0.0.1");
    for wanted in [
        "version = 4.4.29",
        "name = analytics",
        "mongodb-brute: No authentication needed",
    ] {
        assert!(scan.contains(wanted), "{wanted}: {scan}");
    }
}

#[test]
fn who_logs_in_as_before_scram_is_told_and_refused() {
    let stand = Stand::new("mongodb", json!({"auth": "on"}));
    std::fs::write(stand.root.path().join("names"), "admin\n").unwrap();
    std::fs::write(stand.root.path().join("tries"), "one\n").unwrap();
    let scan = stand.sh("nmap -Pn -n --script +mongodb-brute --script-args \
         userdb={root}/names,passdb={root}/tries,brute.retries=1,brute.useraspass=false -p {port} 127.0.0.1");
    assert!(scan.contains("mongodb-brute"), "{scan}");
    let told = stand.told("auth_attempt", "secret_kind", "mongodb_cr");
    assert_eq!(told.fields["principal"], "admin");
    assert_eq!(told.fields["nonce"].as_str().unwrap().len(), 16);
}
