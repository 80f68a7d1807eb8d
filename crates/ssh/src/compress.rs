//! `zlib@openssh.com`: one stream a direction, flushed at the end of each packet.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::packet::MAX;

/// What OpenSSH uses.
const LEVEL: u32 = 6;
const STEP: usize = 4096;

pub struct Deflate(Box<Compress>);
pub struct Inflate(Box<Decompress>);

// === impl Deflate ===

impl Default for Deflate {
    fn default() -> Self {
        Self(Box::new(Compress::new(Compression::new(LEVEL), true)))
    }
}

impl Deflate {
    pub fn shrink(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(payload.len() / 2 + 64);
        let start = self.0.total_in();
        loop {
            let taken = (self.0.total_in() - start) as usize;
            // Fails only when there is nothing to do, and then all is done.
            let _ = self.0.compress_vec(&payload[taken..], &mut out, FlushCompress::Partial);
            if out.len() < out.capacity() {
                return out;
            }
            out.reserve(STEP);
        }
    }
}

// === impl Inflate ===

impl Default for Inflate {
    fn default() -> Self {
        Self(Box::new(Decompress::new(true)))
    }
}

impl Inflate {
    /// None when it is no such stream, or a packet larger than any may be.
    pub fn expand(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(packet.len() * 2 + 64);
        let start = self.0.total_in();
        loop {
            let taken = (self.0.total_in() - start) as usize;
            match self.0.decompress_vec(&packet[taken..], &mut out, FlushDecompress::Sync) {
                Ok(Status::Ok | Status::BufError) => {}
                Ok(Status::StreamEnd) | Err(_) => return None,
            }
            if out.len() < out.capacity() {
                return Some(out);
            }
            if out.len() > MAX {
                return None;
            }
            out.reserve(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in() {
        let (mut deflate, mut inflate) = (Deflate::default(), Inflate::default());
        for payload in [b"a".to_vec(), vec![0; 100_000], Vec::new(), (0..=255).collect()] {
            let packet = deflate.shrink(&payload);
            assert_eq!(inflate.expand(&packet), Some(payload));
        }
    }

    #[test]
    fn neither_a_bomb_nor_rubbish_is_expanded() {
        let bomb = Deflate::default().shrink(&vec![0; 3 << 20]);
        assert!(bomb.len() < 16 * 1024);
        assert_eq!(Inflate::default().expand(&bomb), None);
        assert_eq!(Inflate::default().expand(b"rubbish"), None);
    }
}
