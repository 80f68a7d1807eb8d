//! The first line of an SSH client: judged the same whatever follows.
#![cfg_attr(feature = "libfuzzer", no_main)]

use ssh::ident::{Heard, MAX, parse};

fuzz::target!(run);

fn run(data: &[u8]) {
    let heard = parse(data);
    let (Heard::Version { len, .. } | Heard::Refused { len, .. }) = heard else {
        return assert!(data.len() < MAX);
    };
    assert!((1..=MAX).contains(&len) && len <= data.len());
    assert_eq!(parse(&data[..len]), heard);
    assert_eq!(parse(&data[..len - 1]), Heard::More);
}
