//! Requests of a peer: of the whole connection, and of one channel.

use super::channel::Stage;
use super::connection::{grown, simple};
use super::{Awaiting, Server, whole};
use crate::code::{Put, Reader};
use crate::event::{Event, Request, Terminal};
use crate::message as msg;
use crate::packet::Fault;
use crate::random::Random;

const SHOW: &[u8] = b"hostkeys-00@openssh.com";
const PROVE: &str = "hostkeys-prove-00@openssh.com";

// === impl Server ===

impl<R: Random> Server<R> {
    /// Answers [`Event::Requested`] and [`Event::Forward`].
    pub fn answer(&mut self, granted: bool) {
        match self.awaiting.take() {
            Some(Awaiting::Answer {
                channel,
                starts,
                wanted,
            }) => {
                let Some(open) = self.channel_mut(channel) else { return };
                let peer = open.peer;
                if granted && starts && open.stage == Stage::Idle {
                    let more = open.start();
                    self.tell(grown(peer, more));
                }
                if wanted {
                    self.tell(simple(
                        if granted {
                            msg::CHANNEL_SUCCESS
                        } else {
                            msg::CHANNEL_FAILURE
                        },
                        peer,
                    ));
                }
            }
            Some(Awaiting::Forward { wanted }) => {
                if wanted {
                    self.tell(vec![if granted {
                        msg::REQUEST_SUCCESS
                    } else {
                        msg::REQUEST_FAILURE
                    }]);
                }
            }
            other => self.awaiting = other,
        }
    }

    /// Tells a peer all our keys, so that it may learn new ones.
    pub(super) fn show_keys(&mut self) -> Result<(), Fault> {
        let mut message = vec![msg::GLOBAL_REQUEST];
        message.put_string(SHOW);
        message.push(0);
        for key in &self.profile.keys {
            message.put_string(&key.blob);
        }
        self.say(message)
    }

    pub(super) fn hear_global_request(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let name = whole(reader.text())?;
        let wanted = whole(reader.boolean())?;
        let answer = match name.as_str() {
            "tcpip-forward" => {
                let host = whole(reader.text())?;
                let port = whole(reader.number())?;
                self.awaiting = Some(Awaiting::Forward { wanted });
                self.events.push_back(Event::Forward { host, port });
                return Ok(());
            }
            "no-more-sessions@openssh.com" => {
                self.no_more_sessions = true;
                Some(Vec::new())
            }
            PROVE => self.prove(reader),
            _ => None,
        };
        if !wanted {
            return Ok(());
        }
        let kind = if answer.is_some() {
            msg::REQUEST_SUCCESS
        } else {
            msg::REQUEST_FAILURE
        };
        let mut message = vec![kind];
        message.extend(answer.unwrap_or_default());
        self.say(message)
    }

    /// Signs with each of our keys a peer names.
    fn prove(&self, mut reader: Reader<'_>) -> Option<Vec<u8>> {
        let modern = self.peer_signatures.split(|byte| *byte == b',');
        let sha512 = modern.into_iter().any(|name| name == b"rsa-sha2-512");
        let mut proofs = Vec::new();
        // A peer names each once; more would be work for nothing.
        for _ in 0..self.profile.keys.len() {
            if reader.end().is_some() {
                break;
            }
            let blob = reader.string()?;
            let key = self.profile.keys.iter().find(|key| key.blob == blob)?;
            let algorithm = match key.is_rsa() {
                true if sha512 => "rsa-sha2-512",
                true => "rsa-sha2-256",
                false => key.name(),
            };
            let mut text = Vec::new();
            text.put_string(PROVE.as_bytes());
            text.put_string(self.session.as_deref()?);
            text.put_string(blob);
            proofs.put_string(&key.sign(algorithm, &text)?);
        }
        reader.end()?;
        Some(proofs)
    }

    pub(super) fn hear_channel_request(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let channel = whole(reader.number())?;
        let name = whole(reader.text())?;
        let wanted = whole(reader.boolean())?;
        let Some(open) = self.channel(channel) else {
            let text = format!("server_input_channel_req: unknown channel {channel}");
            return Err(Fault::Said(text));
        };
        let (peer, stage, session) = (open.peer, open.stage, open.session);
        let heeded = session
            && match stage {
                Stage::Idle => true,
                Stage::Open => matches!(name.as_str(), "window-change" | "signal"),
                Stage::Wanted | Stage::Left => false,
            };
        if let Some(request) = whole(request(&name, reader))?.filter(|_| heeded) {
            let starts = matches!(request, Request::Shell | Request::Exec(_) | Request::Subsystem(_));
            self.awaiting = Some(Awaiting::Answer {
                channel,
                starts,
                wanted,
            });
            self.events.push_back(Event::Requested { channel, request });
            return Ok(());
        }
        match wanted && stage != Stage::Left {
            true => self.say(simple(msg::CHANNEL_FAILURE, peer)),
            false => Ok(()),
        }
    }
}

/// The outer is none when the message is broken, the inner when nobody does that.
fn request(name: &str, mut reader: Reader<'_>) -> Option<Option<Request>> {
    Some(Some(match name {
        "pty-req" => {
            let term = reader.text()?;
            let (cols, rows) = (reader.number()?, reader.number()?);
            let (_, _) = (reader.number()?, reader.number()?);
            let modes = modes(Reader(reader.string()?));
            Request::Terminal(Terminal {
                term,
                cols,
                rows,
                modes,
            })
        }
        "env" => Request::Variable {
            name: reader.text()?,
            value: reader.text()?,
        },
        "shell" => Request::Shell,
        "exec" => Request::Exec(reader.string()?.to_vec()),
        "subsystem" => Request::Subsystem(reader.text()?),
        "window-change" => Request::Resize {
            cols: reader.number()?,
            rows: reader.number()?,
        },
        "signal" => Request::Signal(reader.text()?),
        "auth-agent-req@openssh.com" => Request::Agent,
        "x11-req" => Request::X11,
        _ => return Some(None),
    }))
}

/// Opcodes of 1 to 159 have one value each; zero is the end, and so is what is unknown.
fn modes(mut reader: Reader<'_>) -> Vec<(u8, u32)> {
    let mut modes = Vec::new();
    while let Some(opcode @ 1..=159) = reader.byte() {
        let Some(value) = reader.number() else { break };
        modes.push((opcode, value));
    }
    modes
}
