//! Lines of services, whole and in pieces; those too long are counted.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::supervisor::lines::Lines;

fuzz::target!(run);

const MAX: usize = 24;

fn run(data: &[u8]) {
    let whole = read(&[data]);
    assert!(whole.0.iter().all(|line| line.len() <= MAX));
    assert_eq!(read(&fuzz::pieces(data)), whole);
}

fn read(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, u64) {
    let (mut lines, mut all) = (Lines::new(MAX), Vec::new());
    for piece in pieces {
        lines.feed(piece, |line| all.push(line.to_vec()));
    }
    (all, lines.end())
}
