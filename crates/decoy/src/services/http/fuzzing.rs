//! The products under a fuzzer: hostile bytes into their conversations and readers.
//!
//! Each function panics where something does not hold that must.

use std::path::Path;
use std::time::Duration;

use model::machine::ServiceSpec;
use time::OffsetDateTime;

use super::act::{Act, Conversation, Link, Turn};
use super::apache::Apache;
use super::chunked::{Chunked, Manner};
use super::credentials;
use super::head::Head;
use super::nginx::Nginx;
use super::persona::Persona;
use super::range::{self, Ranges};
use super::site::{Files, Fixed, Site};
use crate::services::tls::hello::{self, Begun};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Nginx,
    Apache,
}

/// Holds a conversation over the machine's files under `root`, cut as given, then whole. What Apache sends and what is
/// told of its requests is the same both times; nginx keeps a connection or not by what of a body is there already.
pub fn conversation(product: Product, root: &Path, pieces: &[&[u8]]) {
    let whole = held(product, root, &[&pieces.concat()]);
    let cut = held(product, root, pieces);
    if product == Product::Apache {
        assert_eq!(cut.requests, whole.requests);
        assert_eq!(
            cut.sent.escape_ascii().to_string(),
            whole.sent.escape_ascii().to_string()
        );
    }
}

/// The status and the number of bytes of an answer.
type Answer = (u16, u64);

#[derive(Debug, Default)]
struct Held {
    sent: Vec<u8>,
    /// Heads, and what they were answered with.
    requests: Vec<(Vec<u8>, Option<Answer>)>,
}

fn held(product: Product, root: &Path, pieces: &[&[u8]]) -> Held {
    let software = match product {
        Product::Nginx => "nginx",
        Product::Apache => "apache",
    };
    let spec = serde_json::json!({
        "slug": "http", "ports": [], "config": {}, "persona": { "software": software },
    });
    let spec: ServiceSpec = serde_json::from_value(spec).unwrap_or_else(|error| panic!("{error}"));
    let persona = Persona::of(&spec).unwrap_or_else(|error| panic!("{error}"));
    let files = Files::new(root, (65534, 65534));
    let site = Site::new(
        persona,
        files,
        Fixed::default(),
        Some("web.example".into()),
        "0123456789abcdef".into(),
    );
    let link = Link {
        ip: [192, 0, 2, 1].into(),
        port: 80,
        tls: false,
        plain_on_tls: false,
    };
    let mut conversation: Box<dyn Conversation> = match product {
        Product::Nginx => Box::new(Nginx::new(link, &site.persona)),
        Product::Apache => Box::new(Apache::new(link)),
    };
    let mut held = Held::default();
    let mut turn = |conversation: &mut dyn Conversation, bytes: Option<&[u8]>| {
        let mut turn = Turn {
            site: &site,
            now: OffsetDateTime::UNIX_EPOCH,
            at: Duration::ZERO,
            acts: Vec::new(),
        };
        match bytes {
            Some(bytes) => conversation.received(bytes, &mut turn),
            None => conversation.ended(&mut turn),
        }
        turn.acts.into_iter().any(|act| held.note(act))
    };
    let over = pieces.iter().any(|piece| turn(conversation.as_mut(), Some(piece)));
    if !over {
        turn(conversation.as_mut(), None);
    }
    held
}

// === impl Held ===

impl Held {
    /// True when the conversation is over.
    fn note(&mut self, act: Act) -> bool {
        match act {
            Act::Send(bytes) => self.sent.extend(bytes),
            Act::SendFile(slice) => self
                .sent
                .extend(format!("<{} from {}>", slice.len, slice.start).bytes()),
            Act::Head(raw) => self.requests.push((raw, None)),
            Act::Answered { status, bytes } => {
                if let Some((_, answer)) = self.requests.last_mut() {
                    *answer = Some((status, bytes));
                }
            }
            Act::Body(_) | Act::Unanswered { .. } => {}
            Act::Linger | Act::Close => return true,
        }
        false
    }
}

/// Bodies in chunks come out the same however they are cut, and never longer than they came in.
pub fn chunks(pieces: &[&[u8]]) {
    for manner in [Manner::Nginx, Manner::Apache] {
        let whole = pieces.concat();
        let (mut at_once, mut cut) = (Vec::new(), Vec::new());
        let outcome = Chunked::new(manner).take(&whole, &mut at_once);
        let mut chunked = Chunked::new(manner);
        let taken = pieces
            .iter()
            .try_fold(0, |sum, piece| chunked.take(piece, &mut cut).map(|taken| sum + taken));
        assert_eq!((taken, &cut), (outcome, &at_once));
        assert!(at_once.len() <= whole.len());
    }
}

/// Ranges lie within the file and hold something.
pub fn ranges(value: &[u8], size: u64) {
    let size = size.max(1);
    for found in [range::nginx(value, size), range::apache(value, size)] {
        if let Ranges::Some(found) = found {
            let sound = |(start, len): &(u64, u64)| *len > 0 && start.checked_add(*len).is_some_and(|end| end <= size);
            assert!(found.iter().all(sound), "{found:?} of {size}");
        }
    }
}

/// A hello, once whole, is whole in as many bytes whatever follows; names are read out of anything.
pub fn client_hello(bytes: &[u8]) {
    hello::wishes(bytes);
    hello::old_offer(bytes);
    if let Begun::Hello(len) = hello::look(bytes) {
        assert!(len <= bytes.len());
        assert_eq!(hello::look(&bytes[..len]), Begun::Hello(len));
        assert_eq!(hello::look(&bytes[..len - 1]), Begun::More);
    }
}

/// Names and passwords are looked for in any head and body.
pub fn tried(head: &[u8], body: &[u8]) {
    if let Some(head) = Head::parse(head) {
        credentials::tried(&head, body);
    }
}
