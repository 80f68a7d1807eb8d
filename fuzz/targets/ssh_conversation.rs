//! A conversation from its keys on: whatever messages come, decoded and answered.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::{Arc, LazyLock};

use ssh::code::{Put, Reader};
use ssh::exchange::Hash;
use ssh::packet::{Inbound, Outbound, Protection};
use ssh::{Event, Exit, HostKey, Moduli, Profile, Random, Refusal, Server, Stream, Verdict};
use ssh::{cipher, message as msg};
use ssh_key::private::{Ed25519Keypair, KeypairData};

fuzz::target!(run);

const VERSION: &str = "OpenSSH_9.6";
const LINE: &[u8] = b"SSH-2.0-OpenSSH_x";
const CIPHER: &str = "chacha20-poly1305@openssh.com";
/// More than this is never kept for a peer.
const MOST: usize = 2 << 20;

static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| {
    let pair = KeypairData::from(Ed25519Keypair::from_seed(&[1; 32]));
    let pem = ssh_key::PrivateKey::new(pair, "").and_then(|key| key.to_openssh(ssh_key::LineEnding::LF));
    let pem = pem.unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Profile {
        version: VERSION.to_owned(),
        release: ssh::release::of(VERSION),
        keys: HostKey::parse(&pem).into_iter().collect(),
        methods: ["publickey", "password", "keyboard-interactive"]
            .map(str::to_owned)
            .into(),
        moduli: Moduli::default(),
        renew_after: Some(1 << 20),
    })
});

struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

struct Peer {
    server: Server<Fixed>,
    inbound: Inbound,
    outbound: Outbound,
}

/// The first byte says what is accepted, and the rest are messages with two bytes of length each.
fn run(data: &[u8]) {
    let Some((&mood, mut rest)) = data.split_first() else {
        return;
    };
    let mut peer = Peer::agreed();
    if mood & 1 == 0 {
        let mut service = vec![msg::SERVICE_REQUEST];
        service.put_string(b"ssh-userauth");
        peer.say(&service, mood);
        let mut attempt = vec![msg::USERAUTH_REQUEST];
        for part in ["kim", "ssh-connection", "none"] {
            attempt.put_string(part.as_bytes());
        }
        peer.say(&attempt, mood);
    }
    while let Some((&length, more)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(length)).min(more.len());
        let (message, later) = more.split_at(length);
        if !message.is_empty() {
            peer.say(message, mood);
        }
        rest = later;
    }
}

impl Peer {
    fn agreed() -> Self {
        let mut peer = Self {
            server: Server::new(PROFILE.clone(), Fixed),
            inbound: Inbound::new(true),
            outbound: Outbound::default(),
        };
        let banner = peer.server.output().len();
        peer.server.sent(banner);
        peer.server.receive(&[LINE, b"\r\n"].concat());
        let theirs = peer.next();
        let ours = proposal();
        peer.say(&ours, 0);
        // Nine is the base point: its secret is our own public value.
        let mut base = [0; 32];
        base[0] = 9;
        let mut half = vec![msg::KEX_INIT];
        half.put_string(&base);
        peer.say(&half, 0);
        let reply = peer.next();
        let mut reader = Reader(&reply[1..]);
        let (key, point) = (reader.string().unwrap_or(&[]), reader.string().unwrap_or(&[]));
        let mut text = Vec::new();
        let banner = format!("SSH-2.0-{VERSION}");
        for part in [LINE, banner.as_bytes(), &ours, &theirs, key, &base, point] {
            text.put_string(part);
        }
        let mut secret = Vec::new();
        secret.put_mpint(point);
        text.extend(&secret);
        let hash = Hash::Sha256.of(&[&text]);
        assert_eq!(peer.next(), [msg::NEWKEYS]);
        peer.say(&[msg::NEWKEYS], 0);
        let kind = cipher::find(CIPHER).unwrap_or(&cipher::KINDS[0]);
        let protection = |letter| Protection {
            cipher: cipher::Cipher::new(kind, &Hash::Sha256.derive(&secret, &hash, letter, &hash, kind.key), &[])
                .unwrap_or_else(|| panic!("no cipher")),
            block: kind.block,
            tagged: true,
            mac: None,
        };
        peer.inbound.protect(protection(b'D'), false);
        peer.outbound.protect(protection(b'C'), false);
        peer
    }

    fn say(&mut self, payload: &[u8], mood: u8) {
        self.outbound.send(&mut Fixed, payload);
        let bytes = std::mem::take(&mut self.outbound.bytes);
        for piece in fuzz::pieces(&bytes) {
            self.server.receive(piece);
            while let Some(event) = self.server.event() {
                self.answer(event, mood);
            }
        }
        assert!(self.server.output().len() < MOST);
        if mood & 2 == 0 {
            let length = self.server.output().len();
            self.inbound.push(self.server.output());
            self.server.sent(length);
        }
    }

    fn answer(&mut self, event: Event, mood: u8) {
        let server = &mut self.server;
        match event {
            Event::Tried { .. } => server.judge(match mood & 12 {
                0 => Verdict::Accept,
                4 => Verdict::Refuse,
                _ => Verdict::Ask("?"),
            }),
            Event::Opening { channel, .. } => {
                server.open(
                    channel,
                    if mood & 16 == 0 {
                        Ok(())
                    } else {
                        Err(Refusal::Prohibited)
                    },
                );
            }
            Event::Requested { channel, .. } => {
                server.answer(mood & 32 == 0);
                server.send(channel, Stream::Out, &[0; 5000]);
            }
            Event::Forward { .. } => server.answer(false),
            Event::Data { channel, bytes } => server.consumed(channel, bytes.len()),
            Event::Ended { channel } => server.finish(channel, Some(Exit::Status(0))),
            _ => {}
        }
    }

    fn next(&mut self) -> Vec<u8> {
        while self.server.event().is_some() {}
        let length = self.server.output().len();
        self.inbound.push(self.server.output());
        self.server.sent(length);
        match self.inbound.packet() {
            Ok(Some(packet)) => packet.payload,
            other => panic!("{other:?} in place of a message"),
        }
    }
}

fn proposal() -> Vec<u8> {
    let mut payload = vec![msg::KEXINIT];
    payload.extend([7; 16]);
    for list in [
        "curve25519-sha256",
        "ssh-ed25519",
        CIPHER,
        CIPHER,
        "",
        "",
        "none",
        "none",
        "",
        "",
    ] {
        payload.put_string(list.as_bytes());
    }
    payload.extend([0; 5]);
    payload
}
