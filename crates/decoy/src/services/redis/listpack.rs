//! Listpacks: the flat form of small collections inside RDB files.

use super::number;
use super::reply::Bytes;

/// Header: bytes in all, and how many elements.
const HEADER: usize = 6;

pub(super) struct Listpack {
    out: Bytes,
    count: usize,
}

// === impl Listpack ===

impl Listpack {
    pub(super) fn new() -> Self {
        Self {
            out: vec![0; HEADER],
            count: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        self.out.len()
    }

    /// A text that reads as an integer becomes one.
    pub(super) fn push(&mut self, text: &[u8]) {
        match number::integer(text).filter(|_| text.len() <= 20) {
            Some(n) => self.push_int(n),
            None => self.push_text(text),
        }
    }

    pub(super) fn push_int(&mut self, n: i64) {
        let start = self.out.len();
        match n {
            0..=127 => self.out.push(n as u8),
            -4096..=4095 => {
                let n = (n as u16) & 0x1fff;
                self.out.extend_from_slice(&[0xc0 | (n >> 8) as u8, n as u8]);
            }
            -0x8000..=0x7fff => self.fixed(0xf1, &n.to_le_bytes()[..2]),
            -0x80_0000..=0x7f_ffff => self.fixed(0xf2, &n.to_le_bytes()[..3]),
            -0x8000_0000..=0x7fff_ffff => self.fixed(0xf3, &n.to_le_bytes()[..4]),
            _ => self.fixed(0xf4, &n.to_le_bytes()),
        }
        self.close(start);
    }

    pub(super) fn finish(mut self) -> Bytes {
        self.out.push(0xff);
        let total = self.out.len() as u32;
        self.out[..4].copy_from_slice(&total.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        self.out[4..6].copy_from_slice(&count.to_le_bytes());
        self.out
    }

    fn push_text(&mut self, text: &[u8]) {
        let start = self.out.len();
        match text.len() {
            len @ 0..64 => self.out.push(0x80 | len as u8),
            len @ 64..4096 => self.out.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
            len => {
                self.out.push(0xf0);
                self.out.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.out.extend_from_slice(text);
        self.close(start);
    }

    fn fixed(&mut self, kind: u8, bytes: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(bytes);
    }

    /// Writes the length backwards, so that the pack can be walked from its end.
    fn close(&mut self, start: usize) {
        let len = (self.out.len() - start) as u64;
        let groups = (1..5).find(|n| len < 1 << (7 * n)).unwrap_or(5);
        for group in (0..groups).rev() {
            let more = if group == groups - 1 { 0 } else { 0x80 };
            self.out.push((len >> (7 * group)) as u8 & 0x7f | more);
        }
        self.count += 1;
    }
}

/// The elements of a pack, or none when it is not one.
pub(super) fn read(pack: &[u8]) -> Option<Vec<Bytes>> {
    let total = u32::from_le_bytes(pack.get(..4)?.try_into().ok()?) as usize;
    if total != pack.len() {
        return None;
    }
    let mut rest = pack.get(HEADER..)?;
    let mut items = Vec::new();
    while rest.first()? != &0xff {
        let (item, len) = element(rest)?;
        let back = (1..5).find(|n| len < 1 << (7 * n)).unwrap_or(5);
        rest = rest.get(len + back..)?;
        items.push(item);
    }
    (rest.len() == 1).then_some(items)
}

fn element(rest: &[u8]) -> Option<(Bytes, usize)> {
    let int = |n: i64, len: usize| Some((n.to_string().into_bytes(), len));
    let text = |from: usize, len: usize| Some((rest.get(from..from + len)?.to_vec(), from + len));
    let wide = |len: usize| {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(rest.get(1..=len)?);
        let shift = 64 - 8 * len as u32;
        Some((i64::from_le_bytes(bytes) << shift >> shift, len + 1))
    };
    match *rest.first()? {
        b @ 0..0x80 => int(b.into(), 1),
        b @ 0x80..0xc0 => text(1, usize::from(b & 0x3f)),
        b @ 0xc0..0xe0 => {
            let n = i64::from(b & 0x1f) << 8 | i64::from(*rest.get(1)?);
            int(n << 51 >> 51, 2)
        }
        b @ 0xe0..0xf0 => text(2, usize::from(b & 0xf) << 8 | usize::from(*rest.get(1)?)),
        0xf0 => text(5, u32::from_le_bytes(rest.get(1..5)?.try_into().ok()?) as usize),
        b @ 0xf1..=0xf4 => {
            let (n, len) = wide([2, 3, 4, 8][usize::from(b - 0xf1)])?;
            int(n, len)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_back() {
        let long = vec![b'x'; 5000];
        let middle = vec![b'y'; 300];
        let items: [&[u8]; 12] = [
            b"a",
            b"",
            b"0",
            b"127",
            b"-1",
            b"4095",
            b"-32768",
            b"8388607",
            b"-2147483648",
            b"9223372036854775807",
            &middle,
            &long,
        ];
        let mut pack = Listpack::new();
        items.iter().for_each(|item| pack.push(item));
        assert_eq!(read(&pack.finish()).unwrap(), items);
    }

    #[test]
    fn a_broken_pack_is_none() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\x08\0\0\0\x01\0\xf0\xff"), None);
    }
}
