//! A login over Telnet, whole and in pieces.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::telnet::dialogue::{Dialogue, Step};

fuzz::target!(run);

fn run(data: &[u8]) {
    let lines = data.iter().filter(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
    // In pieces other tries may come of it: what is typed ahead of a password is thrown away.
    for (_, tries, _) in [spoken(&[data]), spoken(&fuzz::pieces(&data[..data.len().min(4096)]))] {
        assert!(tries.len() <= lines, "{} tries in {lines} lines", tries.len());
    }
}

/// A name and a password.
type Try = (Vec<u8>, Vec<u8>);

/// All that is said, all that is tried (every try is wrong), and whether it ended.
fn spoken(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Try>, bool) {
    let mut dialogue = Dialogue::new("web-01");
    let (mut said, mut tries, mut closed) = (Vec::new(), Vec::new(), false);
    for piece in pieces {
        let mut steps = dialogue.push(piece);
        while !steps.is_empty() {
            for step in std::mem::take(&mut steps) {
                match step {
                    Step::Say(text) => said.extend(text),
                    Step::Try { user, password } => {
                        tries.push((user, password));
                        steps = dialogue.refuse();
                    }
                    Step::NoAnswer => steps = dialogue.refuse(),
                    Step::Close => closed = true,
                }
            }
        }
        if closed {
            break;
        }
    }
    (said, tries, closed)
}
