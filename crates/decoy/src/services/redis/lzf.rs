//! LZF, as RDB files compress strings.

const WINDOW: usize = 8192;
const LONGEST: usize = 264;
const LITERALS: usize = 32;
const HASH_BITS: u32 = 16;

/// The packed text, when that saves at least four bytes.
pub(super) fn compress(text: &[u8]) -> Option<Vec<u8>> {
    let most = text.len().checked_sub(4)?;
    let mut table = vec![0usize; 1 << HASH_BITS];
    let mut out = Vec::with_capacity(most);
    let (mut at, mut literals) = (0, 0);
    while at + 2 < text.len() {
        let slot = slot(&text[at..]);
        // 0 says nothing was seen, so places count from 1.
        let seen = std::mem::replace(&mut table[slot], at + 1);
        let reference = seen.wrapping_sub(1);
        let usable = seen > 0 && at - reference <= WINDOW && reference > 0 && at + 4 < text.len();
        if !usable || text[reference..reference + 3] != text[at..at + 3] {
            at += 1;
            if at - literals == LITERALS {
                literal(&mut out, &text[literals..at]);
                literals = at;
            }
            continue;
        }
        literal(&mut out, &text[literals..at]);
        let most_here = (text.len() - at - 2).min(LONGEST);
        let length = (3..most_here)
            .find(|n| text[reference + n] != text[at + n])
            .unwrap_or(most_here.max(3));
        let distance = at - reference - 1;
        match length - 2 {
            short @ ..7 => out.push((distance >> 8) as u8 | (short as u8) << 5),
            long => out.extend_from_slice(&[(distance >> 8) as u8 | 7 << 5, (long - 7) as u8]),
        }
        out.push(distance as u8);
        let end = at + length;
        for again in [end - 2, end - 1] {
            if again + 2 < text.len() {
                table[self::slot(&text[again..])] = again + 1;
            }
        }
        (at, literals) = (end, end);
        if out.len() > most {
            return None;
        }
    }
    for piece in text[literals..].chunks(LITERALS) {
        literal(&mut out, piece);
    }
    (out.len() <= most).then_some(out)
}

/// The text of `len` bytes, or none when the packed bytes do not make it.
pub(super) fn decompress(mut packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((&control, rest)) = packed.split_first() {
        let control = usize::from(control);
        if control < 32 {
            out.extend_from_slice(rest.get(..=control)?);
            packed = &rest[control + 1..];
        } else {
            let (length, rest) = match control >> 5 {
                7 => (usize::from(*rest.first()?) + 7, &rest[1..]),
                short => (short, rest),
            };
            let distance = ((control & 31) << 8 | usize::from(*rest.first()?)) + 1;
            packed = &rest[1..];
            let from = out.len().checked_sub(distance)?;
            for n in 0..length + 2 {
                out.push(out[from + n]);
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(bytes.len() as u8 - 1);
        out.extend_from_slice(bytes);
    }
}

fn slot(bytes: &[u8]) -> usize {
    let value = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
    ((value >> (24 - HASH_BITS)).wrapping_sub(value.wrapping_mul(5)) & ((1 << HASH_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for text in [
            b"a".repeat(300),
            b"abcabcabcabcabcabcabcabcabc".to_vec(),
            b"\n\n*/1 * * * * root x\n\n".repeat(9),
        ] {
            let packed = compress(&text).unwrap();
            assert!(packed.len() < text.len());
            assert_eq!(decompress(&packed, text.len()).unwrap(), text);
        }
    }

    #[test]
    fn what_does_not_shrink_is_not_packed() {
        assert_eq!(compress(b"abcdefghijklmnopqrstuvwxyz"), None);
        assert_eq!(decompress(b"\xff\x00\xff", 10), None);
    }
}
