//! The product under a fuzzer: hostile bytes into a conversation, without socket or disk.

use model::detail::Outcome;

use super::super::database::company::Company;
use super::bait;
use super::node::{Node, Place, Release};
use super::store::Store;
use super::wire::{Came, Reader};

const NOW: i64 = 1_700_000_000_000;
/// Requests of one conversation that are looked at.
const REQUESTS: usize = 64;

thread_local! {
    /// Made once: every conversation has a copy.
    static BAIT: Store = bait::store(&Company::new([1; 32], ""), [2; 32], NOW);
}

/// Holds a conversation with what is said cut as given, then whole: what is answered is the same.
pub fn conversation(pieces: &[&[u8]]) {
    let cut = held(pieces);
    let whole = held(&[&pieces.concat()]);
    assert_eq!(cut.escape_ascii().to_string(), whole.escape_ascii().to_string());
}

fn held(pieces: &[&[u8]]) -> Vec<u8> {
    let node = node(None);
    let mut store = BAIT.with(Store::clone);
    let (mut reader, mut sent, mut requests) = (Reader::default(), Vec::new(), 0);
    for piece in pieces {
        reader.feed(piece);
        while let Some(came) = reader.next() {
            requests += 1;
            match came {
                // Whether leave is given depends on what has come already.
                Came::Waiting => {}
                Came::Bad { kind, reason, .. } => {
                    sent.extend(node.bad(kind, &reason));
                    return sent;
                }
                Came::TooLarge(_) => return sent,
                Came::Request(request) => {
                    let answered = node.answer(&mut store, &request, NOW, [3; 32]);
                    assert_eq!(answered.login, Outcome::Success);
                    sent.extend(answered.bytes);
                    if !request.keep_alive {
                        return sent;
                    }
                }
            }
            if requests > REQUESTS {
                return sent;
            }
        }
    }
    sent
}

pub(super) fn node(password: Option<&str>) -> Node {
    let release = Release {
        number: "7.10.2".into(),
        kind: "deb".into(),
        hash: "747e1cc71def077253878a59143c1f785afa92b9".into(),
        date: "2021-01-13T00:42:12.435326Z".into(),
        lucene: "8.7.0".into(),
        wire: "6.8.0".into(),
        index: "6.0.0-beta1".into(),
    };
    let place = Place {
        name: "app-db-01".into(),
        system: "Debian GNU/Linux 12 (bookworm)".into(),
        kernel: "6.1.0-18-amd64".into(),
        pid: 700,
        application: "shop",
    };
    Node::new(release, place, password.map(str::to_owned), [7; 32], NOW)
}
