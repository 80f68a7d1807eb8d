//! Telnet commands between the bytes (RFC 854, RFC 855). Pure.

pub const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;
/// `WILL`, `WONT`, `DO`, `DONT`.
const VERBS: std::ops::RangeInclusive<u8> = 251..=254;
/// Bytes of a subnegotiation that are kept.
const MAX_SUB: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// What was typed; each end of line is one CR.
    Data(Vec<u8>),
    Negotiation {
        verb: u8,
        option: u8,
    },
    Sub {
        option: u8,
        data: Vec<u8>,
    },
    Command(u8),
}

#[derive(Default)]
pub struct Decoder {
    state: State,
    sub: Vec<u8>,
    after_cr: bool,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Data,
    Iac,
    Verb(u8),
    Sub,
    SubIac,
}

// === impl Decoder ===

impl Decoder {
    /// Takes bytes as they come, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for &byte in bytes {
            match self.step(byte) {
                Some(Heard::Data(data)) => match heard.last_mut() {
                    Some(Heard::Data(before)) => before.extend(data),
                    _ => heard.push(Heard::Data(data)),
                },
                other => heard.extend(other),
            }
        }
        heard
    }

    fn step(&mut self, byte: u8) -> Option<Heard> {
        match (self.state, byte) {
            (State::Data, IAC) => self.state = State::Iac,
            (State::Data, byte) => return self.data(byte),
            (State::Iac, IAC) => {
                self.state = State::Data;
                return self.data(IAC);
            }
            (State::Iac, SB) => {
                self.sub.clear();
                self.state = State::Sub;
            }
            (State::Iac, verb) if VERBS.contains(&verb) => self.state = State::Verb(verb),
            (State::Iac, command) => {
                self.state = State::Data;
                return Some(Heard::Command(command));
            }
            (State::Verb(verb), option) => {
                self.state = State::Data;
                return Some(Heard::Negotiation { verb, option });
            }
            (State::Sub, IAC) => self.state = State::SubIac,
            (State::Sub, byte) => self.keep(byte),
            (State::SubIac, SE) => {
                self.state = State::Data;
                let (&option, data) = self.sub.split_first()?;
                let data = data.to_vec();
                return Some(Heard::Sub { option, data });
            }
            (State::SubIac, byte) => {
                self.keep(byte);
                self.state = State::Sub;
            }
        }
        None
    }

    fn data(&mut self, byte: u8) -> Option<Heard> {
        let end_of_line = std::mem::replace(&mut self.after_cr, byte == b'\r');
        let swallowed = end_of_line && matches!(byte, b'\n' | 0);
        (!swallowed).then(|| Heard::Data(vec![byte]))
    }

    fn keep(&mut self, byte: u8) {
        if self.sub.len() < MAX_SUB {
            self.sub.push(byte);
        }
    }
}

/// What is shown, with the bytes doubled that would be read as commands.
pub fn escape(bytes: &[u8], into: &mut Vec<u8>) {
    for &byte in bytes {
        if byte == IAC {
            into.push(IAC);
        }
        into.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out_however_the_bytes_are_cut() {
        let bytes = b"a\xff\xfb\x18b\r\n\xff\xff\xff\xfa\x1f\x00\x50\xff\xff\x18\xff\xf0c\r\0d\xff\xf6";
        let expected = [
            Heard::Negotiation { verb: 251, option: 24 },
            Heard::Sub {
                option: 31,
                data: vec![0, 80, 255, 24],
            },
            Heard::Command(246),
        ];
        for cut in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let heard: Vec<Heard> = bytes.chunks(cut).flat_map(|chunk| decoder.push(chunk)).collect();
            let (data, rest): (Vec<_>, Vec<_>) = heard.into_iter().partition(|heard| matches!(heard, Heard::Data(_)));
            assert_eq!(rest, expected, "{cut}");
            let typed: Vec<u8> = data
                .into_iter()
                .flat_map(|heard| match heard {
                    Heard::Data(data) => data,
                    _ => Vec::new(),
                })
                .collect();
            assert_eq!(typed, b"ab\r\xffc\rd", "{cut}");
        }
    }

    #[test]
    fn no_subnegotiation_grows_without_end() {
        let mut decoder = Decoder::default();
        decoder.push(&[IAC, SB]);
        decoder.push(&[7; 100_000]);
        let heard = decoder.push(&[IAC, SE]);
        assert!(matches!(&heard[..], [Heard::Sub { option: 7, data }] if data.len() == MAX_SUB - 1));
    }

    #[test]
    fn what_is_shown_cannot_be_read_as_a_command() {
        let mut shown = Vec::new();
        escape(b"a\xffb", &mut shown);
        assert_eq!(shown, b"a\xff\xffb");
    }
}
