//! Lines read off what is typed and shown.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::shell::lines::Lines;

fuzz::target!(run);

fn run(data: &[u8]) {
    let mut lines = Lines::default();
    for piece in fuzz::pieces(data) {
        let found = match piece[0] % 8 {
            0 => {
                lines.resize(u16::from_le_bytes([piece[0], *piece.last().unwrap_or(&0)]) >> 3);
                Vec::new()
            }
            1 => {
                lines.reset();
                Vec::new()
            }
            2..5 => lines.typed(piece),
            _ => lines.shown(piece),
        };
        assert!(
            found
                .iter()
                .all(|line| !line.trim().is_empty() && line.len() <= 2 * 4096)
        );
    }
}
