//! Files sent to scp.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ssh::scp::{Received, Sink};

fuzz::target!(run);

fn run(data: &[u8]) {
    let whole = received(&[data]);
    assert_eq!(received(&fuzz::pieces(data)), whole);
}

fn received(pieces: &[&[u8]]) -> Vec<String> {
    let mut sink = Sink::default();
    let files = pieces.iter().flat_map(|piece| sink.push(piece));
    files.map(|file| told(&file)).collect()
}

fn told(file: &Received) -> String {
    if let Some(bytes) = &file.bytes {
        assert_eq!(bytes.len() as u64, file.size);
    }
    assert!(
        !file.path.components().any(|part| part.as_os_str() == ".."),
        "{}",
        file.path.display()
    );
    format!("{} {} {}", file.path.display(), file.size, file.sha256)
}
