//! How SSH writes values (RFC 4251 §5).

/// Reads values off the front; `None` when they are not there.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

/// Appends values.
pub trait Put {
    fn put_number(&mut self, number: u32);
    fn put_string(&mut self, bytes: &[u8]);
    /// A number that is not negative, big-endian.
    fn put_mpint(&mut self, bytes: &[u8]);
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub fn boolean(&mut self) -> Option<bool> {
        self.byte().map(|byte| byte != 0)
    }

    pub fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A string, with what is not UTF-8 replaced.
    pub fn text(&mut self) -> Option<String> {
        self.string().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A number that is not negative, without leading zeros.
    pub fn mpint(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return None;
        }
        Some(without_zeros(bytes))
    }

    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

// === impl Put ===

impl Put for Vec<u8> {
    fn put_number(&mut self, number: u32) {
        self.extend(number.to_be_bytes());
    }

    fn put_string(&mut self, bytes: &[u8]) {
        self.put_number(bytes.len() as u32);
        self.extend(bytes);
    }

    fn put_mpint(&mut self, bytes: &[u8]) {
        let bytes = without_zeros(bytes);
        let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
        self.put_number((bytes.len() + usize::from(sign)) as u32);
        if sign {
            self.push(0);
        }
        self.extend(bytes);
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_standard_shows() {
        let mpint = |bytes: &[u8]| {
            let mut out = Vec::new();
            out.put_mpint(bytes);
            out
        };
        assert_eq!(mpint(&[]), [0, 0, 0, 0]);
        assert_eq!(
            mpint(&[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7]),
            *b"\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"
        );
        assert_eq!(mpint(&[0, 0x80]), [0, 0, 0, 2, 0, 0x80]);
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        assert_eq!(Reader(b"\0\0\0\x05abcd").string(), None);
        assert_eq!(Reader(b"\xff\xff\xff\xffabcd").string(), None);
        assert_eq!(Reader(b"\0\0\0\x01\x80").mpint(), None);
        let mut reader = Reader(b"\0\0\0\x02\0\x80\x01");
        assert_eq!(reader.mpint(), Some([0x80].as_slice()));
        assert_eq!((reader.boolean(), reader.end()), (Some(true), Some(())));
    }
}
