//! The options area of a TCP header: order, padding and what is wrong with it.

use std::fmt;

/// What a TCP header's options say, and how they are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub kinds: Kinds,
    /// Of the first MSS option.
    pub mss: Option<u16>,
    /// Of the first window scale option, as sent: it may be more than the 14 that count.
    pub window_scale: Option<u8>,
    /// Own and echoed timestamp of the first timestamp option.
    pub timestamps: Option<(u32, u32)>,
    pub sack_permitted: bool,
    /// Bytes after the end-of-options mark.
    pub padding: u8,
    /// One of these bytes is not zero.
    pub padding_used: bool,
    /// A length that cannot be, or options that end in the middle.
    pub malformed: bool,
    /// The capture ends before the options do.
    pub cut: bool,
}

/// The kinds of a header's options in the order sent, up to and including the first end-of-options mark.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds {
    len: u8,
    kinds: [u8; MAX_OPTIONS],
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOption<'a> {
    pub kind: u8,
    /// Without kind and length.
    pub data: &'a [u8],
}

/// Walks over the options one by one; ends at the end-of-options mark or where it no longer makes sense.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    rest: &'a [u8],
    malformed: bool,
}

/// As many as fit, were each of one byte.
const MAX_OPTIONS: usize = 40;

const EOL: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

// === impl Options ===

impl Options {
    /// Reads the options area `bytes`, which on the wire was `said` bytes long.
    #[inline]
    pub(crate) fn read(bytes: &[u8], said: usize) -> Self {
        let mut options = Self {
            cut: bytes.len() < said,
            ..Self::default()
        };
        let mut walk = Walk {
            rest: bytes,
            malformed: false,
        };
        while let Some(option) = walk.next() {
            options.kinds.push(option.kind);
            if option.kind == EOL {
                options.padding = u8::try_from(walk.rest.len()).unwrap_or(u8::MAX);
                options.padding_used = walk.rest.iter().any(|&byte| byte != 0);
                break;
            }
            if walk.malformed {
                options.malformed |= !options.cut;
                break;
            }
            options.take(option);
        }
        options
    }

    fn take(&mut self, option: TcpOption<'_>) {
        match (option.kind, option.data) {
            (NOP, _) => {}
            (MSS, &[a, b]) => self.mss = self.mss.or(Some(u16::from_be_bytes([a, b]))),
            (WINDOW_SCALE, &[scale]) => self.window_scale = self.window_scale.or(Some(scale)),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (SACK, data) => self.malformed |= !matches!(data.len(), 8 | 16 | 24 | 32),
            (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                let both = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
                self.timestamps = self.timestamps.or(Some(both));
            }
            (MSS | WINDOW_SCALE | SACK_PERMITTED | TIMESTAMPS, _) => self.malformed = true,
            _ => {}
        }
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Over the options area of a header.
    pub const fn over(options: &'a [u8]) -> Self {
        Self {
            rest: options,
            malformed: false,
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = TcpOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, after) = self.rest.split_first()?;
        if matches!(kind, EOL | NOP) {
            self.rest = after;
            return Some(TcpOption { kind, data: &[] });
        }
        let data = after.first().and_then(|&len| self.rest.get(2..usize::from(len)));
        let Some(data) = data else {
            self.malformed = true;
            self.rest = &[];
            // The kind was sent, whatever became of the rest.
            return Some(TcpOption { kind, data: &[] });
        };
        self.rest = &self.rest[2 + data.len()..];
        Some(TcpOption { kind, data })
    }
}

// === impl Kinds ===

impl Default for Kinds {
    fn default() -> Self {
        Self {
            len: 0,
            kinds: [0; MAX_OPTIONS],
        }
    }
}

impl FromIterator<u8> for Kinds {
    /// Those past the 40 that fit a header are left out.
    fn from_iter<I: IntoIterator<Item = u8>>(iter: I) -> Self {
        let mut kinds = Self::default();
        for kind in iter.into_iter().take(MAX_OPTIONS) {
            kinds.push(kind);
        }
        kinds
    }
}

impl Kinds {
    #[inline]
    fn push(&mut self, kind: u8) {
        if let Some(slot) = self.kinds.get_mut(usize::from(self.len)) {
            *slot = kind;
            self.len += 1;
        }
    }

    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.kinds[..usize::from(self.len)]
    }

    /// The option letters of events, e.g. `M,S,T,N,W`.
    pub fn letters(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.join(f, ",", |kind, f| f.write_str(letter(kind))))
    }

    /// Decimal kinds, e.g. `2-4-8-1-3`.
    pub fn decimals(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.join(f, "-", |kind, f| write!(f, "{kind}")))
    }

    fn join(
        &self,
        f: &mut fmt::Formatter<'_>,
        between: &str,
        each: impl Fn(u8, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        for (at, &kind) in self.as_slice().iter().enumerate() {
            if at > 0 {
                f.write_str(between)?;
            }
            each(kind, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kinds({})", self.decimals())
    }
}

const fn letter(kind: u8) -> &'static str {
    match kind {
        EOL => "E",
        NOP => "N",
        MSS => "M",
        WINDOW_SCALE => "W",
        SACK_PERMITTED | SACK => "S",
        TIMESTAMPS => "T",
        14 | 15 => "A",
        28 => "U",
        _ => "?",
    }
}
