//! Bodies in chunks, as each product takes them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::http::fuzzing::chunks;

fuzz::target!(run);

fn run(data: &[u8]) {
    chunks(&fuzz::pieces(data));
}
