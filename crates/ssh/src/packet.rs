//! Packets (RFC 4253 §6): out of the bytes of a peer and into bytes for it, with the limits of OpenSSH.

use crate::cipher::{Cipher, TAG};
use crate::compress::{Deflate, Inflate};
use crate::mac::Mac;
use crate::message::PING;
use crate::random::Random;

/// OpenSSH's `PACKET_MAX_SIZE`.
pub const MAX: usize = 256 * 1024;
const LEAST_PADDING: usize = 4;
/// Larger buffers are given back when they are empty.
const KEPT: usize = 32 * 1024;

/// Why a conversation is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Closed without a word.
    Silent,
    /// This is said first.
    Said(String),
}

/// One packet's content.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet {
    pub sequence: u32,
    /// Never empty; the message number is first.
    pub payload: Vec<u8>,
}

/// How one direction is protected.
pub struct Protection {
    pub cipher: Cipher,
    /// What packets are padded to.
    pub block: usize,
    /// The cipher makes a tag.
    pub tagged: bool,
    /// None when the cipher makes a tag, and before keys are agreed.
    pub mac: Option<Mac>,
}

/// From the peer.
pub struct Inbound {
    bytes: Vec<u8>,
    taken: usize,
    sequence: u32,
    protection: Protection,
    /// Of the packet at the front, once it is known.
    length: Option<usize>,
    pub inflate: Option<Inflate>,
    pub spent: Spent,
    /// Numbers of messages from this on are not taken.
    limit: u8,
}

/// To the peer.
pub struct Outbound {
    pub bytes: Vec<u8>,
    sequence: u32,
    protection: Protection,
    pub deflate: Option<Deflate>,
    pub spent: Spent,
}

/// What one key has been used for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub packets: u32,
    pub blocks: u64,
}

// === impl Protection ===

impl Protection {
    pub fn none() -> Self {
        Self {
            cipher: Cipher::None,
            block: 8,
            tagged: false,
            mac: None,
        }
    }

    /// The length of a packet is left out of what is encrypted or padded with the rest.
    fn length_apart(&self) -> bool {
        self.tagged || self.mac.as_ref().is_some_and(|mac| mac.etm)
    }

    fn tag(&self) -> usize {
        match &self.mac {
            Some(mac) => mac.tag,
            None if self.tagged => TAG,
            None => 0,
        }
    }
}

// === impl Spent ===

impl Spent {
    fn add(&mut self, bytes: usize, block: usize) {
        self.packets += 1;
        self.blocks += (bytes / block) as u64;
    }
}

// === impl Inbound ===

impl Inbound {
    /// `pings` when messages of that number are taken.
    pub fn new(pings: bool) -> Self {
        Self {
            limit: if pings { PING + 1 } else { PING },
            bytes: Vec::new(),
            taken: 0,
            sequence: 0,
            protection: Protection::none(),
            length: None,
            inflate: None,
            spent: Spent::default(),
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// From the next packet on.
    pub fn protect(&mut self, protection: Protection, from_zero: bool) {
        self.protection = protection;
        self.spent = Spent::default();
        if from_zero {
            self.sequence = 0;
        }
    }

    pub fn block(&self) -> usize {
        self.protection.block
    }

    /// The next packet, when all of it is there.
    pub fn packet(&mut self) -> Result<Option<Packet>, Fault> {
        let length = match self.length {
            Some(length) => length,
            None => match self.measure()? {
                Some(length) => *self.length.insert(length),
                None => return Ok(None),
            },
        };
        let whole = 4 + length + self.protection.tag();
        if self.waiting() < whole {
            return Ok(None);
        }
        let sequence = self.sequence;
        self.unprotect(length)?;
        self.sequence = sequence.wrapping_add(1);
        self.spent.add(4 + length, self.protection.block);
        let packet = &self.bytes[self.taken..][..4 + length];
        let padding = usize::from(packet[4]);
        if padding < LEAST_PADDING {
            return Err(Fault::Said(format!("Corrupted padlen {padding} on input.")));
        }
        let content = packet
            .get(5..(4 + length).saturating_sub(padding))
            .ok_or(Fault::Silent)?;
        let payload = match &mut self.inflate {
            Some(inflate) => inflate.expand(content).ok_or(Fault::Silent)?,
            None => content.to_vec(),
        };
        self.length = None;
        self.drop(whole);
        match payload.first() {
            None => Err(Fault::Silent),
            Some(&kind) if kind == 0 || kind >= self.limit => {
                Err(Fault::Said(format!("Invalid ssh2 packet type: {kind}")))
            }
            Some(_) => Ok(Some(Packet { sequence, payload })),
        }
    }

    /// The length of the packet at the front, as soon as it can be known.
    fn measure(&mut self) -> Result<Option<usize>, Fault> {
        let apart = self.protection.length_apart();
        let block = self.protection.block;
        let front = &mut self.bytes[self.taken..];
        if front.len() < if apart { 4 } else { block } {
            return Ok(None);
        }
        if !apart {
            self.protection.cipher.stream(&mut front[..block]);
        }
        let head = [front[0], front[1], front[2], front[3]];
        let length = self.protection.cipher.length(self.sequence, head) as usize;
        let padded = if apart { length } else { 4 + length };
        let good = (1 + LEAST_PADDING..=MAX).contains(&length) && padded.is_multiple_of(block) && padded >= block;
        // OpenSSH means to say `Packet corrupt`, but closes before it is sent.
        if good { Ok(Some(length)) } else { Err(Fault::Silent) }
    }

    /// Checks and decrypts the packet at the front, all of which is there.
    fn unprotect(&mut self, length: usize) -> Result<(), Fault> {
        let Protection {
            cipher,
            block,
            tagged,
            mac,
        } = &mut self.protection;
        let (packet, rest) = self.bytes[self.taken..].split_at_mut(4 + length);
        if *tagged {
            let tag = rest.first_chunk().ok_or(Fault::Silent)?;
            return cipher.open(self.sequence, packet, tag).map_err(|_| Fault::Silent);
        }
        let Some(mac) = mac else {
            cipher.stream(&mut packet[*block..]);
            return Ok(());
        };
        if !mac.etm {
            cipher.stream(&mut packet[*block..]);
        }
        if !mac.verifies(self.sequence, packet, &rest[..mac.tag]) {
            return Err(Fault::Silent);
        }
        if mac.etm {
            cipher.stream(&mut packet[4..]);
        }
        Ok(())
    }

    fn drop(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken == self.bytes.len() {
            self.taken = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        } else if self.taken > KEPT {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }
}

// === impl Outbound ===

impl Default for Outbound {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            sequence: 0,
            protection: Protection::none(),
            deflate: None,
            spent: Spent::default(),
        }
    }
}

impl Outbound {
    /// From the next packet on.
    pub fn protect(&mut self, protection: Protection, from_zero: bool) {
        self.protection = protection;
        self.spent = Spent::default();
        if from_zero {
            self.sequence = 0;
        }
    }

    pub fn block(&self) -> usize {
        self.protection.block
    }

    /// Bytes the peer has taken.
    pub fn sent(&mut self, bytes: usize) {
        self.bytes.drain(..bytes);
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEPT);
        }
    }

    pub fn send(&mut self, random: &mut impl Random, payload: &[u8]) {
        let deflated = self.deflate.as_mut().map(|deflate| deflate.shrink(payload));
        let payload = deflated.as_deref().unwrap_or(payload);
        let block = self.protection.block;
        let padded = 1 + payload.len() + if self.protection.length_apart() { 0 } else { 4 };
        let mut padding = block - padded % block;
        if padding < LEAST_PADDING {
            padding += block;
        }
        let length = 1 + payload.len() + padding;
        let start = self.bytes.len();
        self.bytes.reserve(4 + length + self.protection.tag());
        self.bytes.extend((length as u32).to_be_bytes());
        self.bytes.push(padding as u8);
        self.bytes.extend_from_slice(payload);
        let pad = self.bytes.len();
        self.bytes.resize(pad + padding, 0);
        // Zero until there are keys, as OpenSSH has it.
        if !matches!(self.protection.cipher, Cipher::None) {
            random.fill(&mut self.bytes[pad..]);
        }
        self.protect_last(start);
        self.spent.add(4 + length, block);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn protect_last(&mut self, start: usize) {
        let Protection {
            cipher, tagged, mac, ..
        } = &mut self.protection;
        if *tagged {
            let tag = cipher.seal(self.sequence, &mut self.bytes[start..]);
            self.bytes.extend(tag);
            return;
        }
        let mut code = Vec::new();
        let mut authenticate = |packet: &[u8]| {
            if let Some(mac) = &mac {
                mac.append(self.sequence, packet, &mut code);
            }
        };
        if mac.as_ref().is_some_and(|mac| mac.etm) {
            cipher.stream(&mut self.bytes[start + 4..]);
            authenticate(&self.bytes[start..]);
        } else {
            authenticate(&self.bytes[start..]);
            cipher.stream(&mut self.bytes[start..]);
        }
        self.bytes.extend(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Counting;
    use crate::{cipher, mac};

    fn found(bytes: &[u8]) -> Result<Option<Packet>, Fault> {
        let mut inbound = Inbound::new(false);
        inbound.push(bytes);
        inbound.packet()
    }

    #[test]
    fn a_packet_is_found_whole() {
        let mut bytes = vec![0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9];
        bytes.push(77);
        assert_eq!(found(&bytes[..7]), Ok(None));
        assert_eq!(found(&bytes[..15]), Ok(None));
        let payload = vec![2, 0, 0, 0, 0];
        assert_eq!(found(&bytes), Ok(Some(Packet { sequence: 0, payload })));
    }

    #[test]
    fn what_openssh_drops_is_dropped() {
        for bytes in [
            b"\n\n\n\n\n\n\n\n".as_slice(),
            b"\0\0\0\x11\x04AAAAAAAAAAAAAAAAAAA",
            b"\0\0\0\0\x04AAAAAAA",
            b"\0\x10\0\0\x04AAAAAAA",
            b"\0\0\0\x0c\x20AAAAAAAAAAAAAA",
            b"\0\0\0\x0c\x0bAAAAAAAAAAAAAA",
        ] {
            assert_eq!(found(bytes), Err(Fault::Silent), "{bytes:?}");
        }
        let said = |text: &str| Err(Fault::Said(text.to_owned()));
        assert_eq!(
            found(b"\0\0\0\x0c\x01AAAAAAAAAAAAAA"),
            said("Corrupted padlen 1 on input.")
        );
        assert_eq!(
            found(b"\0\0\0\x0c\x04\xc0AAAAAAAAAAAAA"),
            said("Invalid ssh2 packet type: 192")
        );
    }

    #[test]
    fn padding_is_blank_until_there_are_keys() {
        let mut outbound = Outbound::default();
        outbound.send(&mut Counting::default(), &[21]);
        assert_eq!(outbound.bytes, [0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    fn protections() -> impl Iterator<Item = (String, Protection, Protection)> {
        let codes = mac::KINDS.iter().map(Some);
        let pairs = cipher::KINDS.iter().flat_map(move |kind| {
            codes
                .clone()
                .filter(|_| !kind.tagged)
                .chain(kind.tagged.then_some(None))
                .map(move |code| (kind, code))
        });
        pairs.map(|(kind, code)| {
            let one = || Protection {
                cipher: Cipher::new(kind, &vec![7; kind.key], &vec![9; kind.iv]).unwrap(),
                block: kind.block,
                tagged: kind.tagged,
                mac: code.map(|code| Mac::new(code, &vec![3; code.key]).unwrap()),
            };
            let name = format!("{} {}", kind.name, code.map_or("", |code| code.name));
            (name, one(), one())
        })
    }

    #[test]
    fn what_is_sent_under_every_cipher_and_code_is_read_however_it_is_cut() {
        let sent = [b"\x05one".to_vec(), vec![94; 40_000], vec![20]];
        for (name, ours, theirs) in protections() {
            let mut outbound = Outbound::default();
            outbound.protect(ours, false);
            for payload in &sent {
                outbound.send(&mut Counting::default(), payload);
            }
            let mut inbound = Inbound::new(false);
            inbound.protect(theirs, false);
            let mut read = Vec::new();
            for cut in outbound.bytes.chunks(1001) {
                inbound.push(cut);
                while let Some(packet) = inbound.packet().unwrap() {
                    read.push(packet.payload);
                }
            }
            assert_eq!(read, sent, "{name}");
            assert_eq!(inbound.waiting(), 0, "{name}");
        }
    }

    #[test]
    fn a_changed_byte_ends_the_conversation_without_a_word() {
        for at in [0, 4, 9, 20, 35] {
            for (name, ours, theirs) in protections() {
                let mut outbound = Outbound::default();
                outbound.protect(ours, false);
                outbound.send(&mut Counting::default(), b"\x05a payload of some bytes");
                let mut inbound = Inbound::new(false);
                inbound.protect(theirs, false);
                outbound.bytes[at] ^= 1;
                inbound.push(&outbound.bytes);
                let found = inbound.packet();
                // A changed length may ask for more first.
                assert!(
                    found == Err(Fault::Silent) || (at == 0 && found == Ok(None)),
                    "{name}: {found:?}"
                );
            }
        }
    }
}
