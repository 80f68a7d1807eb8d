//! A whole Redis server, a line or a cut of the stream at a time.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::redis::fuzzing::server;

fuzz::target!(run);

fn run(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split_inclusive(|byte| *byte == b'\n').collect();
    server(&lines);
}
