//! Packing with gzip as each product has zlib do it: the same bytes come out.

use crate::sys;

/// Larger files are sent as they are.
pub(super) const MAX_PACKED: u64 = 4 << 20;
/// nginx reads files in pieces of this size, and hands on what it packed in whole pages of memory.
const NGINX_READ: usize = 32 << 10;
const NGINX_PAGE: usize = 4096;

/// nginx's `gzip on`: the fastest level, no more memory than the text needs, and the chunks it comes in.
pub(super) fn nginx(text: &[u8]) -> Option<Vec<u8>> {
    let (mut window, mut memory) = (15, 8);
    while window > 9 && (text.len() as u64) < (1 << (window - 1)) - 262 {
        window -= 1;
        memory -= 1;
    }
    let (packed, mut marks) = sys::gzip(text, 1, window, memory.max(1), NGINX_READ)?;
    marks.pop();
    let ends = marks
        .iter()
        .map(|mark| mark / NGINX_PAGE * NGINX_PAGE)
        .chain([packed.len()]);
    let mut framed = Vec::with_capacity(packed.len() + 64);
    let mut from = 0;
    for end in ends {
        if end > from {
            framed.extend_from_slice(format!("{:x}\r\n", end - from).as_bytes());
            framed.extend_from_slice(&packed[from..end]);
            framed.extend_from_slice(b"\r\n");
            from = end;
        }
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    Some(framed)
}

/// Apache's `mod_deflate`: zlib's own level, all the memory it can use.
pub(super) fn apache(text: &[u8]) -> Option<Vec<u8>> {
    sys::gzip(text, -1, 15, 9, text.len().max(1)).map(|(packed, _)| packed)
}
