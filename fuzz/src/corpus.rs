//! Corpora as they are kept: a text file a target, a line of base64 an input, shortest first.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

/// Longer inputs are not kept, and no more bytes than this of one target.
const MAX_INPUT: usize = 4096;
const MAX_CORPUS: usize = 48 << 10;

/// Runs the target over its corpus; `module` is the path of the module it stands in.
///
/// # Panics
/// When the target does, naming the input, and when there is nothing to run it over.
pub fn replay(module: &str, run: fn(&[u8])) {
    let name = module.rsplit("::").next().unwrap_or(module);
    let inputs = read(name).unwrap_or_else(|error| panic!("{}: {error}", file(name).display()));
    assert!(!inputs.is_empty(), "{} holds no inputs", file(name).display());
    run(b"");
    for input in inputs {
        let outcome = std::panic::catch_unwind(|| run(&input));
        assert!(outcome.is_ok(), "{name} fails on {}", input.escape_ascii());
    }
}

/// Writes the corpus of a target into a folder, a file an input, as libFuzzer wants it.
///
/// # Errors
/// When the folder cannot be written, or the corpus is no text of base64.
pub fn unpack(name: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (at, input) in read(name)?.iter().enumerate() {
        fs::write(folder.join(format!("kept-{at:04}")), input)?;
    }
    Ok(())
}

/// Keeps a folder of inputs as the corpus of a target, in place of what it had; gives their number.
///
/// # Errors
/// When the folder cannot be read or the corpus not written.
pub fn pack(name: &str, folder: &Path) -> io::Result<usize> {
    let mut inputs = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let input = fs::read(entry?.path())?;
        if input.len() <= MAX_INPUT {
            inputs.insert((input.len(), input));
        }
    }
    let mut room = MAX_CORPUS;
    let lines: Vec<String> = inputs
        .iter()
        .take_while(|(len, _)| {
            let fits = *len <= room;
            room = room.saturating_sub(*len);
            fits
        })
        .map(|(_, input)| B64.encode(input) + "\n")
        .collect();
    fs::write(file(name), lines.concat())?;
    Ok(lines.len())
}

fn read(name: &str) -> io::Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(file(name))?;
    let decoded = text.lines().map(|line| B64.decode(line).map_err(io::Error::other));
    decoded.collect()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpora")
        .join(format!("{name}.txt"))
}
