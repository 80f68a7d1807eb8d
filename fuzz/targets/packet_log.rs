//! What the kernel says of packets the wall refused: their first bytes are the intruder's.
#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(run);

fn run(data: &[u8]) {
    assert!(engine::nflog::flows(data).count() <= data.len() / 16);
    // The same bytes as the packet of a sound message.
    let mut message = ((16 + 4 + 4 + data.len()) as u32).to_ne_bytes().to_vec();
    message.extend(0x0400_u16.to_ne_bytes());
    message.extend([0; 14]);
    message.extend(((4 + data.len().min(60_000)) as u16).to_ne_bytes());
    message.extend(9_u16.to_ne_bytes());
    message.extend(data);
    assert!(engine::nflog::flows(&message).count() <= 1 + data.len() / 16);
}
