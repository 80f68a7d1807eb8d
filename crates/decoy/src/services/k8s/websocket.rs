//! WebSocket frames (RFC 6455), as the API carries streams in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use sha1::{Digest, Sha1};

/// A longer frame is no client's.
const MOST: usize = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Close,
}

/// Puts a client's frames together.
#[derive(Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// Of a message in pieces.
    begun: Vec<u8>,
}

// === impl Frames ===

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame that is whole; an error when it is none a client may send.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        loop {
            let Some((first, second)) = self.buffer.first().copied().zip(self.buffer.get(1).copied()) else {
                return Ok(None);
            };
            if first & 0x70 != 0 || second & 0x80 == 0 {
                return Err("not a client's frame");
            }
            let (length, at) = match second & 0x7f {
                126 => (self.number(2, 2), 4),
                127 => (self.number(2, 8), 10),
                short => (Some(u64::from(short)), 2),
            };
            let Some(length) = length else { return Ok(None) };
            let length = usize::try_from(length)
                .ok()
                .filter(|length| *length <= MOST)
                .ok_or("too long a frame")?;
            if self.buffer.len() < at + 4 + length {
                return Ok(None);
            }
            let mask: Vec<u8> = self.buffer[at..at + 4].to_vec();
            let body = self.buffer[at + 4..at + 4 + length]
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask);
            let body: Vec<u8> = body.collect();
            self.buffer.drain(..at + 4 + length);
            match first & 0x0f {
                0..=2 => {
                    if self.begun.len() + body.len() > MOST {
                        return Err("too long a message");
                    }
                    self.begun.extend(body);
                    if first & 0x80 > 0 {
                        return Ok(Some(Frame::Message(std::mem::take(&mut self.begun))));
                    }
                }
                8 => return Ok(Some(Frame::Close)),
                9 => return Ok(Some(Frame::Ping(body))),
                10 => {}
                _ => return Err("an unknown kind of frame"),
            }
        }
    }

    fn number(&self, at: usize, bytes: usize) -> Option<u64> {
        let digits = self.buffer.get(at..at + bytes)?;
        Some(digits.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}

/// A frame of ours: 2 is a message of bytes, 8 the end, 10 an answer to a ping.
pub(super) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    match body.len() {
        short @ 0..126 => frame.push(short as u8),
        long @ 126..0x1_0000 => {
            frame.push(126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
        longer => {
            frame.push(127);
            frame.extend_from_slice(&(longer as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(body);
    frame
}

/// The answer to a client's key.
pub(super) fn accept(key: &str) -> String {
    B64.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_put_together_wherever_they_are_cut() {
        let mut wire = vec![0x02, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'e' ^ 2, 0x80, 0x81, 0, 0, 0, 0, b'y'];
        wire.extend([0x89, 0x80, 0, 0, 0, 0, 0x88, 0x80, 0, 0, 0, 0]);
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for byte in wire {
            frames.push(&[byte]);
            found.extend(frames.next().unwrap());
        }
        assert_eq!(
            found,
            [Frame::Message(b"hey".to_vec()), Frame::Ping(Vec::new()), Frame::Close]
        );
    }

    #[test]
    fn what_no_client_sends_is_refused() {
        for wire in [
            &[0x82, 0x01, 0][..],
            &[0xf2, 0x80, 0, 0, 0, 0],
            &[0x82, 0xff, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x83, 0x80, 0, 0, 0, 0],
        ] {
            let mut frames = Frames::default();
            frames.push(wire);
            assert!(frames.next().is_err(), "{wire:?}");
        }
    }

    #[test]
    fn a_key_is_answered_as_the_standard_has_it() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(frame(2, &[7; 200])[..4], [0x82, 126, 0, 200]);
    }
}
