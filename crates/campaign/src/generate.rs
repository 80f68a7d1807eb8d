//! A corpus, played out.

use cluster::{Activity, Observation, Phase, Visit};
use sha2::{Digest as _, Sha256};

use crate::commands;
use crate::draw::Draw;
use crate::language::{Campaign, Corpus, DECKIES, Noise, Step, Target, decky};
use crate::record::{Record, Truth};
use crate::schedule::{self, DAY, EPOCH, SECOND};

/// The rows of a corpus. The same corpus and seed give the same rows, names included.
pub fn generate(corpus: &Corpus, seed: u64) -> Vec<Record> {
    let mut draw = Draw::new(seed);
    let mut records = Vec::with_capacity(corpus.rows() as usize);
    for campaign in &corpus.campaigns {
        play(campaign, &mut draw, &mut records);
    }
    let mut scanner = 0;
    for noise in &corpus.noise {
        for _ in 0..noise.scanners {
            records.push(scan(noise, scanner, &mut draw));
            scanner += 1;
        }
    }
    records
}

fn play(campaign: &Campaign, draw: &mut Draw, records: &mut Vec<Record>) {
    let mut firsts = Vec::with_capacity(campaign.actors.len());
    for place in 0..campaign.actors.len() {
        firsts.push(records.len());
        add_rows(campaign, place, draw, records);
    }
    let mut starts = schedule::starts(campaign, draw).into_iter();
    let mut sessions = vec![0; campaign.actors.len()];
    let mut successes = vec![None; campaign.actors.len()];
    for step in campaign.steps.iter().filter(|step| step.phase.is_observable()) {
        for _ in 0..step.sessions {
            let Some(start) = starts.next().flatten() else { continue };
            let target = match step.target {
                Target::Any => draw.below(u64::from(DECKIES)) as u8,
                Target::LastSuccessOf(actor) => successes[actor].unwrap_or(0),
                Target::Decky(number) => number,
            };
            if matches!(step.phase, Phase::Exploitation | Phase::Persistence) {
                successes[step.actor] = Some(target);
            }
            let rows = campaign.actors[step.actor].rows as usize;
            let row = firsts[step.actor] + sessions[step.actor] % rows;
            sessions[step.actor] += 1;
            add_session(&mut records[row], step, start, target);
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

fn add_session(record: &mut Record, step: &Step, start: i64, target: u8) {
    let seen = &mut record.observation;
    match &step.commands {
        Some(none) if none.is_empty() => {}
        Some(commands) => {
            seen.commands.entry(step.phase).or_default().extend_from_slice(commands);
        }
        None => {
            let typical = commands::typical(step.phase);
            if !typical.is_empty() {
                let known = seen.commands.entry(step.phase).or_default();
                known.extend(typical.iter().map(|&command| command.to_owned()));
            }
        }
    }
    for credential in &step.credentials {
        add_once(&mut seen.credentials, credential.clone());
    }
    if let Some(payload) = &step.payload {
        add_once(
            &mut seen.payload_hashes,
            hex::encode(Sha256::digest(payload.as_bytes())),
        );
    }
    if let Some(endpoint) = &step.c2 {
        add_once(&mut seen.c2_endpoints, endpoint.clone());
    }
    record.activity.visits.push(Visit {
        decky: decky(target),
        phase: Some(step.phase),
        start,
        end: start + step.dwell,
    });
}

fn add_once<T: PartialEq>(values: &mut Vec<T>, value: T) {
    if !values.contains(&value) {
        values.push(value);
    }
}

fn scan(noise: &Noise, number: usize, draw: &mut Draw) -> Record {
    let label = format!("noise-scanner-{number:04}");
    let start = EPOCH + draw.between(0, DAY - 2 * SECOND);
    Record {
        ip: draw.address().to_string(),
        observation: Observation {
            id: draw.uuid(),
            ja3: noise.ja3.iter().cloned().collect(),
            hassh: noise.hassh.iter().cloned().collect(),
            asn: Some(draw.between(1_000, 65_000) as u32),
            ..Observation::default()
        },
        activity: Activity {
            visits: vec![Visit {
                decky: decky(draw.below(u64::from(DECKIES)) as u8),
                phase: Some(Phase::Delivery),
                start,
                end: start + SECOND,
            }],
            ..Activity::default()
        },
        truth: Truth {
            campaign: Some(label.clone()),
            identity: Some(label.clone()),
            actor: Some(label),
        },
    }
}
