//! Recordings hold all that passed, in order and in lines that fit.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::shell::recorder::{Recorder, Side, text};

fuzz::target!(run);

fn run(data: &[u8]) {
    let mut recorder = Recorder::new("0011:1".into());
    let (mut told, mut passed) = (Vec::new(), Vec::new());
    for (at, piece) in fuzz::pieces(data).into_iter().enumerate() {
        match piece[0] % 16 {
            0 => told.extend(recorder.resize(at as u64, 80, 24)),
            1 => told.extend(recorder.flush()),
            _ => {
                passed.extend_from_slice(piece);
                told.extend(recorder.push(at as u64, Side::Shown, false, piece));
            }
        }
    }
    told.extend(recorder.finish(u64::MAX));
    assert!(told.iter().enumerate().all(|(n, piece)| piece.n == n as u64));
    let shown: String = told
        .iter()
        .filter(|piece| piece.ch == "o")
        .map(|piece| piece.data.as_str())
        .collect();
    assert_eq!(shown, text(&passed));
}
