//! Requests to Redis, whole and in pieces.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::redis::fuzzing::requests;

fuzz::target!(run);

fn run(data: &[u8]) {
    requests(&fuzz::pieces(data));
}
