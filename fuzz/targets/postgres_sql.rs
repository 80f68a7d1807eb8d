//! Statements, each line a text of its own, carried out by a whole server.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::postgres::fuzzing::client;

fuzz::target!(run);

fn run(data: &[u8]) {
    let messages: Vec<Vec<u8>> = data
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let body: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).chain([0]).collect();
            [&b"Q"[..], &(body.len() as u32 + 4).to_be_bytes(), &body].concat()
        })
        .collect();
    client(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
}
