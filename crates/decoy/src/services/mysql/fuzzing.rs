//! The product under a fuzzer: hostile bytes into a whole conversation, without socket or disk.

use std::cell::RefCell;
use std::rc::Rc;

use sql::{Cluster, Dialect, Persona};

use super::super::database::company::Company;
use super::super::database::fuzzing::Nowhere;
use super::bait::{self, Bait};
use super::core::{Do, Method, Settings, Talk};

/// Acts of one conversation that are looked at.
const ACTS: usize = 4096;

thread_local! {
    /// Made once: every conversation has a copy.
    static BAIT: Cluster = {
        let bait = Bait {
            seed: [1; 32],
            company: &Company::new([1; 32], ""),
            password: Some(""),
        };
        bait::cluster(&bait, &persona(), &Nowhere::new()).unwrap_or_else(|error| panic!("{error}"))
    };
}

/// Before logging in, with what is said cut as given.
pub fn stranger(pieces: &[&[u8]]) {
    converse(pieces, false);
}

/// After logging in, with what is said cut as given.
pub fn client(pieces: &[&[u8]]) {
    converse(pieces, true);
}

fn converse(pieces: &[&[u8]], inside: bool) {
    let host = Nowhere::new();
    let cluster = BAIT.with(Cluster::clone);
    let settings = Settings {
        method: if inside { Method::Native } else { Method::Sha2 },
        tls: true,
        open: false,
        closed: false,
        key: None,
        known: Rc::default(),
    };
    let mut talk = Talk::new(settings, persona(), Rc::new(RefCell::new(cluster)));
    // root, without a password, who may send several statements and files.
    let mut login = b"\0\0\0\x01\x85\xa2\x0b\0\0\0\0\x01\x2d".to_vec();
    login.extend([0; 23]);
    login.extend(b"root\0\0mysql_native_password\0");
    login[0] = (login.len() - 4) as u8;
    let first: &[&[u8]] = if inside { &[&login] } else { &[] };
    let mut acts = 0;
    while talk.step(&host).is_some() {}
    for piece in first.iter().chain(pieces) {
        talk.feed(piece);
        while let Some(act) = talk.step(&host) {
            acts += 1;
            match act {
                Do::Close => return,
                Do::StartTls(_) => talk.over_tls(),
                _ => {}
            }
            if acts > ACTS {
                return;
            }
        }
    }
    assert!(!inside || talk.is_in(), "the login failed");
}

fn persona() -> Persona {
    Persona {
        version: "10.11.19-MariaDB-0+deb12u1".into(),
        number: 101_119,
        built: "Debian 12".into(),
        data_directory: "/data".into(),
        config_directory: "/etc".into(),
        port: 3306,
        started: 0,
        client_address: "192.0.2.7".into(),
        client_port: 1,
        server_address: "192.0.2.8".into(),
        pid: 1,
        locale: "C".into(),
        dialect: Dialect::Mysql {
            version: 101_119,
            mariadb: true,
        },
        hostname: "db".into(),
    }
}
