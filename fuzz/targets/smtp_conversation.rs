//! A mail server's conversation, however its bytes are cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::rc::Rc;

use decoy::services::smtp::act::{Act, Config, Link, World};
use decoy::services::smtp::core::Core;

fuzz::target!(run);

/// Bytes of acts that some bytes of input may come to.
const MOST: usize = 1 << 20;

struct Machine;

impl World for Machine {
    fn mailbox(&self, name: &str) -> Option<String> {
        (name == "kim").then(|| "kim".to_owned())
    }

    fn is_greylisted(&self, sender: &str, _recipient: &str) -> bool {
        sender.starts_with("grey")
    }

    fn queue_id(&self) -> String {
        "4E3E49A8479".into()
    }
}

fn run(data: &[u8]) {
    let whole = spoken(&[data]);
    let told = |act: &Act| !matches!(act, Act::Tell("pipelining_violation", _));
    let cut: Vec<Act> = spoken(&fuzz::pieces(data)).into_iter().filter(told).collect();
    assert_eq!(cut, whole.into_iter().filter(told).collect::<Vec<_>>());
}

fn spoken(pieces: &[&[u8]]) -> Vec<Act> {
    let config = Rc::new(Config {
        banner: "mx ESMTP Postfix".into(),
        hostname: "mx".into(),
        destinations: vec!["mx".into(), "corp.example".into()],
        relays: false,
        modern: true,
    });
    let link = Link {
        peer: [192, 0, 2, 7].into(),
        local: [192, 0, 2, 1].into(),
        submission: false,
        tls: false,
    };
    let mut core = Core::new(config, link);
    let mut all = core.greeting();
    for piece in pieces {
        let mut acts = core.received(piece, &Machine);
        while let Some(Act::LogIn(attempt)) = acts.last() {
            // A password with an x in it is wrong.
            let user = (!attempt.password.contains(&b'x')).then(|| "kim".to_owned());
            let more = core.answered(user, &Machine);
            acts.extend(more);
        }
        let over = matches!(acts.last(), Some(Act::Close | Act::Secure));
        all.append(&mut acts);
        assert!(all.len() < MOST);
        if over {
            break;
        }
    }
    all
}
