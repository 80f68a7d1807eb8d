//! What somebody says to MySQL before logging in, however it is cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::mysql::fuzzing::stranger;

fuzz::target!(run);

fn run(data: &[u8]) {
    stranger(&fuzz::pieces(data));
}
