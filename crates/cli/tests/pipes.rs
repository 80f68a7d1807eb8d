//! `decnet ... | head`: a reader who goes away is no error, and changes no verdict.

use std::io::{Error, pipe};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a command ends with when nobody reads what it says: on stdout, or anywhere.
fn unheard(arguments: &[&str], also_errors: bool) -> Result<Option<i32>, Error> {
    let (reader, writer) = pipe()?;
    drop(reader);
    let errors = if also_errors {
        writer.try_clone()?.into()
    } else {
        Stdio::piped()
    };
    let child = Command::new(env!("CARGO_BIN_EXE_decnet"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .spawn()?;
    let ended = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    Ok(ended.status.code())
}

fn lab(folder: &Path) {
    let made = Command::new(env!("CARGO_BIN_EXE_decnet"))
        .args(["lab", "generate", "--out"])
        .arg(folder)
        .output()
        .expect("decnet runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn a_reader_who_goes_away_ends_every_command_quietly_and_keeps_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    lab(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let state = file("state");
    let (attack, normal, calls) = (
        file("port_scan.pcap"),
        file("normal_traffic.pcap"),
        file("agent_chains.jsonl"),
    );
    let (missing, out) = (file("missing"), file("again"));
    let commands: &[(&[&str], i32)] = &[
        (&["services"], 0),
        (&["--json", "distros"], 0),
        (&["archetypes"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["rules", "list"], 0),
        (&["--json", "rules", "list"], 0),
        (&["lab", "generate", "--out", &out], 0),
        (&["fingerprint", "--file", &attack], 0),
        (&["--json", "fingerprint", "--file", &attack], 0),
        (&["scan", "--file", &attack], 1),
        (&["--json", "scan", "--file", &attack], 1),
        (&["scan", "--file", &normal], 0),
        (&["--json", "scan", "--file", &missing], 2),
        (&["hunt", "--file", &attack], 1),
        (&["--json", "hunt", "--file", &missing], 2),
        (&["check", "--replay", &calls], 1),
        (&["--json", "check", "--replay", &calls], 1),
        (&["events"], 1),
    ];
    for (command, code) in commands {
        for also_errors in [false, true] {
            let mut arguments = vec!["--state-dir", &state];
            arguments.extend(*command);
            let ended = unheard(&arguments, also_errors).unwrap();
            assert_eq!(ended, Some(*code), "{command:?}, stderr closed as well: {also_errors}");
        }
    }
}
