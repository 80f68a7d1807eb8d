//! What attackers' tools get, and what of it lands in the store.

use e2e::attacker::Attacker;
use e2e::grid::{APACHE, NGINX, PASSWORD, ROOT_PASSWORD, SSH, USER, grid};
use e2e::tools::{must, sh, sh_within, until};
use serde_json::Value;
use std::time::Duration;

const DECKY: &str = "e2e-nginx";
/// The tools run on the host, which the deckies see at the bridge's address.
const ATTACKER: &str = "10.201.0.1";

#[test]
fn nmap_names_the_products_the_plan_claims() {
    grid();
    let scan = must(&format!("nmap -sV -p- -T4 -n {NGINX}")).unwrap();
    for product in ["OpenSSH", "nginx", "vsftpd", "Redis key-value store", "ssl/http"] {
        assert!(scan.contains(product), "{product} is not named in:\n{scan}");
    }
    assert!(
        scan.to_lowercase().contains("telnetd"),
        "telnet is not named in:\n{scan}"
    );
    assert!(!scan.contains("unrecognized"), "{scan}");
}

#[test]
fn a_command_over_ssh_runs_and_returns_its_status() {
    grid();
    let line = format!("sshpass -p {ROOT_PASSWORD} ssh {SSH} root@{NGINX} 'id -u; echo marker-exec >&2; exit 3'");
    let ran = sh(&line).unwrap();
    assert_eq!(
        (ran.text().as_str(), ran.code),
        ("0\n", 3),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(String::from_utf8_lossy(&ran.stderr).contains("marker-exec"));
    let command = grid()
        .event(DECKY, "command", |event| text(event, "command").contains("marker-exec"))
        .unwrap();
    assert_eq!(command["src"]["ip"], ATTACKER);
    let login = |event: &Value| text(event, "principal") == "root" && text(event, "outcome") == "success";
    let login = grid().event(DECKY, "auth_attempt", login).unwrap();
    assert_eq!(text(&login, "secret_printable"), ROOT_PASSWORD);
}

#[test]
fn a_wrong_password_is_refused_and_kept() {
    grid();
    let line = format!("sshpass -p wrong-guess ssh {SSH} -o NumberOfPasswordPrompts=1 root@{NGINX} true");
    let refused = sh(&line).unwrap();
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("Permission denied"),
        "ended with {}",
        refused.code
    );
    let login = |event: &Value| text(event, "secret_printable") == "wrong-guess" && text(event, "outcome") == "failure";
    grid().event(DECKY, "auth_attempt", login).unwrap();
}

#[test]
fn a_shell_session_is_played_back_as_it_was() {
    grid();
    let line = format!("printf 'echo mark-$((40+2))\\nexit\\n' | sshpass -p {PASSWORD} ssh {SSH} -tt {USER}@{NGINX}");
    assert!(sh(&line).unwrap().text().contains("mark-42"));
    let end = grid().event(DECKY, "session_end", |event| {
        let replay = grid().decnet(&["sessions", "replay", &text(event, "sid"), "--plain"]);
        replay.is_ok_and(|text| text.contains("mark-42"))
    });
    let sid = text(&end.unwrap(), "sid");
    let cast = grid().decnet(&["sessions", "replay", &sid, "--cast"]).unwrap();
    let header: Value = serde_json::from_str(cast.lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], 2);
    assert!(
        cast.lines()
            .skip(1)
            .all(|line| serde_json::from_str::<Value>(line).is_ok_and(|v| v.is_array()))
    );
}

#[test]
fn files_left_by_scp_sftp_and_ftp_are_kept_by_hash_and_there_over_ssh() {
    grid();
    let dir = e2e::grid::root().join("target/e2e");
    let ssh = format!("sshpass -p {PASSWORD}");
    for (name, line) in [
        ("by-scp", format!("{ssh} scp {SSH} FILE {USER}@{NGINX}:by-scp")),
        (
            "by-old-scp",
            format!("{ssh} scp -O {SSH} FILE {USER}@{NGINX}:by-old-scp"),
        ),
        (
            "by-sftp",
            format!("echo put FILE by-sftp | {ssh} sftp -o BatchMode=no {SSH} -b - {USER}@{NGINX}"),
        ),
        (
            "by-ftp",
            format!("curl -sS -T FILE --user {USER}:{PASSWORD} ftp://{NGINX}/by-ftp"),
        ),
    ] {
        let file = dir.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n# {name}\n")).unwrap();
        must(&line.replace("FILE", file.to_str().unwrap())).unwrap();
        let hash = must(&format!("sha256sum {} | cut -d' ' -f1", file.display())).unwrap();
        let kept = grid()
            .event(DECKY, "file_captured", |event| text(event, "sha256") == hash.trim())
            .unwrap();
        assert!(text(&kept, "path").ends_with(name), "{kept}");
        let there = must(&format!("{ssh} ssh {SSH} {USER}@{NGINX} sha256sum {name}")).unwrap();
        assert!(there.starts_with(hash.trim()), "{there}");
        assert!(
            grid()
                .state
                .join("artifacts")
                .join(&hash.trim()[..2])
                .join(hash.trim())
                .exists(),
            "{name}"
        );
    }
}

#[test]
fn a_page_put_by_ssh_is_served_over_http_and_https() {
    grid();
    let ssh = format!("sshpass -p {ROOT_PASSWORD} ssh {SSH} root@{NGINX}");
    must(&format!("{ssh} 'echo one-truth > /var/www/html/note.txt'")).unwrap();
    assert_eq!(
        must(&format!("curl -sS http://{NGINX}/note.txt")).unwrap(),
        "one-truth\n"
    );
    assert_eq!(
        must(&format!("curl -sSk https://{NGINX}/note.txt")).unwrap(),
        "one-truth\n"
    );
    let shown = must(&format!("curl -svk https://{NGINX}/ 2>&1")).unwrap();
    assert!(
        shown.contains("Server: nginx/") && shown.contains("Welcome to nginx"),
        "{shown}"
    );
    grid()
        .event(DECKY, "request", |event| {
            text(event, "path") == "/note.txt" && event["service"] == "https"
        })
        .unwrap();
    let tls = grid()
        .event(DECKY, "tls", |event| !text(event, "client_hello_b64").is_empty())
        .unwrap();
    assert_eq!(tls["src"]["ip"], ATTACKER);
}

#[test]
fn telnet_gives_the_same_machine() {
    grid();
    let dialogue = format!(
        "{{ sleep 2; echo {USER}; sleep 1; echo {PASSWORD}; sleep 2; echo 'cat /etc/hostname; echo t-$((5*5))'; sleep 2; echo exit; sleep 1; }} | telnet {NGINX}"
    );
    let shown = sh_within(&dialogue, Duration::from_secs(30)).unwrap().text();
    let hostname = grid().subject(NGINX).unwrap().hostname;
    assert!(shown.contains("t-25") && shown.contains(&hostname), "{shown}");
    let login = |event: &Value| event["service"] == "telnet" && text(event, "outcome") == "success";
    assert_eq!(
        grid().event(DECKY, "auth_attempt", login).unwrap()["src"]["ip"],
        ATTACKER
    );
}

#[test]
fn redis_keeps_what_it_is_given() {
    grid();
    assert_eq!(must(&format!("redis-cli -h {NGINX} set e2e:k v")).unwrap(), "OK\n");
    assert_eq!(must(&format!("redis-cli -h {NGINX} get e2e:k")).unwrap(), "v\n");
    grid()
        .event(DECKY, "command", |event| {
            event["service"] == "redis" && event["fields"].to_string().contains("e2e:k")
        })
        .unwrap();
}

#[test]
fn hydra_finds_the_pair_and_every_try_is_one_event() {
    grid();
    let dir = e2e::grid::root().join("target/e2e");
    let tries = ["h-alpha", "h-bravo", "h-charlie", "h-delta", "h-echo", PASSWORD];
    std::fs::write(dir.join("passwords"), tries.join("\n")).unwrap();
    for service in ["ssh", "ftp"] {
        let line = format!(
            "hydra -I -t 4 -l {USER} -P {}/passwords {service}://{NGINX}",
            dir.display()
        );
        let found = must(&line).unwrap();
        assert!(found.contains(&format!("password: {PASSWORD}")), "{found}");
        for secret in &tries[..5] {
            let wanted = |event: &Value| event["service"] == service && text(event, "secret_printable") == *secret;
            grid().event(DECKY, "auth_attempt", wanted).unwrap();
        }
    }
    let listed = grid().json(&["credentials", "--json", "--limit", "1000"]).unwrap();
    assert!(listed.to_string().contains("h-alpha"), "{listed}");
    let empty: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["secret_kind"] == "none")
        .collect();
    assert!(empty.is_empty(), "asking for the ways in is no credential: {empty:?}");
}

#[test]
fn an_attacker_is_told_by_the_address_it_has() {
    grid();
    let attacker = Attacker::on_the_bridge().unwrap();
    let (tries, services) = (
        format!(
            "sshpass -p from-afar ssh {SSH} -o NumberOfPasswordPrompts=1 root@{NGINX} true; curl -s http://{NGINX}/from-afar"
        ),
        [("ssh", "auth_attempt"), ("http", "request")],
    );
    attacker.sh(&tries).unwrap();
    for (service, kind) in services {
        grid()
            .event(DECKY, kind, |event| {
                event["service"] == service
                    && event["src"]["ip"] == attacker.address
                    && event["fields"].to_string().contains("from-afar")
            })
            .unwrap();
    }
    let rows = grid().json(&["attackers", "--json"]).unwrap();
    let mine = |row: &&Value| row["ip"] == attacker.address;
    assert_eq!(rows.as_array().unwrap().iter().filter(mine).count(), 1, "{rows}");
}

/// The server calls back, through a wall that lets nothing else out to that address.
#[test]
fn ftp_works_in_active_mode() {
    grid();
    let attacker = Attacker::on_the_bridge().unwrap();
    let ftp = format!("curl -sS -P - --user {USER}:{PASSWORD} ftp://{NGINX}");
    attacker
        .must(&format!("echo active-mode | {ftp}/by-active -T -"))
        .unwrap();
    assert_eq!(attacker.must(&format!("{ftp}/by-active")).unwrap(), "active-mode\n");
    assert!(attacker.must(&format!("{ftp}/")).unwrap().contains("by-active"));
    let line = format!(
        "sshpass -p {ROOT_PASSWORD} ssh {SSH} root@{NGINX} 'timeout 3 bash -c \"echo > /dev/tcp/{}/9\"; echo ended $?'",
        attacker.address
    );
    assert_eq!(
        must(&line).unwrap(),
        "ended 124\n",
        "other calls to the same address are stopped"
    );
}

#[test]
fn the_banner_says_what_the_machine_has_installed() {
    grid();
    let banner = must(&format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{NGINX}/22; head -1 <&3'")).unwrap();
    let banner = banner.trim().strip_prefix("SSH-2.0-").unwrap().to_owned();
    let said = must(&format!(
        "sshpass -p {PASSWORD} ssh {SSH} {USER}@{NGINX} 'ssh -V 2>&1; dpkg -l openssh-client | tail -1'"
    ))
    .unwrap();
    assert!(
        said.starts_with(&format!("{banner}, ")),
        "{banner} outside, and inside: {said}"
    );
}

#[test]
fn a_port_forward_is_asked_for_and_recorded() {
    grid();
    let line = format!("echo | sshpass -p {PASSWORD} ssh {SSH} -W 192.0.2.1:4444 {USER}@{NGINX}");
    assert_ne!(sh(&line).unwrap().code, 0);
    grid()
        .event(DECKY, "channel", |event| {
            event["fields"].to_string().contains("192.0.2.1")
        })
        .unwrap();
}

#[test]
fn the_attacker_is_one_row_with_all_it_did() {
    grid();
    let rows = grid().json(&["attackers", "--json"]).unwrap();
    let mine: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["ip"] == ATTACKER)
        .collect();
    assert_eq!(mine.len(), 1, "{rows}");
    assert!(mine[0]["events"].as_u64().unwrap() > 0, "{rows}");
}

#[test]
fn the_way_from_decky_to_decky_and_the_habits_are_told() {
    grid();
    for host in [NGINX, APACHE] {
        must(&format!(
            "curl -s -H 'X-Forwarded-For: 8.8.8.8' http://{host}/ >/dev/null"
        ))
        .unwrap();
    }
    until("a way over two deckies", Duration::from_secs(20), || {
        let ways = grid().json(&["traversals", "--json"])?;
        let mut ways = ways.as_array().into_iter().flatten();
        let mine = ways.find(|way| way["attacker_ip"] == ATTACKER);
        Ok(mine
            .filter(|way| way["path"].as_str().is_some_and(|path| path.contains(" → ")))
            .cloned())
    })
    .unwrap();
    let seen = grid().json(&["attackers", "show", ATTACKER, "--json"]).unwrap();
    let habits = &seen["habits"];
    assert_eq!(habits["claims"][0]["claimed"], "8.8.8.8", "{habits}");
    assert!(
        habits["tools"].as_array().unwrap().iter().any(|tool| tool == "curl"),
        "{habits}"
    );
}

fn text(event: &Value, field: &str) -> String {
    event["fields"][field].as_str().unwrap_or_default().to_owned()
}
