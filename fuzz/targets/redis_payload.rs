//! Values to be restored.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::redis::fuzzing::payload;

fuzz::target!(run);

fn run(data: &[u8]) {
    payload(data);
}
