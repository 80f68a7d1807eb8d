//! Packets of SSH before they are encrypted, and our own made blank.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ssh::plain::{Blanker, Found, disconnect, parse};

fuzz::target!(run);

fn run(data: &[u8]) {
    if let Found::Packet { payload, len } = parse(data) {
        assert!(payload.len() < len && len <= data.len());
        assert_eq!(parse(&data[..len]), Found::Packet { payload, len });
        assert_eq!(parse(&data[..len - 1]), Found::More);
    }
    let word = disconnect(&String::from_utf8_lossy(data));
    if word.len() < 256 << 10 {
        assert!(matches!(parse(&word), Found::Packet { len, .. } if len == word.len()));
    }
    let (mut whole, mut cut) = (data.to_vec(), data.to_vec());
    Blanker::default().blank(&mut whole);
    let (mut blanker, mut at) = (Blanker::default(), 0);
    for piece in fuzz::pieces(data) {
        blanker.blank(&mut cut[at..at + piece.len()]);
        at += piece.len();
    }
    assert_eq!(cut, whole);
}
