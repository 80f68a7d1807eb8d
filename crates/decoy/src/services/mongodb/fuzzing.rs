//! The product under a fuzzer: hostile bytes into a conversation, without socket or disk.

use super::super::database::company::Company;
use super::bait;
use super::server::{Client, Release, Server};
use super::store::Store;
use super::wire::{Came, Reader};

const NOW: i64 = 1_700_000_000_000;
/// Messages of one conversation that are looked at.
const MESSAGES: usize = 64;

thread_local! {
    /// Made once: every conversation has a copy.
    static BAIT: Store = bait::store(&Company::new([1; 32], ""), "4.4", [2; 32], NOW)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Holds a conversation with what is said cut as given, then whole: what is answered is the same.
pub fn conversation(pieces: &[&[u8]]) {
    let cut = held(pieces);
    let whole = held(&[&pieces.concat()]);
    assert_eq!(cut.escape_ascii().to_string(), whole.escape_ascii().to_string());
}

fn held(pieces: &[&[u8]]) -> Vec<u8> {
    let (server, mut store) = server(None);
    let (mut reader, mut client) = (Reader::default(), Client::default());
    let (mut sent, mut messages) = (Vec::new(), 0);
    for piece in pieces {
        reader.feed(piece);
        while let Some(came) = reader.next() {
            messages += 1;
            let Came::Said(said) = came else { return sent };
            let (bytes, _) = server.answer(&mut store, &mut client, &said, NOW, [3; 32]);
            sent.extend(bytes.into_iter().flatten());
            if messages > MESSAGES {
                return sent;
            }
        }
    }
    sent
}

pub(super) fn server(password: Option<&str>) -> (Server, Store) {
    let release = Release {
        number: "4.4.29".into(),
        git: "f4dda329a99811c707eb06d05ad023599f9be263".into(),
        openssl: "OpenSSL 1.1.1n  15 Mar 2022".into(),
        distmod: "debian10".into(),
    };
    let server = Server::new(release, "app-db-01".into(), password.map(str::to_owned), [7; 32], NOW);
    (server, BAIT.with(Store::clone))
}
