use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use crate::lab::{Lab, answer};

const CONF: &str = "Port 22\nHostKey KEY\nPidFile none\nUsePAM no\n";

fn sshd(lab: &mut Lab, more: &str) {
    let key = lab.path("host_key");
    if !std::path::Path::new(&key).exists() {
        lab.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key]);
    }
    std::fs::create_dir_all("/run/sshd").unwrap();
    std::fs::write(lab.path("sshd.conf"), CONF.replace("KEY", &key) + more).unwrap();
    let conf = lab.path("sshd.conf");
    lab.serve(22, "/usr/sbin/sshd", &["-D", "-f", &conf]);
}

/// HASSHServer as told by another client: the lists the server proposes, from its log.
fn as_told_by_ssh(lab: &Lab) -> String {
    let target = format!("nobody@{}", lab.peer);
    let out = Command::new("ssh")
        .args([
            "-vv",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .arg(&target)
        .output()
        .expect("openssh-client is missing");
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    let peer = &log[log.find("peer server KEXINIT proposal").unwrap()..];
    let list = |name: &str| {
        let line = peer.lines().find(|line| line.contains(name)).unwrap();
        line.split_once(": ")
            .unwrap()
            .1
            .split_once(": ")
            .unwrap()
            .1
            .trim()
            .to_owned()
    };
    let lists = [
        list("KEX algorithms"),
        list("ciphers stoc"),
        list("MACs stoc"),
        list("compression stoc"),
    ]
    .join(";");
    hex::encode(md5::Md5::digest(lists))
}

#[tokio::test]
async fn openssh_is_hashed_as_another_client_sees_it_and_its_key_is_the_one_it_has() {
    let mut lab = Lab::new().await;
    sshd(&mut lab, "");
    let turned = lab.ask(lab.peer, &["hassh"], &[22]).await;
    let found = answer(&turned, "hassh");
    assert_eq!(found.hash.as_deref(), Some(as_told_by_ssh(&lab).as_str()));
    assert!(
        found.fields["ssh_banner"]
            .as_str()
            .unwrap()
            .starts_with("SSH-2.0-OpenSSH_")
    );
    assert_eq!(found.fields["host_key_type"], "ssh-ed25519");
    let key = std::fs::read_to_string(lab.path("host_key.pub")).unwrap();
    let blob = STANDARD.decode(key.split(' ').nth(1).unwrap()).unwrap();
    assert_eq!(found.fields["host_key_sha256"], hex::encode(sha2::Sha256::digest(blob)));
    assert_eq!(
        answer(&turned, "ssh_host_key").hash.as_deref(),
        found.fields["host_key_sha256"].as_str()
    );
}

#[tokio::test]
async fn a_server_that_proposes_otherwise_has_rotated_and_its_key_has_not() {
    let mut lab = Lab::new().await;
    sshd(&mut lab, "");
    lab.answer("hassh", 22).await;
    lab.stop(22);
    sshd(
        &mut lab,
        "Ciphers aes128-ctr\nKexAlgorithms diffie-hellman-group14-sha256\n",
    );
    let turned = lab.ask(lab.peer, &["hassh"], &[22]).await;
    let rotated: Vec<_> = turned
        .rotated
        .iter()
        .map(|rotation| rotation.probe_type.as_str())
        .collect();
    assert_eq!(rotated, ["hassh"], "{turned:#?}");
    assert_eq!(
        answer(&turned, "hassh").hash.as_deref(),
        Some(as_told_by_ssh(&lab).as_str())
    );
}

#[tokio::test]
async fn dropbear_shows_its_proposal_and_its_key() {
    let mut lab = Lab::new().await;
    let key = lab.path("dropbear_key");
    lab.run("dropbearkey", &["-t", "ecdsa", "-f", &key]);
    lab.serve(22, "dropbear", &["-F", "-E", "-r", &key, "-p", "22"]);
    let found = lab.answer("hassh", 22).await;
    assert_eq!(found.hash.as_deref(), Some(as_told_by_ssh(&lab).as_str()));
    assert!(found.fields["ssh_banner"].as_str().unwrap().contains("dropbear"));
    assert_eq!(found.fields["host_key_type"], "ecdsa-sha2-nistp256");
    assert_eq!(found.fields["host_key_sha256"].as_str().unwrap().len(), 64);
}
