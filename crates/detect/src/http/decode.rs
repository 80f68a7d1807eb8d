//! Undoing the ways to write a byte as something else: percent, `%uXXXX`, overlong UTF-8, several times over.

/// Bytes, each with whether it was written as itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) escaped: Vec<bool>,
}

/// Times a target is decoded; what is wrapped deeper no server unwraps.
const ROUNDS: usize = 4;

/// Overlong forms of `.`, `/` and `\`.
const OVERLONG: [(&[u8], u8); 9] = [
    (&[0xc0, 0xae], b'.'),
    (&[0xc0, 0xaf], b'/'),
    (&[0xc1, 0x9c], b'\\'),
    (&[0xe0, 0x80, 0xae], b'.'),
    (&[0xe0, 0x80, 0xaf], b'/'),
    (&[0xe0, 0x81, 0x9c], b'\\'),
    (&[0xf0, 0x80, 0x80, 0xae], b'.'),
    (&[0xf0, 0x80, 0x80, 0xaf], b'/'),
    (&[0xf0, 0x80, 0x81, 0x9c], b'\\'),
];

// === impl Decoded ===

impl Decoded {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut decoded = Self {
            bytes: text.to_vec(),
            escaped: vec![false; text.len()],
        };
        for _ in 0..ROUNDS {
            if !decoded.bytes.iter().any(|&byte| byte == b'%' || byte >= 0xc0) {
                break;
            }
            let next = decoded.round();
            if next.bytes == decoded.bytes {
                break;
            }
            decoded = next;
        }
        decoded
    }

    fn round(&self) -> Self {
        let mut next = Self::default();
        let mut at = 0;
        while at < self.bytes.len() {
            at += self.step(at, &mut next);
        }
        next.shorten()
    }

    /// Decodes what stands at `at`; returns how many bytes that took.
    fn step(&self, at: usize, next: &mut Self) -> usize {
        match &self.bytes[at..] {
            [b'%', b'u' | b'U', a, b, c, d, ..] => {
                let code = [*a, *b, *c, *d]
                    .into_iter()
                    .try_fold(0u32, |sum, digit| Some(sum * 16 + hex(digit)?));
                if let Some(character) = code.and_then(char::from_u32) {
                    let mut buffer = [0; 4];
                    character
                        .encode_utf8(&mut buffer)
                        .bytes()
                        .for_each(|byte| next.push(byte, true));
                    return 6;
                }
            }
            [b'%', a, b, ..] => {
                if let (Some(a), Some(b)) = (hex(*a), hex(*b)) {
                    next.push((a * 16 + b) as u8, true);
                    return 3;
                }
            }
            _ => {}
        }
        next.push(self.bytes[at], self.escaped[at]);
        1
    }

    /// Replaces overlong forms by what they stand for.
    fn shorten(self) -> Self {
        if !self.bytes.iter().any(|&byte| byte >= 0xc0) {
            return self;
        }
        let mut short = Self::default();
        let mut at = 0;
        while at < self.bytes.len() {
            let found = OVERLONG.iter().find(|(form, _)| self.bytes[at..].starts_with(form));
            match found {
                Some((form, byte)) => {
                    short.push(*byte, true);
                    at += form.len();
                }
                None => {
                    short.push(self.bytes[at], self.escaped[at]);
                    at += 1;
                }
            }
        }
        short
    }

    fn push(&mut self, byte: u8, escaped: bool) {
        self.bytes.push(byte);
        self.escaped.push(escaped);
    }
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}
