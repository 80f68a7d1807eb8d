//! The machine's one server, and what it knows of one of its clients.

use super::super::database::company::Draw;
use super::super::scram::{Hash, Verifier};
use super::bson::Doc;
use super::commands;
use super::login::Exchanging;
use super::record::Record;
use super::store::Store;
use super::wire::{self, Said};

const DAY: i64 = 86_400_000;

/// What distinguishes one version from another.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) number: String,
    pub(super) git: String,
    pub(super) openssl: String,
    /// What it was built for: `debian10`, `ubuntu2004`.
    pub(super) distmod: String,
}

pub(super) struct Server {
    pub(super) release: Release,
    pub(super) host: String,
    pub(super) system: String,
    pub(super) kernel: String,
    pub(super) pid: u32,
    /// Milliseconds since 1970.
    pub(super) started: i64,
    pub(super) process: [u8; 12],
    pub(super) memory: i64,
    pub(super) cores: i32,
    /// The password of `admin`; none where nobody is asked.
    pub(super) password: Option<String>,
    pub(super) secret: [u8; 32],
    verifiers: [Option<Verifier>; 2],
}

/// One client, as long as it is connected.
#[derive(Default)]
pub(super) struct Client {
    pub(super) id: i32,
    /// With its port.
    pub(super) address: String,
    /// Name and database it logged in with.
    pub(super) user: Option<(String, String)>,
    pub(super) exchanging: Option<Exchanging>,
    pub(super) is_told: bool,
}

/// The world as it is while one command is answered.
pub(super) struct Turn<'c> {
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) draw: Draw,
    pub(super) client: &'c mut Client,
    pub(super) records: Vec<Record>,
}

// === impl Release ===

impl Release {
    pub(super) fn numbers(&self) -> Vec<i32> {
        self.number.split('.').filter_map(|part| part.parse().ok()).collect()
    }

    pub(super) fn major(&self) -> i32 {
        self.numbers().first().copied().unwrap_or(4)
    }

    /// `4.4`
    pub(super) fn series(&self) -> String {
        let numbers = self.numbers();
        let part = |at: usize| numbers.get(at).copied().unwrap_or(0);
        format!("{}.{}", part(0), part(1))
    }

    pub(super) fn wire(&self) -> i32 {
        match (self.major(), self.numbers().get(1)) {
            (3, _) => 6,
            (4, Some(2)) => 8,
            (4, Some(4)) => 9,
            (4, _) => 7,
            (5, _) => 13,
            (6, _) => 17,
            _ => 21,
        }
    }
}

// === impl Server ===

impl Server {
    pub(super) fn new(release: Release, host: String, password: Option<String>, seed: [u8; 32], now: i64) -> Self {
        let mut draw = Draw::new(seed);
        let started = now - (3_600_000 + draw.below(40 * DAY as u64) as i64);
        let mut process = [0; 12];
        process[..4].copy_from_slice(&((started / 1000) as u32).to_be_bytes());
        process[4..].iter_mut().for_each(|byte| *byte = draw.below(256) as u8);
        let salt = |length: usize| seed.iter().cycle().take(length).copied().collect::<Vec<u8>>();
        let verifiers = [Hash::Sha1, Hash::Sha256].map(|hash| {
            let password = super::login::prepared(hash, "admin", password.as_deref()?);
            Some(Verifier::new(
                hash,
                &password,
                &salt(super::login::salt(hash)),
                super::login::rounds(hash),
            ))
        });
        Self {
            memory: [1_980, 3_928, 7_957][draw.below(3) as usize],
            cores: 1 << (1 + draw.below(2)),
            pid: 500 + draw.below(900) as u32,
            system: "Linux".into(),
            kernel: String::new(),
            secret: seed,
            verifiers,
            process,
            started,
            release,
            host,
            password,
        }
    }

    pub(super) fn of_machine(self, system: String, kernel: String) -> Self {
        Self { system, kernel, ..self }
    }

    /// What is kept of a user's password; of nobody's, when there is no such user.
    pub(super) fn verifier(&self, hash: Hash, user: &str, database: &str) -> Verifier {
        let known = &self.verifiers[usize::from(hash == Hash::Sha256)];
        let known = known.clone().filter(|_| user == "admin" && database == "admin");
        known.unwrap_or_else(|| {
            Verifier::mock(
                hash,
                &self.secret,
                user,
                super::login::salt(hash),
                super::login::rounds(hash),
            )
        })
    }

    /// Answers one command; none where none is waited for. `random` is drawn anew for each.
    pub(super) fn answer(
        &self,
        store: &mut Store,
        client: &mut Client,
        said: &Said,
        now: i64,
        random: [u8; 32],
    ) -> (Option<Vec<u8>>, Vec<Record>) {
        let mut draw = Draw::new(random);
        let id = draw.below(1 << 30) as i32;
        let mut turn = Turn {
            now,
            draw,
            client,
            records: Vec::new(),
        };
        let doc: Doc = commands::run(self, store, said, &mut turn);
        let bytes = (!said.silent).then(|| wire::answer(said, id, &doc));
        (bytes, turn.records)
    }
}

// === impl Turn ===

impl Turn<'_> {
    pub(super) fn id(&mut self) -> [u8; 12] {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&((self.now / 1000) as u32).to_be_bytes());
        id[4..].iter_mut().for_each(|byte| *byte = self.draw.below(256) as u8);
        id
    }

    pub(super) fn uuid(&mut self) -> [u8; 16] {
        let mut uuid = [0; 16];
        uuid.iter_mut().for_each(|byte| *byte = self.draw.below(256) as u8);
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        uuid
    }
}
