//! Captures whose fingerprints other tools have told: public ones, and ours of clients as they come
//! (`scripts/make-hellos`).
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use common::sightings::{Sighting, of_file};

#[test]
fn every_client_of_the_public_captures_has_the_ja4_its_authors_give_it() {
    let folder = root().join("../shared/data/ja4");
    let Ok(expected) = std::fs::read_to_string(folder.join("expected.tsv")) else {
        // Past the test runner, which keeps to itself what a passing test prints.
        let said = writeln!(std::io::stderr(), "\nnot compared: {} is not there", folder.display());
        return said.unwrap();
    };
    let mut rows: Vec<Vec<&str>> = expected.lines().skip(1).map(|row| row.split('\t').collect()).collect();
    rows.sort();
    let files: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    let mut found = Vec::new();
    for file in &files {
        for seen in of_file(&folder.join(file)) {
            if let "tls" | "quic" | "dtls" = seen.kind {
                let [src, src_port, dst, dst_port] = seen.between;
                found.push(vec![
                    (*file).to_owned(),
                    src,
                    src_port,
                    dst,
                    dst_port,
                    seen.values[1].clone(),
                ]);
            }
        }
    }
    found.sort();
    assert!(!rows.is_empty());
    assert_eq!(found, rows);
}

#[test]
fn clients_as_they_come_have_the_fingerprints_tshark_gives_them() {
    let folder = root().join("fixtures/hellos");
    let mut compared = 0;
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        let expected = std::fs::read_to_string(file.with_extension("tsv")).unwrap();
        let expected: Vec<&str> = expected.lines().collect();
        let found: Vec<String> = of_file(&file).iter().map(Sighting::to_string).collect();
        assert_eq!(found, expected, "{}", file.display());
        compared += found.len();
    }
    assert!(compared >= 10, "only {compared} compared");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
