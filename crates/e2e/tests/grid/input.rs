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

/// Plans that are wrong, the line that says where, and words that must be among what is said.
const WRONG: &[(&str, usize, &[&str])] = &[
    ("", 0, &["empty"]),
    ("services = ssh\n", 1, &["section"]),
    ("[general]\nnet = 10.9.0.0/24\n", 0, &["no deckies"]),
    ("[a]\nservices = ssh\n[a]\nservices = ssh\n", 3, &["[a]", "twice"]),
    ("[DEFAULT]\nx = 1\n[a]\nservices = ssh\n", 1, &["DEFAULT"]),
    ("[a]\nservices = ssh\nnokey\n", 3, &["nokey"]),
    ("[a\nservices = ssh\n", 1, &["["]),
    ("[a b!]\nservices = ssh\n", 1, &["a b!"]),
    ("[web_1]\nservices = ssh\n[web.1]\nservices = ssh\n", 3, &["web-1"]),
    ("[a]\nservices = ssh\nip = 999.1.1.1\n", 3, &["999.1.1.1"]),
    (
        "[general]\nnet = 10.9.0.0/24\n[a]\nservices = ssh\nip = 10.8.0.9\n",
        5,
        &["10.8.0.9", "10.9.0.0/24"],
    ),
    (
        "[general]\nnet = 10.9.0.0/24\n[a]\nservices = ssh\nip = 10.9.0.1\n",
        5,
        &["10.9.0.1", "gateway"],
    ),
    (
        "[general]\nnet = 10.9.0.0/24\n[a]\nservices = ssh\nip = 10.9.0.0\n",
        5,
        &["10.9.0.0"],
    ),
    (
        "[general]\nnet = 10.9.0.0/24\n[a]\nservices = ssh\nip = 10.9.0.255\n",
        5,
        &["10.9.0.255"],
    ),
    ("[general]\nnet = banana\n[a]\nservices = ssh\n", 2, &["banana"]),
    ("[a]\nservices = ssh\namount = potato\n", 3, &["potato"]),
    ("[a]\nservices = ssh\namount = 0\n", 3, &["amount"]),
    ("[a]\nservices = ssh\namount = 101\n", 3, &["101", "100"]),
    ("[a]\nservices = ssh\namount = 2\nip = 10.9.0.9\n", 4, &["ip"]),
    ("[a]\nservices = shh\n", 2, &["shh", "ssh"]),
    ("[a]\nservices = smb\n", 2, &["smb"]),
    ("[a]\narchetype = toaster\n", 2, &["toaster", "linux-server"]),
    ("[a]\nservices = ssh\nnmap_os = beos\n", 3, &["beos", "linux"]),
    ("[a]\nservices = ssh\ndistro = slackware\n", 3, &["slackware", "debian"]),
    ("[a]\nservices = ssh\nmutate_interval = 0\n", 3, &["mutate"]),
    ("[a]\nservices = ssh\nmac = 00:11\n", 3, &["00:11"]),
    ("[a]\nservices = ssh\nhostname = -x-\n", 3, &["-x-"]),
    ("[a]\nservices = ssh\ncontainment = wide\n", 3, &["wide", "strict"]),
    ("[a]\nservices = http\n[a.http]\npersona = iis9\n", 4, &["iis9"]),
    ("[a]\nservices = ssh\n[a.ssh]\nsession_max_s = soon\n", 4, &["soon"]),
];

#[test]
fn each_error_of_a_plan_is_said_with_its_line_and_what_to_do() {
    let stands = || must("docker ps -q --no-trunc | sort; docker network ls -q | sort").unwrap();
    let before = stands();
    let mut bad = Vec::new();
    for (text, line, words) in WRONG {
        let file = plan(text);
        let (code, said) = refused(&["deploy", "--driver", "bridge", "--config", &file, "--yes"]);
        let place = if *line == 0 {
            "bad.ini".to_owned()
        } else {
            format!("bad.ini:{line}")
        };
        let is_whole = said.contains(&place)
            && said.contains("help: ")
            && said.contains("nothing was changed")
            && words.iter().all(|word| said.contains(word));
        if code != 1 || !is_whole {
            bad.push(format!("{text:?} ended with {code}, wanted {place} {words:?}:\n{said}"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert_eq!(before, stands());
}

#[test]
fn every_error_of_a_plan_is_said_at_once() {
    let file = plan(
        "[a]\namount = potato\nservices = ssh\n[a]\nip = 999.1.1.1\n[DEFAULT]\nx = 1\n[b]\nservices = shh\n[c]\nnokey\n",
    );
    let (code, said) = refused(&["deploy", "--driver", "bridge", "--config", &file, "--check"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(said.matches("error: ").count(), 4, "{said}");
}

#[test]
fn a_plan_that_is_no_text_or_too_large_is_refused() {
    let path = plan("");
    for (bytes, word) in [(vec![0xff; 100], "UTF-8"), (vec![b'#'; 600 << 10], "524288")] {
        std::fs::write(&path, bytes).unwrap();
        let (code, said) = refused(&["deploy", "--driver", "bridge", "--config", &path, "--yes"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(word), "{word} in {said}");
    }
}

/// Flags of a deploy of one decky beside the grid.
const ONE: [&str; 8] = [
    "deploy",
    "--driver",
    "bridge",
    "--additive",
    "--services",
    "ssh",
    "--deckies",
    "1",
];

#[test]
fn an_address_in_use_is_said_and_the_grid_stays_as_it_was() {
    let standing = || grid().json(&["status", "--json"]).unwrap()["deckies"].clone();
    let count = |deckies: &serde_json::Value| deckies.as_array().map(Vec::len);
    let before = standing();
    let image = e2e::genuine::image().unwrap();
    must(&format!("docker rm -f e2e-squatter >/dev/null 2>&1; docker run -d --name e2e-squatter --network decnet_lan --ip 10.201.0.60 {image} sleep infinity")).unwrap();
    let file = plan("[general]\nnet = 10.201.0.0/24\n[late]\nip = 10.201.0.60\nservices = ssh\ndistro = debian\n");
    let (code, said) = refused(&["deploy", "--driver", "bridge", "--additive", "--config", &file, "--yes"]);
    must("docker rm -f e2e-squatter").unwrap();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("10.201.0.60") && said.contains("in use"), "{said}");
    let _ = grid().decnet(&["teardown", "--id", "late", "--yes"]);
    let after = standing();
    assert_eq!(count(&after), count(&before), "{after}");
}

#[test]
fn a_full_disk_is_said_in_one_line() {
    let full = root().join("target/e2e/full");
    let mounted = full.display().to_string();
    must(&format!(
        "mkdir -p {mounted} && mount -t tmpfs -o size=64k tmpfs {mounted} && head -c 60k /dev/zero > {mounted}/filler"
    ))
    .unwrap();
    let out = grid()
        .command(&[&ONE[..], &["--yes"]].concat())
        .env("DECNET_STATE_DIR", &full)
        .output()
        .unwrap();
    must(&format!("umount {mounted}")).unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert!(said.contains("full"), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
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
fn a_grid_is_watched_once() {
    grid();
    let (code, said) = refused(&["up"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("watched already, by `decnet up`, process"), "{said}");
    assert!(said.contains("decnet events --follow"), "{said}");
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
