//! What a client says to PostgreSQL, however it is cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::postgres::fuzzing::client;

fuzz::target!(run);

fn run(data: &[u8]) {
    client(&fuzz::pieces(data));
}
