//! Packing with gzip as each product has zlib do it: the same bytes come out.

use crate::sys;

/// Larger files are sent as they are.
pub(super) const MAX_PACKED: u64 = 4 << 20;
/// nginx hands on what it packed in pieces of one page of memory.
const NGINX_PIECE: usize = 4096;

/// nginx's `gzip on`: the fastest level, and no more memory than the text needs.
pub(super) fn nginx(text: &[u8]) -> Option<Vec<u8>> {
    let (mut window, mut memory) = (15, 8);
    while window > 9 && (text.len() as u64) < (1 << (window - 1)) - 262 {
        window -= 1;
        memory -= 1;
    }
    sys::gzip(text, 1, window, memory.max(1))
}

/// As nginx frames what it packed: chunks, and the last.
pub(super) fn nginx_chunks(packed: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(packed.len() + 64);
    for piece in packed.chunks(NGINX_PIECE) {
        framed.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    framed
}

/// Apache's `mod_deflate`: zlib's own level, all the memory it can use.
pub(super) fn apache(text: &[u8]) -> Option<Vec<u8>> {
    sys::gzip(text, -1, 15, 9)
}
