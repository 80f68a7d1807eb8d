//! Bad input gets one clear line and the right exit code, and changes nothing.

use e2e::grid::{grid, root};
use e2e::tools::must;

fn refused(args: &[&str]) -> (i32, String) {
    let out = grid().command(args).output().unwrap();
    (
        out.status.code().unwrap(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

fn plan(text: &str) -> String {
    let path = root().join("target/e2e/bad.ini");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn two_deckies_with_one_address_are_shown_with_both_lines() {
    let before = must("docker ps -q --no-trunc | sort").unwrap();
    let file = plan(
        "[general]\nnet = 10.201.0.0/24\n[a]\nip = 10.201.0.40\nservices = ssh\n[b]\nip = 10.201.0.40\nservices = ssh\n",
    );
    let (code, said) = refused(&["deploy", "--driver", "bridge", "--config", &file, "--yes"]);
    assert_eq!(code, 1, "{said}");
    for part in ["bad.ini:4", "bad.ini:7", "10.201.0.40", "nothing was changed"] {
        assert!(said.contains(part), "`{part}` is missing in: {said}");
    }
    assert_eq!(before, must("docker ps -q --no-trunc | sort").unwrap());
}

#[test]
fn every_error_of_a_plan_is_said_at_once() {
    let file = plan(
        "[a]\namount = potato\nservices = ssh\n[a]\nip = 999.1.1.1\n[DEFAULT]\nx = 1\n[b]\nservices = shh\n[c]\nnokey\n",
    );
    let (code, said) = refused(&["deploy", "--driver", "bridge", "--config", &file, "--check"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.matches("error: ").count() == 4, "{said}");
}

#[test]
fn a_name_that_is_not_there_is_said() {
    let (code, said) = refused(&["teardown", "--id", "no-such", "--yes"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no-such"), "{said}");
    let (code, said) = refused(&[
        "deploy",
        "--driver",
        "bridge",
        "--deckies",
        "1",
        "--archetype",
        "toaster",
        "--yes",
    ]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("linux-server"),
        "the archetypes there are, are listed: {said}"
    );
}

#[test]
fn a_subnet_that_is_taken_is_refused() {
    let (code, said) = refused(&[
        "deploy",
        "--driver",
        "bridge",
        "--deckies",
        "1",
        "--services",
        "ssh",
        "--subnet",
        "127.0.0.0/24",
        "--yes",
    ]);
    assert_ne!(code, 0, "{said}");
    assert!(said.contains("127.0.0.0"), "{said}");
}

#[test]
fn without_docker_or_root_one_line_says_so() {
    let out = grid()
        .command(&[
            "deploy",
            "--driver",
            "bridge",
            "--deckies",
            "1",
            "--services",
            "ssh",
            "--yes",
        ])
        .env("DOCKER_HOST", "unix:///nonexistent.sock")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert!(said.contains("Docker"), "{said}");
    let binary = e2e::grid::binary();
    let ran = e2e::tools::sh(&format!(
        "cp {} /tmp/e2e-decnet && setpriv --reuid=65534 --clear-groups env DECNET_STATE_DIR=/tmp/e2e-nobody /tmp/e2e-decnet deploy --driver bridge --deckies 1 --services ssh --yes; c=$?; rm -f /tmp/e2e-decnet; exit $c",
        binary.display()
    )).unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.code, 3, "{said}");
    assert!(said.contains("root"), "{said}");
}

#[test]
fn an_unknown_flag_is_usage() {
    assert_eq!(refused(&["deploy", "--no-such-flag"]).0, 2);
    assert_eq!(refused(&["teardown"]).0, 2);
}

#[test]
fn an_identical_deploy_changes_nothing() {
    let ids =
        || must("docker ps --no-trunc --filter label=decnet.scope=fleet --format '{{.ID}} {{.Names}}' | sort").unwrap();
    let before = ids();
    let file = grid().state.join("grid.ini");
    grid()
        .decnet(&[
            "deploy",
            "--driver",
            "bridge",
            "--config",
            file.to_str().unwrap(),
            "--yes",
            "--seed",
            "7",
        ])
        .unwrap();
    assert_eq!(before, ids());
}
