//! SimHash of weighted tokens and what is made of several (Charikar 2002; clustering.md §10).

use md5::{Digest as _, Md5};

/// 64 bits near which similar bags of tokens lie; 0 means there was nothing to hash.
pub fn simhash<'a>(tokens: impl IntoIterator<Item = (&'a str, u32)>) -> u64 {
    let mut sums = [0_i64; 64];
    for (token, weight) in tokens {
        let digest: [u8; 16] = Md5::digest(token.as_bytes()).into();
        let bits = digest[..8]
            .iter()
            .fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        for (bit, sum) in sums.iter_mut().enumerate() {
            let weight = i64::from(weight);
            *sum += if bits >> bit & 1 == 1 { weight } else { -weight };
        }
    }
    bits_where(|bit| sums[bit] > 0)
}

/// The bits that more than half of the values have; none when no value says anything.
pub fn centroid(values: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut counts = [0_usize; 64];
    let mut total = 0;
    for value in values.into_iter().filter(|&value| value != 0) {
        total += 1;
        for (bit, count) in counts.iter_mut().enumerate() {
            *count += (value >> bit & 1) as usize;
        }
    }
    (total > 0).then(|| bits_where(|bit| counts[bit] * 2 > total))
}

/// Reads 16 hex digits; anything else is no value.
pub fn from_hex(text: &str) -> Option<u64> {
    (text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

/// How alike two values are: 1 for the same, 0 from eight differing bits on.
pub fn likeness(a: Option<u64>, b: Option<u64>) -> f64 {
    match (a, b) {
        (Some(a), Some(b)) => 1.0 - f64::from((a ^ b).count_ones().min(8)) / 8.0,
        _ => 0.0,
    }
}

fn bits_where(is_set: impl Fn(usize) -> bool) -> u64 {
    (0..64).filter(|&bit| is_set(bit)).fold(0, |bits, bit| bits | 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_the_beginning_of_its_md5() {
        // MD5("a") = 0cc175b9c0f1b6a8 31c399e269772661 (RFC 1321)
        assert_eq!(simhash([("a", 3)]), 0x0cc1_75b9_c0f1_b6a8);
        assert_eq!(simhash([]), 0);
        assert_eq!(simhash([("a", 0)]), 0);
    }

    #[test]
    fn a_centroid_takes_the_majority_and_a_tie_gives_nothing() {
        assert_eq!(centroid([0b110, 0b011, 0b010]), Some(0b010));
        assert_eq!(centroid([0b110, 0b001]), Some(0));
        assert_eq!(centroid([0, 0b101]), Some(0b101));
        assert_eq!(centroid([]), None);
        assert_eq!(centroid([0]), None);
    }

    #[test]
    fn likeness_falls_by_an_eighth_a_bit() {
        assert_eq!(likeness(Some(0b1111), Some(0b0000)), 0.5);
        assert_eq!(likeness(Some(0xff), Some(0)), 0.0);
        assert_eq!(likeness(Some(u64::MAX), Some(0)), 0.0);
        assert_eq!(likeness(Some(5), None), 0.0);
    }

    #[test]
    fn only_sixteen_hex_digits_are_a_value() {
        assert_eq!(from_hex("00000000000000ff"), Some(255));
        for garbage in ["ff", "+000000000000ff0", "00000000000000fg", ""] {
            assert_eq!(from_hex(garbage), None);
        }
    }
}
