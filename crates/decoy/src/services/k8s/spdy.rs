//! SPDY/3.1 frames, as clients before WebSockets carry streams in them.
//!
//! The headers of streams are not read: clients open them in one order, errors first.

/// A longer frame is no client's.
const MOST: usize = 1 << 20;
const CONTROL: u8 = 0x80;
const FIN: u8 = 1;
/// No headers, as a stored block of zlib and an empty one, which is where a reader stops waiting for more; the first is led
/// by the head of the whole stream.
const NO_HEADERS: [u8; 14] = [0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Open(u32),
    /// Of a stream; whether it is its last.
    Data(u32, Vec<u8>, bool),
    /// To be sent back as it is.
    Ping(Vec<u8>),
    Other,
}

#[derive(Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    replied: bool,
}

// === impl Frames ===

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame that is whole; an error when none can be.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        let Some(head) = self.buffer.first_chunk::<8>() else {
            return Ok(None);
        };
        let [first, _, kind, kind_low, flags, long, middle, low] = *head;
        let length = usize::from(long) << 16 | usize::from(middle) << 8 | usize::from(low);
        if length > MOST {
            return Err("too long a frame");
        }
        if self.buffer.len() < 8 + length {
            return Ok(None);
        }
        let whole: Vec<u8> = self.buffer.drain(..8 + length).collect();
        let number = |at: usize| {
            whole
                .get(at..at + 4)
                .map(|four| four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) & 0x7fff_ffff)
        };
        let frame = match (first & CONTROL, u16::from_be_bytes([kind, kind_low])) {
            (0, _) => Frame::Data(number(0).unwrap_or(0), whole[8..].to_vec(), flags & FIN > 0),
            (_, 1) => Frame::Open(number(8).ok_or("half a stream")?),
            (_, 6) => Frame::Ping(whole),
            _ => Frame::Other,
        };
        Ok(Some(frame))
    }

    /// That a stream is taken.
    pub(super) fn taken(&mut self, stream: u32) -> Vec<u8> {
        let mut body = stream.to_be_bytes().to_vec();
        if !std::mem::replace(&mut self.replied, true) {
            body.extend_from_slice(&ZLIB_HEAD);
        }
        body.extend_from_slice(&NO_HEADERS);
        let mut frame = vec![CONTROL, 3, 0, 2, 0, 0, 0, body.len() as u8];
        frame.extend(body);
        frame
    }
}

/// A frame of data on a stream.
pub(super) fn data(stream: u32, bytes: &[u8], last: bool) -> Vec<u8> {
    let mut frame = stream.to_be_bytes().to_vec();
    frame.push(if last { FIN } else { 0 });
    frame.extend_from_slice(&(bytes.len() as u32).to_be_bytes()[1..]);
    frame.extend_from_slice(bytes);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_put_together_wherever_they_are_cut() {
        let mut wire = vec![0x80, 3, 0, 1, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        wire.extend(data(1, b"id\n", true));
        wire.extend([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9]);
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for byte in wire {
            frames.push(&[byte]);
            found.extend(frames.next().unwrap());
        }
        let ping = Frame::Ping(vec![0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9]);
        assert_eq!(found, [Frame::Open(1), Frame::Data(1, b"id\n".to_vec(), true), ping]);
        frames.push(&[0, 0, 0, 1, 0, 0xff, 0xff, 0xff]);
        assert!(frames.next().is_err());
    }

    #[test]
    fn the_head_of_the_compressed_headers_is_sent_once() {
        let mut frames = Frames::default();
        assert_eq!(frames.taken(1)[7], 20);
        assert_eq!(frames.taken(3)[7], 18);
    }
}
