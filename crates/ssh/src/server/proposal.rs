//! Proposals for the exchange of keys, and what is chosen of two (RFC 4253 §7.1).

use crate::cipher;
use crate::code::{Put, Reader};
use crate::exchange::{self, Method};
use crate::mac;
use crate::message as msg;
use crate::packet::Fault;
use crate::random::Random;
use crate::server::Profile;

const LISTS: usize = 10;
const STRICT_CLIENT: &str = "kex-strict-c-v00@openssh.com";
const STRICT_SERVER: &str = "kex-strict-s-v00@openssh.com";
const EXTENSIONS_CLIENT: &str = "ext-info-c";
const EXTENSIONS_SERVER: &str = "ext-info-s";
const ZLIB: &str = "zlib@openssh.com";

/// Ours, as a message.
pub(super) fn ours(profile: &Profile, random: &mut impl Random) -> Vec<u8> {
    let mut payload = vec![msg::KEXINIT];
    payload.resize(1 + 16, 0);
    random.fill(&mut payload[1..]);
    for list in lists(profile) {
        payload.put_string(list.join(",").as_bytes());
    }
    payload.push(0);
    payload.put_number(0);
    payload
}

fn lists(profile: &Profile) -> [Vec<&str>; LISTS] {
    let release = &profile.release;
    let mut kex = release.kex.to_vec();
    kex.extend(release.announces_extensions.then_some(EXTENSIONS_SERVER));
    kex.extend(release.strict.then_some(STRICT_SERVER));
    let (ciphers, macs) = (release.ciphers.to_vec(), release.macs.to_vec());
    let compression = release.compression.to_vec();
    [
        kex,
        key_algorithms(profile),
        ciphers.clone(),
        ciphers,
        macs.clone(),
        macs,
        compression.clone(),
        compression,
        Vec::new(),
        Vec::new(),
    ]
}

fn key_algorithms(profile: &Profile) -> Vec<&str> {
    let keys = profile.keys.iter();
    keys.flat_map(|key| match key.is_rsa() {
        true => profile.release.rsa.to_vec(),
        false => vec![key.name()],
    })
    .collect()
}

/// A peer's.
pub(super) struct Theirs<'a> {
    lists: [Vec<&'a str>; LISTS],
    follows: bool,
}

/// What both want.
pub(super) struct Chosen {
    pub(super) method: &'static Method,
    /// Its place among ours.
    pub(super) key: usize,
    pub(super) key_algorithm: String,
    /// From the peer, to the peer.
    pub(super) ciphers: [&'static cipher::Kind; 2],
    pub(super) macs: [Option<&'static mac::Kind>; 2],
    pub(super) compression: [bool; 2],
}

// === impl Theirs ===

impl<'a> Theirs<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(payload.get(1 + 16..)?);
        let mut lists: [Vec<&str>; LISTS] = Default::default();
        for list in &mut lists {
            // What is not text is no name of ours.
            let text = std::str::from_utf8(reader.string()?).unwrap_or("");
            *list = text.split(',').collect();
        }
        let follows = reader.boolean()?;
        reader.number()?;
        reader.end()?;
        Some(Self { lists, follows })
    }

    pub(super) fn is_strict(&self) -> bool {
        self.lists[0].contains(&STRICT_CLIENT)
    }

    pub(super) fn wants_extensions(&self) -> bool {
        self.lists[0].contains(&EXTENSIONS_CLIENT)
    }

    /// Names of key algorithms, as they were sent.
    pub(super) fn key_algorithms(&self) -> Vec<u8> {
        self.lists[1].join(",").into_bytes()
    }

    /// The peer sent the next message on a guess, and guessed wrong.
    pub(super) fn guessed_wrong(&self, profile: &Profile) -> bool {
        let ours = lists(profile);
        self.follows && (0..2).any(|at| self.lists[at].first() != ours[at].first())
    }

    pub(super) fn choose(&self, profile: &Profile) -> Result<Chosen, Fault> {
        let ours = lists(profile);
        let pick = |at: usize| {
            let found = self.lists[at].iter().find(|name| ours[at].contains(name));
            found.copied().ok_or(Fault::Silent)
        };
        let mut ciphers = [&cipher::KINDS[0]; 2];
        let mut macs = [None; 2];
        let mut compression = [false; 2];
        // Without anything in common OpenSSH ends without a word.
        for way in 0..2 {
            ciphers[way] = cipher::find(pick(2 + way)?).ok_or(Fault::Silent)?;
            if !ciphers[way].tagged {
                macs[way] = Some(mac::find(pick(4 + way)?).ok_or(Fault::Silent)?);
            }
            compression[way] = pick(6 + way)? == ZLIB;
        }
        let key_algorithm = pick(1)?;
        let key = profile.keys.iter().position(|key| key.does(key_algorithm));
        Ok(Chosen {
            method: exchange::find(pick(0)?).ok_or(Fault::Silent)?,
            key: key.ok_or(Fault::Silent)?,
            key_algorithm: key_algorithm.to_owned(),
            ciphers,
            macs,
            compression,
        })
    }
}
