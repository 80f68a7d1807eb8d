//! Ways to agree on a secret, our half of each, and what is made of the secret.

use curve25519_dalek::MontgomeryPoint;
use ml_kem::kem::TryKeyInit;
use ml_kem::{B32, EncapsulationKey, MlKem768};
use p256::elliptic_curve::sec1::ToSec1Point;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::code::Put;
use crate::groups::Group;
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How a secret is agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Sntrup761,
    MlKem768,
    Curve25519,
    P256,
    P384,
    P521,
    /// The known group of that number.
    Group(u8),
    /// A group of the server's.
    AnyGroup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    pub name: &'static str,
    pub how: How,
    pub hash: Hash,
}

/// Our half, and what both halves make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub ours: Vec<u8>,
    /// As it goes into hashes.
    pub secret: Vec<u8>,
}

const fn method(name: &'static str, how: How, hash: Hash) -> Method {
    Method { name, how, hash }
}

pub const METHODS: &[Method] = &[
    method("sntrup761x25519-sha512", How::Sntrup761, Hash::Sha512),
    method("sntrup761x25519-sha512@openssh.com", How::Sntrup761, Hash::Sha512),
    method("mlkem768x25519-sha256", How::MlKem768, Hash::Sha256),
    method("curve25519-sha256", How::Curve25519, Hash::Sha256),
    method("curve25519-sha256@libssh.org", How::Curve25519, Hash::Sha256),
    method("ecdh-sha2-nistp256", How::P256, Hash::Sha256),
    method("ecdh-sha2-nistp384", How::P384, Hash::Sha384),
    method("ecdh-sha2-nistp521", How::P521, Hash::Sha512),
    method("diffie-hellman-group-exchange-sha256", How::AnyGroup, Hash::Sha256),
    method("diffie-hellman-group-exchange-sha1", How::AnyGroup, Hash::Sha1),
    method("diffie-hellman-group16-sha512", How::Group(16), Hash::Sha512),
    method("diffie-hellman-group18-sha512", How::Group(18), Hash::Sha512),
    method("diffie-hellman-group14-sha256", How::Group(14), Hash::Sha256),
    method("diffie-hellman-group14-sha1", How::Group(14), Hash::Sha1),
    method("diffie-hellman-group1-sha1", How::Group(1), Hash::Sha1),
];

pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

// === impl Hash ===

impl Hash {
    pub fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn all<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha1 => all::<Sha1>(parts),
            Self::Sha256 => all::<Sha256>(parts),
            Self::Sha384 => all::<Sha384>(parts),
            Self::Sha512 => all::<Sha512>(parts),
        }
    }

    /// Key material (RFC 4253 §7.2).
    pub fn derive(self, secret: &[u8], hash: &[u8], letter: u8, session: &[u8], length: usize) -> Vec<u8> {
        let mut key = self.of(&[secret, hash, &[letter], session]);
        while key.len() < length {
            let more = self.of(&[secret, hash, &key]);
            key.extend(more);
        }
        key.truncate(length);
        key
    }
}

// === impl Method ===

impl Method {
    /// The numbers in its messages are written as numbers, not as strings.
    pub fn is_numeric(&self) -> bool {
        matches!(self.how, How::Group(_) | How::AnyGroup)
    }

    /// Answers the peer's half; none when there is something wrong with it. For a group, `theirs` is a number and so
    /// is what is answered.
    pub fn respond(&self, theirs: &[u8], group: Option<&Group>, random: &mut impl Random) -> Option<Agreed> {
        let (ours, raw) = match self.how {
            How::Sntrup761 => return hybrid(self.hash, theirs, random, sntrup761),
            How::MlKem768 => return hybrid(self.hash, theirs, random, mlkem768),
            How::Curve25519 => x25519(theirs, random)?,
            How::P256 => p256(theirs, random)?,
            How::P384 => p384(theirs, random)?,
            How::P521 => p521(theirs, random)?,
            How::Group(number) => Group::numbered(number)?.respond(theirs, random)?,
            How::AnyGroup => group?.respond(theirs, random)?,
        };
        let mut secret = Vec::with_capacity(raw.len() + 5);
        secret.put_mpint(&raw);
        Some(Agreed { ours, secret })
    }
}

type Halves = (Vec<u8>, Vec<u8>);

fn hybrid<R: Random>(
    hash: Hash,
    theirs: &[u8],
    random: &mut R,
    wrap: fn(&[u8], &mut R) -> Option<Halves>,
) -> Option<Agreed> {
    let (theirs, curve) = theirs.split_last_chunk::<32>()?;
    let (mut ours, wrapped) = wrap(theirs, random)?;
    let (curve, shared) = x25519(curve, random)?;
    ours.extend(curve);
    let mut secret = Vec::new();
    secret.put_string(&hash.of(&[&wrapped, &shared]));
    Some(Agreed { ours, secret })
}

fn sntrup761(theirs: &[u8], random: &mut impl Random) -> Option<Halves> {
    let key = sntrup761::EncapsulationKey::try_from(theirs).ok()?;
    let mut seed = [0; 32];
    random.fill(&mut seed);
    let (sealed, secret) = key.encapsulate_deterministic(seed);
    Some((sealed.as_ref().to_vec(), secret.as_ref().to_vec()))
}

fn mlkem768(theirs: &[u8], random: &mut impl Random) -> Option<Halves> {
    let key = EncapsulationKey::<MlKem768>::new_from_slice(theirs).ok()?;
    let mut seed = B32::default();
    random.fill(&mut seed);
    let (sealed, secret) = key.encapsulate_deterministic(&seed);
    Some((sealed.to_vec(), secret.to_vec()))
}

fn x25519(theirs: &[u8], random: &mut impl Random) -> Option<Halves> {
    let mut secret = [0; 32];
    random.fill(&mut secret);
    let shared = MontgomeryPoint(theirs.try_into().ok()?).mul_clamped(secret).to_bytes();
    let ours = MontgomeryPoint::mul_base_clamped(secret).to_bytes();
    (shared != [0; 32]).then(|| (ours.to_vec(), shared.to_vec()))
}

macro_rules! nist {
    ($name:ident, $bytes:literal, $mask:literal) => {
        fn $name(theirs: &[u8], random: &mut impl Random) -> Option<Halves> {
            // OpenSSH takes points written in full.
            let theirs = theirs
                .first()
                .filter(|&&form| form == 4)
                .and_then(|_| $name::PublicKey::from_sec1_bytes(theirs).ok())?;
            let mut bytes = [0; $bytes];
            // All but a few numbers will do.
            let secret = (0..64).find_map(|_| {
                random.fill(&mut bytes);
                bytes[0] &= $mask;
                $name::SecretKey::from_slice(&bytes).ok()
            })?;
            let shared = $name::ecdh::diffie_hellman(secret.to_nonzero_scalar(), theirs.as_affine());
            let ours = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
            Some((ours, shared.raw_secret_bytes().to_vec()))
        }
    };
}

nist!(p256, 32, 0xff);
nist!(p384, 48, 0xff);
nist!(p521, 66, 0x01);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Counting;

    #[test]
    fn a_half_that_is_none_is_refused() {
        for method in METHODS {
            for theirs in [&[][..], &[0; 32], &[4; 65], &[0xff; 1189], &[0; 1216]] {
                let group = Group::numbered(14);
                let agreed = method.respond(theirs, group.as_ref(), &mut Counting::default());
                assert!(
                    agreed.is_none() || method.is_numeric(),
                    "{} {}",
                    method.name,
                    theirs.len()
                );
            }
        }
    }

    /// RFC 7748 §6.1: the peer's public value is Alice's, and ours is made of Bob's secret.
    #[test]
    fn curve25519_is_that_of_the_standard() {
        struct Bob;
        impl Random for Bob {
            fn fill(&mut self, bytes: &mut [u8]) {
                bytes.copy_from_slice(
                    &hex::decode("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb").unwrap(),
                );
            }
        }
        let alice = hex::decode("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a").unwrap();
        let (ours, shared) = x25519(&alice, &mut Bob).unwrap();
        assert_eq!(
            hex::encode(ours),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
        );
        assert_eq!(
            hex::encode(shared),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        );
    }

    #[test]
    fn keys_longer_than_a_hash_are_made_of_several() {
        let key = Hash::Sha256.derive(b"k", b"h", b'C', b"s", 64);
        let first = Hash::Sha256.of(&[b"k", b"h", b"C", b"s"]);
        assert_eq!(key[..32], first[..]);
        assert_eq!(key[32..], Hash::Sha256.of(&[b"k", b"h", &first])[..]);
    }
}
