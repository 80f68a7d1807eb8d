//! A client that says what it is told to, right or wrong, over the core's own packets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use curve25519_dalek::MontgomeryPoint;
use ssh::cipher::{self, Cipher};
use ssh::code::{Put, Reader};
use ssh::exchange::Hash;
use ssh::message as msg;
use ssh::packet::{Inbound, Outbound, Protection};
use ssh::{HostKey, Random};

/// Silence that long is an answer.
const QUIET: Duration = Duration::from_millis(1500);
const CIPHER: &str = "chacha20-poly1305@openssh.com";
pub(crate) const LINE: &str = "SSH-2.0-OpenSSH_9.0";

pub(crate) struct Peer {
    stream: TcpStream,
    inbound: Inbound,
    outbound: Outbound,
    session: Vec<u8>,
    theirs: String,
}

/// The same bytes every time.
struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(5);
    }
}

/// A proposal: the kex, the host key and the rest as they are, or `x` in place of one list.
pub(crate) fn proposal(kex: &str, host_key: &str, cipher: &str, follows: bool) -> Vec<u8> {
    let mut payload = vec![msg::KEXINIT];
    payload.extend([7; 16]);
    let mac = "hmac-sha2-256";
    for list in [kex, host_key, cipher, cipher, mac, mac, "none", "none", "", ""] {
        payload.put_string(list.as_bytes());
    }
    payload.push(u8::from(follows));
    payload.put_number(0);
    payload
}

pub(crate) fn usual() -> Vec<u8> {
    proposal("curve25519-sha256,ext-info-c", "ssh-ed25519", CIPHER, false)
}

/// A message of a number and strings.
pub(crate) fn message(kind: u8, strings: &[&str]) -> Vec<u8> {
    let mut payload = vec![kind];
    strings.iter().for_each(|text| payload.put_string(text.as_bytes()));
    payload
}

// === impl Peer ===

impl Peer {
    /// Exchanges identification lines.
    pub(crate) fn meet(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(QUIET)).unwrap();
        stream.write_all(format!("{LINE}\r\n").as_bytes()).unwrap();
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        Self {
            stream,
            inbound: Inbound::new(true),
            outbound: Outbound::default(),
            session: Vec::new(),
            theirs: String::from_utf8(line).unwrap().trim_end().to_owned(),
        }
    }

    pub(crate) fn banner(&self) -> &str {
        &self.theirs
    }

    /// Agrees on keys.
    pub(crate) fn agree(&mut self) {
        let ours = usual();
        let theirs = self.next();
        self.say(&ours);
        let secret = [9; 32];
        let half = MontgomeryPoint::mul_base_clamped(secret).to_bytes();
        let mut init = vec![msg::KEX_INIT];
        init.put_string(&half);
        self.say(&init);
        let reply = self.next();
        let mut reader = Reader(&reply[1..]);
        let (key, point) = (reader.string().unwrap(), reader.string().unwrap());
        let shared = MontgomeryPoint(point.try_into().unwrap())
            .mul_clamped(secret)
            .to_bytes();
        let mut text = Vec::new();
        for part in [
            LINE.as_bytes(),
            self.theirs.as_bytes(),
            &ours,
            &theirs,
            key,
            &half,
            point,
        ] {
            text.put_string(part);
        }
        let mut number = Vec::new();
        number.put_mpint(&shared);
        text.extend(&number);
        let hash = Hash::Sha256.of(&[&text]);
        assert_eq!(self.next(), [msg::NEWKEYS]);
        self.say(&[msg::NEWKEYS]);
        let kind = cipher::find(CIPHER).unwrap();
        let protection = |letter| Protection {
            cipher: Cipher::new(kind, &Hash::Sha256.derive(&number, &hash, letter, &hash, kind.key), &[]).unwrap(),
            block: kind.block,
            tagged: true,
            mac: None,
        };
        self.inbound.protect(protection(b'D'), false);
        self.outbound.protect(protection(b'C'), false);
        self.session = hash;
        assert_eq!(self.next()[0], msg::EXT_INFO);
    }

    pub(crate) fn ask_for_login(&mut self) {
        self.say(&message(msg::SERVICE_REQUEST, &["ssh-userauth"]));
        assert_eq!(self.next()[0], msg::SERVICE_ACCEPT);
    }

    /// Comes in by a key.
    pub(crate) fn log_in(&mut self, user: &str, key: &HostKey) {
        let attempt = self.signed(user, key);
        self.say(&attempt);
        while self.next()[0] != msg::USERAUTH_SUCCESS {}
        let shown = self.next();
        assert_eq!(shown[0], msg::GLOBAL_REQUEST);
    }

    pub(crate) fn signed(&self, user: &str, key: &HostKey) -> Vec<u8> {
        let mut attempt = message(msg::USERAUTH_REQUEST, &[user, "ssh-connection", "publickey"]);
        attempt.push(1);
        attempt.put_string(key.name().as_bytes());
        attempt.put_string(&key.blob);
        let mut text = Vec::new();
        text.put_string(&self.session);
        text.extend(&attempt);
        let signature = key.sign(key.name(), &text).unwrap();
        attempt.put_string(&signature);
        attempt
    }

    pub(crate) fn say(&mut self, payload: &[u8]) {
        self.outbound.send(&mut Fixed, payload);
        let bytes = std::mem::take(&mut self.outbound.bytes);
        self.say_raw(&bytes);
    }

    /// A message of which a byte is changed on its way.
    pub(crate) fn say_changed(&mut self, payload: &[u8], at: usize) {
        self.outbound.send(&mut Fixed, payload);
        let mut bytes = std::mem::take(&mut self.outbound.bytes);
        bytes[at] ^= 1;
        self.say_raw(&bytes);
    }

    pub(crate) fn say_raw(&mut self, bytes: &[u8]) {
        // It may have been closed already, and that is an answer too.
        let _ = self.stream.write_all(bytes);
    }

    /// The next message but remarks.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        self.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        loop {
            let message = self.hear().unwrap_or_else(|end| panic!("{end} in place of a message"));
            if message[0] != msg::DEBUG {
                return message;
            }
        }
    }

    /// All that is said until it is silent or closed, and which of the two it is.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.stream.set_read_timeout(Some(QUIET)).unwrap();
        let mut said = Vec::new();
        loop {
            match self.hear() {
                Ok(message) if message[0] == msg::DEBUG => {}
                Ok(message) => said.push(shown(&message)),
                Err(end) => {
                    said.push(end.to_owned());
                    return said;
                }
            }
        }
    }

    fn hear(&mut self) -> Result<Vec<u8>, &'static str> {
        loop {
            if let Some(packet) = self.inbound.packet().map_err(|_| "rubbish")? {
                return Ok(packet.payload);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("closed"),
                Ok(n) => self.inbound.push(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err("silent");
                }
                // Closed with bytes unread.
                Err(_) => return Err("closed"),
            }
        }
    }
}

/// A message to compare: what is different every time left out.
fn shown(message: &[u8]) -> String {
    let message = match message[0] {
        msg::KEXINIT => &[&message[..1], &message[17..]].concat(),
        msg::KEX_REPLY | msg::GEX_REPLY => &message[..1],
        _ => message,
    };
    message.escape_ascii().to_string()
}
