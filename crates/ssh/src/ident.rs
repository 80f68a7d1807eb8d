//! The client's first line, judged as OpenSSH judges it.

/// A longer line is refused.
pub const MAX: usize = 8192;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// No line yet, and nothing wrong so far.
    More,
    /// A good line, without its end; `len` bytes with it.
    Version { line: Vec<u8>, len: usize },
    /// To be answered with the text and closed, after taking `len` bytes.
    Refused { answer: &'static str, len: usize },
}

const INVALID: &str = "Invalid SSH identification string.\r\n";
const MAJOR: &str = "Protocol major versions differ.\r\n";

/// Reads what has come in so far, from the first byte of the connection.
pub fn parse(bytes: &[u8]) -> Heard {
    let refused = |answer, len| Heard::Refused { answer, len };
    for (at, &byte) in bytes.iter().enumerate().take(MAX) {
        match byte {
            0 => return refused(INVALID, at + 1),
            b'\n' => return judge(&bytes[..at], at + 1),
            _ => {}
        }
    }
    if bytes.len() >= MAX {
        refused(INVALID, MAX)
    } else {
        Heard::More
    }
}

fn judge(line: &[u8], len: usize) -> Heard {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match protocol(&String::from_utf8_lossy(line)) {
        Some(2) => Heard::Version {
            line: line.to_vec(),
            len,
        },
        // A client of the time of both.
        Some(1) if line.starts_with(b"SSH-1.99-") => Heard::Version {
            line: line.to_vec(),
            len,
        },
        Some(_) => Heard::Refused { answer: MAJOR, len },
        None => Heard::Refused { answer: INVALID, len },
    }
}

/// The major version of `SSH-major.minor-software`.
fn protocol(line: &str) -> Option<u32> {
    let (versions, software) = line.strip_prefix("SSH-")?.split_once('-')?;
    let (major, minor) = versions.split_once('.')?;
    minor.parse::<u32>().ok()?;
    (!software.is_empty()).then(|| major.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &[u8]) -> Option<&'static str> {
        match parse(bytes) {
            Heard::Refused { answer, .. } => Some(answer),
            _ => None,
        }
    }

    #[test]
    fn a_client_of_protocol_two_is_let_on() {
        for line in [
            "SSH-2.0-x\n",
            "SSH-2.0-OpenSSH_9.0\r\n",
            "SSH-1.99-x\r\n",
            "SSH-2.1-a b\r\n",
        ] {
            let len = line.len();
            let heard = parse(line.as_bytes());
            let line = line.trim_end().as_bytes().to_vec();
            assert_eq!(heard, Heard::Version { line, len });
        }
        assert_eq!(parse(b"SSH-2.0-x"), Heard::More);
    }

    #[test]
    fn anything_else_gets_the_words_of_openssh() {
        for line in [
            "SSH-1337-OpenSSH_9.0\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "\r\n",
            "SSH-2.0\r\n",
            "SSH-2.0-\r\n",
        ] {
            assert_eq!(answer(line.as_bytes()), Some(INVALID), "{line:?}");
        }
        for line in ["SSH-1.5-x\r\n", "SSH-3.0-x\r\n"] {
            assert_eq!(answer(line.as_bytes()), Some(MAJOR), "{line:?}");
        }
        assert_eq!(answer(b"SSH-2.0-a\0b"), Some(INVALID));
        assert_eq!(answer(&[b'A'; MAX]), Some(INVALID));
    }

    #[test]
    fn no_more_is_taken_than_the_line() {
        assert_eq!(
            parse(b"GET / HTTP/1.0\r\n\r\n"),
            Heard::Refused {
                answer: INVALID,
                len: 16
            }
        );
    }
}
