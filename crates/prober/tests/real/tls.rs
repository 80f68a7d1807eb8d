use serde_json::json;
use store::ProbeOutcome;

use crate::lab::Lab;

const NGINX: &str = "daemon off; master_process off; error_log stderr; pid nginx.pid; events {} \
    http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; \
    scgi_temp_path t5; server { listen 443 ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; PROTOCOLS } }";

fn nginx(lab: &mut Lab, protocols: &str) {
    std::fs::write(lab.path("nginx.conf"), NGINX.replace("PROTOCOLS", protocols)).unwrap();
    let dir = lab.path("");
    let conf = lab.path("nginx.conf");
    lab.serve(443, "nginx", &["-p", &dir, "-c", &conf]);
}

fn openssl(lab: &mut Lab, args: &[&str]) {
    let mut all = vec![
        "s_server", "-quiet", "-www", "-accept", "443", "-key", "key.pem", "-cert", "cert.pem",
    ];
    all.extend(args);
    lab.serve(443, "openssl", &all);
}

#[tokio::test]
async fn nginx_has_the_same_jarm_each_time_and_another_one_with_other_settings() {
    let mut lab = Lab::new().await;
    lab.certificate("a.example.org");
    nginx(&mut lab, "");
    let first = lab.answer("jarm", 443).await.hash.unwrap();
    assert_eq!(lab.answer("jarm", 443).await.hash.unwrap(), first);
    assert_eq!(first.len(), 62);
    lab.stop(443);
    nginx(&mut lab, "ssl_protocols TLSv1.3;");
    let turned = lab.ask(lab.peer, &["jarm"], &[443]).await;
    assert_eq!(turned.rotated.len(), 1, "{turned:#?}");
    let rotation = &turned.rotated[0];
    assert_eq!(
        (rotation.old_hash.as_str(), rotation.rotation_count, rotation.port),
        (first.as_str(), 1, Some(443))
    );
    assert_ne!(rotation.new_hash, first);
    let seen = lab.store.attackers().get(lab.peer).await.unwrap().unwrap();
    assert_eq!(seen.rotation_count, 1);
}

#[tokio::test]
async fn a_server_of_one_version_and_one_cipher_answers_jarm_with_that_alone() {
    let mut lab = Lab::new().await;
    lab.certificate("a.example.org");
    openssl(&mut lab, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]);
    let hash = lab.answer("jarm", 443).await.hash.unwrap();
    let replies: Vec<_> = hash.as_bytes()[..30]
        .chunks(3)
        .map(|three| std::str::from_utf8(three).unwrap())
        .collect();
    assert!(replies.iter().all(|reply| ["29d", "000"].contains(reply)), "{hash}");
    assert_eq!((replies[0], replies[5], replies[6]), ("29d", "000", "29d"), "{hash}");
}

#[tokio::test]
async fn apache_shows_its_certificate_as_openssl_reads_it() {
    let mut lab = Lab::new().await;
    lab.certificate("b.example.org");
    let conf = format!(
        "ServerName b\nServerRoot {dir}\nPidFile {dir}/pid\nErrorLog {dir}/log\nListen 8443\n\
        LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
        LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
        LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n\
        User www-data\nGroup www-data\nDocumentRoot {dir}\nMutex sem\n\
        <VirtualHost *:8443>\nSSLEngine on\nSSLCertificateFile {dir}/cert.pem\nSSLCertificateKeyFile {dir}/key.pem\n\
        </VirtualHost>\n",
        dir = lab.path("").trim_end_matches('/')
    );
    std::fs::write(lab.path("apache.conf"), conf).unwrap();
    let conf = lab.path("apache.conf");
    lab.serve(8443, "apache2", &["-X", "-f", &conf]);
    let found = lab.answer("tls_certificate", 8443).await;
    let openssl = |args: &[&str]| {
        let pem = lab.path("cert.pem");
        let out = std::process::Command::new("openssl")
            .args(["x509", "-noout", "-in", &pem])
            .args(args)
            .output();
        let out = String::from_utf8(out.unwrap().stdout).unwrap();
        out.trim().split_once('=').unwrap().1.to_owned()
    };
    let digest = openssl(&["-fingerprint", "-sha256"]).replace(':', "").to_lowercase();
    assert_eq!(found.hash.as_deref(), Some(digest.as_str()));
    assert_eq!(found.fields["subject_cn"], "b.example.org");
    assert_eq!(found.fields["issuer"], "CN=b.example.org,O=Example\\, Inc.");
    assert_eq!(found.fields["self_signed"], true);
    assert_eq!(
        found.fields["sans"],
        json!(["b.example.org", "192.0.2.1", "2001:db8::1"])
    );
    assert_eq!(found.fields["tls_version"], "TLS 1.3");
    assert_eq!(found.fields["sni"], "b.example.org");
    assert_eq!(found.fields["sni_cert_sha256"], digest.as_str());
    assert!(found.fields["not_before"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn every_version_of_tls_shows_its_certificate() {
    let mut lab = Lab::new().await;
    lab.certificate("c.example.org");
    let weak = ["-cipher", "ALL@SECLEVEL=0"];
    let mut digests = Vec::new();
    for (version, name) in [
        ("-tls1", "TLS 1.0"),
        ("-tls1_1", "TLS 1.1"),
        ("-tls1_2", "TLS 1.2"),
        ("-tls1_3", "TLS 1.3"),
    ] {
        openssl(&mut lab, &[&[version][..], &weak[..]].concat());
        let found = lab.answer("tls_certificate", 443).await;
        assert_eq!(found.fields["tls_version"], name);
        digests.push(found.hash.unwrap());
        lab.stop(443);
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[tokio::test]
async fn what_is_no_tls_is_said_to_be_none() {
    let mut lab = Lab::new().await;
    lab.serve(443, "nc", &["-lk", "443"]);
    let turned = lab.ask(lab.peer, &["tls_certificate"], &[443]).await;
    let row = turned.probes.iter().find(|row| row.probe == "tls_certificate").unwrap();
    assert_eq!(
        (row.outcome, row.reason.as_deref()),
        (ProbeOutcome::Silent, Some("timeout"))
    );
}
