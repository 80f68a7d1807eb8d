//! What a client says to Elasticsearch, however it is cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::elasticsearch::fuzzing::conversation;

fuzz::target!(run);

fn run(data: &[u8]) {
    conversation(&fuzz::pieces(data));
}
