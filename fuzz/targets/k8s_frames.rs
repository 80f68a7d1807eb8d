//! Frames of a WebSocket that carries the streams of a program.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::k8s::fuzzing::frames;

fuzz::target!(run);

fn run(data: &[u8]) {
    frames(&fuzz::pieces(data));
}
