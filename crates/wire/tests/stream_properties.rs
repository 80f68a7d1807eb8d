//! Whatever order segments come in, and however they overlap, the stream is the one that was sent.

use proptest::prelude::*;
use wire::stream::{Limits, State, Stream, Want};
use wire::time::Time;

proptest! {
    #[test]
    fn any_order_of_overlapping_segments_gives_the_stream_that_was_sent(
        start: u32,
        sent in proptest::collection::vec(any::<u8>(), 1..200),
        cuts in proptest::collection::vec((0..200_usize, 1..60_usize), 0..30),
        anchored: bool,
    ) {
        let mut stream = if anchored { Stream::starting_at(start) } else { Stream::new() };
        let mut segments: Vec<_> = cuts
            .iter()
            .map(|&(from, len)| (from.min(sent.len()), (from + len).min(sent.len())))
            .collect();
        segments.push((0, sent.len()));
        let mut seen = Vec::new();
        for (from, to) in segments {
            let sequence = start.wrapping_add(from as u32);
            let state = stream.push(&Limits::HANDSHAKE, sequence, &sent[from..to], Time(0), |bytes| {
                seen = bytes.to_vec();
                Want::More { read: 0 }
            });
            prop_assert_eq!(state, State::Open);
        }
        prop_assert_eq!(seen, sent);
    }

    #[test]
    fn no_segments_make_it_panic_or_hold_more_than_it_may(
        segments in proptest::collection::vec((any::<u32>(), 0..300_usize, 0..20_u64, 0..400_usize), 1..100),
        base: u32,
        near: bool,
    ) {
        let limits = Limits { bytes: 1000, ..Limits::HANDSHAKE };
        let mut stream = Stream::starting_at(base);
        for (sequence, len, at, read) in segments {
            let sequence = if near { base.wrapping_add(sequence % 2000).wrapping_sub(500) } else { sequence };
            let payload = vec![7; len];
            let state = stream.push(&limits, sequence, &payload, Time::from_millis(at * 1000), |_| Want::More { read });
            if state != State::Open {
                break;
            }
            prop_assert!(stream.held() <= limits.bytes);
        }
    }
}
