//! A corpus, played out.

use cluster::{Activity, Observation, Phase, Visit};
use sha2::{Digest as _, Sha256};

use crate::commands;
use crate::draw::Draw;
use crate::language::{Campaign, Corpus, DECKIES, Noise, Step, Target, decky};
use crate::record::{Record, Truth};
use crate::schedule::{self, DAY, EPOCH, SECOND};

/// A corpus, played out: who there is, and what they do.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// Who is behind each address, and what every session from it shows; nothing has been done yet.
    pub rows: Vec<Record>,
    /// In the order of the corpus, which need not be that of their starts.
    pub sessions: Vec<Session>,
}

/// What one address does at one decky.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Place in the play's rows.
    pub row: usize,
    pub phase: Phase,
    /// Number of the decky, from 0.
    pub decky: u8,
    /// Microseconds since 1970.
    pub start: i64,
    /// Microseconds.
    pub dwell: i64,
    pub commands: Vec<String>,
    /// User and password, tried in this order.
    pub credentials: Vec<(String, String)>,
    /// Text of a file that is left there.
    pub payload: Option<String>,
    /// `host` or `host:port` that is called.
    pub c2: Option<String>,
}

/// The rows of a corpus. The same corpus and seed give the same rows, names included.
pub fn generate(corpus: &Corpus, seed: u64) -> Vec<Record> {
    let Play { mut rows, sessions } = play(corpus, seed);
    for session in sessions {
        let row = session.row;
        rows[row].add(session);
    }
    rows
}

/// Who and what a corpus is made of. The same corpus and seed give the same play.
pub fn play(corpus: &Corpus, seed: u64) -> Play {
    let mut draw = Draw::new(seed);
    let mut play = Play {
        rows: Vec::with_capacity(corpus.rows() as usize),
        sessions: Vec::with_capacity(corpus.sessions() as usize),
    };
    for campaign in &corpus.campaigns {
        carry_out(campaign, &mut draw, &mut play);
    }
    let mut scanner = 0;
    for noise in &corpus.noise {
        for _ in 0..noise.scanners {
            scan(noise, scanner, &mut draw, &mut play);
            scanner += 1;
        }
    }
    play
}

fn carry_out(campaign: &Campaign, draw: &mut Draw, play: &mut Play) {
    let mut firsts = Vec::with_capacity(campaign.actors.len());
    for place in 0..campaign.actors.len() {
        firsts.push(play.rows.len());
        add_rows(campaign, place, draw, &mut play.rows);
    }
    let mut starts = schedule::starts(campaign, draw).into_iter();
    let mut sessions = vec![0; campaign.actors.len()];
    let mut successes = vec![None; campaign.actors.len()];
    for step in campaign.steps.iter().filter(|step| step.phase.is_observable()) {
        for _ in 0..step.sessions {
            let Some(start) = starts.next().flatten() else { continue };
            let decky = match step.target {
                Target::Any => draw.below(u64::from(DECKIES)) as u8,
                Target::LastSuccessOf(actor) => successes[actor].unwrap_or(0),
                Target::Decky(number) => number,
            };
            if matches!(step.phase, Phase::Exploitation | Phase::Persistence) {
                successes[step.actor] = Some(decky);
            }
            let rows = campaign.actors[step.actor].rows as usize;
            let row = firsts[step.actor] + sessions[step.actor] % rows;
            sessions[step.actor] += 1;
            play.sessions.push(Session::of(step, row, start, decky));
        }
    }
}

fn add_rows(campaign: &Campaign, place: usize, draw: &mut Draw, records: &mut Vec<Record>) {
    let actor = &campaign.actors[place];
    let name = format!("{}/{}", campaign.id, actor.id);
    for row in 0..actor.rows as usize {
        let asns = &actor.rotation_asns;
        let asn = if asns.is_empty() {
            actor.asn
        } else {
            asns[row % asns.len()]
        };
        records.push(Record {
            ip: draw.address().to_string(),
            observation: Observation {
                id: draw.uuid(),
                ja3: actor.ja3.clone(),
                hassh: actor.hassh.clone(),
                asn: (asn != 0).then_some(asn),
                ..Observation::default()
            },
            activity: Activity::default(),
            truth: Truth {
                campaign: Some(campaign.id.clone()),
                identity: Some(actor.identity.clone().unwrap_or_else(|| name.clone())),
                actor: Some(name.clone()),
            },
        });
    }
}

fn add_once<T: PartialEq>(values: &mut Vec<T>, value: T) {
    if !values.contains(&value) {
        values.push(value);
    }
}

fn scan(noise: &Noise, number: usize, draw: &mut Draw, play: &mut Play) {
    let label = format!("noise-scanner-{number:04}");
    let start = EPOCH + draw.between(0, DAY - 2 * SECOND);
    let record = Record {
        ip: draw.address().to_string(),
        observation: Observation {
            id: draw.uuid(),
            ja3: noise.ja3.iter().cloned().collect(),
            hassh: noise.hassh.iter().cloned().collect(),
            asn: Some(draw.between(1_000, 65_000) as u32),
            ..Observation::default()
        },
        activity: Activity::default(),
        truth: Truth {
            campaign: Some(label.clone()),
            identity: Some(label.clone()),
            actor: Some(label),
        },
    };
    play.sessions.push(Session {
        row: play.rows.len(),
        phase: Phase::Delivery,
        decky: draw.below(u64::from(DECKIES)) as u8,
        start,
        dwell: SECOND,
        commands: Vec::new(),
        credentials: Vec::new(),
        payload: None,
        c2: None,
    });
    play.rows.push(record);
}

// === impl Session ===

impl Session {
    fn of(step: &Step, row: usize, start: i64, decky: u8) -> Self {
        let typical = || commands::typical(step.phase).iter().map(|&line| line.to_owned());
        Self {
            row,
            phase: step.phase,
            decky,
            start,
            dwell: step.dwell,
            commands: step.commands.clone().unwrap_or_else(|| typical().collect()),
            credentials: step.credentials.clone(),
            payload: step.payload.clone(),
            c2: step.c2.clone(),
        }
    }
}

// === impl Record ===

impl Record {
    /// Takes in what was done from this address.
    fn add(&mut self, session: Session) {
        let seen = &mut self.observation;
        if !session.commands.is_empty() {
            seen.commands.entry(session.phase).or_default().extend(session.commands);
        }
        for credential in session.credentials {
            add_once(&mut seen.credentials, credential);
        }
        if let Some(payload) = session.payload {
            let hash = hex::encode(Sha256::digest(payload.as_bytes()));
            add_once(&mut seen.payload_hashes, hash);
        }
        if let Some(endpoint) = session.c2 {
            add_once(&mut seen.c2_endpoints, endpoint);
        }
        self.activity.visits.push(Visit {
            decky: decky(session.decky),
            phase: Some(session.phase),
            start: session.start,
            end: session.start + session.dwell,
        });
    }
}
