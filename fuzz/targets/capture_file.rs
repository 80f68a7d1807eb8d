//! Capture files of any kind.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::io::Cursor;

use capture::{MAX_PACKET, Reader};

fuzz::target!(run);

fn run(data: &[u8]) {
    let Ok(mut reader) = Reader::new(Box::new(Cursor::new(data.to_vec()))) else {
        return;
    };
    let mut count = 0;
    while let Ok(Some(packet)) = reader.next_packet() {
        assert!(packet.data.len() <= MAX_PACKET as usize);
        count += 1;
        // What is packed can hold some thousand times as many bytes as there are.
        assert!(count <= 2048 * data.len());
    }
    assert_eq!(reader.packets(), count as u64);
}
