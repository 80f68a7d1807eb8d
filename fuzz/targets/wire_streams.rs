//! Streams put together from segments in any order: never more held than allowed.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::time::Duration;

use wire::stream::{Limits, State, Stream, Want};
use wire::time::Time;

fuzz::target!(run);

const LIMITS: Limits = Limits {
    bytes: 256,
    segments: 64,
    age: Duration::from_secs(10),
};

fn run(data: &[u8]) {
    let mut stream = Stream::new();
    for (at, segment) in data.split(|byte| *byte == b'\n').enumerate() {
        let Some((place, payload)) = segment.split_first() else {
            continue;
        };
        let sequence = 0xffff_ffc0_u32.wrapping_add(u32::from(*place));
        let mut seen = 0;
        let state = stream.push(&LIMITS, sequence, payload, Time(at as u64), |unread| {
            seen = unread.len();
            Want::More { read: 0 }
        });
        if !matches!(state, State::Open) {
            return;
        }
        assert!(stream.held() <= LIMITS.bytes && seen <= LIMITS.bytes);
    }
}
