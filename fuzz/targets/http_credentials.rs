//! Names and passwords in the heads and bodies of requests.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::http::fuzzing::tried;

fuzz::target!(run);

fn run(data: &[u8]) {
    let end = data
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .map_or(data.len(), |at| at + 4);
    let (head, body) = data.split_at(end);
    tried(head, body);
}
