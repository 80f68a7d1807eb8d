//! The product under a fuzzer: hostile bytes into a whole conversation, without socket or disk.

use std::cell::RefCell;
use std::rc::Rc;

use sql::{Cluster, Persona};

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
            password: Some("x"),
            method: Method::Password,
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
        over_tls: Method::Scram,
        plain: if inside { Method::Password } else { Method::Scram },
        tls: true,
        open: false,
        closed: false,
        secret: [2; 32],
    };
    let mut talk = Talk::new(settings, persona(), Rc::new(RefCell::new(cluster)));
    let login: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0p\0\0\0\x06x\0";
    let first: &[&[u8]] = if inside { &[login] } else { &[] };
    let mut acts = 0;
    for piece in first.iter().chain(pieces) {
        talk.feed(piece);
        while let Some(act) = talk.step(&host) {
            acts += 1;
            match act {
                Do::Close => return,
                Do::Run { .. } => talk.ran(&host, b"1\n", Some(0)),
                Do::StartTls => talk.over_tls(vec![3; 32]),
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
        version: "15.18".into(),
        number: 150_018,
        built: "on x86_64".into(),
        data_directory: "/data".into(),
        config_directory: "/etc".into(),
        port: 5432,
        started: 0,
        client_address: "192.0.2.7".into(),
        client_port: 1,
        server_address: "192.0.2.8".into(),
        pid: 1,
        locale: "C.UTF-8".into(),
        dialect: Default::default(),
        hostname: String::new(),
    }
}
