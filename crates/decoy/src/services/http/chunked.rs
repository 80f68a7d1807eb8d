//! Bodies in chunks (RFC 9112 §7.1), byte by byte, as strictly as each product takes them.

/// A line of trailer fields, or of chunk extensions, ends in one piece of memory no longer than this.
const MAX_SIZE_DIGITS: u8 = 16;
/// Spaces Apache forgives between a size and the end of its line.
const MAX_PADDING: u8 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::services) enum Manner {
    /// A line may end in LF alone; anything may follow a size after `;`, space or tab.
    Nginx,
    /// A line ends in CR LF.
    Apache,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::services) enum Fault {
    Malformed,
    TooLarge,
}

#[derive(Debug)]
pub(in crate::services) struct Chunked {
    manner: Manner,
    state: State,
    size: u64,
    digits: u8,
    padding: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Size,
    Padding,
    Extension,
    SizeLf,
    Data,
    DataEnd,
    DataLf,
    Trailer,
    TrailerField,
    TrailerFieldLf,
    TrailerLf,
    Done,
}

// === impl Chunked ===

impl Chunked {
    pub(in crate::services) fn new(manner: Manner) -> Self {
        Self {
            manner,
            state: State::Start,
            size: 0,
            digits: 0,
            padding: 0,
        }
    }

    pub(in crate::services) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes what belongs to the body from the front of `input`; comes to how much that was.
    pub(in crate::services) fn take(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Fault> {
        let mut at = 0;
        while at < input.len() && !self.is_done() {
            if self.state == State::Data && self.size > 0 {
                let some = (input.len() - at).min(usize::try_from(self.size).unwrap_or(usize::MAX));
                body.extend_from_slice(&input[at..at + some]);
                self.size -= some as u64;
                at += some;
            } else {
                self.step(input[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        use State::*;
        let strict = self.manner == Manner::Apache;
        if self.state == Data {
            self.state = DataEnd;
        }
        self.state = match (self.state, byte) {
            (Start, _) => return self.digit(byte),
            (Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => return self.digit(byte),
            (Size | Padding | Extension, b'\r') => SizeLf,
            (Size | Padding | Extension, b'\n') if !strict => self.after_size(),
            (Size | Padding, b';') => Extension,
            (Size | Padding, b' ' | b'\t') if strict && self.padding == MAX_PADDING => return Err(Fault::Malformed),
            (Size | Padding, b' ' | b'\t') if strict => {
                self.padding += 1;
                Padding
            }
            (Size, b' ' | b'\t') => Extension,
            (Extension, 0x7f | 0..0x20) if strict && byte != b'\t' => return Err(Fault::Malformed),
            (Extension, _) => Extension,
            (SizeLf, b'\n') => self.after_size(),
            (DataEnd, b'\r') => DataLf,
            (DataEnd, b'\n') if !strict => Start,
            (DataLf, b'\n') => Start,
            (Trailer, b'\r') => TrailerLf,
            (Trailer, b'\n') if !strict => Done,
            (Trailer, _) => TrailerField,
            (TrailerField, b'\r') => TrailerFieldLf,
            (TrailerField, b'\n') if !strict => Trailer,
            (TrailerField, _) => TrailerField,
            (TrailerFieldLf, b'\n') => Trailer,
            (TrailerLf, b'\n') => Done,
            _ => return Err(Fault::Malformed),
        };
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<(), Fault> {
        let digit = (byte as char).to_digit(16).ok_or(Fault::Malformed)?;
        if self.state == State::Start {
            (self.size, self.digits, self.padding) = (0, 0, 0);
        }
        if self.size > 0 || digit > 0 {
            self.digits += 1;
        }
        let fits = self.digits <= MAX_SIZE_DIGITS && self.size <= i64::MAX as u64 / 16;
        self.size = self.size.wrapping_mul(16).wrapping_add(u64::from(digit));
        self.state = State::Size;
        if fits { Ok(()) } else { Err(Fault::TooLarge) }
    }

    fn after_size(&self) -> State {
        if self.size == 0 { State::Trailer } else { State::Data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_wherever_they_are_cut() {
        let wire = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\nGET";
        for manner in [Manner::Nginx, Manner::Apache] {
            let (mut chunked, mut body, mut taken) = (Chunked::new(manner), Vec::new(), 0);
            for byte in wire {
                taken += chunked.take(&[*byte], &mut body).unwrap();
            }
            assert_eq!((body.as_slice(), taken), (&b"hello world"[..], wire.len() - 3));
            assert!(chunked.is_done());
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused_as_the_product_refuses_it() {
        let fault = |manner, wire: &[u8]| Chunked::new(manner).take(wire, &mut Vec::new()).unwrap_err();
        assert_eq!(fault(Manner::Apache, b"zz\r\n"), Fault::Malformed);
        assert_eq!(fault(Manner::Apache, b"5\nhello"), Fault::Malformed);
        assert_eq!(fault(Manner::Apache, b"ffffffffffffffffff\r\n"), Fault::TooLarge);
        assert_eq!(fault(Manner::Nginx, b"3\r\nhello"), Fault::Malformed);
        assert!(
            Chunked::new(Manner::Nginx)
                .take(b"5\nhello\n0\n\n", &mut Vec::new())
                .is_ok()
        );
    }
}
