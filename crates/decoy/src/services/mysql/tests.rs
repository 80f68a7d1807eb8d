//! Transcripts: what is said and what is answered, byte for byte.

use std::cell::RefCell;
use std::rc::Rc;

use sql::mysql::native_hash;
use sql::{Cluster, Dialect, FileError, Host, Persona};

use super::core::{Do, Method, Settings, Talk};
use super::record::{Record, Secret};

struct Still;

impl Host for Still {
    fn now(&self) -> i64 {
        1_700_000_000_000_000
    }

    fn random(&self) -> u64 {
        8
    }

    fn read(&self, _: &str) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn write(&self, _: &str, _: &[u8]) -> Result<(), FileError> {
        Ok(())
    }

    fn list(&self, _: &str) -> Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }
}

fn talk(mariadb: bool, method: Method) -> Talk {
    let persona = Persona {
        version: if mariadb {
            "10.11.19-MariaDB-0+deb12u1"
        } else {
            "8.0.36"
        }
        .into(),
        number: if mariadb { 101_119 } else { 80_036 },
        built: "Debian 12".into(),
        data_directory: "/var/lib/mysql".into(),
        config_directory: "/etc/mysql".into(),
        port: 3306,
        started: 1_699_999_000_000_000,
        client_address: "192.0.2.7".into(),
        client_port: 1,
        server_address: "192.0.2.8".into(),
        pid: 38,
        locale: "C".into(),
        dialect: Dialect::Mysql {
            version: if mariadb { 101_119 } else { 80_036 },
            mariadb,
        },
        hostname: "db".into(),
    };
    let mut cluster = Cluster::mysql();
    cluster.set_password("root", Some(native_hash(b"")));
    let settings = Settings {
        method,
        tls: !mariadb,
        open: false,
        closed: false,
        key: None,
        known: Rc::default(),
    };
    Talk::new(settings, persona, Rc::new(RefCell::new(cluster)))
}

/// What is sent and told after this was said.
fn said(talk: &mut Talk, bytes: &[u8]) -> (Vec<u8>, Vec<Do>) {
    talk.feed(bytes);
    let (mut sent, mut others) = (Vec::new(), Vec::new());
    while let Some(act) = talk.step(&Still) {
        match act {
            Do::Send(bytes) => sent.extend(bytes),
            other => others.push(other),
        }
    }
    (sent, others)
}

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32).to_le_bytes()[..3].to_vec();
    out.push(number);
    out.extend(body);
    out
}

fn login(user: &str, answer: &[u8], plugin: &str) -> Vec<u8> {
    let mut body = 0x000b_a201u32.to_le_bytes().to_vec();
    body.extend(0x0100_0000u32.to_le_bytes());
    body.push(45);
    body.extend([0; 23]);
    body.extend(user.bytes());
    body.push(0);
    body.push(answer.len() as u8);
    body.extend(answer);
    body.extend(plugin.bytes());
    body.push(0);
    packet(1, &body)
}

fn inside() -> Talk {
    let mut talk = talk(true, Method::Native);
    said(&mut talk, b"");
    let (sent, _) = said(&mut talk, &login("root", b"", "mysql_native_password"));
    assert_eq!(sent, b"\x07\0\0\x02\0\0\0\x02\0\0\0");
    talk
}

#[test]
fn the_greeting_is_the_products() {
    let mut talk = talk(true, Method::Native);
    let (sent, _) = said(&mut talk, b"");
    assert_eq!(
        sent,
        b"d\0\0\0\n5.5.5-10.11.19-MariaDB-0+deb12u1\0&\0\0\0))))))))\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0))))))))))))\0mysql_native_password\0"
    );
}

#[test]
fn what_is_no_client_is_refused_as_the_product_refuses_it() {
    for (bytes, wanted) in [
        (
            &b"GET / HTTP/1.0\r\n\r\n"[..],
            &b"!\0\0\x01\xff\x84\x04#08S01Got packets out of order"[..],
        ),
        (b"\x01\0\0\x01\0", b"\x16\0\0\x02\xff\x13\x04#08S01Bad handshake"),
        (b"\0\0\0\x01", b"\x16\0\0\x02\xff\x13\x04#08S01Bad handshake"),
        // The flags of a client of before 4.1.
        (b"\x04\0\0\x01AAAA", b"\x10\0\0\x02\xff\x13\x04Bad handshake"),
        (
            b"\r\n\r\n\0\r\nQUIT\n",
            b"4\0\0\x01\xff\x6a\x04#HY000Proxy header is not accepted from 192.0.2.7",
        ),
    ] {
        let mut talk = talk(true, Method::Native);
        said(&mut talk, b"");
        let (sent, others) = said(&mut talk, bytes);
        assert_eq!(sent.escape_ascii().to_string(), wanted.escape_ascii().to_string());
        assert!(others.contains(&Do::Close));
    }
}

#[test]
fn an_answer_longer_than_any_client_has_is_waited_for_and_not_kept() {
    let mut talk = talk(true, Method::Native);
    said(&mut talk, b"");
    let (sent, others) = said(&mut talk, b"\xff\xff\xff\x01");
    assert!(sent.is_empty() && others.is_empty());
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..15 {
        assert!(said(&mut talk, &piece).0.is_empty());
        assert!(talk.held() < piece.len());
    }
    let (sent, others) = said(&mut talk, &piece);
    assert_eq!(sent, b"\x16\0\0\x02\xff\x13\x04#08S01Bad handshake");
    assert!(others.contains(&Do::Close));
}

#[test]
fn a_wrong_answer_is_told_with_its_challenge() {
    let mut talk = talk(true, Method::Native);
    said(&mut talk, b"");
    let (sent, others) = said(&mut talk, &login("bob", &[7; 20], "mysql_native_password"));
    assert_eq!(
        sent[4..].escape_ascii().to_string(),
        b"\xff\x15\x04#28000Access denied for user 'bob'@'192.0.2.7' (using password: YES)"
            .escape_ascii()
            .to_string()
    );
    assert_eq!(sent[3], 2);
    let secret = Secret::Native {
        answer: vec![7; 20],
        scramble: vec![b')'; 20],
    };
    assert!(
        others
            .iter()
            .any(|act| matches!(act, Do::Tell(Record::Login { secret: told, accepted: false, .. }) if *told == secret)),
        "{others:?}"
    );
}

#[test]
fn another_way_than_the_servers_is_switched_from() {
    let mut talk = talk(true, Method::Native);
    said(&mut talk, b"");
    let (sent, _) = said(&mut talk, &login("root", &[7; 32], "caching_sha2_password"));
    assert_eq!(&sent[..27], b",\0\0\x02\xfemysql_native_password\0");
    let (sent, _) = said(&mut talk, &packet(3, b""));
    assert_eq!(sent, b"\x07\0\0\x04\0\0\0\x02\0\0\0");
}

#[test]
fn the_whole_password_is_asked_for_and_without_tls_not_shown_in_the_clear() {
    let mut talk = talk(false, Method::Sha2);
    said(&mut talk, b"");
    let (sent, _) = said(&mut talk, &login("root", &[7; 32], "caching_sha2_password"));
    assert_eq!(sent, b"\x02\0\0\x02\x01\x04");
    talk.over_tls();
    let (_, others) = said(&mut talk, &packet(3, b"guessed\0"));
    assert!(
        others.iter().any(
            |act| matches!(act, Do::Tell(Record::Login { secret: Secret::Plain(told), .. }) if told == b"guessed")
        ),
        "{others:?}"
    );
}

#[test]
fn commands_are_answered_as_the_product_answers_them() {
    let mut talk = inside();
    for (command, wanted) in [
        (&b"\x0e"[..], &b"\x07\0\0\x01\0\0\0\x02\0\0\0"[..]),
        (b"\x03", b"\x18\0\0\x01\xff)\x04#42000Query was empty"),
        (b"\x02nodb", b"\x20\0\0\x01\xff\x19\x04#42000Unknown database 'nodb'"),
        (b"\x7f", b"\x18\0\0\x01\xff\x17\x04#08S01Unknown command"),
        (b"\x0d", b"\x05\0\0\x01\xfe\0\0\x02\0"),
        (b"\x1b\0\0", b"\x05\0\0\x01\xfe\0\0\x02\0"),
        (b"\x1f", b"\x07\0\0\x01\0\0\0\x02\0\0\0"),
        (
            b"\x03select * from nodb.t",
            b"%\0\0\x01\xffz\x04#42S02Table 'nodb.t' doesn't exist",
        ),
    ] {
        let (sent, _) = said(&mut talk, &packet(0, command));
        assert_eq!(sent.escape_ascii().to_string(), wanted.escape_ascii().to_string());
    }
}

#[test]
fn several_statements_are_answered_one_after_the_other() {
    let mut talk = inside();
    said(&mut talk, &packet(0, b"\x1b\0\0"));
    let (sent, _) = said(&mut talk, &packet(0, b"\x03do 1; do 2"));
    assert_eq!(sent, b"\x07\0\0\x01\0\0\0\x0a\0\0\0\x07\0\0\x02\0\0\0\x02\0\0\0");
}
