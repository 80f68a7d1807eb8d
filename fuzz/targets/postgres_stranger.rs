//! What somebody says to PostgreSQL before logging in, however it is cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::postgres::fuzzing::stranger;

fuzz::target!(run);

fn run(data: &[u8]) {
    stranger(&fuzz::pieces(data));
}
