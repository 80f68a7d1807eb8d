//! What a client says of itself in options. Pure.

use md5::{Digest, Md5};
use model::event::Fields;

use super::iac::Heard;
use crate::shell::recorder::text;

/// Negotiate about window size.
pub const NAWS: u8 = 31;
const TERMINAL_TYPE: u8 = 24;
const TERMINAL_SPEED: u8 = 32;
const ENVIRON: u8 = 36;
const NEW_ENVIRON: u8 = 39;
/// Negotiations that are kept, in order.
const MAX: usize = 64;
const MAX_TEXT: usize = 256;

#[derive(Default)]
pub struct Options {
    said: Vec<String>,
    terminal: Option<String>,
    speed: Option<String>,
    size: Option<(u16, u16)>,
    environ: Vec<(String, String)>,
}

// === impl Options ===

impl Options {
    pub fn note(&mut self, heard: &Heard) {
        match heard {
            Heard::Negotiation { verb, option } => {
                let verb = ["WILL", "WONT", "DO", "DONT"][usize::from(verb.saturating_sub(251).min(3))];
                self.say(format!("{verb} {option}"));
            }
            Heard::Sub { option, data } => {
                self.say(format!("SB {option}"));
                self.sub(*option, data);
            }
            Heard::Command(command) => self.say(format!("CMD {command}")),
            Heard::Data(_) => {}
        }
    }

    /// Columns and rows of the client's window.
    pub fn size(&self) -> Option<(u16, u16)> {
        self.size
    }

    /// The fields of a `telnet_opts` event; none when the client said nothing.
    pub fn fields(&self) -> Option<Fields> {
        if self.said.is_empty() {
            return None;
        }
        let mut fields = Fields::new();
        let mut put = |name: &str, value: serde_json::Value| fields.insert(name.to_owned(), value);
        let order = self.said.join(",");
        put("telnet_fp", hex::encode(Md5::digest(&order)).into());
        put("negotiation", order.into());
        if let Some(terminal) = &self.terminal {
            put("ttype", terminal.as_str().into());
        }
        if let Some(speed) = &self.speed {
            put("tspeed", speed.as_str().into());
        }
        if let Some((cols, rows)) = self.size {
            put("cols", cols.into());
            put("rows", rows.into());
        }
        if !self.environ.is_empty() {
            let pairs: Vec<String> = self
                .environ
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            put("environ", pairs.join("\n").into());
            // A user name that login would take for one of its options.
            let forced = self
                .environ
                .iter()
                .any(|(name, value)| name == "USER" && value.starts_with('-'));
            put("environ_attack", forced.into());
        }
        Some(fields)
    }

    fn say(&mut self, word: String) {
        if self.said.len() < MAX {
            self.said.push(word);
        }
    }

    fn sub(&mut self, option: u8, data: &[u8]) {
        match (option, data) {
            (NAWS, [a, b, c, d]) => {
                self.size = Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])));
            }
            (TERMINAL_TYPE, [0, name @ ..]) => self.terminal = Some(short(name)),
            (TERMINAL_SPEED, [0, speed @ ..]) => self.speed = Some(short(speed)),
            (ENVIRON | NEW_ENVIRON, [0 | 2, variables @ ..]) => self.environ = environ(variables),
            _ => {}
        }
    }
}

/// `VAR name VALUE value`, with escaped bytes (RFC 1572).
fn environ(bytes: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut in_value = false;
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            0 | 3 if pairs.len() < MAX => {
                pairs.push(Default::default());
                in_value = false;
            }
            1 => in_value = true,
            byte => {
                let byte = if byte == 2 {
                    bytes.next().copied().unwrap_or(2)
                } else {
                    byte
                };
                if let Some((name, value)) = pairs.last_mut() {
                    if in_value { value.push(byte) } else { name.push(byte) }
                }
            }
        }
    }
    pairs
        .into_iter()
        .map(|(name, value)| (short(&name), short(&value)))
        .collect()
}

fn short(bytes: &[u8]) -> String {
    text(&bytes[..bytes.len().min(MAX_TEXT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_told_is_in_the_event_in_its_order() {
        let mut options = Options::default();
        for heard in [
            Heard::Negotiation { verb: 251, option: 24 },
            Heard::Sub {
                option: NAWS,
                data: vec![0, 132, 0, 50],
            },
            Heard::Sub {
                option: TERMINAL_TYPE,
                data: b"\0xterm".to_vec(),
            },
            Heard::Negotiation { verb: 254, option: 1 },
        ] {
            options.note(&heard);
        }
        let fields = options.fields().unwrap();
        assert_eq!(fields["negotiation"], "WILL 24,SB 31,SB 24,DONT 1");
        assert_eq!(
            (&fields["ttype"], &fields["cols"], &fields["rows"]),
            (&"xterm".into(), &132.into(), &50.into())
        );
        assert_eq!(options.size(), Some((132, 50)));
    }

    #[test]
    fn a_user_name_meant_as_an_option_of_login_is_told() {
        let mut options = Options::default();
        options.note(&Heard::Sub {
            option: NEW_ENVIRON,
            data: b"\0\0USER\x01-f root".to_vec(),
        });
        let fields = options.fields().unwrap();
        assert_eq!(
            (&fields["environ"], &fields["environ_attack"]),
            (&"USER=-f root".into(), &true.into())
        );
    }

    #[test]
    fn a_client_that_says_nothing_makes_no_event() {
        assert!(Options::default().fields().is_none());
    }
}
