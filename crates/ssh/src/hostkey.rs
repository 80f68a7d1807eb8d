//! Keys: ours, that prove who we are, and those of peers.

use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use ssh_key::private::KeypairData;
use ssh_key::{PrivateKey, PublicKey, Signature};

use crate::code::{Put, Reader};

/// One of our keys.
pub struct HostKey {
    /// The public half, as it is sent.
    pub blob: Vec<u8>,
    name: String,
    signer: Signer,
}

enum Signer {
    Rsa(Box<Rsa>),
    Other(Box<KeypairData>),
}

struct Rsa {
    sha512: SigningKey<Sha512>,
    sha256: SigningKey<Sha256>,
    sha1: SigningKey<Sha1>,
}

// === impl HostKey ===

impl HostKey {
    /// Reads an OpenSSH private-key file without a passphrase.
    pub fn parse(pem: &str) -> Result<Self, String> {
        let key = PrivateKey::from_openssh(pem).map_err(|error| error.to_string())?;
        let blob = key.public_key().to_bytes().map_err(|error| error.to_string())?;
        let name = Reader(&blob).text().unwrap_or_default();
        let signer = match key.key_data() {
            KeypairData::Rsa(pair) => {
                let key = rsa::RsaPrivateKey::try_from(pair).map_err(|error| error.to_string())?;
                Signer::Rsa(Box::new(Rsa {
                    sha512: SigningKey::new(key.clone()),
                    sha256: SigningKey::new(key.clone()),
                    sha1: SigningKey::new(key),
                }))
            }
            other => Signer::Other(Box::new(other.clone())),
        };
        Ok(Self { blob, name, signer })
    }

    pub fn is_rsa(&self) -> bool {
        matches!(self.signer, Signer::Rsa(_))
    }

    /// `ssh-ed25519`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It can sign by the algorithm.
    pub fn does(&self, algorithm: &str) -> bool {
        match self.signer {
            Signer::Rsa(_) => ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"].contains(&algorithm),
            Signer::Other(_) => self.name == algorithm,
        }
    }

    /// A signature as it is sent.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
        let bytes = match (&self.signer, algorithm) {
            (Signer::Rsa(key), "rsa-sha2-512") => key.sha512.try_sign(message).ok()?.to_vec(),
            (Signer::Rsa(key), "rsa-sha2-256") => key.sha256.try_sign(message).ok()?.to_vec(),
            (Signer::Rsa(key), _) => key.sha1.try_sign(message).ok()?.to_vec(),
            (Signer::Other(pair), _) => {
                let signature: Signature = pair.try_sign(message).ok()?;
                signature.as_bytes().to_vec()
            }
        };
        let mut out = Vec::with_capacity(bytes.len() + algorithm.len() + 8);
        out.put_string(algorithm.as_bytes());
        out.put_string(&bytes);
        Some(out)
    }
}

/// Whether a peer's signature is by the key and the algorithm it names.
pub fn verify(algorithm: &[u8], key: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let named = Reader(signature).string();
    let (Ok(key), Ok(signature)) = (PublicKey::from_bytes(key), Signature::try_from(signature)) else {
        return false;
    };
    named == Some(algorithm) && key.key_data().verify(message, &signature).is_ok()
}
