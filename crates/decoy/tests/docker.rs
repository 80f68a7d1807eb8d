//! The Docker engine's API, driven by the stock client.

mod stand;

use std::io::Write as _;

use serde_json::{Value, json};
use stand::Stand;

fn engine() -> Stand {
    Stand::new("docker_api", json!({}))
}

/// The stock client, what it prints on both streams.
fn docker(stand: &Stand, line: &str) -> String {
    stand.sh(&format!(
        "DOCKER_BUILDKIT=0 docker -H tcp://127.0.0.1:{{port}} {line} 2>&1"
    ))
}

#[test]
fn the_client_lists_what_there_is() {
    let stand = engine();
    let ps = docker(&stand, "ps --format '{{.Names}} {{.Status}}'");
    assert!(
        ps.lines().count() >= 3 && ps.lines().all(|line| line.contains(" Up ")),
        "{ps}"
    );
    let images = docker(&stand, "images");
    assert!(images.contains("alpine") && images.contains("latest"), "{images}");
    let version = docker(&stand, "version");
    assert!(
        version.contains("API version:      1.41 (minimum version 1.12)"),
        "{version}"
    );
    let info = docker(&stand, "info");
    assert!(
        info.contains("Server Version: 20.10.24+dfsg1") && info.contains(" Name: app-web-03"),
        "{info}"
    );
    for line in [
        "system df",
        "network ls",
        "volume ls",
        "history alpine",
        "image inspect alpine",
        "network inspect bridge",
    ] {
        let out = stand.run(&format!("docker -H tcp://127.0.0.1:{{port}} {line}"));
        assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let first = docker(&stand, "ps -q | head -1 | tr -d '\\n'");
    let said = docker(&stand, &format!("logs {first}"));
    assert!(!said.is_empty());
    assert!(docker(&stand, &format!("top {first}")).starts_with("UID"));
    stand.told("request", "path", "/v1.41/info");
}

#[test]
fn run_runs_the_command_and_gives_its_status() {
    let stand = engine();
    let out = stand.run("docker -H tcp://127.0.0.1:{port} run --rm alpine id");
    assert_eq!(
        (String::from_utf8_lossy(&out.stdout).contains("uid="), out.status.code()),
        (true, Some(0))
    );
    let out = stand.run("docker -H tcp://127.0.0.1:{port} run --rm alpine sh -c 'echo out; echo err >&2; exit 7'");
    assert_eq!(out.status.code(), Some(7));
    assert_eq!((&out.stdout[..], &out.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    let piped = stand.sh("printf 'echo got $((6*7))\\n' | docker -H tcp://127.0.0.1:{port} run -i --rm alpine sh");
    assert_eq!(piped, "got 42\n");
    stand.told("command", "command", "echo got $((6*7))");
    let missing = stand.run("docker -H tcp://127.0.0.1:{port} run --rm alpine nosuchcmd");
    assert_eq!(missing.status.code(), Some(127));
    let why = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        why.contains("exec: \"nosuchcmd\": executable file not found in $PATH: unknown"),
        "{why}"
    );
    let pulled = docker(&stand, "run --rm busybox:1.36 echo hi");
    assert!(
        pulled.contains("1.36: Pulling from library/busybox") && pulled.ends_with("hi\n"),
        "{pulled}"
    );
    assert_eq!(docker(&stand, "ps -aq --filter ancestor=alpine"), "");
}

#[test]
fn a_terminal_is_one() {
    let stand = engine();
    let seen = stand.sh("script -qec 'docker -H tcp://127.0.0.1:{port} run -it --rm alpine sh -c \"test -t 1 && tty; exit 4\"' /dev/null; echo status=$?");
    assert!(seen.contains("/dev/pts/") && seen.contains("status=4"), "{seen}");
}

#[test]
fn exec_logs_top_stop_and_rm_act_on_a_container_that_goes_on() {
    let stand = engine();
    let id = docker(
        &stand,
        "run -d --name c1 -e A=b alpine sh -c 'echo out; echo err >&2; exec sleep 100'",
    );
    assert_eq!(id.trim().len(), 64, "{id}");
    let done = stand.run("docker -H tcp://127.0.0.1:{port} exec -e B=c c1 sh -c 'echo $A$B; exit 3'");
    assert_eq!(
        (String::from_utf8_lossy(&done.stdout).as_ref(), done.status.code()),
        ("bc\n", Some(3))
    );
    let told = stand.told("exec_create", "name", "c1");
    assert_eq!(told.fields["cmd"], json!(["sh", "-c", "echo $A$B; exit 3"]));
    let logs = docker(&stand, "logs c1");
    assert!(logs.contains("out\n") && logs.contains("err\n"), "{logs}");
    assert!(docker(&stand, "top c1").contains("sleep 100"));
    assert!(docker(&stand, "ps").contains("c1"));
    let inspected: Value = serde_json::from_str(&docker(&stand, "inspect c1")).unwrap();
    assert_eq!(inspected[0]["State"]["Running"], true);
    assert!(docker(&stand, "stats --no-stream c1").contains("c1"));
    assert_eq!(docker(&stand, "stop -t 3 c1"), "c1\n");
    assert!(docker(&stand, "ps -a").contains("Exited ("));
    assert_eq!(docker(&stand, "rm c1"), "c1\n");
}

#[test]
fn cp_carries_files_both_ways_and_what_is_brought_is_kept() {
    let stand = engine();
    std::fs::write(stand.root.path().join("mine"), "payload-1\n").unwrap();
    docker(&stand, "create --name c2 alpine sleep 9");
    let out = stand.run("docker -H tcp://127.0.0.1:{port} cp {root}/mine c2:/tmp/theirs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(
        std::fs::read_to_string(stand.root.path().join("tmp/theirs")).unwrap(),
        "payload-1\n"
    );
    let kept = stand.event("file_captured", |report| {
        report.fields["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("/tmp/theirs"))
    });
    assert_eq!(stand.blob(kept.fields["sha256"].as_str().unwrap()), b"payload-1\n");
    assert_eq!(
        stand.sh("docker -H tcp://127.0.0.1:{port} cp c2:/tmp/theirs - | tar xO"),
        "payload-1\n"
    );
    let missing = docker(&stand, "cp c2:/nowhere -");
    // As clients of 20.10 and of later releases put it.
    let words = [
        "No such container:path: c2:/nowhere",
        "Could not find the file /nowhere in container c2",
    ];
    assert!(words.iter().any(|words| missing.contains(words)), "{missing}");
}

#[test]
fn build_runs_its_steps_and_keeps_the_context() {
    let stand = engine();
    let folder = stand.root.path().join("ctx");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("f"), "hello\n").unwrap();
    let mut file = std::fs::File::create(folder.join("Dockerfile")).unwrap();
    write!(
        file,
        "FROM alpine\nRUN echo step-$((40+2))\nCOPY f /tmp/f\nCMD [\"cat\", \"/etc/passwd\"]\n"
    )
    .unwrap();
    let built = docker(&stand, "build -t mine:1 {root}/ctx");
    for wanted in [
        "Step 2/4 : RUN echo step-$((40+2))",
        "step-42",
        "Successfully built ",
        "Successfully tagged mine:1",
    ] {
        assert!(built.contains(wanted), "no {wanted} in {built}");
    }
    let told = stand.event("image_build", |_| true);
    let context = stand.blob(told.fields["sha256"].as_str().unwrap());
    assert!(context.windows(6).any(|part| part == b"hello\n"));
    assert!(docker(&stand, "images mine").contains("1"));
    assert!(docker(&stand, "run --rm mine:1").contains("root:"));
}

#[test]
fn a_miner_with_the_host_mounted_is_told_in_full() {
    let stand = engine();
    std::fs::write(stand.root.path().join("srv/x"), "x").unwrap();
    let ran = docker(
        &stand,
        "run --rm --privileged --pid=host --net=host -v /srv:/mnt/host alpine sh -c 'ls mnt/host; echo done'",
    );
    assert_eq!(ran, "ftp\nx\ndone\n");
    let told = stand.told("container_create", "privileged", true);
    assert_eq!(
        (&told.fields["pid_mode"], &told.fields["host_paths"]),
        (&json!("host"), &json!(["/srv"]))
    );
    let start = stand.told("session_start", "command", "sh -c 'ls mnt/host; echo done'");
    stand.event("session_end", |end| {
        end.fields["sid"] == start.fields["sid"] && end.fields["exit_status"] == 0
    });
    assert!(!stand.root.path().join("mnt/host").is_symlink());
}
