//! Keys of Initial packets (RFC 9001 §5.2 to §5.4).

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::header::{Long, Version};

/// What a client's Initial packets are protected with.
pub(super) struct Keys {
    aead: LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

struct Labels {
    salt: [u8; 20],
    key: &'static [u8],
    iv: &'static [u8],
    header: &'static [u8],
}

/// What ciphertext is sampled for header protection begins so far behind the packet number's first byte.
const SAMPLE_BEHIND: usize = 4;
const CLIENT: &[u8] = b"client in";

// === impl Keys ===

impl Keys {
    /// Derives them from the connection id that the client made up.
    pub(super) fn of_client(version: Version, dcid: &[u8]) -> Option<Self> {
        let labels = Labels::of(version);
        let initial = Salt::new(HKDF_SHA256, &labels.salt).extract(dcid);
        let client = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, CLIENT)?);
        let key = expand::<16>(&client, labels.key)?;
        let header = expand::<16>(&client, labels.header)?;
        Some(Self {
            aead: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?),
            iv: expand(&client, labels.iv)?,
            header: HeaderProtectionKey::new(&AES_128, &header).ok()?,
        })
    }

    /// Takes the protection off. The frames are in `scratch`, in the range that is returned.
    pub(super) fn open(&self, packet: &Long<'_>, scratch: &mut Vec<u8>) -> Option<std::ops::Range<usize>> {
        let at = packet.number_at;
        let sample = packet.packet.get(at + SAMPLE_BEHIND..)?.get(..AES_128.sample_len())?;
        let [first, number @ ..] = self.header.new_mask(sample).ok()?;
        scratch.clear();
        scratch.extend_from_slice(packet.packet);
        scratch[0] ^= first & 0x0f;
        let length = usize::from(scratch[0] & 3) + 1;
        let mut nonce = self.iv;
        let unmasked = scratch[at..at + length].iter_mut().zip(number);
        for (place, (byte, mask)) in unmasked.enumerate() {
            *byte ^= mask;
            nonce[12 - length + place] ^= *byte;
        }
        let (header, body) = scratch.split_at_mut(at + length);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let frames = self.aead.open_in_place(nonce, Aad::from(&*header), body).ok()?.len();
        Some(at + length..at + length + frames)
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 §7.1).
fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    let head = [0, N as u8, 6 + label.len() as u8];
    let info = [&head[..], b"tls13 ", label, &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

// === impl Labels ===

impl Labels {
    fn of(version: Version) -> Self {
        const V1: Labels = Labels {
            salt: [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
                0xbb, 0x7f, 0x0a,
            ],
            key: b"quic key",
            iv: b"quic iv",
            header: b"quic hp",
        };
        match version {
            Version::V1 => V1,
            Version::V2 => Labels {
                salt: [
                    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
                    0xf9, 0xbd, 0x2e, 0xd9,
                ],
                key: b"quicv2 key",
                iv: b"quicv2 iv",
                header: b"quicv2 hp",
            },
            Version::Draft29 => Labels {
                salt: [
                    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
                    0x43, 0x90, 0xa8, 0x99,
                ],
                ..V1
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_version_1_are_those_of_rfc_9001_appendix_a() {
        let dcid = hex::decode("8394c8f03e515708").unwrap();
        let labels = Labels::of(Version::V1);
        let initial = Salt::new(HKDF_SHA256, &labels.salt).extract(&dcid);
        let secret = expand::<32>(&initial, CLIENT).unwrap();
        assert_eq!(
            hex::encode(secret),
            "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea"
        );
        let client = Prk::new_less_safe(HKDF_SHA256, &secret);
        let text = |label, n| match n {
            16 => hex::encode(expand::<16>(&client, label).unwrap()),
            _ => hex::encode(expand::<12>(&client, label).unwrap()),
        };
        assert_eq!(text(labels.key, 16), "1f369613dd76d5467730efcbe3b1a22d");
        assert_eq!(text(labels.iv, 12), "fa044b2f42a3fd3b46fb255c");
        assert_eq!(text(labels.header, 16), "9f50449e04a0e810283a1e9933adedd2");
    }

    #[test]
    fn keys_of_version_2_are_those_of_rfc_9369_appendix_a() {
        let dcid = hex::decode("8394c8f03e515708").unwrap();
        let labels = Labels::of(Version::V2);
        let initial = Salt::new(HKDF_SHA256, &labels.salt).extract(&dcid);
        let client = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, CLIENT).unwrap());
        let key = expand::<16>(&client, labels.key).unwrap();
        assert_eq!(hex::encode(key), "8b1a0bc121284290a29e0971b5cd045d");
        let header = expand::<16>(&client, labels.header).unwrap();
        assert_eq!(hex::encode(header), "45b95e15235d6f45a6b19cbcb0294ba9");
    }
}
