//! A client of TLS 1.0 to 1.2 that goes as far as the server's certificate, which is in the clear there. For servers
//! that speak nothing newer.

use rand::Rng as _;
use tokio::io::AsyncWriteExt as _;
use wire::tls::certificate::chain as certificates;
use wire::tls::{Handshakes, Next, ServerHello, kind};

use crate::finding::Failed;
use crate::target::{Target, read_until};

/// What was learnt of a server.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) version: u16,
    pub(super) cipher: u16,
    pub(super) alpn: Option<String>,
    /// DER, the leaf first.
    pub(super) chain: Vec<Vec<u8>>,
}

pub(super) const TLS_1_0: u16 = 0x0301;
pub(super) const TLS_1_1: u16 = 0x0302;

/// RSA, DHE and ECDHE with AES, 3DES and RC4: one of them every server of that time has.
const CIPHERS: [u16; 20] = [
    0xc014, 0xc00a, 0xc013, 0xc009, 0xc012, 0xc008, 0xc011, 0xc007, 0x0039, 0x0038, 0x0033, 0x0032, 0x0016, 0x0013,
    0x0035, 0x002f, 0x000a, 0x0005, 0x0004, 0x0009,
];
/// Bytes of a flight with certificates.
const MOST: usize = 96 << 10;

pub(super) async fn ask(target: &Target<'_>, port: u16, version: u16) -> Result<Seen, Failed> {
    let mut connection = target.connect(port).await?;
    let stream = &mut connection.stream;
    let hello = hello(version, rand::rng().random());
    stream.write_all(&hello).await?;
    let said = read_until(stream, MOST, target.limits.read, |said| {
        !matches!(read(said), Progress::More)
    })
    .await?;
    match read(&said) {
        Progress::Done(seen) => Ok(seen),
        Progress::More => Err(Failed::Protocol("closed before a certificate".to_owned())),
        Progress::No(what) => Err(Failed::Protocol(what.to_owned())),
    }
}

enum Progress {
    More,
    Done(Seen),
    No(&'static str),
}

fn read(said: &[u8]) -> Progress {
    let mut messages = Handshakes::new(said);
    let mut hello = None;
    loop {
        let message = match messages.next() {
            Next::Message(message) => message,
            Next::More => return Progress::More,
            Next::End => return Progress::No("no hello"),
        };
        match (message.kind, hello) {
            (kind::SERVER_HELLO, None) => {
                let Some(read) = ServerHello::parse(&message.body) else {
                    return Progress::No("a hello that cannot be read");
                };
                let alpn = read.alpn().map(|name| String::from_utf8_lossy(name).into_owned());
                hello = Some((read.version(), read.cipher, alpn));
            }
            (kind::CERTIFICATE, Some((version, cipher, alpn))) => {
                let chain = certificates(&message.body).map(<[u8]>::to_vec).collect();
                return Progress::Done(Seen {
                    version,
                    cipher,
                    alpn,
                    chain,
                });
            }
            (_, kept) => hello = kept,
        }
    }
}

fn hello(version: u16, random: [u8; 32]) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, body: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(u16::try_from(body.len()).unwrap_or(0).to_be_bytes());
        extensions.extend(body);
    };
    extension(0xff01, &[0]);
    extension(10, &[0, 8, 0, 29, 0, 23, 0, 24, 0, 25]);
    extension(11, &[1, 0]);
    let mut body = version.to_be_bytes().to_vec();
    body.extend(random);
    body.push(0);
    body.extend(u16::try_from(CIPHERS.len() * 2).unwrap_or(0).to_be_bytes());
    body.extend(CIPHERS.iter().flat_map(|cipher| cipher.to_be_bytes()));
    body.extend([1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap_or(0).to_be_bytes());
    body.extend(extensions);
    let mut record = vec![22, 3, 1];
    let length = u16::try_from(body.len() + 4).unwrap_or(0);
    record.extend(length.to_be_bytes());
    record.extend([kind::CLIENT_HELLO, 0]);
    record.extend((length - 4).to_be_bytes());
    record.extend(body);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::tls::{ClientHello, client_hello};

    #[test]
    fn our_hello_is_one() {
        let bytes = hello(TLS_1_1, [7; 32]);
        let message = client_hello(&bytes).found().unwrap();
        let read = ClientHello::parse(&message.body).unwrap();
        assert_eq!((read.legacy_version, read.ciphers().count()), (TLS_1_1, CIPHERS.len()));
    }
}
