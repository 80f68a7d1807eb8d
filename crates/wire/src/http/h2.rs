//! How a client opens HTTP/2 (RFC 9113): its settings, and the header of its first request.

use std::fmt::Write as _;

use super::Field;
use super::hpack::Decoder;
use crate::Look;
use crate::read::Reader;

/// What every client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What came before the end of the first request's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preface {
    /// Id and value, of all SETTINGS frames, in order.
    pub settings: Vec<(u16, u32)>,
    /// Of the connection's first WINDOW_UPDATE.
    pub window_update: Option<u32>,
    /// PRIORITY frames, in order.
    pub priorities: Vec<Priority>,
    /// Of the first request, pseudo ones among them.
    pub fields: Vec<Field<Vec<u8>>>,
    /// Kinds of all frames, in order, as numbers.
    pub frames: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    pub stream: u32,
    pub exclusive: bool,
    pub depends_on: u32,
    /// 1 to 256.
    pub weight: u16,
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    body: &'a [u8],
}

/// A larger frame is refused by every server that was not asked to allow it (RFC 9113 §4.2).
const MAX_FRAME: usize = 16 << 10;
const MAX_FRAMES: usize = 64;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const WITH_PRIORITY: u8 = 0x20;

/// Looks for an opening of HTTP/2 at the start of a stream.
pub fn preface(stream: &[u8]) -> Look<Preface> {
    let start = stream.len().min(PREFACE.len());
    if stream[..start] != PREFACE[..start] {
        return Look::Other;
    }
    let mut reader = Reader(&stream[start..]);
    let mut preface = Preface::default();
    let mut block = None;
    for _ in 0..MAX_FRAMES {
        let frame = match Frame::read(&mut reader) {
            Look::Found(frame) => frame,
            Look::More => return Look::More,
            Look::Other => return Look::Other,
        };
        preface.frames.push(frame.kind);
        match (frame.kind, &mut block) {
            (HEADERS, None) => block = Some(frame.headers().unwrap_or_default().to_vec()),
            (CONTINUATION, Some(block)) => block.extend_from_slice(frame.body),
            (_, Some(_)) => return Look::Other,
            (_, None) => preface.take(&frame),
        }
        if let Some(block) = block.as_deref().filter(|_| frame.flags & END_HEADERS != 0) {
            preface.fields = Decoder::new().decode(block);
            return Look::Found(preface);
        }
    }
    Look::Other
}

// === impl Preface ===

impl Preface {
    fn take(&mut self, frame: &Frame<'_>) {
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                let mut reader = Reader(frame.body);
                let setting = || Some((reader.u16()?, reader.u32()?));
                self.settings.extend(std::iter::from_fn(setting));
            }
            WINDOW_UPDATE if frame.stream == 0 && self.window_update.is_none() => {
                self.window_update = Reader(frame.body).u32().map(|more| more & 0x7fff_ffff);
            }
            PRIORITY => self.priorities.extend(Priority::read(frame)),
            _ => {}
        }
    }

    /// Names of the first request's fields in order, pseudo ones left out.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.fields.iter().map(|field| field.name.as_slice());
        names.filter(|name| !name.starts_with(b":"))
    }

    /// The fingerprint in the form of Akamai's paper (Passive Fingerprinting of HTTP/2 Clients, 2017):
    /// `settings|window|priorities|pseudo names`, with `00` for no window update and `0` for no priorities.
    pub fn akamai(&self) -> String {
        let mut text = String::with_capacity(64);
        for (at, (id, value)) in self.settings.iter().enumerate() {
            let separator = if at == 0 { "" } else { ";" };
            let _ = write!(text, "{separator}{id}:{value}");
        }
        match self.window_update {
            Some(more) => {
                let _ = write!(text, "|{more}|");
            }
            None => text.push_str("|00|"),
        }
        for (at, one) in self.priorities.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            let (stream, exclusive) = (one.stream, u8::from(one.exclusive));
            let _ = write!(
                text,
                "{separator}{stream}:{exclusive}:{}:{}",
                one.depends_on, one.weight
            );
        }
        text.push_str(if self.priorities.is_empty() { "0|" } else { "|" });
        let pseudo = self.fields.iter().filter_map(|field| field.name.strip_prefix(b":"));
        for (at, letter) in pseudo.filter_map(|name| name.first()).enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push(char::from(*letter));
        }
        text
    }
}

// === impl Priority ===

impl Priority {
    fn read(frame: &Frame<'_>) -> Option<Self> {
        let mut reader = Reader(frame.body);
        let (depends_on, weight) = (reader.u32()?, reader.u8()?);
        Some(Self {
            stream: frame.stream,
            exclusive: depends_on >> 31 == 1,
            depends_on: depends_on & 0x7fff_ffff,
            weight: u16::from(weight) + 1,
        })
    }
}

// === impl Frame ===

impl<'a> Frame<'a> {
    fn read(reader: &mut Reader<'a>) -> Look<Self> {
        let mut ahead = *reader;
        let (Some(length), Some(kind), Some(flags), Some(stream)) = (ahead.u24(), ahead.u8(), ahead.u8(), ahead.u32())
        else {
            return Look::More;
        };
        if length > MAX_FRAME {
            return Look::Other;
        }
        let Some(body) = ahead.take(length) else {
            return Look::More;
        };
        *reader = ahead;
        Look::Found(Self {
            kind,
            flags,
            stream: stream & 0x7fff_ffff,
            body,
        })
    }

    /// What of a HEADERS frame is header block.
    fn headers(&self) -> Option<&'a [u8]> {
        let mut reader = Reader(self.body);
        let padding = if self.flags & PADDED != 0 { reader.u8()? } else { 0 };
        if self.flags & WITH_PRIORITY != 0 {
            reader.take(5)?;
        }
        reader.take(reader.0.len().checked_sub(padding.into())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
        let head = [0, 0, body.len() as u8, kind, flags, 0, 0, 0, stream];
        [&head, body].concat()
    }

    fn opening() -> Vec<u8> {
        let settings = [
            [0, 1, 0, 1, 0, 0],
            [0, 3, 0, 0, 3, 232],
            [0, 4, 0, 96, 0, 0],
            [0, 6, 0, 4, 0, 0],
        ];
        [
            PREFACE.to_vec(),
            frame(SETTINGS, 0, 0, settings.as_flattened()),
            frame(WINDOW_UPDATE, 0, 0, &15_663_105_u32.to_be_bytes()),
            frame(SETTINGS, ACK, 0, &[]),
            // :method GET, :authority x, in one frame and the rest in another, with padding and priority.
            frame(
                HEADERS,
                PADDED | WITH_PRIORITY,
                1,
                &[2, 0x80, 0, 0, 0, 255, 0x82, 0x41, 1, b'x', 9, 9],
            ),
            frame(CONTINUATION, END_HEADERS, 1, &[0x87, 0x84, 0x40, 1, b'a', 1, b'b']),
        ]
        .concat()
    }

    #[test]
    fn an_opening_is_written_in_the_form_of_the_paper() {
        let stream = opening();
        let found = preface(&stream).found().unwrap();
        assert_eq!(found.akamai(), "1:65536;3:1000;4:6291456;6:262144|15663105|0|m,a,s,p");
        assert!(found.names().eq([b"a"]));
        assert_eq!(found.frames, [SETTINGS, WINDOW_UPDATE, SETTINGS, HEADERS, CONTINUATION]);
        for cut in 0..stream.len() {
            assert_eq!(preface(&stream[..cut]), Look::More, "{cut}");
        }
    }

    #[test]
    fn priorities_are_named_one_by_one() {
        let stream = [
            PREFACE.to_vec(),
            frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 200]),
            frame(PRIORITY, 0, 5, &[0x80, 0, 0, 3, 0]),
            frame(HEADERS, END_HEADERS, 15, &[0x82]),
        ];
        let found = preface(&stream.concat()).found().unwrap();
        assert_eq!(found.akamai(), "|00|3:0:0:201,5:1:3:1|m");
    }

    #[test]
    fn what_is_no_opening_is_given_up() {
        let other = frame(SETTINGS, 0, 0, &[]);
        let interrupted = [PREFACE, &frame(HEADERS, 0, 1, &[0x82]), &other].concat();
        assert_eq!(preface(&interrupted), Look::Other);
        assert_eq!(preface(&[PREFACE, &[0xff; 9]].concat()), Look::Other);
        assert_eq!(preface(&[PREFACE, &other.repeat(MAX_FRAMES)].concat()), Look::Other);
        assert_eq!(preface(b"PRI * HTTP/1"), Look::Other);
    }
}
