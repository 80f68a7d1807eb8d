//! One conversation with one peer, from its first byte to its last.

mod auth;
mod channel;
mod connection;
mod keys;
mod proposal;
mod requests;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::code::Put;
use crate::event::Event;
use crate::groups::Moduli;
use crate::hostkey::HostKey;
use crate::ident::{self, Heard};
use crate::message as msg;
use crate::packet::{Fault, Inbound, Outbound, Packet};
use crate::random::Random;
use crate::release::Release;
use auth::Login;
use channel::Channel;
use keys::Exchange;

/// While more than this waits for the peer, nothing more is heard from it.
const OUTPUT: usize = 256 * 1024;
/// While more than this is unheard, nothing more is taken.
const INPUT: usize = 64 * 1024;
/// What is kept back while keys are renewed; a peer that does not come to an end with it is left.
const HELD: usize = 1 << 20;

/// What a server is, for all its peers.
pub struct Profile {
    /// What follows `SSH-2.0-`.
    pub version: String,
    pub release: Release,
    /// In the order they are offered.
    pub keys: Vec<HostKey>,
    /// Names of the ways in, as they are told.
    pub methods: Vec<String>,
    pub moduli: Moduli,
    /// Bytes after which keys are renewed, where it is not what OpenSSH does by itself.
    pub renew_after: Option<u64>,
}

/// The server's side of one conversation.
pub struct Server<R> {
    profile: Arc<Profile>,
    random: R,
    inbound: Inbound,
    outbound: Outbound,
    /// The peer's identification, all that came of it so far.
    line: Vec<u8>,
    stage: Stage,
    /// A wait for the caller's answer.
    awaiting: Option<Awaiting>,
    exchange: Option<Box<Exchange>>,
    /// The first exchange's hash.
    session: Option<Vec<u8>>,
    strict: bool,
    /// Compression is agreed on, from and to the peer.
    compression: [bool; 2],
    /// What the peer can verify of ours.
    peer_signatures: Vec<u8>,
    /// The key that was proven in the first exchange.
    proven: usize,
    held: Vec<Vec<u8>>,
    login: Login,
    channels: Vec<Option<Channel>>,
    no_more_sessions: bool,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Identification,
    /// Of the first keys.
    Exchange,
    Login,
    Connection,
    Over,
}

enum Awaiting {
    Verdict(auth::Question),
    Answer { channel: u32, starts: bool, wanted: bool },
    Forward { wanted: bool },
}

// === impl Server ===

impl<R: Random> Server<R> {
    pub fn new(profile: Arc<Profile>, random: R) -> Self {
        let mut outbound = Outbound::default();
        outbound
            .bytes
            .extend(format!("SSH-2.0-{}\r\n", profile.version).into_bytes());
        Self {
            random,
            inbound: Inbound::new(profile.release.pings),
            outbound,
            line: Vec::new(),
            stage: Stage::Identification,
            awaiting: None,
            exchange: None,
            session: None,
            strict: false,
            compression: [false; 2],
            peer_signatures: Vec::new(),
            proven: 0,
            held: Vec::new(),
            login: Login::default(),
            channels: Vec::new(),
            no_more_sessions: false,
            events: VecDeque::new(),
            profile,
        }
    }

    /// Takes bytes of the peer: how many. None beyond the identification line are taken with it.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        match self.stage {
            Stage::Identification => self.identify(bytes),
            Stage::Over => bytes.len(),
            _ => {
                self.inbound.push(bytes);
                bytes.len()
            }
        }
    }

    /// More bytes of the peer would be of use.
    pub fn wants_input(&self) -> bool {
        let busy = self.awaiting.is_some() || self.outbound.bytes.len() > OUTPUT;
        self.stage != Stage::Over && !(busy && self.inbound.waiting() > INPUT)
    }

    /// The next thing that happened, when there is one and the last question was answered.
    pub fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let deaf = matches!(self.stage, Stage::Identification | Stage::Over);
            if deaf || self.awaiting.is_some() || self.outbound.bytes.len() > OUTPUT {
                return None;
            }
            let heard = match self.inbound.packet() {
                Ok(None) => return None,
                Ok(Some(packet)) => self.hear(&packet),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = heard.and_then(|()| self.renew_when_due()) {
                self.fail(fault);
            }
        }
    }

    /// Bytes for the peer.
    pub fn output(&self) -> &[u8] {
        &self.outbound.bytes
    }

    /// So many of them were sent.
    pub fn sent(&mut self, bytes: usize) {
        self.outbound.sent(bytes);
    }

    /// Nothing more will be said or heard once the output is sent.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    fn identify(&mut self, bytes: &[u8]) -> usize {
        let before = self.line.len();
        self.line
            .extend_from_slice(&bytes[..bytes.len().min(ident::MAX - before)]);
        match ident::parse(&self.line) {
            Heard::More => bytes.len(),
            Heard::Version { line, len } => {
                self.line.clone_from(&line);
                self.events.push_back(Event::Identified(line));
                self.stage = Stage::Exchange;
                self.propose();
                len - before
            }
            Heard::Refused { answer, len } => {
                self.line.truncate(len);
                let line = std::mem::take(&mut self.line);
                self.events.push_back(Event::Rejected { line, answer });
                self.outbound.bytes.extend(answer.as_bytes());
                self.stage = Stage::Over;
                len - before
            }
        }
    }

    fn hear(&mut self, packet: &Packet) -> Result<(), Fault> {
        if let Some(exchange) = &mut self.exchange
            && std::mem::take(&mut exchange.skips)
        {
            return Ok(());
        }
        let kind = packet.payload[0];
        let initial = self.stage == Stage::Exchange;
        match kind {
            msg::DISCONNECT => {
                self.stage = Stage::Over;
                Ok(())
            }
            msg::IGNORE | msg::DEBUG | msg::UNIMPLEMENTED if !(initial && self.strict) => Ok(()),
            msg::PING if self.profile.release.pings && !initial => self.pong(packet),
            msg::KEXINIT | msg::NEWKEYS | msg::KEX_INIT..=msg::TRANSPORT_MAX => self.hear_exchange(packet),
            ..=msg::TRANSPORT_MAX if initial => self.unexpected(packet),
            // OpenSSH has nobody to give it to, and ends without a word.
            _ if initial => Err(Fault::Silent),
            _ if self.stage == Stage::Login => self.hear_login(packet),
            _ => self.hear_connection(packet),
        }
    }

    fn pong(&mut self, packet: &Packet) -> Result<(), Fault> {
        let mut answer = packet.payload.clone();
        answer[0] = msg::PONG;
        self.say(answer)
    }

    /// Answers what nobody waits for here.
    fn unexpected(&mut self, packet: &Packet) -> Result<(), Fault> {
        if self.stage == Stage::Exchange && self.strict {
            return Err(Fault::Said(format!(
                "strict KEX violation: unexpected packet type {} (seqnr {})",
                packet.payload[0], packet.sequence
            )));
        }
        let mut answer = vec![msg::UNIMPLEMENTED];
        answer.put_number(packet.sequence);
        self.say(answer)
    }

    /// Sends a message, or keeps it until new keys are agreed.
    fn say(&mut self, payload: Vec<u8>) -> Result<(), Fault> {
        let waits = !matches!(payload[0], 0..=msg::UNIMPLEMENTED | msg::KEXINIT..=msg::TRANSPORT_MAX);
        if waits && self.is_renewing() {
            self.held.push(payload);
            let held: usize = self.held.iter().map(Vec::len).sum();
            return if held > HELD { Err(Fault::Silent) } else { Ok(()) };
        }
        self.outbound.send(&mut self.random, &payload);
        Ok(())
    }

    fn is_renewing(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| !exchange.has_keys)
    }

    fn fail(&mut self, fault: Fault) {
        if let Fault::Said(text) = fault {
            let mut goodbye = vec![msg::DISCONNECT];
            goodbye.put_number(msg::PROTOCOL_ERROR);
            goodbye.put_string(text.as_bytes());
            goodbye.put_string(b"");
            self.outbound.send(&mut self.random, &goodbye);
        }
        self.stage = Stage::Over;
    }
}

/// Turns a message that is not what it should be into the end: OpenSSH closes without a word.
fn whole<T>(read: Option<T>) -> Result<T, Fault> {
    read.ok_or(Fault::Silent)
}
