//! SSH, by the tools people use on it.
#![allow(clippy::unwrap_used)]

mod stand;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::json;
use stand::Stand;

const OPTIONS: &str = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

fn ssh() -> Stand {
    let stand = Stand::new("ssh", json!({}));
    let folder = stand.root.path().join("usr/lib/openssh");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/usr/lib/openssh/sftp-server", folder.join("sftp-server")).unwrap();
    stand
}

/// A shell line in which `SSH`, `SCP` and `SFTP` log in as root, with the port and options filled in.
fn run(stand: &Stand, line: &str) -> (i32, String) {
    let line = line
        .replace("SSH", &format!("sshpass -p toor ssh -p {{port}} {OPTIONS}"))
        .replace("SCP", &format!("sshpass -p toor scp {OPTIONS} -P {{port}}"))
        .replace(
            "SFTP",
            &format!("sshpass -p toor sftp -oBatchMode=no -b - {OPTIONS} -P {{port}}"),
        )
        .replace("HOST", "root@127.0.0.1");
    let out = stand.run(&line);
    let text = [out.stdout, out.stderr].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_command_runs_as_the_user_and_its_status_comes_back() {
    let stand = ssh();
    let (status, text) = run(&stand, "SSH HOST 'id -un; echo oops >&2; exit 3'");
    assert_eq!((status, text.as_str()), (3, "root\noops\n"));
    let attempt = stand.told("auth_attempt", "outcome", "success");
    assert_eq!(attempt.fields["secret_printable"], "toor");
    assert_eq!(attempt.fields["principal"], "root");
    let start = stand.told("session_start", "mode", "exec");
    assert_eq!(start.fields["sid"], format!("{}:1", stand.session(&start)));
    stand.told("command", "command", "id -un; echo oops >&2; exit 3");
    let end = stand.told("session_end", "exit_status", 3);
    assert_eq!(end.fields["reason"], "exit");
    assert!(
        stand
            .told("hassh", "first_kex_follows", false)
            .text("hassh")
            .unwrap()
            .len()
            == 32
    );
}

#[test]
fn output_and_errors_stay_apart_and_input_ends() {
    let stand = ssh();
    let (_, out) = run(&stand, "echo hello | SSH HOST 'cat; echo err >&2' 2>/dev/null");
    assert_eq!(out, "hello\n");
    let (_, sum) = run(
        &stand,
        "head -c 3000000 /dev/urandom >{root}/b; SSH HOST cat <{root}/b | cmp - {root}/b && echo same",
    );
    assert_eq!(sum, "same\n");
}

#[test]
fn a_program_ended_by_a_signal_is_told_as_such() {
    let stand = ssh();
    assert_eq!(run(&stand, "SSH HOST 'kill -9 $$'").0, 255);
    assert_eq!(stand.told("session_end", "reason", "signal").fields["exit_status"], 137);
}

#[test]
fn a_shell_has_a_terminal_and_what_is_typed_is_told() {
    let stand = ssh();
    let (status, text) = run(&stand, "echo 'stty size; tty; exit 5' | SSH -tt HOST");
    assert_eq!(status, 5);
    assert!(text.contains("/dev/pts/"), "{text}");
    stand.told("command", "command", "stty size; tty; exit 5");
    let start = stand.told("session_start", "mode", "shell");
    stand.told("session_end", "exit_status", 5);
    let shown: String = stand
        .reports("tty")
        .iter()
        .filter(|report| report.fields["sid"] == start.fields["sid"] && report.fields["ch"] == "o")
        .map(|report| report.text("data").unwrap().to_owned())
        .collect();
    assert!(shown.contains("/dev/pts/") && shown.contains("logout"), "{shown:?}");
}

#[test]
fn a_password_typed_into_a_program_is_marked_hidden() {
    let stand = ssh();
    let script =
        r#"(sleep 0.5; echo 'read -s -p Secret: x; exit'; sleep 0.5; echo hunter2) | SSH -tt HOST bash --norc"#;
    run(&stand, script);
    let hidden = stand.told("tty", "hidden", true);
    assert!(hidden.text("data").unwrap().contains("hunter2"));
    assert!(
        stand
            .reports("command")
            .iter()
            .all(|report| report.text("command") != Some("hunter2"))
    );
}

#[test]
fn files_go_and_come_by_every_way_of_copying() {
    let stand = ssh();
    let root = stand.root.path().to_owned();
    std::fs::write(root.join("one"), "first").unwrap();
    std::fs::write(root.join("two"), "second").unwrap();
    std::fs::write(root.join("more"), "third").unwrap();
    assert_eq!(run(&stand, "SCP {root}/one HOST:").0, 0);
    assert_eq!(run(&stand, "SCP -O {root}/two HOST:renamed").0, 0);
    assert_eq!(std::fs::read_to_string(root.join("root/one")).unwrap(), "first");
    assert_eq!(std::fs::read_to_string(root.join("root/renamed")).unwrap(), "second");
    let text = run(
        &stand,
        r"printf 'put {root}/more three\nrename three four\nls\nget four {root}/back\n' | SFTP HOST",
    )
    .1;
    assert!(text.contains("four"), "{text}");
    assert_eq!(std::fs::read_to_string(root.join("back")).unwrap(), "third");
    for (name, bytes) in [("one", "first"), ("renamed", "second"), ("three", "third")] {
        let at = |report: &model::Report| report.text("path").is_some_and(|path| path.ends_with(name));
        let captured = stand.event("file_captured", at);
        assert_eq!(captured.fields["way"], "upload");
        let blob = stand.blob(captured.text("sha256").unwrap());
        assert!(blob.starts_with(bytes.as_bytes()), "{blob:?}");
    }
    assert!(
        stand
            .told("sftp_op", "op", "rename")
            .text("to")
            .unwrap()
            .ends_with("/four")
    );
    stand.told("sftp_op", "op", "read");
    stand.told("scp", "direction", "put");
}

#[test]
fn a_file_made_in_a_session_is_kept_even_when_it_is_removed_at_once() {
    let stand = ssh();
    run(
        &stand,
        "SSH HOST 'mkdir -p {root}/tmp/a; sleep 0.2; echo payload >{root}/tmp/a/x; sleep 0.1; rm {root}/tmp/a/x'",
    );
    let captured = stand.told("file_captured", "way", "write");
    assert!(captured.text("path").unwrap().ends_with("/tmp/a/x"));
    assert_eq!(stand.blob(captured.text("sha256").unwrap()), b"payload\n");
    assert_eq!(captured.session, stand.told("session_start", "mode", "exec").session);
}

#[test]
fn a_key_that_was_copied_there_lets_its_owner_in() {
    let stand = ssh();
    let copy = "export HOME={root}; mkdir -p $HOME/.ssh; ssh-keygen -q -t ed25519 -N '' -f $HOME/.ssh/k; \
                sshpass -p sunflower9 ssh-copy-id -i $HOME/.ssh/k.pub OPT -p {port} kim@127.0.0.1; \
                ssh OPT -i $HOME/.ssh/k -o BatchMode=yes -p {port} kim@127.0.0.1 'id -un; echo $HOME'";
    let (status, text) = run(&stand, &copy.replace("OPT", OPTIONS));
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("kim\n"), "{text}");
    let offered = stand.told("pubkey_offered", "accepted", true);
    assert!(offered.text("fp_sha256").unwrap().starts_with("SHA256:"));
    let attempt = |report: &model::Report| {
        report.text("method") == Some("publickey") && report.text("outcome") == Some("success")
    };
    assert_eq!(stand.event("auth_attempt", attempt).fields["secret_kind"], "ssh_pubkey");
}

#[test]
fn six_wrong_passwords_end_the_connection() {
    let stand = ssh();
    let line = format!(
        "printf '#!/bin/sh\\necho wrong\\n' >{{root}}/ask; chmod 755 {{root}}/ask; \
         SSH_ASKPASS={{root}}/ask SSH_ASKPASS_REQUIRE=force setsid ssh {OPTIONS} -o PubkeyAuthentication=no \
         -o NumberOfPasswordPrompts=9 -o LogLevel=INFO -p {{port}} root@127.0.0.1 id"
    );
    let out = stand.run(&line);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains("Too many authentication failures"), "{text}");
    let wrong = |report: &&model::Report| report.text("method") == Some("password");
    assert_eq!(stand.reports("auth_attempt").iter().filter(wrong).count(), 6);
}

#[test]
fn a_port_of_the_machine_itself_is_reached_through_it_and_no_other() {
    let stand = ssh();
    let inner = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = inner.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in inner.incoming() {
            stream.unwrap().write_all(b"inside\n").unwrap();
        }
    });
    assert_eq!(
        run(&stand, &format!("SSH -W 127.0.0.1:{port} HOST </dev/null")).1,
        "inside\n"
    );
    assert_eq!(
        stand.told("channel", "dest_port", port).fields["dest_host"],
        "127.0.0.1"
    );
    let (status, text) = run(&stand, "SSH -v -W 192.0.2.9:25 HOST </dev/null");
    assert_eq!(status, 255);
    assert!(text.contains("administratively prohibited"), "{text}");
    stand.told("channel", "dest_host", "192.0.2.9");
}

#[test]
fn several_sessions_share_one_connection() {
    let stand = ssh();
    let master = "SSH -M -S {root}/ctl -N HOST & until [ -S {root}/ctl ]; do sleep 0.1; done; \
                  for n in 1 2 3; do ssh -S {root}/ctl x echo $n; done; ssh -S {root}/ctl -O exit x 2>/dev/null; wait";
    assert_eq!(run(&stand, master).1, "1\n2\n3\n");
    let ends: Vec<_> = (1..=3)
        .map(|n| stand.told("command", "command", format!("echo {n}")))
        .collect();
    assert!(ends.iter().all(|report| report.session == ends[0].session));
}

#[test]
fn what_is_no_ssh_client_hears_what_openssh_says() {
    let stand = ssh();
    let banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n";
    for line in ["SSH-1337-OpenSSH_9.0\r\n", "hello\r\n"] {
        assert_eq!(
            stand.say(line.as_bytes()),
            format!("{banner}Invalid SSH identification string.\r\n")
        );
    }
    assert_eq!(
        stand.say(b"SSH-1.5-x\r\n"),
        format!("{banner}Protocol major versions differ.\r\n")
    );
    assert!(stand.reports("protocol_error").len() == 3);
    let garbage = stand.say(b"SSH-2.0-x\r\n\n\n\n\n\n\n\n\n");
    assert!(
        garbage.ends_with('\0') && !garbage.contains("bad packet"),
        "{garbage:?}"
    );
}

#[test]
fn nothing_but_the_banner_is_sent_before_the_client_spoke() {
    let stand = ssh();
    let mut stream = TcpStream::connect(("127.0.0.1", stand.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut heard = Vec::new();
    assert!(stream.read_to_end(&mut heard).is_err());
    assert_eq!(heard, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n");
}

#[test]
fn a_hundred_sessions_at_a_time_are_held() {
    let stand = ssh();
    let line = "for n in $(seq 10); do SSH -M -S {root}/c$n -N HOST & done; \
                for n in $(seq 10); do until [ -S {root}/c$n ]; do sleep 0.1; done; done; \
                for n in $(seq 100); do ssh -S {root}/c$((n % 10 + 1)) x 'sleep 2; echo done' & jobs=\"$jobs $!\"; done; \
                wait $jobs; for n in $(seq 10); do ssh -S {root}/c$n -O exit x 2>/dev/null; done";
    let started = Instant::now();
    assert_eq!(run(&stand, line).1.matches("done\n").count(), 100);
    assert!(started.elapsed() < Duration::from_secs(40));
}

#[test]
fn hydra_finds_the_password() {
    let stand = ssh();
    let line = "printf 'a\\nb\\ntoor\\nc\\n' >{root}/words; hydra -t 4 -l root -P {root}/words ssh://127.0.0.1:{port}";
    assert!(run(&stand, line).1.contains("login: root   password: toor"));
}

#[test]
fn the_home_of_the_account_is_where_a_session_begins() {
    let stand = ssh();
    let home = stand.root.path().join("home/kim");
    assert_eq!(std::fs::metadata(&home).unwrap().permissions().mode() & 0o700, 0o700);
    let line = format!("sshpass -p sunflower9 ssh {OPTIONS} -p {{port}} kim@127.0.0.1 'pwd; id -u; id -G'");
    assert_eq!(run(&stand, &line).1, format!("{}\n1000\n1000\n", home.display()));
}
