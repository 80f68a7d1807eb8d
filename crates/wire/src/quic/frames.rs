//! The frames that may be in an Initial packet (RFC 9000 §12.4).

use crate::read::Reader;

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;
const CONNECTION_CLOSE: u64 = 0x1c;

/// Offset and bytes of each CRYPTO frame. A frame that may not be there, or is cut, ends them.
pub(super) fn crypto(frames: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut reader = Reader(frames);
    std::iter::from_fn(move || {
        loop {
            match reader.varint()? {
                PADDING => {
                    let padding = reader.0.iter().take_while(|&&byte| byte == 0).count();
                    reader.take(padding)?;
                }
                PING => {}
                CRYPTO => return Some((reader.varint()?, reader.block_varint()?)),
                kind @ (ACK | ACK_ECN) => skip_ack(&mut reader, kind == ACK_ECN)?,
                CONNECTION_CLOSE => {
                    // Code, kind of frame, reason.
                    reader.varint()?;
                    reader.varint()?;
                    reader.block_varint()?;
                }
                _ => return None,
            }
        }
    })
}

fn skip_ack(reader: &mut Reader<'_>, ecn: bool) -> Option<()> {
    let (_largest, _delay, ranges, _first) = (reader.varint()?, reader.varint()?, reader.varint()?, reader.varint()?);
    for _ in 0..ranges {
        reader.varint()?;
        reader.varint()?;
    }
    for _ in 0..if ecn { 3 } else { 0 } {
        reader.varint()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crypto_frames_are_found_among_all_that_may_be_there() {
        let frames = [
            &[0, 0, 1][..],
            &[6, 2, 2, 0xaa, 0xbb],
            &[2, 9, 0, 1, 0, 3, 4],
            &[3, 9, 0, 0, 0, 1, 2, 3],
            &[0x1c, 0, 0, 2, b'n', b'o'],
            &[6, 0, 2, 0xcc, 0xdd],
            // A STREAM frame, which may not.
            &[8, 0, 6, 0, 1, 0xee],
        ]
        .concat();
        let found: Vec<_> = crypto(&frames).collect();
        assert_eq!(found, [(2, &[0xaa, 0xbb][..]), (0, &[0xcc, 0xdd])]);
        for cut in 0..frames.len() {
            assert!(crypto(&frames[..cut]).count() <= 2);
        }
    }
}
