//! Corpora as large as one likes, mixed of what the internet sends (clustering.md §23).

use cluster::Phase;

use crate::draw::Draw;
use crate::generate::generate;
use crate::language::{Actor, Campaign, Corpus, Step, Target};
use crate::record::Record;
use crate::schedule::SECOND;

/// What to mix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    pub rows: u32,
    /// Share of actors, from 0 to 1, that show [`POPULAR_JA3`] instead of a JA3 of their own.
    pub popular_ja3: f64,
}

/// What a stock HTTP client shows; it is in the shipped list of commodities.
pub const POPULAR_JA3: &str = "0149f47eabf9a20d0893e2a44e5a6323";

/// Percent of all rows; what is left over are scanners.
const ROTATING: u32 = 20;
const TWO_OPERATORS: u32 = 10;
const BRUTE_FORCE: u32 = 20;
const DROPPERS: u32 = 10;

/// Addresses of a rotating actor.
const POOL: u32 = 5;
/// Days over which everything happens.
const DAYS: u32 = 7;
/// Droppers that fetch the same public malware.
const BOTNET: u32 = 100;

const WORDLIST: [(&str, &str); 8] = [
    ("admin", "admin"),
    ("admin", "password"),
    ("admin", "12345"),
    ("root", "root"),
    ("root", "toor"),
    ("root", "123456"),
    ("user", "user"),
    ("test", "test"),
];

/// The rows of a mix, shuffled. The same mix and seed give the same rows.
pub fn mixed(mix: &Mix, seed: u64) -> Vec<Record> {
    let mut draw = Draw::new(seed ^ 0x6d69_7865_6400);
    let mut mixing = Mixing {
        draw: &mut draw,
        popular: mix.popular_ja3,
        campaigns: Vec::new(),
    };
    mixing.all(mix.rows);
    let campaigns = mixing.campaigns;
    let corpus = Corpus {
        campaigns,
        noise: Vec::new(),
    };
    let mut records = generate(&corpus, seed);
    for n in (1..records.len()).rev() {
        records.swap(n, draw.below(n as u64 + 1) as usize);
    }
    records
}

struct Mixing<'d> {
    draw: &'d mut Draw,
    popular: f64,
    campaigns: Vec<Campaign>,
}

// === impl Mixing ===

impl Mixing<'_> {
    fn all(&mut self, rows: u32) {
        let share = |percent: u32| (u64::from(rows) * u64::from(percent) / 100) as u32;
        let rotating = share(ROTATING) / POOL;
        let pairs = share(TWO_OPERATORS) / 2;
        let (brute, droppers) = (share(BRUTE_FORCE), share(DROPPERS));
        let scanners = rows - rotating * POOL - pairs * 2 - brute - droppers;
        for n in 0..rotating {
            self.rotating(n);
        }
        for n in 0..pairs {
            self.two_operators(n);
        }
        for n in 0..brute {
            self.brute_force(n);
        }
        for n in 0..droppers {
            self.dropper(n);
        }
        for n in 0..scanners {
            self.scanner(n);
        }
    }

    fn rotating(&mut self, n: u32) {
        let mut actor = self.actor("hopper", true);
        actor.rows = POOL;
        actor.rotation_asns = (0..POOL).map(|_| self.asn()).collect();
        let payload = Some(format!("rotating-{n}"));
        let steps = vec![
            step(Phase::Delivery, 0, POOL),
            Step {
                payload,
                ..step(Phase::Exploitation, 0, POOL)
            },
            step(Phase::Discovery, 0, POOL),
        ];
        self.add(format!("rotating-{n}"), vec![actor], steps);
    }

    fn two_operators(&mut self, n: u32) {
        let actors = vec![self.actor("broker", true), self.actor("operator", true)];
        let c2 = Some(format!("c2-{n}.two-operators.example"));
        let with_c2 = |step: Step| Step { c2: c2.clone(), ..step };
        let own = Target::LastSuccessOf(0);
        let steps = vec![
            with_c2(step(Phase::Delivery, 0, 1)),
            with_c2(step(Phase::Exploitation, 0, 1)),
            Step {
                target: own,
                ..with_c2(step(Phase::Persistence, 0, 1))
            },
            with_c2(step(Phase::Discovery, 1, 2)),
            with_c2(step(Phase::LateralMovement, 1, 1)),
        ];
        self.add(format!("two-operators-{n}"), actors, steps);
    }

    fn brute_force(&mut self, n: u32) {
        let actor = self.actor("brute", true);
        let credentials = WORDLIST
            .map(|(user, password)| (user.to_owned(), password.to_owned()))
            .to_vec();
        let guessing = Step {
            credentials,
            commands: Some(Vec::new()),
            ..step(Phase::CredentialAccess, 0, 2)
        };
        self.add(
            format!("brute-force-{n}"),
            vec![actor],
            vec![step(Phase::Delivery, 0, 1), guessing],
        );
    }

    fn dropper(&mut self, n: u32) {
        let actor = self.actor("bot", true);
        let payload = Some(format!("public-malware-{}", n / BOTNET));
        let steps = vec![
            Step {
                payload,
                ..step(Phase::Exploitation, 0, 1)
            },
            Step {
                target: Target::LastSuccessOf(0),
                ..step(Phase::Persistence, 0, 1)
            },
        ];
        self.add(format!("dropper-{n}"), vec![actor], steps);
    }

    fn scanner(&mut self, n: u32) {
        let actor = self.actor("scanner", false);
        self.add(format!("scanner-{n}"), vec![actor], vec![step(Phase::Delivery, 0, 1)]);
    }

    fn add(&mut self, id: String, actors: Vec<Actor>, steps: Vec<Step>) {
        self.campaigns.push(Campaign {
            id,
            actors,
            steps,
            days: (0..DAYS).collect(),
            ordered: true,
        });
    }

    fn actor(&mut self, id: &str, has_fingerprints: bool) -> Actor {
        let own = |draw: &mut Draw| {
            if has_fingerprints {
                vec![draw.fingerprint()]
            } else {
                Vec::new()
            }
        };
        let ja3 = own(self.draw);
        let popular = self.draw.chance(self.popular);
        Actor {
            id: id.to_owned(),
            identity: None,
            asn: self.asn(),
            rotation_asns: Vec::new(),
            rows: 1,
            ja3: if popular { vec![POPULAR_JA3.to_owned()] } else { ja3 },
            hassh: own(self.draw),
            hours: (0..24).collect(),
            jitter: 60 * SECOND,
            active_days: None,
        }
    }

    fn asn(&mut self) -> u32 {
        self.draw.between(1_000, 65_000) as u32
    }
}

fn step(phase: Phase, actor: usize, sessions: u32) -> Step {
    Step {
        phase,
        actor,
        commands: None,
        credentials: Vec::new(),
        payload: None,
        c2: None,
        sessions,
        target: Target::Any,
        dwell: 5 * SECOND,
    }
}

#[cfg(test)]
mod tests {
    use cluster::{Commodity, Family, KeyHash};

    use super::*;

    #[test]
    fn the_popular_client_is_one_that_everybody_has() {
        assert!(Commodity::shipped().contains(KeyHash::of(Family::Ja3, POPULAR_JA3)));
    }

    #[test]
    fn a_mix_has_its_rows_and_comes_out_the_same_again() {
        let mix = Mix {
            rows: 301,
            popular_ja3: 0.3,
        };
        let rows = mixed(&mix, 7);
        assert_eq!(rows.len(), 301);
        assert_eq!(rows, mixed(&mix, 7));
        assert_ne!(rows, mixed(&mix, 8));
        let popular = rows
            .iter()
            .filter(|row| row.observation.ja3.iter().any(|ja3| ja3 == POPULAR_JA3))
            .count();
        assert!((40..140).contains(&popular), "{popular}");
    }
}
