//! Mail servers, driven by stock clients.

#![allow(clippy::unwrap_used)]

mod stand;

use std::fs;

use serde_json::json;
use stand::{PASSWORD, Stand, USER};

fn smtp() -> Stand {
    Stand::new("smtp", json!({}))
}

/// The messages in kim's mailbox.
fn mailbox(stand: &Stand) -> Vec<String> {
    let folder = stand.root.path().join("var/mail/kim/new");
    let entries = fs::read_dir(folder).into_iter().flatten();
    let texts = entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    texts.collect()
}

#[test]
fn curl_delivers_a_message_that_is_kept_byte_by_byte_and_lies_in_the_mailbox() {
    let smtp = smtp();
    let mail = "From: a@b.example\r\nTo: kim\r\nSubject: caf\u{e9}\r\n\r\n.dot\r\nsee https://x.example/a\r\n";
    fs::write(smtp.root.path().join("mail"), mail).unwrap();
    let said = smtp.run(
        "curl -sS smtp://127.0.0.1:{port}/probe --mail-from a@b.example --mail-rcpt kim@app-web-03 -T {root}/mail 2>&1",
    );
    assert!(said.status.success(), "{said:?}");
    let stored = smtp.told("message_stored", "mail_from", "a@b.example");
    assert_eq!(smtp.blob(stored.text("sha256").unwrap()), mail.as_bytes());
    assert_eq!(stored.text("rcpt_to"), Some("kim@app-web-03"));
    assert_eq!(stored.text("urls_json"), Some("[\"https://x.example/a\"]"));
    let inbox = mailbox(&smtp);
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].starts_with("Return-Path: <a@b.example>\nX-Original-To: kim@app-web-03\nDelivered-To: kim"));
    assert!(
        inbox[0].contains("by app-web-03 (Postfix) with ESMTP id "),
        "{}",
        inbox[0]
    );
    assert!(inbox[0].ends_with("\n\n.dot\nsee https://x.example/a\n"));
}

#[test]
fn logins_over_tls_and_plain_are_told_with_their_outcome_and_may_relay() {
    let smtp = smtp();
    fs::write(smtp.root.path().join("mail"), "Subject: x\r\n\r\nx\r\n").unwrap();
    let send = |url: &str, password: &str| {
        let line = format!(
            "curl -sSk {url} --user {USER}:{password} --mail-from kim@app-web-03 --mail-rcpt x@example.org -T {{root}}/mail 2>&1"
        );
        smtp.run(&line)
    };
    for url in [
        "--ssl-reqd smtp://127.0.0.1:{port}",
        "smtps://127.0.0.1:{tls_port}",
        "smtp://127.0.0.1:{port}",
    ] {
        let sent = send(url, PASSWORD);
        assert!(sent.status.success(), "{url}: {sent:?}");
    }
    assert_eq!(smtp.reports("message_stored").len(), 3);
    assert_eq!(send("smtp://127.0.0.1:{port}", "wrong").status.code(), Some(67));
    let logins = smtp.reports("auth_attempt");
    let outcomes: Vec<_> = logins.iter().map(|login| login.text("outcome").unwrap()).collect();
    assert_eq!(outcomes, ["success", "success", "success", "failure"]);
    assert_eq!(logins[3].text("secret_printable"), Some("wrong"));
    assert_eq!(logins[0].text("method"), Some("plain"));
    let tls = smtp.told("tls", "outcome", "success");
    assert!(tls.text("ja4").is_some());
}

#[test]
fn strangers_may_not_relay_and_unknown_users_are_told_of() {
    let smtp = smtp();
    let said = smtp.say(
        b"EHLO app-web-03\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@example.org>\r\nRCPT TO:<nobodyhere>\r\nVRFY kim\r\nEXPN kim\r\nQUIT\r\n",
    );
    assert!(
        said.contains("454 4.7.1 <x@example.org>: Relay access denied\r\n550 5.1.1 <nobodyhere>: "),
        "{said}"
    );
    assert!(
        said.ends_with("252 2.0.0 kim\r\n500 5.5.2 Error: command not recognized\r\n221 2.0.0 Bye\r\n"),
        "{said}"
    );
    smtp.told("rcpt_denied", "reason", "relay");
    smtp.told("rcpt_denied", "reason", "unknown");
    smtp.told("vrfy", "value", "kim");
    smtp.told("helo_mismatch", "domain", "app-web-03");
    smtp.told("pipelining_violation", "command", "EHLO");
    assert!(mailbox(&smtp).is_empty());
}

#[test]
fn an_open_relay_takes_mail_for_everybody_and_sends_none_on() {
    let relay = Stand::new("smtp_relay", json!({}));
    let said = relay.say(
        b"HELO x\r\nMAIL FROM:<x@a.example>\r\nRCPT TO:<y@example.org>\r\nDATA\r\nSubject: probe\r\n\r\n..\r\n.\r\nQUIT\r\n",
    );
    assert!(said.contains("250 2.0.0 Ok: queued as "), "{said}");
    let stored = relay.told("message_stored", "rcpt_to", "y@example.org");
    assert_eq!(
        relay.blob(stored.text("sha256").unwrap()),
        b"Subject: probe\r\n\r\n.\r\n"
    );
    assert_eq!(stored.text("subject"), Some("probe"));
}

#[test]
fn an_end_that_other_servers_do_not_take_for_one_is_told_of() {
    let smtp = smtp();
    smtp.say(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<kim>\r\nDATA\r\na\n.\r\nMAIL FROM:<b@c>\r\nQUIT\r\n");
    smtp.told("smuggling_attempt", "variant", "\\n.\\r\\n");
}

#[test]
fn a_greylisted_recipient_has_to_come_again() {
    let smtp = Stand::new("smtp", json!({"greylist": true}));
    let said = smtp.say(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<kim>\r\nRCPT TO:<kim>\r\nQUIT\r\n");
    assert_eq!(
        said.matches("450 4.2.0 <kim>: Recipient address rejected: Greylisted\r\n")
            .count(),
        2,
        "{said}"
    );
}

#[test]
fn hydra_finds_the_password_and_every_try_is_told() {
    let smtp = smtp();
    let found = smtp.sh(
        "printf 'a\nb\nc\nsunflower9\nd\ne\n' > {root}/p && hydra -I -t 3 -l kim -s {port} -P {root}/p 127.0.0.1 smtp 2>&1",
    );
    assert!(
        found.contains("password: sunflower9") && found.contains("1 valid password found"),
        "{found}"
    );
    let tried = smtp.reports("auth_attempt");
    assert!(
        tried.len() >= 4 && tried.iter().all(|login| login.text("principal") == Some("kim")),
        "{tried:#?}"
    );
}

#[test]
fn nmap_names_the_product() {
    let smtp = smtp();
    let seen = smtp.sh("nmap -Pn -sV -p {port} --script smtp-commands 127.0.0.1");
    assert!(seen.contains("Postfix smtpd"), "{seen}");
    assert!(seen.contains("PIPELINING") && seen.contains("CHUNKING"), "{seen}");
}
