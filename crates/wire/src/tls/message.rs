//! Handshake messages out of records: several in one, or one over several.

use std::borrow::Cow;

use crate::read::Reader;

const HANDSHAKE: u8 = 22;
/// Plain text of a record, and what a cipher may add (RFC 5246 §6.2.3).
const MAX_RECORD: u16 = (1 << 14) + 2048;

/// Walks the messages at the start of one direction of a TLS connection.
#[derive(Clone, Debug)]
pub struct Handshakes<'a> {
    stream: Reader<'a>,
    /// What is left of the record that is being read.
    record: Reader<'a>,
    version: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub kind: u8,
    /// Without its head of four bytes. Borrowed where one record holds it all.
    pub body: Cow<'a, [u8]>,
    /// Version of the first record it was in; 0x0002 for a hello in the form of SSL 2.
    pub record_version: u16,
    /// Over how many records it was spread.
    pub records: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    Message(Message<'a>),
    /// The next one is not whole yet.
    More,
    /// What follows is no handshake in the clear.
    End,
}

/// Why there is no further byte.
enum Stop {
    More,
    End,
}

// === impl Handshakes ===

impl<'a> Handshakes<'a> {
    pub fn new(stream: &'a [u8]) -> Self {
        Self {
            stream: Reader(stream),
            record: Reader(&[]),
            version: 0,
        }
    }

    #[allow(clippy::should_implement_trait, reason = "three outcomes, not two")]
    pub fn next(&mut self) -> Next<'a> {
        // Of a message that is not whole nothing is taken, so that asking again is safe.
        let mut ahead = self.clone();
        match ahead.message() {
            Ok(message) => {
                *self = ahead;
                Next::Message(message)
            }
            Err(Stop::More) => Next::More,
            Err(Stop::End) => Next::End,
        }
    }

    fn message(&mut self) -> Result<Message<'a>, Stop> {
        let mut records = 1;
        self.fill()?;
        let record_version = self.version;
        let mut whole = self.record;
        if let (Some(kind), Some(length)) = (whole.u8(), whole.u24())
            && let Some(body) = whole.take(length)
        {
            self.record = whole;
            return Ok(Message {
                kind,
                body: Cow::Borrowed(body),
                record_version,
                records,
            });
        }
        let head = self.gather(4, &mut records)?;
        let length = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        let body = self.gather(length, &mut records)?;
        Ok(Message {
            kind: head[0],
            body: Cow::Owned(body),
            record_version,
            records,
        })
    }

    /// So many bytes, out of as many records as it takes.
    fn gather(&mut self, wanted: usize, records: &mut u16) -> Result<Vec<u8>, Stop> {
        let mut gathered = Vec::new();
        while gathered.len() < wanted {
            if self.record.is_empty() {
                self.fill()?;
                *records = records.saturating_add(1);
            }
            let part = self.record.0.len().min(wanted - gathered.len());
            gathered.extend_from_slice(self.record.take(part).unwrap_or_default());
        }
        Ok(gathered)
    }

    /// Goes to the next record if this one is read out. Of a cut record what is there counts.
    fn fill(&mut self) -> Result<(), Stop> {
        if !self.record.is_empty() {
            return Ok(());
        }
        let mut ahead = self.stream;
        match ahead.u8() {
            None => return Err(Stop::More),
            Some(HANDSHAKE) => {}
            Some(_) => return Err(Stop::End),
        }
        let version = ahead.u16().ok_or(Stop::More)?;
        let length = ahead.u16().ok_or(Stop::More)?;
        if version >> 8 != 3 || length == 0 || length > MAX_RECORD {
            return Err(Stop::End);
        }
        let there = usize::from(length).min(ahead.0.len());
        self.record = Reader(ahead.take(there).unwrap_or_default());
        if self.record.is_empty() {
            return Err(Stop::More);
        }
        self.stream = ahead;
        self.version = version;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(messages: &[u8], size: usize) -> Vec<u8> {
        messages
            .chunks(size)
            .flat_map(|part| [&[22, 3, 1, 0, part.len() as u8], part].concat())
            .collect()
    }

    #[test]
    fn messages_are_read_however_they_lie_in_records() {
        let messages = [2, 0, 0, 3, 7, 8, 9, 11, 0, 0, 1, 5, 14, 0, 0, 0];
        for size in 1..=messages.len() {
            let stream = records(&messages, size);
            let mut walk = Handshakes::new(&stream);
            let mut found = Vec::new();
            while let Next::Message(message) = walk.next() {
                assert_eq!(message.record_version, 0x0301);
                found.push((message.kind, message.body.into_owned()));
            }
            assert_eq!(found, [(2, vec![7, 8, 9]), (11, vec![5]), (14, vec![])], "{size}");
            assert_eq!(walk.next(), Next::More);
        }
    }

    #[test]
    fn one_message_over_three_records_says_so() {
        let stream = records(&[1, 0, 0, 4, 1, 2, 3, 4], 3);
        let Next::Message(message) = Handshakes::new(&stream).next() else {
            panic!("no message");
        };
        assert_eq!((message.records, &message.body[..]), (3, &[1, 2, 3, 4][..]));
    }

    #[test]
    fn what_is_no_handshake_ends_the_walk() {
        for stream in [
            &[20, 3, 3, 0, 1, 1][..],
            &[22, 2, 0, 0, 1, 1],
            &[22, 3, 3, 0, 0],
            &[22, 3, 3, 0xff, 0],
        ] {
            assert_eq!(Handshakes::new(stream).next(), Next::End, "{stream:?}");
        }
        assert_eq!(Handshakes::new(&[22, 3, 3, 0, 9]).next(), Next::More);
    }
}
