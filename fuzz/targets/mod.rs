//! Every target run over its corpus.

macro_rules! targets {
    ($($feature:literal: $($name:ident)*;)*) => {
        $($(
            #[cfg(feature = $feature)]
            mod $name;

            #[cfg(feature = $feature)]
            #[test]
            fn $name() {
                $name::main();
            }
        )*)*

        const TARGETS: &[&str] = &[$($(stringify!($name)),*),*];
    };
}

targets! {
    "grid":
        bus_envelope
        bus_pattern
        catalogue
        collector_line
        event
        fleet_ini
        model_name
        packet_log
        replay
        siem_message
        siem_target
    ;
    "machine":
        docker_archive
        docker_requests
        elasticsearch_conversation
        ftp_control
        ftp_listing
        http_apache
        http_body
        http_credentials
        http_hello
        http_nginx
        http_ranges
        imap_conversation
        k8s_frames
        k8s_requests
        login_records
        mongodb_conversation
        mysql_client
        mysql_stranger
        passwd
        pop3_conversation
        postgres_client
        postgres_sql
        postgres_stranger
        redis_payload
        redis_requests
        redis_server
        redis_strings
        secret
        shell_lines
        shell_recorder
        smtp_conversation
        ssh_conversation
        ssh_identification
        ssh_keys
        ssh_kexinit
        ssh_packets
        ssh_scp
        ssh_sftp
        supervisor_lines
        telnet_login
        telnet_options
    ;
    "wire":
        capture_file
        wire_certificates
        wire_http
        wire_packets
        wire_quic
        wire_ssh
        wire_streams
        wire_tls
    ;
}

#[test]
fn every_target_is_listed_built_and_has_a_corpus() {
    use std::collections::BTreeSet;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let listed: BTreeSet<String> = TARGETS.iter().map(|name| (*name).to_owned()).collect();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let built = manifest
        .lines()
        .filter_map(|line| line.split_once("path = \"targets/")?.1.split('.').next());
    assert_eq!(built.map(str::to_owned).collect::<BTreeSet<_>>(), listed);
    assert_eq!(stems("corpora"), listed);
    let mut files = stems("targets");
    files.remove("mod");
    assert_eq!(files, listed);
}
