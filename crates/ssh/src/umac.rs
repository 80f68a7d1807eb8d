//! UMAC with tags of 64 and 128 bits (RFC 4418), for messages up to 16 MiB.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

const CHUNK: usize = 1024;
/// Tags come in pieces of four bytes.
const MOST: usize = 4;
const P36: u64 = (1 << 36) - 5;
const P64: u64 = u64::MAX - 58;

/// A key, ready for use.
#[derive(Clone)]
pub struct Umac {
    /// Encrypts nonces.
    pad: Aes128,
    tag: usize,
    first: Vec<u32>,
    second: [u64; MOST],
    third: [[u64; 8]; MOST],
    last: [u32; MOST],
}

// === impl Umac ===

impl Umac {
    /// `tag` is 8 or 16.
    pub fn new(key: &[u8; 16], tag: usize) -> Self {
        let cipher = Aes128::new(&Array(*key));
        let rounds = tag / 4;
        let first = derive(&cipher, 1, CHUNK + (rounds - 1) * 16);
        let second = derive(&cipher, 2, rounds * 24);
        let third = derive(&cipher, 3, rounds * 64);
        let last = derive(&cipher, 4, rounds * 4);
        let mut umac = Self {
            pad: Aes128::new_from_slice(&derive(&cipher, 0, 16)).expect("a key of sixteen bytes"),
            tag,
            first: first.chunks_exact(4).map(word).collect(),
            second: [0; MOST],
            third: [[0; 8]; MOST],
            last: [0; MOST],
        };
        for round in 0..rounds {
            umac.second[round] = long(&second[round * 24..]) & 0x01ff_ffff_01ff_ffff;
            for (at, part) in umac.third[round].iter_mut().enumerate() {
                *part = long(&third[round * 64 + at * 8..]) % P36;
            }
            umac.last[round] = word(&last[round * 4..]);
        }
        umac
    }

    /// The tag of the message in parts, in its first 8 or 16 bytes.
    pub fn tag(&self, nonce: u64, message: &[u8]) -> [u8; 16] {
        let mut tag = self.pad(nonce);
        for round in 0..self.tag / 4 {
            let hash = self.hash(round, message).to_be_bytes();
            for (byte, mask) in tag[round * 4..].iter_mut().zip(hash) {
                *byte ^= mask;
            }
        }
        tag
    }

    fn pad(&self, nonce: u64) -> [u8; 16] {
        // One block serves two nonces when a tag takes half of it.
        let half = self.tag == 8 && nonce & 1 == 1;
        let nonce = if self.tag == 8 { nonce & !1 } else { nonce };
        let mut block = Array([0; 16]);
        block[..8].copy_from_slice(&nonce.to_be_bytes());
        self.pad.encrypt_block(&mut block);
        if half {
            block.rotate_left(8);
        }
        block.0
    }

    fn hash(&self, round: usize, message: &[u8]) -> u32 {
        let key = &self.first[round * 4..][..CHUNK / 4];
        let wide = if message.len() <= CHUNK {
            compress(key, message)
        } else {
            let chunks = message.chunks(CHUNK);
            chunks.fold(1, |sum, chunk| {
                polynomial(self.second[round], sum, compress(key, chunk))
            })
        };
        let parts = &self.third[round][4..];
        let sum = parts.iter().enumerate().fold(0, |sum, (at, part)| {
            let piece = (wide >> (48 - 16 * at)) & 0xffff;
            (sum + piece * part) % P36
        });
        sum as u32 ^ self.last[round]
    }
}

fn derive(cipher: &Aes128, index: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 16);
    let mut counter = 1_u64;
    while bytes.len() < length {
        let mut block = Array([0; 16]);
        block[..8].copy_from_slice(&index.to_be_bytes());
        block[8..].copy_from_slice(&counter.to_be_bytes());
        cipher.encrypt_block(&mut block);
        bytes.extend_from_slice(&block);
        counter += 1;
    }
    bytes.truncate(length);
    bytes
}

/// NH of one chunk, and its length in bits.
fn compress(key: &[u32], chunk: &[u8]) -> u64 {
    let blocks = chunk.chunks(32);
    let mut sum = (chunk.len() as u64) * 8;
    for (block, key) in blocks.zip(key.chunks_exact(8)) {
        let mut padded = [0; 32];
        padded[..block.len()].copy_from_slice(block);
        let mut words = [0_u32; 8];
        for ((to, from), key) in words.iter_mut().zip(padded.chunks_exact(4)).zip(key) {
            *to = u32::from_le_bytes([from[0], from[1], from[2], from[3]]).wrapping_add(*key);
        }
        for at in 0..4 {
            sum = sum.wrapping_add(u64::from(words[at]) * u64::from(words[at + 4]));
        }
    }
    // An empty message is one block of zeros.
    if chunk.is_empty() {
        for at in 0..4 {
            sum = sum.wrapping_add(u64::from(key[at]) * u64::from(key[at + 4]));
        }
    }
    sum
}

fn polynomial(key: u64, sum: u64, value: u64) -> u64 {
    let step = |sum: u64, add: u64| ((u128::from(key) * u128::from(sum) + u128::from(add)) % u128::from(P64)) as u64;
    if value >= u64::MAX << 32 {
        step(step(sum, P64 - 1), value - 59)
    } else {
        step(sum, value)
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn long(bytes: &[u8]) -> u64 {
    u64::from(word(bytes)) << 32 | u64::from(word(&bytes[4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4418, appendix: key `abcdefghijklmnop`, nonce `bcdefghi`.
    #[test]
    fn tags_are_those_of_the_standard() {
        let nonce = u64::from_be_bytes(*b"bcdefghi");
        for (message, short, long) in [
            (String::new(), "6e155fad26900be1", "32fedb100c79ad58f07ff7643cc60465"),
            ("a".repeat(3), "44b5cb542f220104", "185e4fe905cba7bd85e4c2dc3d117d8d"),
            (
                "a".repeat(1 << 10),
                "26bf2f5d60118bd9",
                "7a54abe04af82d60fb298c3cbd195bcb",
            ),
            (
                "a".repeat(1 << 15),
                "27f8ef643b0d118d",
                "7b136bd911e4b734286ef2be501f2c3c",
            ),
            (
                "a".repeat(1 << 20),
                "a4477e87e9f55853",
                "f8acfa3ac31cfeea047f7b115b03bef5",
            ),
            ("abc".to_owned(), "d4d7b9f6bd4fbfcf", "883c3d4b97a61976ffcf232308cba5a5"),
            (
                "abc".repeat(500),
                "d4cf26ddefd5c01a",
                "8824a260c53c66a36c9260a62cb83aa1",
            ),
        ] {
            let tag = |length| Umac::new(b"abcdefghijklmnop", length).tag(nonce, message.as_bytes());
            assert_eq!(hex::encode(&tag(8)[..8]), short, "{}", message.len());
            assert_eq!(hex::encode(tag(16)), long, "{}", message.len());
        }
    }
}
