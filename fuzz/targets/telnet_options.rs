//! What a Telnet client says between the bytes, whole and in pieces.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::telnet::iac::{Decoder, Heard, escape};
use decoy::services::telnet::options::Options;

fuzz::target!(run);

fn run(data: &[u8]) {
    let whole = heard(&[data]);
    assert_eq!(heard(&fuzz::pieces(data)), whole);
    let mut options = Options::default();
    whole.iter().for_each(|heard| options.note(heard));
    if let Some(fields) = options.fields() {
        let size: usize = fields.values().filter_map(|value| value.as_str()).map(str::len).sum();
        assert!(size <= 128 << 10, "{size} bytes of fields");
    }
    let mut escaped = Vec::new();
    escape(data, &mut escaped);
    assert!(escaped.len() <= 2 * data.len());
}

fn heard(pieces: &[&[u8]]) -> Vec<Heard> {
    let mut decoder = Decoder::default();
    let mut all: Vec<Heard> = Vec::new();
    for next in pieces.iter().flat_map(|piece| decoder.push(piece)) {
        match (all.last_mut(), next) {
            (Some(Heard::Data(before)), Heard::Data(data)) => before.extend(data),
            (_, next) => all.push(next),
        }
    }
    all
}
