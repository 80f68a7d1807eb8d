use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::plan::testing;

#[test]
fn no_two_deckies_share_a_key_and_each_keeps_its_own() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut fleet = testing::planned(&catalogue, &["debian", "rocky9"]);
    assert_eq!(
        forge_missing(&catalogue, &mut fleet, testing::NOW, NonZeroUsize::MIN).unwrap(),
        2
    );
    let all: BTreeSet<_> = fleet
        .deckies
        .iter()
        .flat_map(|decky| parts(&decky.machine.keys))
        .collect();
    assert_eq!(all.len(), 10);
    let again = fleet.clone();
    assert_eq!(
        forge_missing(&catalogue, &mut fleet, testing::NOW, NonZeroUsize::MIN).unwrap(),
        0
    );
    assert_eq!(fleet, again);
    let mut anew = testing::planned(&catalogue, &["debian", "rocky9"]);
    forge_missing(&catalogue, &mut anew, testing::NOW, NonZeroUsize::new(2).unwrap()).unwrap();
    assert_eq!(
        anew, again,
        "the same seed makes the same keys, on any number of threads"
    );
}

#[test]
fn a_machine_has_the_keys_of_the_services_it_runs() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut decky = testing::planned(&catalogue, &["debian"]).deckies.remove(0);
    decky.machine.services.retain(|service| service.slug == "ssh");
    let keys = forge(&catalogue, &decky, testing::NOW).unwrap();
    assert!(!keys.ssh_rsa.is_empty() && keys.tls_key.is_empty() && keys.tls_cert.is_empty());
    decky.machine.keys = keys;
    assert!(!lacks_keys(&decky));
    decky.machine.services.clear();
    decky.machine.keys = Keys::default();
    assert!(!lacks_keys(&decky));
}

#[test]
fn only_what_is_missing_is_made() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut fleet = testing::planned(&catalogue, &["debian"]);
    let keys = &mut fleet.deckies[0].machine.keys;
    (keys.ssh_rsa, keys.tls_cert, keys.tls_key) = ("a".into(), "b".into(), "c".into());
    let keys = forge(&catalogue, &fleet.deckies[0], testing::NOW).unwrap();
    assert_eq!((&*keys.ssh_rsa, &*keys.tls_cert, &*keys.tls_key), ("a", "b", "c"));
    assert!(keys.ssh_ed25519.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
}

#[test]
fn stock_tools_read_the_keys_and_see_the_distros_own_certificate() {
    let catalogue = Catalogue::builtin().unwrap();
    let rows = [
        ("debian", "subject=CN = ", "DNS:", 3650),
        (
            "rocky9",
            "subject=C = US, O = Unspecified, CN = ",
            "TLS Web Server Authentication",
            365,
        ),
        (
            "centos7",
            "subject=C = --, ST = SomeState, L = SomeCity, O = SomeOrganization, OU = ",
            "CA:TRUE",
            365,
        ),
        (
            "alpine",
            "subject=C = AU, ST = Some-State, O = Internet Widgits Pty Ltd, CN = ",
            "CA:TRUE",
            365,
        ),
    ];
    for (distro, subject, extension, days) in rows {
        let fleet = testing::planned(&catalogue, &[distro]);
        let keys = forge(&catalogue, &fleet.deckies[0], testing::NOW).unwrap();
        let shown = openssl(&["x509", "-noout", "-subject", "-ext", ALL, "-dates"], &keys.tls_cert);
        assert!(
            shown.contains(subject) && shown.contains(extension),
            "{distro}: {shown}"
        );
        assert!(
            shown.contains(&certificate_name(&fleet.deckies[0].machine)),
            "{distro}: {shown}"
        );
        assert_eq!(lasts(&shown), days, "{distro}: {shown}");
        assert!(
            verifies(&keys.tls_cert),
            "{distro}: signed and in force at the time of the plan"
        );
        let of_cert = openssl(&["x509", "-noout", "-pubkey"], &keys.tls_cert);
        assert_eq!(of_cert, openssl(&["pkey", "-pubout"], &keys.tls_key), "{distro}");
        assert!(keys.tls_key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    }
}

#[test]
fn ssh_keygen_reads_every_host_key() {
    let catalogue = Catalogue::builtin().unwrap();
    let keys = forge(
        &catalogue,
        &testing::planned(&catalogue, &["debian"]).deckies[0],
        testing::NOW,
    )
    .unwrap();
    for (key, kind) in [
        (&keys.ssh_ed25519, "256"),
        (&keys.ssh_ecdsa, "256"),
        (&keys.ssh_rsa, "3072"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let shown = run(Command::new("ssh-keygen").arg("-lf").arg(&path), "");
        assert!(shown.starts_with(kind), "{shown}");
    }
}

const ALL: &str = "basicConstraints,subjectAltName,keyUsage,extendedKeyUsage,subjectKeyIdentifier";

fn parts(keys: &Keys) -> [String; 5] {
    [
        &keys.ssh_ed25519,
        &keys.ssh_ecdsa,
        &keys.ssh_rsa,
        &keys.tls_cert,
        &keys.tls_key,
    ]
    .map(Clone::clone)
}

/// Days from `notBefore=` to `notAfter=`.
fn lasts(shown: &str) -> i64 {
    let day = |prefix: &str| {
        let date = shown.lines().find_map(|line| line.strip_prefix(prefix)).unwrap();
        let seconds = run(Command::new("date").args(["-u", "+%s", "-d", date]), "");
        seconds.trim().parse::<i64>().unwrap() / 86_400
    };
    day("notAfter=") - day("notBefore=")
}

fn verifies(pem: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chain.pem");
    std::fs::write(&path, pem).unwrap();
    let at = testing::NOW.unix_timestamp().to_string();
    let mut command = Command::new("openssl");
    run(
        command
            .args(["verify", "-attime", &at, "-CAfile"])
            .arg(&path)
            .arg(&path),
        "",
    )
    .contains(": OK")
}

fn openssl(args: &[&str], input: &str) -> String {
    run(Command::new("openssl").args(args), input)
}

fn run(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}
