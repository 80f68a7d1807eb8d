//! The exchange of keys, first and later (RFC 4253 §7 to §9, RFC 4419, RFC 8308).

use super::proposal::{self, Chosen, Theirs};
use super::{Server, Stage, whole};
use crate::cipher::Cipher;
use crate::code::{Put, Reader};
use crate::compress::{Deflate, Inflate};
use crate::event::Event;
use crate::groups::{Group, LEAST, MOST};
use crate::mac::Mac;
use crate::message as msg;
use crate::packet::{Fault, Packet, Protection, Spent};
use crate::random::Random;

/// OpenSSH's `MAX_PACKETS`.
const MAX_PACKETS: u32 = 1 << 31;
/// Bytes for one key of a cipher of small blocks, where OpenSSH is careful.
const SMALL_BLOCKS: u64 = 1 << 30;

/// An exchange that has begun.
pub(super) struct Exchange {
    ours: Vec<u8>,
    /// Empty until it came.
    theirs: Vec<u8>,
    chosen: Option<Chosen>,
    /// The next packet is to be passed over.
    pub(super) skips: bool,
    wants_extensions: bool,
    /// What was asked for, and what was chosen of it.
    group: Option<([u32; 3], Group)>,
    /// What the peer sends is protected by it after its last word.
    next: Option<Protection>,
    /// What we send is protected by the new keys.
    pub(super) has_keys: bool,
}

// === impl Server ===

impl<R: Random> Server<R> {
    /// Begins an exchange.
    pub(super) fn propose(&mut self) {
        let ours = proposal::ours(&self.profile, &mut self.random);
        self.outbound.send(&mut self.random, &ours);
        self.exchange = Some(Box::new(Exchange {
            ours,
            theirs: Vec::new(),
            chosen: None,
            skips: false,
            wants_extensions: false,
            group: None,
            next: None,
            has_keys: false,
        }));
    }

    /// OpenSSH renews keys by volume alone, and only once somebody is in.
    pub(super) fn renew_when_due(&mut self) -> Result<(), Fault> {
        let due = |spent: Spent, block: usize| {
            let block = block as u64;
            let most = match self.profile.renew_after {
                Some(bytes) => bytes / block,
                None if block >= 16 => 1 << 32,
                None => SMALL_BLOCKS / block,
            };
            spent.packets > MAX_PACKETS || spent.blocks > most
        };
        let due = due(self.inbound.spent, self.inbound.block()) || due(self.outbound.spent, self.outbound.block());
        if due && self.stage == Stage::Connection && self.exchange.is_none() {
            self.propose();
        }
        Ok(())
    }

    pub(super) fn hear_exchange(&mut self, packet: &Packet) -> Result<(), Fault> {
        let kind = packet.payload[0];
        // While somebody tries to come in, OpenSSH takes no new keys.
        if self.stage == Stage::Login && self.exchange.is_none() {
            return self.unexpected(packet);
        }
        let Some(exchange) = &self.exchange else {
            return match kind {
                msg::KEXINIT => {
                    self.propose();
                    self.hear_proposal(packet)
                }
                _ => self.unexpected(packet),
            };
        };
        let any_group = match &exchange.chosen {
            None if kind == msg::KEXINIT => return self.hear_proposal(packet),
            None => return self.unexpected(packet),
            Some(chosen) => chosen.method.how == crate::exchange::How::AnyGroup,
        };
        match (kind, exchange.has_keys, any_group, exchange.group.is_some()) {
            (msg::NEWKEYS, true, ..) => self.hear_new_keys(packet),
            (msg::KEX_INIT, false, false, _) | (msg::GEX_INIT, false, true, true) => self.hear_half(packet),
            (msg::GEX_REQUEST, false, true, false) => self.hear_group_wish(packet),
            _ => self.unexpected(packet),
        }
    }

    fn hear_proposal(&mut self, packet: &Packet) -> Result<(), Fault> {
        let theirs = whole(Theirs::parse(&packet.payload))?;
        if self.session.is_none() {
            self.events.push_back(Event::Proposed(packet.payload.clone()));
            self.strict = theirs.is_strict() && self.profile.release.strict;
            if self.strict && packet.sequence != 0 {
                let text = "strict KEX violation: KEXINIT was not the first packet";
                return Err(Fault::Said(text.to_owned()));
            }
            self.peer_signatures = theirs.key_algorithms();
        }
        let chosen = theirs.choose(&self.profile)?;
        let exchange = whole(self.exchange.as_mut())?;
        exchange.skips = theirs.guessed_wrong(&self.profile);
        exchange.wants_extensions = theirs.wants_extensions();
        exchange.chosen = Some(chosen);
        exchange.theirs.clone_from(&packet.payload);
        Ok(())
    }

    fn hear_group_wish(&mut self, packet: &Packet) -> Result<(), Fault> {
        let mut reader = Reader(&packet.payload[1..]);
        let (least, wished, most) = (
            whole(reader.number())?,
            whole(reader.number())?,
            whole(reader.number())?,
        );
        whole(reader.end())?;
        let asked = [least, wished, most];
        let (least, most) = (least.max(LEAST), most.min(MOST));
        let wished = wished.clamp(LEAST, MOST);
        if most < least || wished < least || most < wished {
            return Err(Fault::Silent);
        }
        let group = self.profile.moduli.choose(least, wished, most, &mut self.random);
        let group = whole(group)?;
        let mut answer = vec![msg::GEX_GROUP];
        answer.put_mpint(&group.prime);
        answer.put_mpint(&[group.generator]);
        whole(self.exchange.as_mut())?.group = Some((asked, group));
        self.say(answer)
    }

    /// The peer's half of the secret: answered with ours, the proof that it is us, and the last word in the old keys.
    fn hear_half(&mut self, packet: &Packet) -> Result<(), Fault> {
        let exchange = whole(self.exchange.take())?;
        let chosen = whole(exchange.chosen.as_ref())?;
        let method = chosen.method;
        let mut reader = Reader(&packet.payload[1..]);
        let theirs = if method.is_numeric() {
            whole(reader.mpint())?
        } else {
            whole(reader.string())?
        };
        whole(reader.end())?;
        let group = exchange.group.as_ref().map(|(_, group)| group);
        let agreed = whole(method.respond(theirs, group, &mut self.random))?;
        let key = whole(self.profile.keys.get(chosen.key))?;

        let mut text = Vec::with_capacity(4096);
        text.put_string(&self.line);
        text.put_string(format!("SSH-2.0-{}", self.profile.version).as_bytes());
        text.put_string(&exchange.theirs);
        text.put_string(&exchange.ours);
        text.put_string(&key.blob);
        if let Some((asked, group)) = &exchange.group {
            asked.iter().for_each(|number| text.put_number(*number));
            text.put_mpint(&group.prime);
            text.put_mpint(&[group.generator]);
        }
        let mut put_half: fn(&mut Vec<u8>, &[u8]) = |text, half| text.put_string(half);
        if method.is_numeric() {
            put_half = |text, half| text.put_mpint(half);
        }
        put_half(&mut text, theirs);
        put_half(&mut text, &agreed.ours);
        text.extend(&agreed.secret);
        let hash = method.hash.of(&[&text]);

        let mut answer = vec![if exchange.group.is_some() {
            msg::GEX_REPLY
        } else {
            msg::KEX_REPLY
        }];
        answer.put_string(&key.blob);
        put_half(&mut answer, &agreed.ours);
        answer.put_string(&whole(key.sign(&chosen.key_algorithm, &hash))?);
        self.exchange = Some(exchange);
        self.say(answer)?;
        self.say(vec![msg::NEWKEYS])?;
        self.take_keys(&agreed.secret, &hash)
    }

    /// Makes the new keys, and protects what we send by them.
    fn take_keys(&mut self, secret: &[u8], hash: &[u8]) -> Result<(), Fault> {
        let mut exchange = whole(self.exchange.take())?;
        let chosen = whole(exchange.chosen.as_ref())?;
        let initial = self.session.is_none();
        let session = self.session.get_or_insert_with(|| hash.to_vec());
        let protection = |way: usize| {
            let derive = |letter: u8, length: usize| {
                chosen
                    .method
                    .hash
                    .derive(secret, hash, letter + way as u8, session, length)
            };
            let kind = chosen.ciphers[way];
            let cipher = Cipher::new(kind, &derive(b'C', kind.key), &derive(b'A', kind.iv))?;
            let mac = chosen.macs[way].map(|kind| Mac::new(kind, &derive(b'E', kind.key)));
            Some(Protection {
                cipher,
                block: kind.block,
                tagged: kind.tagged,
                // A kind without a code is none; one that cannot be made is an error.
                mac: match mac {
                    Some(mac) => Some(mac?),
                    None => None,
                },
            })
        };
        let (from, to) = (whole(protection(0))?, whole(protection(1))?);
        if initial {
            self.proven = chosen.key;
        }
        self.compression = chosen.compression;
        exchange.next = Some(from);
        exchange.has_keys = true;
        let tells = initial && exchange.wants_extensions;
        self.exchange = Some(exchange);
        self.outbound.protect(to, self.strict);
        if self.stage == Stage::Connection {
            self.outbound.deflate = self.compression[1].then(Deflate::default);
        }
        if tells {
            self.tell_extensions()?;
        }
        for payload in std::mem::take(&mut self.held) {
            self.say(payload)?;
        }
        Ok(())
    }

    fn tell_extensions(&mut self) -> Result<(), Fault> {
        let release = &self.profile.release;
        let mut message = vec![msg::EXT_INFO];
        message.put_number(1 + release.extensions.len() as u32);
        message.put_string(b"server-sig-algs");
        message.put_string(release.signatures.as_bytes());
        for (name, value) in release.extensions {
            message.put_string(name.as_bytes());
            message.put_string(value.as_bytes());
        }
        self.outbound.send(&mut self.random, &message);
        Ok(())
    }

    fn hear_new_keys(&mut self, packet: &Packet) -> Result<(), Fault> {
        whole(Reader(&packet.payload[1..]).end())?;
        let exchange = whole(self.exchange.take())?;
        self.inbound.protect(whole(exchange.next)?, self.strict);
        match self.stage {
            Stage::Exchange => self.stage = Stage::Login,
            Stage::Connection => self.inbound.inflate = self.compression[0].then(Inflate::default),
            _ => {}
        }
        Ok(())
    }
}
