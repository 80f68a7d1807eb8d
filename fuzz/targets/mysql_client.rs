//! What a client says to MySQL, however it is cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::mysql::fuzzing::client;

fuzz::target!(run);

fn run(data: &[u8]) {
    client(&fuzz::pieces(data));
}
