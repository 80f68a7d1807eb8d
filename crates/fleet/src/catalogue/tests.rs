use std::collections::BTreeSet;

use super::*;
use crate::diagnostic::Severity;

#[test]
fn the_catalogue_that_comes_with_the_product_is_whole() {
    let catalogue = Catalogue::builtin().unwrap();
    assert_eq!(catalogue.distros().len(), 9);
    assert_eq!(catalogue.archetypes().len(), 15);
    assert_eq!(catalogue.os_families().len(), 6);
    assert_eq!(catalogue.services().len() + catalogue.upcoming().len(), 29);
    let order: Vec<_> = catalogue
        .distros_in_order()
        .iter()
        .map(|distro| distro.slug.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "debian", "ubuntu22", "ubuntu20", "rocky9", "centos7", "alpine", "fedora", "kali", "arch"
        ]
    );
}

#[test]
fn every_family_has_the_ten_keys_and_an_unknown_one_is_linux() {
    let catalogue = Catalogue::builtin().unwrap();
    let of = |family: &str, key: &str| catalogue.sysctls(family)[&format!("net.ipv4.{key}")].clone();
    let rows = [
        ("linux", ["64", "6", "1", "1", "1", "2", "0", "60", "1000", "6168"]),
        ("windows", ["128", "2", "1", "1", "1", "0", "0", "30", "0", "0"]),
        ("windows_server", ["128", "2", "1", "1", "1", "1", "0", "30", "0", "0"]),
        ("bsd", ["64", "6", "1", "1", "1", "0", "0", "60", "250", "6168"]),
        ("embedded", ["255", "3", "0", "0", "0", "0", "1", "15", "0", "0"]),
        ("cisco", ["255", "2", "0", "0", "0", "0", "1", "15", "0", "0"]),
    ];
    let keys = [
        "ip_default_ttl",
        "tcp_syn_retries",
        "tcp_timestamps",
        "tcp_window_scaling",
        "tcp_sack",
        "tcp_ecn",
        "ip_no_pmtu_disc",
        "tcp_fin_timeout",
        "icmp_ratelimit",
        "icmp_ratemask",
    ];
    for (family, values) in rows {
        for (key, value) in keys.iter().zip(values) {
            assert_eq!(of(family, key), value, "{family} {key}");
        }
        assert_eq!(catalogue.sysctls(family)["net.ipv6.conf.all.hop_limit"], values[0]);
    }
    assert!(catalogue.sysctls("windows")["net.ipv4.tcp_rmem"].ends_with(" 8388608"));
    assert_eq!(catalogue.sysctls("plan9"), catalogue.sysctls("linux"));
}

#[test]
fn archetypes_are_those_of_the_table_in_their_order() {
    let catalogue = Catalogue::builtin().unwrap();
    let rows = [
        ("windows-workstation", "smb,rdp", "debian,ubuntu22", "windows"),
        ("windows-server", "smb,rdp,ldap", "debian,ubuntu22", "windows_server"),
        (
            "domain-controller",
            "ldap,smb,rdp,llmnr",
            "debian,ubuntu22",
            "windows_server",
        ),
        ("linux-server", "ssh,http", "debian,ubuntu22,rocky9,fedora", "linux"),
        ("web-server", "http,ftp", "debian,ubuntu22,ubuntu20", "linux"),
        ("database-server", "mysql,postgres,redis", "debian,ubuntu22", "linux"),
        ("mail-server", "smtp,pop3,imap", "debian,ubuntu22", "linux"),
        ("file-server", "smb,ftp,ssh", "debian,ubuntu22,rocky9", "linux"),
        ("printer", "snmp,ftp", "alpine,debian", "embedded"),
        ("iot-device", "mqtt,snmp,telnet", "alpine", "embedded"),
        ("industrial-control", "conpot,snmp", "debian", "embedded"),
        ("voip-server", "sip", "debian,ubuntu22", "linux"),
        ("monitoring-node", "snmp,ssh", "debian,rocky9", "linux"),
        ("devops-host", "docker_api,ssh,k8s", "ubuntu22,debian", "linux"),
        ("deaddeck", "ssh", "debian,ubuntu22", "linux"),
    ];
    assert_eq!(rows.len(), catalogue.archetypes().len());
    for (slug, services, distros, family) in rows {
        let archetype = catalogue.archetype(slug).unwrap();
        assert_eq!(archetype.services.join(","), services);
        assert_eq!(archetype.distros.join(","), distros);
        assert_eq!(archetype.os_family, family);
    }
}

#[test]
fn the_rows_say_what_can_be_deployed_and_what_cannot_yet() {
    let catalogue = Catalogue::builtin().unwrap();
    let rows = catalogue.archetype_rows();
    let row = |slug: &str| rows.iter().find(|row| row.slug == slug).unwrap();
    assert!(row("linux-server").available && row("linux-server").missing.is_empty());
    assert!(!row("voip-server").available);
    assert_eq!(row("file-server").missing, ["smb"]);
    let services = catalogue.service_rows();
    assert!(services.iter().map(|row| &row.slug).is_sorted());
    assert!(
        services
            .iter()
            .any(|row| row.slug == "sniffer" && row.singleton && !row.available)
    );
    assert!(!catalogue.service_slugs().contains(&"sniffer"));
    assert!(serde_json::to_string(&(services, rows, catalogue.distro_rows())).is_ok());
}

#[test]
fn an_unknown_slug_is_met_with_the_list_and_the_nearest() {
    let catalogue = Catalogue::builtin().unwrap();
    let said = catalogue.distro("debain").unwrap_err().to_string();
    assert!(
        said.contains("did you mean `debian`?") && said.contains("alpine, arch, centos7"),
        "{said}"
    );
    let code = |slug: &str| catalogue.service(slug).map(|_| ()).unwrap_err().code;
    assert_eq!(code("smb"), "E_SERVICE_NOT_BUILT");
    assert_eq!(code("sniffer"), "E_SERVICE_SINGLETON");
    assert_eq!(code("gopher"), "E_SERVICE");
    assert!(catalogue.service("SSH").is_ok());
}

#[test]
fn a_file_of_the_override_folder_takes_the_place_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("distros")).unwrap();
    let ours = load::builtin()["distros/debian.yaml"]
        .text
        .replace("bookworm-slim", "trixie-slim");
    std::fs::write(dir.path().join("distros/debian.yaml"), ours).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "not of the catalogue").unwrap();
    let catalogue = Catalogue::with_overrides(dir.path()).unwrap();
    assert_eq!(catalogue.distro("debian").unwrap().image, "debian:trixie-slim");
    assert_eq!(catalogue.distros().len(), 9);
}

#[test]
fn everything_wrong_with_a_folder_is_told_at_once_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("distros/debian.yaml", "slug: debian\nimage: [1\n"),
        ("archetypes/web-server.yaml", "slug: web\n"),
        ("services/gopher/service.yaml", "slug: gopher\n"),
        ("random.yaml", "a: 1\n"),
    ] {
        std::fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        std::fs::write(dir.path().join(path), text).unwrap();
    }
    let found = Catalogue::with_overrides(dir.path()).unwrap_err();
    let codes: BTreeSet<_> = found.iter().map(|d| d.code).collect();
    assert_eq!(
        codes,
        BTreeSet::from(["E_TEMPLATE_YAML", "E_TEMPLATE_SERVICE", "E_TEMPLATE_FILE"])
    );
    for diagnostic in &found {
        assert!(diagnostic.severity == Severity::Error && diagnostic.help.is_some());
        let place = &diagnostic.places[0];
        assert!(place.file.starts_with(&*dir.path().to_string_lossy()), "{}", place.file);
        assert!(
            diagnostic.code != "E_TEMPLATE_YAML" || place.line.is_some(),
            "{diagnostic}"
        );
    }
}

#[test]
fn a_folder_that_disagrees_with_itself_is_refused() {
    let change = |path: &str, from: &str, to: &str| {
        let mut source = load::builtin()[path].clone();
        assert!(source.text.contains(from), "{path} holds {from}");
        source.text = source.text.replace(from, to);
        let found = Catalogue::from_sources(Sources::from([(path.to_owned(), source)])).unwrap_err();
        assert!(
            found.iter().all(|d| d.places[0].file == format!("templates/{path}")),
            "{found}"
        );
        found.to_string()
    };
    assert!(change("archetypes/deaddeck.yaml", "[ssh]", "[shh]").contains("no service `shh`"));
    assert!(change("archetypes/deaddeck.yaml", "[ssh]", "[sniffer]").contains("once per fleet"));
    assert!(change("archetypes/mail-server.yaml", "[smtp,", "[smtp_relay, smtp,").contains("bind port 25"));
    assert!(change("archetypes/deaddeck.yaml", "debian", "debiam").contains("did you mean `debian`?"));
    assert!(change("os_families/bsd.yaml", "tcp_sack", "tcp_sakc").contains("`net.ipv4.tcp_sack` is missing"));
    assert!(change("services/ftp/service.yaml", "alpine, ", "").contains("no persona fits distro `alpine`"));
    assert!(change("hostnames.yaml", "{SITE}DC{d2}", "{SITE}DC{d9}").contains("`{d9}` means nothing"));
    assert!(change("oui.yaml", "00:50:56", "01:50:56").contains("no maker's prefix"));
}

#[test]
fn a_missing_folder_is_one_clear_error() {
    let found = Catalogue::with_overrides(Path::new("/nonexistent/templates")).unwrap_err();
    assert_eq!(found.len(), 1);
    assert!(found.to_string().contains("--templates"), "{found}");
}
