//! Requests to Redis, whole and in pieces.
#![cfg_attr(fuzzing, no_main)]

use decoy::services::redis::fuzzing::requests;

fuzz::target!(run);

fn run(data: &[u8]) {
    requests(&fuzz::pieces(data));
}
