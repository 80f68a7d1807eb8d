//! What a peer that came in wants: channels, and what goes over them (RFC 4254).

use super::channel::{Channel, PACKET, Stage};
use super::{OUTPUT, Server, whole};
use crate::code::{Put, Reader};
use crate::event::{Event, Exit, Opening, Refusal, Stream};
use crate::message as msg;
use crate::packet::{Fault, Packet};
use crate::random::Random;

/// Channels at a time, whatever the caller allows.
const MAX_CHANNELS: usize = 256;
/// The only other stream there is.
const STDERR: u32 = 1;
const PROHIBITED: u32 = 1;
const CONNECT_FAILED: u32 = 2;

// === impl Server ===

impl<R: Random> Server<R> {
    /// Answers [`Event::Opening`].
    pub fn open(&mut self, channel: u32, granted: Result<(), Refusal>) {
        let Some(slot) = self.channels.get_mut(channel as usize) else {
            return;
        };
        let Some(wanted) = slot.as_mut().filter(|wanted| wanted.stage == Stage::Wanted) else {
            return;
        };
        let mut answer;
        match granted {
            Ok(()) => {
                answer = vec![msg::CHANNEL_OPEN_CONFIRMATION];
                answer.put_number(wanted.peer);
                answer.put_number(channel);
                answer.put_number(wanted.confirm());
                answer.put_number(PACKET);
            }
            Err(refusal) => {
                answer = not_opened(wanted.peer, refusal);
                *slot = None;
            }
        }
        self.tell(answer);
    }

    /// Bytes a channel takes now.
    pub fn room(&self, channel: u32) -> usize {
        match self.channel(channel) {
            Some(open) if open.stage == Stage::Open && !self.is_renewing() => {
                let room = OUTPUT.saturating_sub(self.outbound.bytes.len());
                room.min(open.outgoing as usize)
            }
            _ => 0,
        }
    }

    /// Sends bytes of a program: as many as there is room for, which is told.
    pub fn send(&mut self, channel: u32, stream: Stream, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let room = self.room(channel);
            let Some(open) = self.channel_mut(channel) else { break };
            let most = room.min(open.largest as usize).min(PACKET as usize);
            let piece = &bytes[sent..][..most.min(bytes.len() - sent)];
            if piece.is_empty() {
                break;
            }
            open.outgoing -= piece.len() as u32;
            let mut message = Vec::with_capacity(piece.len() + 16);
            message.push(match stream {
                Stream::Out => msg::CHANNEL_DATA,
                Stream::Err => msg::CHANNEL_EXTENDED_DATA,
            });
            message.put_number(open.peer);
            if stream == Stream::Err {
                message.put_number(STDERR);
            }
            message.put_string(piece);
            sent += piece.len();
            self.tell(message);
            if let Err(fault) = self.renew_when_due() {
                self.fail(fault);
            }
        }
        sent
    }

    /// The caller has done with bytes of [`Event::Data`].
    pub fn consumed(&mut self, channel: u32, bytes: usize) {
        let Some(open) = self.channel_mut(channel) else { return };
        if let Some(more) = open.consume(bytes) {
            let message = grown(open.peer, more);
            self.tell(message);
        }
    }

    /// Says how a program ended, if one did, and leaves the channel.
    pub fn finish(&mut self, channel: u32, exit: Option<Exit>) {
        let eow = self.peer_is_openssh();
        let Some(open) = self.channel_mut(channel) else { return };
        if !matches!(open.stage, Stage::Idle | Stage::Open) {
            return;
        }
        open.stage = Stage::Left;
        let (peer, session, ended) = (open.peer, open.session, open.ended);
        self.tell(simple(msg::CHANNEL_EOF, peer));
        if let Some(exit) = exit {
            self.tell(exit_message(peer, &exit));
        }
        if eow && session && !ended {
            let mut message = vec![msg::CHANNEL_REQUEST];
            message.put_number(peer);
            message.put_string(b"eow@openssh.com");
            message.push(0);
            self.tell(message);
        }
        self.tell(simple(msg::CHANNEL_CLOSE, peer));
    }

    pub(super) fn hear_connection(&mut self, packet: &Packet) -> Result<(), Fault> {
        let mut reader = Reader(&packet.payload[1..]);
        match packet.payload[0] {
            msg::GLOBAL_REQUEST => self.hear_global_request(reader),
            msg::CHANNEL_OPEN => self.hear_wish(reader),
            msg::CHANNEL_REQUEST => self.hear_channel_request(reader),
            msg::CHANNEL_DATA => self.hear_data(reader, "data"),
            msg::CHANNEL_EXTENDED_DATA => {
                let channel = whole(reader.number())?;
                whole(reader.number())?;
                let bytes = whole(reader.string())?;
                let open = self.named(channel, "extended data")?;
                // Nobody reads a second stream of a peer.
                open.take(bytes.len());
                self.consumed(channel, bytes.len());
                Ok(())
            }
            msg::CHANNEL_WINDOW_ADJUST => {
                let channel = whole(reader.number())?;
                let more = whole(reader.number())?;
                if let Some(open) = self.channel_mut(channel) {
                    open.outgoing = whole(open.outgoing.checked_add(more))?;
                }
                Ok(())
            }
            msg::CHANNEL_EOF => {
                let channel = whole(reader.number())?;
                self.named(channel, "ieof")?.ended = true;
                self.events.push_back(Event::Ended { channel });
                Ok(())
            }
            msg::CHANNEL_CLOSE => self.hear_close(reader),
            // Answers to what we did not ask to be answered.
            msg::REQUEST_SUCCESS | msg::REQUEST_FAILURE | msg::CHANNEL_SUCCESS | msg::CHANNEL_FAILURE => Ok(()),
            _ => self.unexpected(packet),
        }
    }

    fn hear_wish(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let kind = whole(reader.text())?;
        let peer = whole(reader.number())?;
        let window = whole(reader.number())?;
        let largest = whole(reader.number())?;
        if kind == "session" && self.no_more_sessions {
            let text = "Possible attack: attempt to open a session after additional sessions disabled";
            return Err(Fault::Said(text.to_owned()));
        }
        let opening = whole(opening(&kind, reader))?;
        let free = self.channels.iter().position(Option::is_none);
        let at = free.unwrap_or(self.channels.len());
        let (Some(opening), true) = (opening, at < MAX_CHANNELS) else {
            return self.say(not_opened(peer, Refusal::Failed));
        };
        if at == self.channels.len() {
            self.channels.push(None);
        }
        let session = opening == Opening::Session;
        self.channels[at] = Some(Channel::new(peer, session, window, largest));
        let channel = at as u32;
        self.events.push_back(Event::Opening { channel, opening });
        Ok(())
    }

    fn hear_data(&mut self, mut reader: Reader<'_>, what: &str) -> Result<(), Fault> {
        let channel = whole(reader.number())?;
        let bytes = whole(reader.string())?;
        whole(reader.end())?;
        let open = self.named(channel, what)?;
        // Without a program nobody counts them.
        if open.stage != Stage::Open {
            return Ok(());
        }
        if open.take(bytes.len()) && !open.ended {
            let bytes = bytes.to_vec();
            self.events.push_back(Event::Data { channel, bytes });
        }
        // What was done with before may be due by now.
        self.consumed(channel, 0);
        Ok(())
    }

    fn hear_close(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let channel = whole(reader.number())?;
        whole(reader.end())?;
        let open = self.named(channel, "oclose")?;
        let (peer, left) = (open.peer, open.stage == Stage::Left);
        if !left {
            self.say(simple(msg::CHANNEL_CLOSE, peer))?;
        }
        self.channels[channel as usize] = None;
        self.events.push_back(Event::Closed { channel });
        Ok(())
    }

    pub(super) fn channel(&self, channel: u32) -> Option<&Channel> {
        self.channels.get(channel as usize)?.as_ref()
    }

    pub(super) fn channel_mut(&mut self, channel: u32) -> Option<&mut Channel> {
        self.channels.get_mut(channel as usize)?.as_mut()
    }

    /// A channel a peer names: there must be one.
    fn named(&mut self, channel: u32, what: &str) -> Result<&mut Channel, Fault> {
        let unknown = || Fault::Said(format!("{what} packet referred to nonexistent channel {channel}"));
        self.channel_mut(channel).ok_or_else(unknown)
    }

    /// Sends what the caller wanted sent.
    pub(super) fn tell(&mut self, message: Vec<u8>) {
        if let Err(fault) = self.say(message) {
            self.fail(fault);
        }
    }

    fn peer_is_openssh(&self) -> bool {
        let software = self.line.splitn(3, |byte| *byte == b'-').nth(2);
        software.is_some_and(|software| software.starts_with(b"OpenSSH"))
    }
}

/// What a channel is wanted for: the outer is none when the message is broken, the inner when nobody does that.
fn opening(kind: &str, mut reader: Reader<'_>) -> Option<Option<Opening>> {
    let opening = match kind {
        "session" => Opening::Session,
        "direct-tcpip" => Opening::DirectTcp {
            host: reader.text()?,
            port: reader.number()?,
            from: reader.text()?,
            from_port: reader.number()?,
        },
        "direct-streamlocal@openssh.com" => {
            let path = reader.text()?;
            reader.string()?;
            reader.number()?;
            Opening::DirectUnix { path }
        }
        "x11" => Opening::X11 {
            from: reader.text()?,
            from_port: reader.number()?,
        },
        _ => return Some(None),
    };
    reader.end()?;
    Some(Some(opening))
}

fn not_opened(peer: u32, refusal: Refusal) -> Vec<u8> {
    let (reason, text) = match refusal {
        Refusal::Prohibited => (PROHIBITED, "open failed"),
        Refusal::ConnectFailed => (CONNECT_FAILED, "Connection refused"),
        Refusal::Failed => (CONNECT_FAILED, "open failed"),
    };
    let mut answer = vec![msg::CHANNEL_OPEN_FAILURE];
    answer.put_number(peer);
    answer.put_number(reason);
    answer.put_string(text.as_bytes());
    answer.put_string(b"");
    answer
}

fn exit_message(peer: u32, exit: &Exit) -> Vec<u8> {
    let mut message = vec![msg::CHANNEL_REQUEST];
    message.put_number(peer);
    match exit {
        Exit::Status(status) => {
            message.put_string(b"exit-status");
            message.push(0);
            message.put_number(*status);
        }
        Exit::Signal { name, core_dumped } => {
            message.put_string(b"exit-signal");
            message.push(0);
            message.put_string(name.as_bytes());
            message.push(u8::from(*core_dumped));
            message.put_string(b"");
            message.put_string(b"");
        }
    }
    message
}

pub(super) fn grown(peer: u32, more: u32) -> Vec<u8> {
    let mut message = simple(msg::CHANNEL_WINDOW_ADJUST, peer);
    message.put_number(more);
    message
}

pub(super) fn simple(kind: u8, peer: u32) -> Vec<u8> {
    let mut message = vec![kind];
    message.put_number(peer);
    message
}
