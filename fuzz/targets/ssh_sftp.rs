//! Transfers over SFTP, both directions, whole and in pieces.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ssh::sftp::{Note, Watch};

fuzz::target!(run);

fn run(data: &[u8]) {
    // Turns of the client and of the server, a line each; a packet with a line feed in it is cut, which is as good.
    let turns: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let whole = noted(&turns, |turn| vec![turn]);
    assert_eq!(noted(&turns, fuzz::pieces), whole);
}

fn noted<'a>(turns: &[&'a [u8]], cut: fn(&'a [u8]) -> Vec<&'a [u8]>) -> Vec<Note> {
    let (mut watch, mut notes) = (Watch::default(), Vec::new());
    for (at, turn) in turns.iter().enumerate() {
        for piece in cut(turn) {
            notes.extend(if at % 2 == 0 {
                watch.from_peer(piece)
            } else {
                watch.to_peer(piece)
            });
        }
    }
    notes
}
