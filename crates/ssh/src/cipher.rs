//! Ciphers of packets: one direction's key, and what it does to a packet in place.

use aes::cipher::{Array, KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20::ChaCha20Legacy;
use ctr::Ctr128BE;
use poly1305::Poly1305;

/// Bytes of a tag of the ciphers that make one.
pub const TAG: usize = 16;

/// A cipher by what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub key: usize,
    pub iv: usize,
    /// What packets are padded to.
    pub block: usize,
    /// It makes a tag of its own and needs no MAC.
    pub tagged: bool,
}

const fn kind(name: &'static str, key: usize, iv: usize, block: usize, tagged: bool) -> Kind {
    Kind {
        name,
        key,
        iv,
        block,
        tagged,
    }
}

const CHACHA: &str = "chacha20-poly1305@openssh.com";

pub const KINDS: &[Kind] = &[
    kind(CHACHA, 64, 0, 8, true),
    kind("aes128-ctr", 16, 16, 16, false),
    kind("aes192-ctr", 24, 16, 16, false),
    kind("aes256-ctr", 32, 16, 16, false),
    kind("aes128-gcm@openssh.com", 16, 12, 16, true),
    kind("aes256-gcm@openssh.com", 32, 12, 16, true),
];

/// A cipher with its key.
pub enum Cipher {
    /// Before keys are agreed.
    None,
    ChaCha {
        main: [u8; 32],
        length: [u8; 32],
    },
    Ctr128(Box<Ctr128BE<Aes128>>),
    Ctr192(Box<Ctr128BE<Aes192>>),
    Ctr256(Box<Ctr128BE<Aes256>>),
    Gcm128(Box<Aes128Gcm>, [u8; 12]),
    Gcm256(Box<Aes256Gcm>, [u8; 12]),
}

/// The tag is not that of the packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Forged;

pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

// === impl Cipher ===

impl Cipher {
    /// `key` and `iv` have the lengths of the kind.
    pub fn new(kind: &Kind, key: &[u8], iv: &[u8]) -> Option<Self> {
        Some(match kind.name {
            CHACHA => {
                let (main, length) = key.split_first_chunk()?;
                let (main, length) = (*main, length.try_into().ok()?);
                Self::ChaCha { main, length }
            }
            "aes128-ctr" => Self::Ctr128(Box::new(KeyIvInit::new_from_slices(key, iv).ok()?)),
            "aes192-ctr" => Self::Ctr192(Box::new(KeyIvInit::new_from_slices(key, iv).ok()?)),
            "aes256-ctr" => Self::Ctr256(Box::new(KeyIvInit::new_from_slices(key, iv).ok()?)),
            "aes128-gcm@openssh.com" => Self::Gcm128(Box::new(KeyInit::new_from_slice(key).ok()?), iv.try_into().ok()?),
            "aes256-gcm@openssh.com" => Self::Gcm256(Box::new(KeyInit::new_from_slice(key).ok()?), iv.try_into().ok()?),
            _ => return None,
        })
    }

    /// A packet's length, from its first four bytes as sent, where they can be read alone.
    pub fn length(&self, sequence: u32, mut bytes: [u8; 4]) -> u32 {
        if let Self::ChaCha { length, .. } = self {
            chacha(length, sequence).apply_keystream(&mut bytes);
        }
        u32::from_be_bytes(bytes)
    }

    /// Encrypts or decrypts the next bytes of a cipher without a tag.
    pub fn stream(&mut self, bytes: &mut [u8]) {
        match self {
            Self::Ctr128(cipher) => cipher.apply_keystream(bytes),
            Self::Ctr192(cipher) => cipher.apply_keystream(bytes),
            Self::Ctr256(cipher) => cipher.apply_keystream(bytes),
            Self::None | Self::ChaCha { .. } | Self::Gcm128(..) | Self::Gcm256(..) => {}
        }
    }

    /// Encrypts a packet, length first, and makes its tag.
    pub fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> [u8; TAG] {
        let (head, body) = packet.split_at_mut(4);
        match self {
            Self::ChaCha { main, length } => {
                chacha(length, sequence).apply_keystream(head);
                let (mut cipher, key) = keyed(main, sequence);
                cipher.apply_keystream(body);
                poly(&key, packet)
            }
            Self::Gcm128(cipher, nonce) => gcm_seal(&**cipher, nonce, head, body),
            Self::Gcm256(cipher, nonce) => gcm_seal(&**cipher, nonce, head, body),
            _ => [0; TAG],
        }
    }

    /// Decrypts what follows a packet's length, when the tag is right.
    pub fn open(&mut self, sequence: u32, packet: &mut [u8], tag: &[u8; TAG]) -> Result<(), Forged> {
        match self {
            Self::ChaCha { main, .. } => {
                let (mut cipher, key) = keyed(main, sequence);
                if !same(&poly(&key, packet), tag) {
                    return Err(Forged);
                }
                cipher.apply_keystream(&mut packet[4..]);
                Ok(())
            }
            Self::Gcm128(cipher, nonce) => gcm_open(&**cipher, nonce, packet, tag),
            Self::Gcm256(cipher, nonce) => gcm_open(&**cipher, nonce, packet, tag),
            _ => Ok(()),
        }
    }
}

/// Compares in a time that does not tell where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

fn chacha(key: &[u8; 32], sequence: u32) -> ChaCha20Legacy {
    let nonce = u64::from(sequence).to_be_bytes();
    ChaCha20Legacy::new(&Array(*key), &Array(nonce))
}

/// The cipher at the second block, and the key of the tag, which is in the first.
fn keyed(key: &[u8; 32], sequence: u32) -> (ChaCha20Legacy, [u8; 32]) {
    let mut cipher = chacha(key, sequence);
    let mut tag_key = [0; 32];
    cipher.apply_keystream(&mut tag_key);
    cipher.seek(64_u32);
    (cipher, tag_key)
}

fn poly(key: &[u8; 32], message: &[u8]) -> [u8; TAG] {
    Poly1305::new(&Array(*key)).compute_unpadded(message).into()
}

fn gcm_seal<C>(cipher: &C, nonce: &mut [u8; 12], head: &[u8], body: &mut [u8]) -> [u8; TAG]
where
    C: AeadInOut<NonceSize = aes_gcm::aead::consts::U12, TagSize = aes_gcm::aead::consts::U16>,
{
    let tag = cipher.encrypt_inout_detached(&Array(*nonce), head, body.into());
    step(nonce);
    // Fails for lengths no packet has.
    tag.map_or([0; TAG], Into::into)
}

fn gcm_open<C>(cipher: &C, nonce: &mut [u8; 12], packet: &mut [u8], tag: &[u8; TAG]) -> Result<(), Forged>
where
    C: AeadInOut<NonceSize = aes_gcm::aead::consts::U12, TagSize = aes_gcm::aead::consts::U16>,
{
    let (head, body) = packet.split_at_mut(4);
    let opened = cipher.decrypt_inout_detached(&Array(*nonce), head, body.into(), &Array(*tag));
    step(nonce);
    opened.map_err(|_| Forged)
}

/// The last eight bytes count packets (RFC 5647 §7.1).
fn step(nonce: &mut [u8; 12]) {
    for byte in nonce[4..].iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}
