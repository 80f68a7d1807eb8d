//! Messages: from DATA to the lone dot, and in the chunks of BDAT.

use serde_json::json;

use super::act::{Act, Message, World};
use super::address::Word;
use super::core::{Core, Done, Mode, refuse};
use super::envelope::{Envelope, MAX_SIZE};

/// The beginning of a line is looked at before so many bytes of it are there.
const MAX_HELD: usize = 4096;

/// A message as far as it came.
#[derive(Default)]
pub(super) struct Body {
    pub bytes: Vec<u8>,
    /// All there was, more than is kept of a message that is too large.
    pub size: u64,
    within_line: bool,
    /// The line before ended in `\r\n`.
    clean: bool,
    /// Ends of messages that other servers take for one, or not.
    pub odd_ends: Vec<String>,
}

/// A chunk that is being read.
pub(super) struct Chunk {
    left: u64,
    size: u64,
    last: bool,
    /// The answer when it is not wanted.
    refused: Option<String>,
    body: Body,
}

// === impl Body ===

impl Body {
    fn begun() -> Self {
        Self {
            clean: true,
            ..Self::default()
        }
    }

    /// Takes lines out of what came; true at the lone dot.
    pub(super) fn take(&mut self, pending: &mut Vec<u8>) -> bool {
        loop {
            let Some(end) = pending.iter().position(|&byte| byte == b'\n') else {
                // So long a line is no lone dot.
                if pending.len() > MAX_HELD {
                    let piece = std::mem::take(pending);
                    self.push_line(&piece);
                    self.within_line = true;
                }
                return false;
            };
            let line: Vec<u8> = pending.drain(..=end).collect();
            let whole = !std::mem::take(&mut self.within_line);
            let text = line.trim_ascii_end_of_line();
            if whole && text == b"." {
                if line != b".\r\n" || !self.clean {
                    let before = if self.clean { "\\r\\n" } else { "\\n" };
                    self.odd_ends.push(format!("{before}{}", line.escape_ascii()));
                }
                return true;
            }
            self.clean = line.ends_with(b"\r\n");
            if line.windows(3).any(|three| three == b"\r.\r") && self.odd_ends.len() < 8 {
                self.odd_ends.push("\\r.\\r".into());
            }
            if whole {
                self.push_line(&line);
            } else {
                self.push(&line);
            }
        }
    }

    /// A line's beginning: a dot before a dot was put there on the way.
    fn push_line(&mut self, line: &[u8]) {
        let stuffed = !self.within_line && line.starts_with(b".");
        self.push(if stuffed { &line[1..] } else { line });
    }

    fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.size <= MAX_SIZE {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// What a line is without its end.
trait EndOfLine {
    fn trim_ascii_end_of_line(&self) -> &[u8];
}

impl EndOfLine for Vec<u8> {
    fn trim_ascii_end_of_line(&self) -> &[u8] {
        let mut text = self.strip_suffix(b"\n").unwrap_or(self);
        while let Some(shorter) = text.strip_suffix(b"\r") {
            text = shorter;
        }
        text
    }
}

// === impl Chunk ===

impl Chunk {
    /// Takes what belongs to it; true once that is all.
    pub(super) fn take(&mut self, pending: &mut Vec<u8>) -> bool {
        let some = (pending.len() as u64).min(self.left) as usize;
        let bytes = pending.drain(..some);
        if self.refused.is_none() {
            self.body.push(bytes.as_slice());
        }
        drop(bytes);
        self.left -= some as u64;
        self.left == 0
    }
}

// === impl Core ===

impl Core {
    pub(super) fn data(&mut self, words: &[Word]) -> Done {
        match &self.envelope {
            None => refuse!(self, "503 5.5.1 Error: need RCPT command"),
            Some(envelope) if envelope.chunks.is_some() || self.discards => {
                refuse!(self, "503 5.5.1 Error: DATA after BDAT")
            }
            Some(envelope) if envelope.recipients.is_empty() => refuse!(self, "554 5.5.1 Error: no valid recipients"),
            Some(_) if words.len() > 1 => refuse!(self, "501 5.5.4 Syntax: DATA"),
            Some(_) => {}
        }
        self.say("354 End data with <CR><LF>.<CR><LF>");
        self.mode = Mode::Body(Body::begun());
        Ok(())
    }

    pub(super) fn bdat(&mut self, words: &[Word]) -> Done {
        let is_last = |word: &Word| word.text.eq_ignore_ascii_case("LAST");
        let (size, last) = match words {
            [_, size] => (size.text.parse::<i64>().ok(), false),
            [_, size, last] if is_last(last) => (size.text.parse::<i64>().ok(), true),
            _ => (None, false),
        };
        let Some(size) = size.and_then(|size| u64::try_from(size).ok()) else {
            self.say("521 5.5.4 Syntax: BDAT count [LAST]");
            self.close();
            return Err(());
        };
        self.tell("bdat", json!({"bytes": size, "last": last}));
        if size == 0 && !last {
            refuse!(self, "551 5.7.1 Null BDAT request");
        }
        let so_far = match &self.envelope {
            Some(envelope) => envelope.chunks.as_ref().map_or(0, |body| body.size),
            None => 0,
        };
        let discarded = format!("551 5.0.0 Discarded {size} bytes after earlier error");
        let refused = match &self.envelope {
            _ if self.discards => Some(&*discarded),
            None => Some("503 5.5.1 Error: need RCPT command"),
            Some(envelope) if envelope.recipients.is_empty() => Some("554 5.5.1 Error: no valid recipients"),
            Some(_) if so_far.saturating_add(size) > MAX_SIZE => Some("552 5.3.4 Chunk exceeds message size limit"),
            Some(_) => None,
        };
        let body = self.envelope.as_mut().and_then(|envelope| envelope.chunks.take());
        self.mode = Mode::Chunk(Chunk {
            left: size,
            size,
            last,
            refused: refused.map(str::to_owned),
            body: body.unwrap_or_else(Body::begun),
        });
        Ok(())
    }

    pub(super) fn chunk_ended(&mut self, world: &dyn World) {
        let Mode::Chunk(chunk) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return;
        };
        if let Some(refused) = chunk.refused {
            self.say(&refused);
            self.discards = !chunk.last;
            self.errors += 1;
        } else if chunk.last {
            let size = chunk.body.size;
            self.accept(chunk.body, &format!("250 2.0.0 Ok: {size} bytes queued as "), world);
        } else {
            if let Some(envelope) = &mut self.envelope {
                envelope.chunks = Some(chunk.body);
            }
            self.say(&format!("250 2.0.0 Ok: {} bytes", chunk.size));
        }
    }

    pub(super) fn body_ended(&mut self, world: &dyn World) {
        let Mode::Body(body) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return;
        };
        for end in &body.odd_ends {
            self.tell("smuggling_attempt", json!({"variant": end}));
        }
        if body.size > MAX_SIZE {
            self.envelope = None;
            self.say("552 5.3.4 Error: message file too big");
            self.errors += 1;
            return;
        }
        self.accept(body, "250 2.0.0 Ok: queued as ", world);
    }

    fn accept(&mut self, body: Body, text: &str, world: &dyn World) {
        let Some(Envelope { sender, recipients, .. }) = self.envelope.take() else {
            return;
        };
        let queue_id = world.queue_id();
        let list: Vec<&str> = recipients.iter().map(|recipient| &recipient.address[..]).collect();
        self.tell(
            "message_accepted",
            json!({"mail_from": sender, "rcpt_to": list.join(","), "body_bytes": body.size, "truncated": false, "msg_id": queue_id}),
        );
        let hello = self.hello.as_ref();
        let message = Message {
            queue_id: queue_id.clone(),
            sender,
            recipients,
            bytes: body.bytes,
            hello: hello.map(|hello| hello.name.clone()).unwrap_or_default(),
            protocol: match (
                hello.is_some_and(|hello| hello.extended),
                self.link.tls,
                self.user.is_some(),
            ) {
                (false, _, _) => "SMTP",
                (true, false, false) => "ESMTP",
                (true, true, false) => "ESMTPS",
                (true, false, true) => "ESMTPA",
                (true, true, true) => "ESMTPSA",
            },
            user: self.user.clone(),
        };
        self.acts.push(Act::Store(message));
        (self.errors, self.junk) = (0, 0);
        self.say(&format!("{text}{queue_id}"));
    }
}
