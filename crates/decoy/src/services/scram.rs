//! SCRAM (RFC 5802, RFC 7677) as a server does it; how its faults are worded is each product's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Rounds one password is tried with: whoever may write what is kept may write any number.
const MOST_ROUNDS: u32 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

/// What a server keeps of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verifier {
    pub(super) hash: Hash,
    pub(super) rounds: u32,
    pub(super) salt: Vec<u8>,
    pub(super) stored: Vec<u8>,
    pub(super) server: Vec<u8>,
}

/// An exchange in which the server has spoken first.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Without the flag of channel binding.
    pub(super) client_first: String,
    pub(super) server_first: String,
    nonce: String,
    binding: String,
    verifier: Verifier,
}

/// How an exchange ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) accepted: bool,
    pub(super) proof: Vec<u8>,
    /// The last message of the client without its proof.
    pub(super) without_proof: String,
    pub(super) server_final: String,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It lacks channel binding, or has it, where it must not.
    Unbound,
    Bound,
    Flag(Option<char>),
    Parts,
    Authorization,
    Extension,
    Attribute(Option<char>),
    Proof,
    Binding,
    Nonce,
}

// === impl Hash ===

impl Hash {
    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        macro_rules! mac {
            ($hash:ty) => {{
                // Keys may have any length.
                let Ok(mut mac) = Hmac::<$hash>::new_from_slice(key) else {
                    return vec![0; self.length()];
                };
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match self {
            Self::Sha1 => mac!(Sha1),
            Self::Sha256 => mac!(Sha256),
        }
    }
}

fn salted(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let mut block = hash.hmac(password, &[salt, &[0, 0, 0, 1]]);
    let mut salted = block.clone();
    for _ in 1..rounds {
        block = hash.hmac(password, &[&block]);
        salted.iter_mut().zip(&block).for_each(|(sum, byte)| *sum ^= byte);
    }
    salted
}

// === impl Verifier ===

impl Verifier {
    pub(super) fn new(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Self {
        let salted = salted(hash, password, salt, rounds);
        Self {
            hash,
            rounds,
            salt: salt.to_vec(),
            stored: hash.digest(&hash.hmac(&salted, &[b"Client Key"])),
            server: hash.hmac(&salted, &[b"Server Key"]),
        }
    }

    /// What a client that knows the password makes its proof from.
    #[cfg(test)]
    pub(super) fn client_key(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
        hash.hmac(&salted(hash, password, salt, rounds), &[b"Client Key"])
    }

    /// For a name nobody has: the same salt each time, and no password fits.
    pub(super) fn mock(hash: Hash, secret: &[u8; 32], user: &str, salt: usize, rounds: u32) -> Self {
        let drawn = |what: &[u8]| hash.hmac(secret, &[what, user.as_bytes()]);
        Self {
            hash,
            rounds,
            salt: Hash::Sha256.hmac(secret, &[b"salt", user.as_bytes()])[..salt].to_vec(),
            stored: drawn(b"stored"),
            server: drawn(b"server"),
        }
    }

    pub(super) fn fits(&self, password: &[u8]) -> bool {
        self.rounds <= MOST_ROUNDS && *self == Self::new(self.hash, password, &self.salt, self.rounds)
    }
}

// === impl Exchange ===

impl Exchange {
    /// The name in the first message of a client, as far as it has one.
    pub(super) fn user(message: &str) -> Option<String> {
        let name = message.split(',').find_map(|part| part.strip_prefix("n="))?;
        Some(name.replace("=2C", ",").replace("=3D", "="))
    }

    /// Reads the first message of the client, of a mechanism with or without channel binding. `nonce` is the server's.
    pub(super) fn begin(message: &str, plus: bool, nonce: &str, verifier: Verifier) -> Result<Self, Fault> {
        match message.chars().next() {
            Some('n' | 'y') if !plus => {}
            Some('p') if plus => {}
            Some('n' | 'y') => return Err(Fault::Unbound),
            Some('p') => return Err(Fault::Bound),
            other => return Err(Fault::Flag(other)),
        }
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(identity), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Fault::Parts);
        };
        if identity.starts_with("a=") {
            return Err(Fault::Authorization);
        }
        if bare.starts_with("m=") {
            return Err(Fault::Extension);
        }
        let attribute = |name: &str| bare.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(_), Some(theirs)) = (attribute("n="), attribute("r=")) else {
            return Err(Fault::Attribute(bare.chars().next()));
        };
        let nonce = format!("{theirs}{nonce}");
        Ok(Self {
            server_first: format!("r={nonce},s={},i={}", B64.encode(&verifier.salt), verifier.rounds),
            client_first: bare.to_owned(),
            nonce,
            binding: format!("{flag},{identity},"),
            verifier,
        })
    }

    /// Reads the last message of the client; `certificate` is what channel binding binds to.
    pub(super) fn end(&self, message: &str, certificate: &[u8]) -> Result<Ended, Fault> {
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Fault::Proof)?;
        let proof = B64.decode(proof).ok();
        let proof = proof.filter(|proof| proof.len() == self.verifier.hash.length());
        let proof = proof.ok_or(Fault::Proof)?;
        let bound = if self.binding.starts_with('p') {
            certificate
        } else {
            &[]
        };
        let binding = B64.encode([self.binding.as_bytes(), bound].concat());
        let mut parts = without_proof.split(',');
        let given = parts.next().and_then(|part| part.strip_prefix("c="));
        if given != Some(binding.as_str()) {
            return Err(Fault::Binding);
        }
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        if nonce != Some(self.nonce.as_str()) {
            return Err(Fault::Nonce);
        }
        let Verifier {
            hash, stored, server, ..
        } = &self.verifier;
        let signed = [self.client_first.as_str(), ",", &self.server_first, ",", without_proof].concat();
        let signature = hash.hmac(stored, &[signed.as_bytes()]);
        let key: Vec<u8> = proof.iter().zip(signature).map(|(one, two)| one ^ two).collect();
        Ok(Ended {
            accepted: hash.digest(&key) == *stored,
            proof,
            without_proof: without_proof.to_owned(),
            server_final: format!("v={}", B64.encode(hash.hmac(server, &[signed.as_bytes()]))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 5802 and RFC 7677, taken up where the server has spoken.
    #[test]
    fn the_known_exchanges_come_out_as_written() {
        for (hash, first, theirs, salt, proof, wanted) in [
            (
                Hash::Sha1,
                "fyko+d2lbbFgONRv9qkxdawL",
                "3rfcNHYJY1ZVvWVs7j",
                "QSXCR+Q6sek8bf92",
                "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            (
                Hash::Sha256,
                "rOprNGfwEbeRWgbNEkqO",
                "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                "W22ZaJ0SNY7soEsUEjb6gQ==",
                "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        ] {
            let verifier = Verifier::new(hash, b"pencil", &B64.decode(salt).unwrap(), 4096);
            assert!(verifier.fits(b"pencil") && !verifier.fits(b"pencils"));
            let exchange = Exchange::begin(&format!("n,,n=user,r={first}"), false, theirs, verifier).unwrap();
            assert_eq!(exchange.server_first, format!("r={first}{theirs},s={salt},i=4096"));
            let last = format!("c=biws,r={first}{theirs},p={proof}");
            let ended = exchange.end(&last, &[]).unwrap();
            assert!(ended.accepted);
            assert_eq!(ended.server_final, wanted);
        }
    }

    #[test]
    fn a_name_nobody_has_is_given_the_same_salt_each_time() {
        let mock = |user: &str| Verifier::mock(Hash::Sha1, &[1; 32], user, 16, 10_000);
        assert_eq!(mock("eve"), mock("eve"));
        assert_ne!(mock("eve").salt, mock("bob").salt);
    }
}
