//! Lines of a machine in hostile hands: what is taken is sound, and the same when written again.
#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(run);

fn run(data: &[u8]) {
    let Some(line) = collector::parse(data) else { return };
    assert!(line.seq > 0 && line.boot.len() == 8);
    let written = serde_json::to_vec(&line).unwrap_or_else(|error| panic!("{error}"));
    if written.len() <= collector::MAX_LINE {
        assert_eq!(collector::parse(&written), Some(line));
    }
}
