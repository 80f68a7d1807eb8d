use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::*;

/// A small image: what `debootstrap` leaves of the files that matter here. Its users are those of whoever runs this,
/// for only root can give files away.
fn image() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = |path: &str, text: &str, mode| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    file(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
        0o644,
    );
    file(
        "etc/shadow",
        "root:*:19700:0:99999:7:::\nwww-data:*:19700:0:99999:7:::\n",
        0o640,
    );
    file("etc/group", "root:x:0:\nsudo:x:27:\nwww-data:x:33:\n", 0o644);
    file("etc/gshadow", "root:*::\nsudo:*::\nwww-data:*::\n", 0o640);
    file("etc/skel/.bashrc", "# ~/.bashrc\n", 0o644);
    file("etc/hostname", "4f0c2a\n", 0o644);
    file("etc/machine-id", "", 0o444);
    file("proc/stat", "cpu 1 2 3\nbtime 1795255388\n", 0o444);
    file("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n", 0o444);
    file("bin/bash", "", 0o755);
    file(".mark", "", 0o755);
    dir
}

fn machine(root: &Path) -> Machine {
    let owner = fs::metadata(root).unwrap();
    let spec = serde_json::from_value(serde_json::json!({
        "generation": 1, "hostname": "web-03", "domain": "corp.example", "distro": "debian", "seed": "ab".repeat(32),
        "users": [
            {"name": "root", "password": "toor", "uid": 0},
            {"name": "deploy", "password": "s3cret", "uid": owner.uid(), "sudo": true},
        ],
        "keys": {"ssh_ed25519": sshkey::tests::sample("").0, "tls_cert": "CERT\n", "tls_key": "KEY\n"},
        "services": [], "unlink": ["/.mark", "/.never-was"], "resolvers": ["192.0.2.53"],
    }));
    Machine::new(root, spec.unwrap())
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap()
}

fn mode(root: &Path, path: &str) -> u32 {
    fs::metadata(root.join(path)).unwrap().mode() & 0o7777
}

#[test]
fn an_image_becomes_the_machine_of_the_spec() {
    let dir = image();
    let root = dir.path();
    assert_eq!(prepare(&machine(root)), []);
    assert!(!root.join(".mark").exists());
    assert_eq!(
        read(root, "etc/resolv.conf"),
        "search corp.example\nnameserver 192.0.2.53\n"
    );
    assert_eq!(read(root, "etc/hostname"), "web-03\n");
    assert!(read(root, "etc/passwd").contains("\ndeploy:x:"));
    assert!(read(root, "etc/group").contains("\nsudo:x:27:deploy\n"));
    assert!(read(root, "etc/gshadow").contains("\nsudo:*::deploy\n"));
    assert!(read(root, "etc/shadow").starts_with("root:$y$j9T$"));
    assert_eq!(mode(root, "etc/shadow"), 0o640);
    assert_eq!(
        (mode(root, "home/deploy"), mode(root, "home/deploy/.bashrc")),
        (0o700, 0o644)
    );
    assert_eq!(
        read(root, "etc/ssh/ssh_host_ed25519_key.pub"),
        sshkey::tests::sample("root@web-03").1
    );
    assert_eq!(mode(root, "etc/ssh/ssh_host_ed25519_key"), 0o600);
    assert_eq!(mode(root, "etc/ssl/private/ssl-cert-snakeoil.key"), 0o640);
    assert_eq!(read(root, "etc/machine-id").trim().len(), 32);
    assert_eq!(mode(root, "var/log/btmp"), 0o660);
    assert!(
        fs::metadata(root.join("var/log/wtmp")).unwrap().len() > 0,
        "the start is written down"
    );
}

#[test]
fn the_users_of_the_spec_log_in_with_their_passwords_and_no_others() {
    let dir = image();
    let machine = machine(dir.path());
    prepare(&machine);
    assert_eq!(machine.login("deploy", b"s3cret").unwrap().home, "/home/deploy");
    assert_eq!(machine.login("root", b"toor").unwrap().uid, 0);
    for (user, password) in [
        ("root", "s3cret"),
        ("deploy", ""),
        ("www-data", ""),
        ("www-data", "*"),
        ("bob", "x"),
    ] {
        assert!(machine.login(user, password.as_bytes()).is_none(), "{user} {password}");
    }
}

#[test]
fn what_an_intruder_changed_survives_a_restart() {
    let dir = image();
    let root = dir.path();
    prepare(&machine(root));
    let shadow = read(root, "etc/shadow").replace("root:$y$", "root:!$y$") + "eve:$6$a$b:1::::::\n";
    fs::write(root.join("etc/shadow"), &shadow).unwrap();
    fs::remove_dir_all(root.join("home/deploy")).unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(root.join("etc/ssh/ssh_host_ed25519_key"), "mine").unwrap();
    assert_eq!(prepare(&machine(root)), []);
    assert_eq!(read(root, "etc/shadow"), shadow);
    assert_eq!(read(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    assert_eq!(read(root, "etc/ssh/ssh_host_ed25519_key"), "mine");
    assert!(machine(root).login("root", b"toor").is_none());
}

#[test]
fn what_cannot_be_done_is_told_and_the_rest_is_done() {
    let dir = image();
    let root = dir.path();
    fs::remove_file(root.join("etc/hostname")).unwrap();
    fs::create_dir(root.join("etc/hostname")).unwrap();
    let problems = prepare(&machine(root));
    assert_eq!(
        problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(),
        ["/etc/hostname"]
    );
    assert!(machine(root).login("root", b"toor").is_some());
}
