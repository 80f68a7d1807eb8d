//! Requests to the Docker engine, answered without a socket.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::docker::fuzzing::requests;

fuzz::target!(run);

fn run(data: &[u8]) {
    requests(&fuzz::pieces(data));
}
