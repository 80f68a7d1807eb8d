//! Ranges of files.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::http::fuzzing::ranges;

fuzz::target!(run);

fn run(data: &[u8]) {
    let Some((size, value)) = data.split_first_chunk::<8>() else {
        return;
    };
    ranges(value, u64::from_le_bytes(*size) >> 1);
    ranges(value, u64::from(size[0]));
}
