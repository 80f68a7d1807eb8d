//! Header compression of HTTP/2 (RFC 7541), the reading side.

use std::collections::VecDeque;

use super::{Field, huffman};

/// What a client may use until it is told otherwise.
const TABLE_SIZE: usize = 4096;
/// What a field costs in the table beside its letters (RFC 7541 §4.1).
const OVERHEAD: usize = 32;
const MAX_FIELDS: usize = 256;
/// All names and values of one request; a few bytes can stand for many.
const MAX_DECODED: usize = 64 << 10;

/// RFC 7541 appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Reads header blocks of one direction, in order.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    dynamic: VecDeque<Field<Vec<u8>>>,
    size: usize,
    max: usize,
}

// === impl Decoder ===

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            dynamic: VecDeque::new(),
            size: 0,
            max: TABLE_SIZE,
        }
    }

    /// The fields of a block, up to the first that cannot be read.
    pub(super) fn decode(&mut self, block: &[u8]) -> Vec<Field<Vec<u8>>> {
        let mut rest = block;
        let (mut fields, mut decoded) = (Vec::new(), 0);
        while !rest.is_empty() && fields.len() < MAX_FIELDS && decoded <= MAX_DECODED {
            match self.field(&mut rest) {
                Some(Some(field)) => {
                    decoded += field.size();
                    fields.push(field);
                }
                Some(None) => {}
                None => break,
            }
        }
        fields
    }

    /// One instruction; it may give no field.
    fn field(&mut self, rest: &mut &[u8]) -> Option<Option<Field<Vec<u8>>>> {
        let first = *rest.first()?;
        if first & 0x80 != 0 {
            let index = integer(rest, 7)?;
            return self.get(index).map(Some);
        }
        if first & 0xe0 == 0x20 {
            self.max = integer(rest, 5)?.min(TABLE_SIZE);
            self.evict();
            return Some(None);
        }
        let kept = first & 0x40 != 0;
        let name = match integer(rest, if kept { 6 } else { 4 })? {
            0 => string(rest)?,
            index => self.get(index)?.name,
        };
        let field = Field {
            name,
            value: string(rest)?,
        };
        if kept {
            self.size += field.size();
            self.dynamic.push_front(field.clone());
            self.evict();
        }
        Some(Some(field))
    }

    fn get(&self, index: usize) -> Option<Field<Vec<u8>>> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some(Field {
                name: name.as_bytes().to_vec(),
                value: value.as_bytes().to_vec(),
            }),
            None => self.dynamic.get(index - STATIC.len()).cloned(),
        }
    }

    fn evict(&mut self) {
        while self.size > self.max {
            let Some(oldest) = self.dynamic.pop_back() else { break };
            self.size -= oldest.size();
        }
    }
}

// === impl Field ===

impl Field<Vec<u8>> {
    fn size(&self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// A number that begins in the low bits of the next byte (RFC 7541 §5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let (&first, mut after) = rest.split_first()?;
    let mask = (1_usize << bits) - 1;
    let mut number = usize::from(first) & mask;
    if number == mask {
        let mut shift = 0;
        loop {
            let (&byte, left) = after.split_first()?;
            after = left;
            // Larger than anything that can follow.
            if shift > 21 {
                return None;
            }
            number += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = after;
    Some(number)
}

fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let packed = rest.first()? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    if packed {
        huffman::decode(bytes)
    } else {
        Some(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fields: &[Field<Vec<u8>>]) -> String {
        let lines = fields.iter().map(|field| {
            let (name, value) = (
                String::from_utf8_lossy(&field.name),
                String::from_utf8_lossy(&field.value),
            );
            format!("{name}={value}")
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_requests_of_rfc_7541_appendix_c_are_decoded() {
        let common = ":method=GET :scheme=http :path=/ :authority=www.example.com";
        for requests in [
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
        ] {
            let mut decoder = Decoder::new();
            let [first, second, third] = requests.map(|block| text(&decoder.decode(&hex::decode(block).unwrap())));
            assert_eq!(first, common);
            assert_eq!(second, format!("{common} cache-control=no-cache"));
            assert_eq!(
                third,
                ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value"
            );
            assert_eq!(decoder.size, 164);
        }
    }

    #[test]
    fn the_table_keeps_no_more_than_it_may() {
        let mut decoder = Decoder::new();
        let mut block = vec![0x40, 1, b'a', 0x7f, 0x81, 0x10];
        block.extend([b'x'; 2048 + 0x7f + 1]);
        for _ in 0..5 {
            decoder.decode(&block);
            assert!(decoder.size <= TABLE_SIZE);
        }
        // Size set to nothing.
        decoder.decode(&[0x20]);
        assert_eq!((decoder.size, decoder.dynamic.len()), (0, 0));
    }

    #[test]
    fn what_was_read_before_a_broken_field_is_kept() {
        assert_eq!(
            text(&Decoder::new().decode(&[0x82, 0x84, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
            ":method=GET :path=/"
        );
        assert_eq!(text(&Decoder::new().decode(&[0x82, 0x80])), ":method=GET");
        assert_eq!(text(&Decoder::new().decode(&[0x82, 0x40, 0x05, b'a'])), ":method=GET");
    }

    #[test]
    fn a_short_block_cannot_stand_for_much_more_than_allowed() {
        let mut block = vec![0x40, 1, b'a', 0x7f, 0x81, 0x10];
        block.extend([b'x'; 2048 + 0x7f + 1]);
        block.extend([0xbe; 4000]);
        let total: usize = Decoder::new().decode(&block).iter().map(Field::size).sum();
        assert!(total < MAX_DECODED + TABLE_SIZE);
    }
}
