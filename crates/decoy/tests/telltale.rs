//! What is built into a machine is searched for words and paths that would tell what it is (`scripts/check-decoy`).

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn check(bytes: &[u8], paths: &[&str]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/check-decoy");
    Command::new(script).arg(file.path()).args(paths).output().unwrap()
}

#[test]
fn a_binary_with_a_telling_word_in_any_case_is_refused_and_the_place_shown() {
    for word in ["decnet", "DecKy", "HONEYPOT", "/.dockerenv", "src/decoy"] {
        let bytes = [b"\x7fELF\0\xff", word.as_bytes(), b"\0tail\xfe"].concat();
        let checked = check(&bytes, &[]);
        assert_eq!(checked.status.code(), Some(1), "{word}");
        assert!(String::from_utf8_lossy(&checked.stderr).contains(word), "{checked:?}");
    }
}

#[test]
fn a_binary_that_tells_where_it_was_built_is_refused() {
    let checked = check(b"\0/home/b.uilder/x\0", &["/elsewhere", "/home/b.uilder"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        check(b"\0/home/bXuilder/x\0", &["/home/b.uilder"]).status.success(),
        "a path is no pattern"
    );
}

#[test]
fn a_binary_that_tells_nothing_passes() {
    let checked = check(b"\x7fELF\0GNU/Linux decent deck\n\xff", &["/home/builder"]);
    assert!(checked.status.success(), "{checked:?}");
}
