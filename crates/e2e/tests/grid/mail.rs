//! Mail, sent and tried by stock clients, and what of it lands in the store.

use e2e::grid::{MAIL, PASSWORD, ROOT_PASSWORD, SSH, USER, grid};
use e2e::tools::{must, sh};
use serde_json::Value;

const DECKY: &str = "e2e-mail";

#[test]
fn nmap_names_the_mail_products() {
    grid();
    let scan = must(&format!("nmap -Pn -sV -n -p 25,465,587,143,993,110,995 {MAIL}")).unwrap();
    for (product, ports) in [("Postfix smtpd", 3), ("Dovecot imapd", 2), ("Dovecot pop3d", 2)] {
        assert_eq!(scan.matches(product).count(), ports, "{scan}");
    }
}

#[test]
fn a_message_is_kept_by_hash_and_lies_in_the_mailbox_of_the_machine() {
    grid();
    let dir = e2e::grid::root().join("target/e2e");
    let mail = dir.join("mail.eml");
    std::fs::write(&mail, "From: a@b.example\r\nSubject: caf\u{e9}\r\n\r\n.marker-mail\r\n").unwrap();
    let send = "curl -sS smtp://HOST --mail-from a@b.example --mail-rcpt USER -T FILE";
    let line = send
        .replace("HOST", MAIL)
        .replace("USER", USER)
        .replace("FILE", mail.to_str().unwrap());
    must(&line).unwrap();
    let hash = must(&format!("sha256sum {} | cut -d' ' -f1", mail.display())).unwrap();
    let stored = grid()
        .event(DECKY, "message_stored", |event| text(event, "sha256") == hash.trim())
        .unwrap();
    assert_eq!(text(&stored, "rcpt_to"), USER);
    let kept = grid().state.join("artifacts").join(&hash[..2]).join(hash.trim());
    assert_eq!(std::fs::read(kept).unwrap(), std::fs::read(mail).unwrap());
    let ssh = format!("sshpass -p {ROOT_PASSWORD} ssh {SSH} root@{MAIL}");
    let there = must(&format!("{ssh} 'cat /var/mail/{USER}/*/*'")).unwrap();
    assert!(there.contains("\n\n.marker-mail\n"), "{there}");
}

#[test]
fn a_mail_client_hands_mail_in_over_tls_after_a_login() {
    grid();
    let dir = e2e::grid::root().join("target/e2e");
    for (port, ways) in [
        (25, "--tls --auth PLAIN"),
        (587, "--tls --auth LOGIN"),
        (465, "--tls-on-connect --auth PLAIN"),
    ] {
        let subject = format!("marker-{port}");
        let line = format!(
            "swaks --server {MAIL} --port {port} {ways} --auth-user {USER} --auth-password {PASSWORD} \
             --from {USER} --to x@example.org --header 'Subject: {subject}' > {}/swaks 2>&1 || {{ cat {}/swaks; false; }}",
            dir.display(),
            dir.display()
        );
        must(&line).unwrap();
        let stored = grid().event(DECKY, "message_stored", |event| text(event, "subject") == subject);
        assert_eq!(text(&stored.unwrap(), "rcpt_to"), "x@example.org");
    }
}

#[test]
fn mail_that_came_by_smtp_is_read_by_imap_and_pop3() {
    grid();
    let file = e2e::grid::root().join("target/e2e/read.eml");
    std::fs::write(
        &file,
        "Subject: marker-read\r\nMessage-ID: <marker-read@a>\r\n\r\n.dot\r\n",
    )
    .unwrap();
    let send = format!(
        "curl -sS smtp://{MAIL} --mail-from a@b.example --mail-rcpt {USER} -T {}",
        file.display()
    );
    must(&send).unwrap();
    let curl = format!("curl -sSk --user {USER}:{PASSWORD}");
    for url in [
        format!("'imap://{MAIL}/INBOX;MAILINDEX=*'"),
        format!("'imaps://{MAIL}/INBOX;MAILINDEX=*'"),
    ] {
        let read = must(&format!("{curl} {url}")).unwrap();
        assert!(
            read.ends_with("Subject: marker-read\r\nMessage-ID: <marker-read@a>\r\n\r\n.dot\r\n"),
            "{read}"
        );
    }
    let last = must(&format!("{curl} pop3://{MAIL} | tail -1 | cut -d' ' -f1")).unwrap();
    for scheme in ["pop3", "pop3s"] {
        let read = must(&format!("{curl} {scheme}://{MAIL}/{}", last.trim())).unwrap();
        assert!(read.ends_with("\r\n\r\n.dot\r\n"), "{read}");
    }
    for kind in ["fetch", "retr"] {
        grid()
            .event(DECKY, kind, |event| text(event, "message_id") == "<marker-read@a>")
            .unwrap();
    }
}

#[test]
fn hydra_finds_the_mail_password_and_every_try_is_one_event() {
    grid();
    let dir = e2e::grid::root().join("target/e2e");
    let tries = ["m-alpha", "m-bravo", "m-charlie", "m-delta", "m-echo", PASSWORD];
    std::fs::write(dir.join("mail-passwords"), tries.join("\n")).unwrap();
    for service in ["smtp", "imap", "pop3"] {
        let line = format!(
            "hydra -I -t 3 -l {USER} -P {}/mail-passwords {service}://{MAIL}",
            dir.display()
        );
        // How hydra ends hangs on whether a try was still under way when it had the password.
        let found = sh(&line).unwrap().text();
        assert!(found.contains(&format!("password: {PASSWORD}")), "{found}");
        let listed = grid().json(&[
            "events",
            "--json",
            "--decky",
            DECKY,
            "--kind",
            "auth_attempt",
            "--limit",
            "1000",
        ]);
        let listed = listed.unwrap();
        for secret in &tries[..5] {
            let count = |event: &&Value| event["service"] == service && text(event, "secret_printable") == *secret;
            assert_eq!(
                listed.as_array().unwrap().iter().filter(count).count(),
                1,
                "{service} {secret}"
            );
        }
    }
}

fn text(event: &Value, field: &str) -> String {
    event["fields"][field].as_str().unwrap_or_default().to_owned()
}
