//! What a client says to MongoDB, however it is cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::mongodb::fuzzing::conversation;

fuzz::target!(run);

fn run(data: &[u8]) {
    conversation(&fuzz::pieces(data));
}
