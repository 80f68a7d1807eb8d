//! `.message` files: what a directory says to who enters it (`dirmessage_enable`).

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::files::Disk;
use super::reply::Reply;

/// Bytes of a message that are said.
const MAX_MESSAGE: u64 = 16 << 10;
/// Directories remembered as entered; those after them say nothing.
const MAX_ENTERED: usize = 1_000;

/// Directories a session has been in.
#[derive(Default)]
pub(super) struct Entered(BTreeSet<Vec<u8>>);

// === impl Entered ===

impl Entered {
    /// Whether that is the first time.
    pub(super) fn note(&mut self, directory: Vec<u8>) -> bool {
        self.0.len() < MAX_ENTERED && self.0.insert(directory)
    }
}

/// The message of the directory one is in, empty when it has none.
pub(super) fn read(disk: &mut Disk) -> io::Result<Vec<u8>> {
    let Ok((file, _)) = disk.read(b".message") else {
        return Ok(Vec::new());
    };
    let mut text = Vec::new();
    file.take(MAX_MESSAGE).read_to_end(&mut text)?;
    Ok(text)
}

/// The lines that come before the reply `code`.
pub(super) fn lines(code: u16, text: &[u8]) -> Reply {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Reply(Vec::new());
    }
    let lines = text.split(|&b| b == b'\n').flat_map(|line| {
        let mut said = Reply::from_bytes(code, line).0;
        said[3] = b'-';
        said
    });
    Reply(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_line_by_line_before_the_reply() {
        assert_eq!(lines(250, b"one\ntwo").0, b"250-one\r\n250-two\r\n");
        assert_eq!(lines(230, b"one\n").0, b"230-one\r\n");
        assert!(lines(250, b"").0.is_empty());
    }

    #[test]
    fn a_directory_speaks_once() {
        let mut entered = Entered::default();
        assert!(entered.note(b"/a".to_vec()));
        assert!(!entered.note(b"/a".to_vec()));
    }
}
