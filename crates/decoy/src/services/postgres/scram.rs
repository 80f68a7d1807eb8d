//! SCRAM-SHA-256 as PostgreSQL's server side does it, and the other ways a password is kept and shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use sql::Error;

pub(super) const ROUNDS: u32 = 4096;
const KEY: usize = 32;

/// What the server keeps of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verifier {
    rounds: u32,
    salt: Vec<u8>,
    stored: [u8; KEY],
    server: [u8; KEY],
}

/// An exchange in which the server has spoken first.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
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

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; KEY];
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn malformed(detail: impl Into<String>, line: u32, routine: &'static str) -> Error {
    Error::new("08P01", "malformed SCRAM message")
        .detail(detail)
        .raised("auth-scram.c", line, routine)
}

// === impl Verifier ===

impl Verifier {
    pub(super) fn new(password: &[u8], salt: &[u8]) -> Self {
        let mut block = hmac(password, &[salt, &[0, 0, 0, 1]]);
        let mut salted = block;
        for _ in 1..ROUNDS {
            block = hmac(password, &[&block]);
            salted.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
        }
        Self {
            rounds: ROUNDS,
            salt: salt.to_vec(),
            stored: Sha256::digest(hmac(&salted, &[b"Client Key"])).into(),
            server: hmac(&salted, &[b"Server Key"]),
        }
    }

    /// As it stands in `pg_authid`.
    pub(super) fn text(&self) -> String {
        format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.rounds,
            B64.encode(&self.salt),
            B64.encode(self.stored),
            B64.encode(self.server)
        )
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("SCRAM-SHA-256$")?;
        let (rounds, rest) = rest.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored, server) = keys.split_once(':')?;
        let key = |text: &str| B64.decode(text).ok()?.try_into().ok();
        Some(Self {
            rounds: rounds.parse().ok()?,
            salt: B64.decode(salt).ok()?,
            stored: key(stored)?,
            server: key(server)?,
        })
    }

    /// For a name nobody has: the same salt each time, and no password fits.
    pub(super) fn mock(secret: &[u8; 32], user: &str) -> Self {
        let salt = hmac(secret, &[b"salt", user.as_bytes()]);
        Self {
            rounds: ROUNDS,
            salt: salt[..16].to_vec(),
            stored: hmac(secret, &[b"stored", user.as_bytes()]),
            server: hmac(secret, &[b"server", user.as_bytes()]),
        }
    }

    fn fits(&self, password: &[u8]) -> bool {
        *self == Self::new(password, &self.salt)
    }
}

// === impl Exchange ===

impl Exchange {
    /// Reads the first message of the client, of a mechanism with or without channel binding.
    pub(super) fn begin(message: &str, plus: bool, nonce: &[u8; 18], verifier: Verifier) -> Result<Self, Error> {
        let first = |line| move |detail: String| malformed(detail, line, "read_client_first_message");
        let flag = message.chars().next();
        match flag {
            Some('n' | 'y') if !plus => {}
            Some('p') if plus => {}
            Some('n' | 'y') => {
                let detail = "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.";
                return Err(first(976)(detail.into()));
            }
            Some('p') => {
                let detail = "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.";
                return Err(first(1007)(detail.into()));
            }
            other => {
                let shown = other.map(String::from).unwrap_or_default();
                return Err(first(1025)(format!("Unexpected channel-binding flag \"'{shown}'\".")));
            }
        }
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(identity), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(first(968)(
                "Comma expected, but found character \"end of string\".".into(),
            ));
        };
        if identity.starts_with("a=") {
            let message = "client uses authorization identity, but it is not supported";
            return Err(Error::new("0A000", message).raised("auth-scram.c", 1036, "read_client_first_message"));
        }
        if bare.starts_with("m=") {
            let message = "client requires an unsupported SCRAM extension";
            return Err(Error::new("0A000", message).raised("auth-scram.c", 1057, "read_client_first_message"));
        }
        let attribute = |name: &str| bare.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(_), Some(theirs)) = (attribute("n="), attribute("r=")) else {
            let shown = bare.chars().next().map(String::from).unwrap_or_default();
            return Err(malformed(
                format!("Expected attribute \"n\" but found \"{shown}\"."),
                826,
                "read_attr_value",
            ));
        };
        let nonce = format!("{theirs}{}", B64.encode(nonce));
        Ok(Self {
            server_first: format!("r={nonce},s={},i={}", B64.encode(&verifier.salt), verifier.rounds),
            client_first: bare.to_owned(),
            nonce,
            binding: format!("{flag},{identity},"),
            verifier,
        })
    }

    /// Reads the last message of the client; `certificate` is what channel binding binds to.
    pub(super) fn end(&self, message: &str, certificate: &[u8]) -> Result<Ended, Error> {
        let last = |detail: &str, line| malformed(detail, line, "read_client_final_message");
        let (without_proof, proof) = message
            .rsplit_once(",p=")
            .ok_or_else(|| last("Malformed proof in client-final-message.", 1353))?;
        let proof = B64.decode(proof).ok().filter(|proof| proof.len() == KEY);
        let proof = proof.ok_or_else(|| last("Malformed proof in client-final-message.", 1353))?;
        let bound = if self.binding.starts_with('p') {
            certificate
        } else {
            &[]
        };
        let binding = B64.encode([self.binding.as_bytes(), bound].concat());
        let mut parts = without_proof.split(',');
        let given = parts.next().and_then(|part| part.strip_prefix("c="));
        if given != Some(binding.as_str()) {
            let message = "unexpected SCRAM channel-binding attribute in client-final-message";
            return Err(Error::new("08P01", message).raised("auth-scram.c", 1325, "read_client_final_message"));
        }
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        if nonce != Some(self.nonce.as_str()) {
            return Err(Error::new("08P01", "invalid SCRAM response")
                .detail("Nonce does not match.")
                .raised("auth-scram.c", 452, "scram_exchange"));
        }
        let signed = [self.client_first.as_str(), ",", &self.server_first, ",", without_proof].concat();
        let signature = hmac(&self.verifier.stored, &[signed.as_bytes()]);
        let key: Vec<u8> = proof.iter().zip(signature).map(|(one, two)| one ^ two).collect();
        Ok(Ended {
            accepted: Sha256::digest(&key)[..] == self.verifier.stored,
            proof,
            without_proof: without_proof.to_owned(),
            server_final: format!("v={}", B64.encode(hmac(&self.verifier.server, &[signed.as_bytes()]))),
        })
    }
}

/// `md5` and the hash of the password and the name, as it stands in `pg_authid`.
pub(super) fn md5_stored(user: &str, password: &[u8]) -> String {
    let hash = Md5::new()
        .chain_update(password)
        .chain_update(user.as_bytes())
        .finalize();
    format!("md5{}", hex::encode(hash))
}

/// What a client answers to a salt, when this is kept of its password.
pub(super) fn md5_answer(stored: &str, salt: [u8; 4]) -> Option<String> {
    let kept = stored.strip_prefix("md5").filter(|kept| kept.len() == 32)?;
    let hash = Md5::new().chain_update(kept.as_bytes()).chain_update(salt).finalize();
    Some(format!("md5{}", hex::encode(hash)))
}

/// Whether the password is the one this is kept of.
pub(super) fn fits(stored: &str, user: &str, password: &[u8]) -> bool {
    match Verifier::parse(stored) {
        Some(verifier) => verifier.fits(password),
        None if stored.starts_with("md5") && stored.len() == 35 => md5_stored(user, password) == stored,
        None => stored.as_bytes() == password,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, whose nonce is of another length.
    #[test]
    fn the_known_exchange_comes_out_as_written() {
        let salt = B64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let exchange = Exchange {
            client_first: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(),
            server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
                .into(),
            nonce: "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".into(),
            binding: "n,,".into(),
            verifier: Verifier::new(b"pencil", &salt),
        };
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let ended = exchange.end(last, &[]).unwrap();
        assert!(ended.accepted);
        assert_eq!(ended.server_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn what_is_kept_fits_its_password_only() {
        let kept = Verifier::new(b"s3cret", b"0123456789abcdef").text();
        for stored in [kept, md5_stored("app", b"s3cret"), "s3cret".to_owned()] {
            assert!(fits(&stored, "app", b"s3cret"), "{stored}");
            assert!(!fits(&stored, "app", b"s3cre"), "{stored}");
        }
        assert_eq!(md5_stored("md", b"md1"), "md5b93b49c00539d31759fcba50278eb5bd");
    }
}
