//! Packed strings and lists, patterns and words of Redis.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::redis::fuzzing::strings;

fuzz::target!(run);

fn run(data: &[u8]) {
    strings(data);
}
