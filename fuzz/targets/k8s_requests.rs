//! Requests to the Kubernetes API, answered without a socket.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::k8s::fuzzing::requests;

fuzz::target!(run);

fn run(data: &[u8]) {
    requests(&fuzz::pieces(data));
}
