//! The part of a conversation that is not yet encrypted, packet by packet (RFC 4253 §6). Pure.

/// OpenSSH's `PACKET_MAX_SIZE`.
const MAX: usize = 256 * 1024;
const BLOCK: usize = 8;
const NEWKEYS: u8 = 21;
const DISCONNECT: u8 = 1;
const PROTOCOL_ERROR: u32 = 2;

/// What is at the beginning of the bytes a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Not a whole packet yet.
    More,
    Packet {
        payload: &'a [u8],
        len: usize,
    },
    /// OpenSSH closes without a word.
    Corrupt,
    /// OpenSSH says this, as a packet, and closes.
    Disconnect(String),
}

pub fn parse(bytes: &[u8]) -> Found<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Found::More;
    };
    let length = u32::from_be_bytes(*length) as usize;
    // It reads a whole block before it looks at the length.
    if bytes.len() < BLOCK {
        return Found::More;
    }
    if !(1 + 4..=MAX).contains(&length) || !(4 + length).is_multiple_of(BLOCK) {
        return Found::Corrupt;
    }
    let Some(packet) = rest.get(..length) else {
        return Found::More;
    };
    let padding = usize::from(packet[0]);
    if padding < 4 {
        return Found::Disconnect(format!("Corrupted padlen {padding} on input."));
    }
    match length.checked_sub(1 + padding) {
        Some(payload) => Found::Packet {
            payload: &packet[1..1 + payload],
            len: 4 + length,
        },
        None => Found::Corrupt,
    }
}

/// The client's keys take effect with the next packet.
pub fn is_newkeys(payload: &[u8]) -> bool {
    payload.first() == Some(&NEWKEYS)
}

/// A packet that ends the conversation before it is encrypted.
pub fn disconnect(text: &str) -> Vec<u8> {
    let mut payload = vec![DISCONNECT];
    payload.extend(PROTOCOL_ERROR.to_be_bytes());
    payload.extend((text.len() as u32).to_be_bytes());
    payload.extend(text.as_bytes());
    payload.extend([0; 4]);
    let mut padding = BLOCK - (4 + 1 + payload.len()) % BLOCK;
    if padding < 4 {
        padding += BLOCK;
    }
    let mut packet = ((1 + payload.len() + padding) as u32).to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.extend(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

/// Makes the padding of our own packets what OpenSSH sends before encryption begins: zero.
#[derive(Default)]
pub struct Blanker {
    header: Vec<u8>,
    payload: usize,
    padding: usize,
    last: u8,
    at_start: bool,
    done: bool,
}

// === impl Blanker ===

impl Blanker {
    /// Changes the bytes in place, in the order they are sent and however they are cut.
    pub fn blank(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.done {
                return;
            }
            self.step(byte);
        }
    }

    /// Encryption has begun; there is nothing to change any more.
    pub fn is_done(&self) -> bool {
        self.done
    }

    fn step(&mut self, byte: &mut u8) {
        if self.payload > 0 {
            if std::mem::take(&mut self.at_start) {
                self.last = *byte;
            }
            self.payload -= 1;
        } else if self.padding > 0 {
            *byte = 0;
            self.padding -= 1;
            self.done = self.padding == 0 && self.last == NEWKEYS;
        } else {
            self.header.push(*byte);
            if let [a, b, c, d, padding] = self.header[..] {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                self.padding = usize::from(padding);
                self.payload = length.saturating_sub(1 + self.padding);
                self.at_start = true;
                self.header.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_whole() {
        let mut bytes = vec![0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9];
        assert_eq!(parse(&bytes[..7]), Found::More);
        assert_eq!(parse(&bytes[..15]), Found::More);
        bytes.push(77);
        assert_eq!(
            parse(&bytes),
            Found::Packet {
                payload: &[2, 0, 0, 0, 0],
                len: 16
            }
        );
    }

    #[test]
    fn what_openssh_drops_is_dropped() {
        for bytes in [
            b"\n\n\n\n\n\n\n\n".as_slice(),
            b"\0\0\0\x11\x04AAAAAAAAAAAAAAAAAAA",
            b"\0\0\0\0\x04AAAAAAA",
            b"\0\x10\0\0\x04AAAAAAA",
            b"\0\0\0\x0c\x20AAAAAAAAAAAAAA",
        ] {
            assert_eq!(parse(bytes), Found::Corrupt, "{bytes:?}");
        }
        assert_eq!(
            parse(b"\0\0\0\x0c\x01AAAAAAAAAAAAAA"),
            Found::Disconnect("Corrupted padlen 1 on input.".into())
        );
    }

    #[test]
    fn the_last_word_is_the_bytes_openssh_sends() {
        let packet = disconnect("Corrupted padlen 1 on input.");
        assert_eq!(packet[..14], *b"\0\0\x004\n\x01\0\0\0\x02\0\0\0\x1c");
        assert_eq!(packet.len(), 56);
        assert_eq!(packet[packet.len() - 14..], [0; 14]);
    }

    #[test]
    fn padding_is_blank_until_the_keys_change_however_the_bytes_are_cut() {
        let sent = [
            [0, 0, 0, 12, 6, 20, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9],
            [0, 0, 0, 12, 10, 21, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
            [0, 0, 0, 12, 6, 20, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9],
        ]
        .concat();
        let mut blank = sent.clone();
        blank[10..16].fill(0);
        blank[22..32].fill(0);
        for cut in 1..sent.len() {
            let mut blanker = Blanker::default();
            let mut bytes = sent.clone();
            bytes.chunks_mut(cut).for_each(|chunk| blanker.blank(chunk));
            assert_eq!(bytes, blank, "{cut}");
        }
    }
}
