//! IMAP and POP3 over the machine's mailboxes, driven by stock clients.

#![allow(clippy::unwrap_used)]

mod stand;

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use stand::{PASSWORD, Stand, USER};

fn stand(slug: &str) -> Stand {
    Stand::new(slug, json!({}))
}

fn inbox(stand: &Stand, part: &str) -> PathBuf {
    stand.root.path().join("var/mail/kim").join(part)
}

/// As the mail server delivers it.
fn deliver(stand: &Stand, name: &str, text: &str) {
    let file = inbox(stand, "new").join(name);
    fs::write(&file, text).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        std::os::unix::fs::chown(file, Some(1000), Some(1000)).unwrap();
    }
}

#[test]
fn curl_reads_mail_over_imap_plain_and_over_tls() {
    let imap = stand("imap");
    deliver(
        &imap,
        "9999999999.M1P1.app",
        "Subject: the last\nMessage-ID: <marker@x>\n\nhello\n.\n",
    );
    for url in [
        "imap://127.0.0.1:{port}",
        "--ssl-reqd imap://127.0.0.1:{port}",
        "imaps://127.0.0.1:{tls_port}",
    ] {
        let line = format!("curl -sSk --user {USER}:{PASSWORD} '{url}/INBOX;MAILINDEX=*' 2>&1");
        let got = imap.run(&line.replace("'--ssl-reqd ", "--ssl-reqd '"));
        assert_eq!(
            String::from_utf8_lossy(&got.stdout),
            "Subject: the last\r\nMessage-ID: <marker@x>\r\n\r\nhello\r\n.\r\n",
            "{url} {got:?}"
        );
    }
    imap.told("fetch", "message_id", "<marker@x>");
    let listed = imap.sh(&format!("curl -sS --user {USER}:{PASSWORD} imap://127.0.0.1:{{port}}/"));
    assert!(
        listed.contains("* LIST (\\HasNoChildren \\Sent) \".\" Sent\r\n"),
        "{listed}"
    );
    assert!(listed.ends_with("* LIST (\\HasNoChildren) \".\" INBOX\r\n"), "{listed}");
}

#[test]
fn curl_reads_mail_over_pop3_plain_and_over_tls() {
    let pop3 = stand("pop3");
    deliver(&pop3, "1.M1P1.app", "Subject: the first\n\n.dot\n");
    for url in [
        "pop3://127.0.0.1:{port}",
        "--ssl-reqd pop3://127.0.0.1:{port}",
        "pop3s://127.0.0.1:{tls_port}",
    ] {
        let line = format!(
            "curl -sSk --user {USER}:{PASSWORD} {url} | head -1; curl -sSk --user {USER}:{PASSWORD} {url}/{{count}}"
        );
        let count =
            fs::read_dir(inbox(&pop3, "cur")).unwrap().count() + fs::read_dir(inbox(&pop3, "new")).unwrap().count();
        let got = pop3.sh(&line.replace("{count}", &count.to_string()));
        assert!(
            got.starts_with("1 ") && got.ends_with("Subject: the first\r\n\r\n.dot\r\n"),
            "{url} {got}"
        );
    }
    pop3.told("retr", "subject", "the first");
    assert_eq!(pop3.reports("auth_attempt").len(), 6);
}

#[test]
fn pythons_client_reads_searches_flags_and_brings_mail() {
    let imap = stand("imap");
    let script = r#"
import imaplib, sys
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
m.login("kim", "sunflower9")
m.create("Probe")
m.append("Probe", "(\\Seen)", None, b"Subject: brought\r\n\r\nx\r\n")
print(m.select("Probe")[1], m.uid("SEARCH", "SUBJECT", "brought")[1])
print(m.fetch("1", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)] RFC822.SIZE)")[1])
print(m.store("1", "+FLAGS", "\\Deleted")[1], m.expunge()[1])
m.close()
m.delete("Probe")
print(m.logout()[0])
"#;
    fs::write(imap.root.path().join("client.py"), script).unwrap();
    let said = imap.sh("python3 {root}/client.py {port} 2>&1");
    assert_eq!(
        said,
        "[b'1'] [b'1']\n\
         [(b'1 (FLAGS (\\\\Seen \\\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {20}', b'Subject: brought\\r\\n\\r\\n'), b' RFC822.SIZE 23)']\n\
         [b'1 (FLAGS (\\\\Deleted \\\\Seen \\\\Recent))'] [b'1']\nBYE\n"
    );
    let brought = imap.told("append", "mailbox", "Probe");
    let kept = imap.event("file_captured", |report| report.session == brought.session);
    assert_eq!(
        imap.blob(kept.text("sha256").unwrap()),
        b"Subject: brought\r\n\r\nx\r\n"
    );
}

#[test]
fn mail_that_comes_is_told_to_who_waits() {
    let imap = stand("imap");
    let waiting = std::thread::spawn({
        let line = "(printf 'a login kim sunflower9\\r\\nb select inbox\\r\\nc idle\\r\\n'; sleep 6; printf 'done\\r\\nd logout\\r\\n'; sleep 1) | ncat 127.0.0.1 {port}"
            .replace("{port}", &imap.port.to_string());
        move || std::process::Command::new("bash").args(["-c", &line]).output().unwrap()
    });
    imap.event("command", |report| report.text("command") == Some("IDLE"));
    deliver(&imap, "9999999999.M1P1.app", "Subject: news\n\n");
    let heard = String::from_utf8_lossy(&waiting.join().unwrap().stdout).into_owned();
    let idling = heard.split("+ idling\r\n").nth(1).unwrap();
    assert!(
        idling.contains(" EXISTS\r\n* 1 RECENT\r\nc OK Idle completed"),
        "{heard}"
    );
}

#[test]
fn deleted_mail_stays_deleted_and_what_is_left_keeps_its_name() {
    let pop3 = stand("pop3");
    let log_in = "USER kim\r\nPASS sunflower9\r\n";
    let before = pop3.say(format!("{log_in}UIDL\r\nDELE 1\r\nQUIT\r\n").as_bytes());
    assert!(
        before.ends_with("+OK Marked to be deleted.\r\n+OK Logging out, messages deleted.\r\n"),
        "{before}"
    );
    let after = pop3.say(format!("{log_in}UIDL\r\nQUIT\r\n").as_bytes());
    let second = before.lines().find(|line| line.starts_with("2 ")).unwrap();
    assert!(after.contains(&second.replacen("2 ", "1 ", 1)), "{before}\n{after}");
    pop3.told("delete", "message_num", 1);
}

#[test]
fn hydra_finds_the_password_and_every_try_is_told() {
    for slug in ["imap", "pop3"] {
        let stand = stand(slug);
        let line = format!(
            "printf 'a\nb\nc\nsunflower9\n' > {{root}}/p && hydra -I -t 4 -l kim -s {{port}} -P {{root}}/p 127.0.0.1 {slug} 2>&1"
        );
        let found = stand.sh(&line);
        assert!(found.contains("password: sunflower9"), "{found}");
        let tried = stand.reports("auth_attempt");
        let mut secrets: Vec<_> = tried
            .iter()
            .map(|login| login.text("secret_printable").unwrap())
            .collect();
        secrets.sort_unstable();
        assert_eq!(secrets, ["a", "b", "c", "sunflower9"], "{slug}");
    }
}

#[test]
fn nmap_names_the_products() {
    for (slug, name) in [("imap", "Dovecot imapd"), ("pop3", "Dovecot pop3d")] {
        let seen = stand(slug).sh("nmap -Pn -sV -p {port} 127.0.0.1");
        assert!(seen.contains(name), "{seen}");
    }
}

#[test]
fn a_user_sees_no_file_that_is_not_theirs() {
    let imap = stand("imap");
    let secret = imap.root.path().join("etc/shadow");
    std::os::unix::fs::symlink(&secret, inbox(&imap, "cur").join("9999999999.M1P1.app:2,")).unwrap();
    let said = imap
        .say(b"a login kim sunflower9\r\nb select inbox\r\nc fetch * body[]\r\nd select ../../../etc\r\ne logout\r\n");
    assert!(!said.contains("$y$"), "{said}");
    assert!(said.contains("d NO Mailbox doesn't exist: ../../../etc"), "{said}");
}
