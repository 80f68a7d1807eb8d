//! Writes a capture of mixed traffic for benches: `traffic FILE PACKETS [SEED]`.
//!
//! Of a hundred packets about 35 are SYNs of floods from forged sources, 10 those of scanners with few sources, and the
//! rest belongs to connections: TLS, SSH and HTTP clients with their handshakes, answers and ends, and junk over TCP and
//! UDP. IP headers have their checksums, without which a bridge drops them; those of TCP and UDP are left at zero, as
//! cards that do them leave them.

use std::fs::File;
use std::io::{self, BufWriter};

use capture::{Packet, Writer, link};

const DECKY: [u8; 4] = [10, 213, 0, 2];
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x18;
const FIN: u8 = 0x11;
/// Nanoseconds between packets: ten thousand a second.
const GAP: u64 = 100_000;
const START: u64 = 1_769_860_800_000_000_000;

const LINUX: &[u8] = &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 0xe2, 0x40, 0, 0, 0, 0, 1, 3, 3, 7];
const WINDOWS: &[u8] = &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
const PLAIN: &[u8] = &[2, 4, 5, 0xb4];

struct Traffic {
    writer: Writer<BufWriter<File>>,
    at: u64,
    state: u64,
    written: u64,
    frame: Vec<u8>,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(packets)) = (arguments.next(), arguments.next().and_then(|count| count.parse().ok())) else {
        return Err(io::Error::other("usage: traffic FILE PACKETS [SEED]"));
    };
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut traffic = Traffic {
        writer: Writer::new(BufWriter::with_capacity(1 << 20, File::create(path)?), link::ETHERNET)?,
        at: START,
        state: seed,
        written: 0,
        frame: Vec::new(),
    };
    while traffic.written < packets {
        match traffic.draw(100) {
            0..80 => traffic.flood()?,
            80..90 => traffic.scan()?,
            90..93 => traffic.connection(443, &hello(), &[0x16, 3, 3, 0, 2, 2, 0])?,
            93..95 => traffic.connection(22, &ssh(), b"SSH-2.0-OpenSSH_9.2p1\r\n")?,
            95..98 => traffic.connection(80, HTTP, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?,
            _ => traffic.junk()?,
        }
    }
    traffic.writer.finish().map(drop)
}

const HTTP: &[u8] =
    b"GET /index.html HTTP/1.1\r\nHost: www.example.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
Accept: text/html\r\nAccept-Language: en-US,en\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n";

/// A hello of a browser, as long as those with today's key shares.
fn hello() -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |kind: u16, body: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend((body.len() as u16).to_be_bytes());
        extensions.extend_from_slice(body);
    };
    add(0x0a0a, &[]);
    add(0, b"\0\x13\0\0\x10www.example.test");
    add(0x17, &[]);
    add(0xff01, &[0]);
    add(10, &[0, 8, 0x0a, 0x0a, 0, 0x1d, 0, 0x17, 0, 0x18]);
    add(11, &[1, 0]);
    add(35, &[]);
    add(16, b"\0\x0c\x02h2\x08http/1.1");
    add(13, &[0, 8, 4, 3, 8, 4, 4, 1, 5, 3]);
    add(51, &[[0, 0x24, 0, 0x1d, 0, 0x20].as_slice(), &[9; 32]].concat());
    add(45, &[1, 1]);
    add(43, &[4, 3, 4, 3, 3]);
    add(21, &[0; 180]);
    let ciphers = [
        0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x9c, 0x9d, 0x2f, 0x35,
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(32);
    body.extend([5; 32]);
    body.extend((ciphers.len() as u16 * 2).to_be_bytes());
    body.extend(ciphers.iter().flat_map(|cipher: &u16| cipher.to_be_bytes()));
    body.extend([1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut record = vec![0x16, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

fn ssh() -> Vec<u8> {
    let lists = [
        "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,ext-info-c",
        "ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
        "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com",
        "umac-64-etm@openssh.com,hmac-sha2-256",
        "umac-64-etm@openssh.com,hmac-sha2-256",
        "none,zlib@openssh.com",
        "none,zlib@openssh.com",
        "",
        "",
    ];
    let mut payload = vec![20];
    payload.extend([3; 16]);
    for list in lists {
        payload.extend((list.len() as u32).to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    let mut bytes = b"SSH-2.0-OpenSSH_9.6\r\n".to_vec();
    bytes.extend((payload.len() as u32 + 7).to_be_bytes());
    bytes.push(6);
    bytes.extend(payload);
    bytes.extend([0; 6]);
    bytes
}

/// Of an IPv4 header whose own field is zero (RFC 1071).
fn checksum(header: &[u8]) -> u16 {
    let words = header
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

// === impl Traffic ===

impl Traffic {
    /// xorshift64* (Vigna, 2016).
    fn draw(&mut self, below: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    fn source(&mut self, hosts: u64) -> [u8; 4] {
        (0x0b00_0000 + self.draw(hosts) as u32).to_be_bytes()
    }

    fn flood(&mut self) -> io::Result<()> {
        let (from, port, sequence) = (
            self.source(1 << 24),
            1024 + self.draw(60_000) as u16,
            self.draw(1 << 32) as u32,
        );
        self.tcp((from, port), (DECKY, 80), (SYN, sequence, 0), LINUX, b"", 52)
    }

    fn scan(&mut self) -> io::Result<()> {
        let from = self.source(64);
        let (port, sequence) = (self.draw(65_535) as u16, self.draw(1 << 32) as u32);
        self.tcp((from, 40_000), (DECKY, port), (SYN, sequence, 0), PLAIN, b"", 48)?;
        self.tcp((DECKY, port), (from, 40_000), (0x14, 0, sequence + 1), b"", b"", 64)
    }

    fn connection(&mut self, port: u16, said: &[u8], answer: &[u8]) -> io::Result<()> {
        let client = (self.source(4_096), 32_768 + self.draw(28_000) as u16);
        let server = (DECKY, port);
        let (a, b) = (self.draw(1 << 31) as u32, self.draw(1 << 31) as u32);
        let options = if self.draw(2) == 0 { LINUX } else { WINDOWS };
        let ttl = if options == LINUX { 57 } else { 115 };
        self.tcp(client, server, (SYN, a, 0), options, b"", ttl)?;
        self.tcp(server, client, (SYN_ACK, b, a + 1), LINUX, b"", 64)?;
        self.tcp(client, server, (ACK, a + 1, b + 1), b"", b"", ttl)?;
        // Two segments now and then, as larger hellos take.
        let cut = if self.draw(3) == 0 { said.len() / 2 } else { said.len() };
        for (offset, piece) in [(0, &said[..cut]), (cut, &said[cut..])] {
            if !piece.is_empty() {
                self.tcp(client, server, (PUSH, a + 1 + offset as u32, b + 1), b"", piece, ttl)?;
            }
        }
        let (a, b) = (a + 1 + said.len() as u32, b + 1);
        self.tcp(server, client, (PUSH, b, a), b"", answer, 64)?;
        let b = b + answer.len() as u32;
        for _ in 0..self.draw(8) {
            self.tcp(server, client, (ACK, b, a), b"", &[0x17; 900], 64)?;
            self.tcp(client, server, (ACK, a, b), b"", b"", ttl)?;
        }
        self.tcp(client, server, (FIN, a, b), b"", b"", ttl)?;
        self.tcp(server, client, (FIN, b, a + 1), b"", b"", 64)
    }

    fn junk(&mut self) -> io::Result<()> {
        let length = 20 + self.draw(400) as usize;
        let bytes: Vec<u8> = (0..length).map(|_| self.draw(256) as u8).collect();
        if self.draw(2) == 0 {
            let port = self.draw(65_535) as u16;
            return self.connection(port, &bytes, &bytes);
        }
        let from = self.source(1 << 20);
        self.ip(from, DECKY, 17, 60, |frame| {
            frame.extend([0x30, 0x39, 0, 53]);
            frame.extend((length as u16 + 8).to_be_bytes());
            frame.extend([0, 0]);
            frame.extend(&bytes);
        })
    }

    fn tcp(
        &mut self,
        (from, from_port): ([u8; 4], u16),
        (to, to_port): ([u8; 4], u16),
        (flags, sequence, acknowledgement): (u8, u32, u32),
        options: &[u8],
        payload: &[u8],
        ttl: u8,
    ) -> io::Result<()> {
        self.ip(from, to, 6, ttl, |frame| {
            frame.extend(from_port.to_be_bytes());
            frame.extend(to_port.to_be_bytes());
            frame.extend(sequence.to_be_bytes());
            frame.extend(acknowledgement.to_be_bytes());
            frame.extend([(5 + options.len() as u8 / 4) << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
            frame.extend(options);
            frame.extend(payload);
        })
    }

    fn ip(
        &mut self,
        from: [u8; 4],
        to: [u8; 4],
        protocol: u8,
        ttl: u8,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        self.at += GAP;
        let id = self.draw(65_536) as u16;
        let frame = &mut self.frame;
        frame.clear();
        frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0]);
        frame.extend(id.to_be_bytes());
        frame.extend([0x40, 0, ttl, protocol, 0, 0]);
        frame.extend(from);
        frame.extend(to);
        fill(frame);
        let length = (frame.len() - 14) as u16;
        frame[16..18].copy_from_slice(&length.to_be_bytes());
        let sum = checksum(&frame[14..34]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        self.written += 1;
        self.writer.write(&Packet {
            at: self.at,
            link: link::ETHERNET,
            interface: 0,
            length: frame.len() as u32,
            data: frame,
        })
    }
}
