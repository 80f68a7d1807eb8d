//! `decnet cluster run` over files that are broken: what is wrong is said with its place, and nothing is guessed.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    errors: String,
}

fn cluster(name: &str, text: &[u8]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_decnet"))
        .current_dir(&folder)
        .args(["cluster", "run", "--json", name])
        .output()
        .unwrap();
    Said {
        code: ended.status.code(),
        out: String::from_utf8(ended.stdout).unwrap(),
        errors: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// Refused as bad input, with these words on standard error and nothing on standard output.
fn refused(name: &str, text: &[u8], words: &[&str]) {
    let said = cluster(name, text);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.errors);
    for word in words {
        assert!(said.errors.contains(word), "`{word}` is not in:\n{}", said.errors);
    }
}

#[test]
fn a_description_that_is_no_yaml_is_told_with_its_line() {
    refused("a.yaml", b"campaigns: [\n", &["this is no YAML", "a.yaml:2"]);
    refused(
        "b.yaml",
        b"nothing: 1\n",
        &["`campaign` is missing", "b.yaml:1", "help:"],
    );
    refused("c.yaml", b"", &["a description is a mapping", "c.yaml:1"]);
    refused("d.yaml", b"\xff\xfe\x00", &["d.yaml"]);
}

#[test]
fn a_description_that_would_grow_without_end_is_refused() {
    refused("a.yaml", b"&a [*a,*a]\n", &["recursion limit"]);
    refused("b.yaml", "[".repeat(5_000).as_bytes(), &["recursion limit"]);
}

#[test]
fn every_line_that_is_no_observation_is_told() {
    let text = b"{\"id\":\"a\"}\n{\"id\":\nnot json\n{\"id\":\"a\"}\n{\"id\":\"b\",\"ja3\":7}\n7\n{}\n";
    let words = [
        "a.ndjson:2",
        "a.ndjson:3",
        "there are two observations `a`",
        "expected text or a list of texts",
        "expected an object with an `id`",
        "an observation needs an `id`",
    ];
    refused("a.ndjson", text, &words);
}

#[test]
fn what_a_terminal_would_obey_is_never_printed() {
    let said = cluster("a.ndjson", b"\x1b[2J\x07\x9b\x00\r\n");
    assert_eq!(said.code, Some(1));
    assert!(
        said.errors.chars().all(|c| c == '\n' || !c.is_control()),
        "{:?}",
        said.errors
    );
}

#[test]
fn an_empty_file_and_one_from_another_system_are_read() {
    assert_eq!(cluster("a.ndjson", b"").code, Some(0));
    let said = cluster("a.ndjson", "\u{feff}{\"id\":\"z\"}\r\n".as_bytes());
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (said.code, &told["observations"]),
        (Some(0), &1.into()),
        "{}",
        said.errors
    );
}
