//! What follows from events: rows of the tables, counted and merged over one batch. Pure.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use model::{Detail as _, Event, Origin, Report, detail};

use super::bounds::{self, text};
use super::credential::{self, Attempt};
use super::footprint::{self, Marks};
use super::rows::{
    ArtifactRow, AttackerRow, ChunkRow, CommandRow, CredentialRow, EventRow, SessionRow, SightingRow, TargetRow,
};
use crate::FirstContact;
use crate::value::{addr, count, micros};

/// Bytes kept of names and ids; longer ones are nobody's.
const NAME: usize = 64;
/// Bytes kept of a path, a terminal's name, a user's name.
const WORD: usize = 1_024;
/// Bytes kept of a command line. The event holds what it held.
const COMMAND: usize = 16_384;
/// Bytes kept of one piece of a recording.
const PIECE: usize = 65_536;

/// Everything one transaction writes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<EventRow>,
    pub(super) chunks: Vec<ChunkRow>,
    pub(super) commands: Vec<CommandRow>,
    pub(super) sightings: Vec<SightingRow>,
    pub(super) attackers: BTreeMap<IpAddr, AttackerRow>,
    pub(super) targets: BTreeMap<(IpAddr, String, String), TargetRow>,
    pub(super) sessions: BTreeMap<(String, String), SessionRow>,
    pub(super) credentials: BTreeMap<[u8; credential::KEY], CredentialRow>,
    pub(super) artifacts: BTreeMap<String, ArtifactRow>,
    pub(super) marks: Marks,
    /// The first thing each attacker did.
    pub(super) first: BTreeMap<IpAddr, FirstContact>,
}

// === impl Batch ===

impl Batch {
    /// Takes in an event that is not stored yet. Only a peer's leaves anything but the event itself.
    pub(super) fn add(&mut self, event: &Event, origin: Origin) {
        let peer = origin == Origin::Peer;
        if peer && let Some(tty) = event.report.detail::<detail::Tty>() {
            // A recording's pieces are many and say nothing alone: they lie with their session.
            return self.add_piece(event, tty);
        }
        self.events.push(event_row(event, origin));
        if peer {
            self.add_consequences(event);
        }
    }

    /// Counts for their attackers the credentials that no transaction before stored.
    pub(super) fn count_new_credentials(&mut self, known: &HashSet<Vec<u8>>) {
        for (key, credential) in &self.credentials {
            let attacker = credential.attacker_ip.parse().ok();
            let attacker = attacker.and_then(|ip: IpAddr| self.attackers.get_mut(&ip));
            if let Some(attacker) = attacker.filter(|_| !known.contains(&key[..])) {
                attacker.credentials += 1;
            }
        }
    }

    fn add_consequences(&mut self, event: &Event) {
        let report = &event.report;
        let attacker = attacker(report);
        if let Some(ip) = attacker {
            self.add_contact(ip, event);
            self.marks.add(ip, event);
            if let Some(attempt) = Attempt::of(report) {
                self.add_attempt(ip, event, &attempt);
            }
        }
        if let Some(command) = report.detail::<detail::Command>() {
            self.bump(attacker, |row| row.commands += 1);
            self.commands.push(command_row(event, &command));
        } else if let Some(start) = report.detail::<detail::SessionStart>() {
            self.bump(attacker, |row| row.sessions += 1);
            self.add_session(started(event, start));
        } else if let Some(end) = report.detail::<detail::SessionEnd>() {
            self.add_session(ended(event, end));
        } else if let Some(file) = report.detail::<detail::FileCaptured>() {
            self.bump(attacker, |row| row.files += 1);
            self.add_file(event, &file);
        }
    }

    fn bump(&mut self, attacker: Option<IpAddr>, change: impl FnOnce(&mut AttackerRow)) {
        if let Some(row) = attacker.and_then(|ip| self.attackers.get_mut(&ip)) {
            change(row);
        }
    }

    fn add_contact(&mut self, ip: IpAddr, event: &Event) {
        let (at, service) = (micros(event.report.at), text(&event.report.service, NAME));
        let first = self.first.entry(ip).or_insert_with(|| first_contact(ip, event));
        if event.report.at < first.at {
            *first = first_contact(ip, event);
        }
        let attacker = self.attackers.entry(ip).or_insert_with(|| AttackerRow {
            ip: ip.to_string(),
            addr: addr(ip).to_vec(),
            first_seen: at,
            last_seen: at,
            events: 0,
            sessions: 0,
            commands: 0,
            logins: 0,
            credentials: 0,
            files: 0,
            handshakes: 0,
        });
        attacker.first_seen = attacker.first_seen.min(at);
        attacker.last_seen = attacker.last_seen.max(at);
        attacker.events += 1;
        attacker.handshakes += i64::from(footprint::is_handshake(&event.report));
        let key = (ip, event.decky.to_string(), service);
        let target = self
            .targets
            .entry(key)
            .or_insert_with_key(|(ip, decky, service)| TargetRow {
                attacker_ip: ip.to_string(),
                decky: decky.clone(),
                service: service.clone(),
                first_seen: at,
                last_seen: at,
                events: 0,
            });
        target.first_seen = target.first_seen.min(at);
        target.last_seen = target.last_seen.max(at);
        target.events += 1;
    }

    fn add_attempt(&mut self, ip: IpAddr, event: &Event, attempt: &Attempt<'_>) {
        self.bump(Some(ip), |row| row.logins += 1);
        let at = micros(event.report.at);
        let key = attempt.key(ip, event);
        let row = self
            .credentials
            .entry(key)
            .or_insert_with(|| attempt.row(key, ip, event));
        row.first_seen = row.first_seen.min(at);
        row.last_seen = row.last_seen.max(at);
        row.attempts += 1;
        match attempt.outcome {
            Some(model::Outcome::Success) => row.successes += 1,
            Some(model::Outcome::Failure) => row.failures += 1,
            None => {}
        }
    }

    fn add_session(&mut self, row: SessionRow) {
        let key = (row.sid.clone(), row.decky.clone());
        match self.sessions.entry(key) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(row);
            }
            std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().take_in(row),
        }
    }

    fn add_piece(&mut self, event: &Event, tty: detail::Tty) {
        let mut session = session_row(event, &tty.sid);
        let mut data = tty.data.into_bytes();
        data.truncate(PIECE);
        session.started_at = session.started_at.saturating_sub(count(tty.t_us));
        session.chunks = 1;
        session.recorded = count(data.len() as u64);
        self.chunks.push(ChunkRow {
            id: event.report.id.0,
            sid: session.sid.clone(),
            decky: session.decky.clone(),
            n: count(tty.n),
            t_us: count(tty.t_us),
            ch: text(&tty.ch, 1),
            data,
            hidden: tty.hidden,
        });
        self.add_session(session);
    }

    fn add_file(&mut self, event: &Event, file: &detail::FileCaptured) {
        let sha256 = &file.sha256;
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return;
        }
        let at = micros(event.report.at);
        self.sightings.push(SightingRow {
            id: event.report.id.0,
            sha256: sha256.clone(),
            at,
            decky: event.decky.to_string(),
            service: text(&event.report.service, NAME),
            attacker_ip: attacker(&event.report).map(|ip| ip.to_string()),
            session: session(&event.report),
            path: text(&file.path, WORD),
            way: text(&file.way, NAME),
            username: file.user.as_deref().map(|user| text(user, WORD)),
        });
        let artifact = self.artifacts.entry(sha256.clone()).or_insert_with(|| ArtifactRow {
            sha256: sha256.clone(),
            size: count(file.size),
            first_seen: at,
            last_seen: at,
            sightings: 0,
        });
        artifact.first_seen = artifact.first_seen.min(at);
        artifact.last_seen = artifact.last_seen.max(at);
        artifact.sightings += 1;
    }
}

/// Whose deed it is. What a machine did by itself, whether its wall stopped it or not, is nobody's.
fn attacker(report: &Report) -> Option<IpAddr> {
    let own = report.kind == detail::EgressBlocked::KIND
        || report.kind == "tls_outbound"
        || report.text("role") == Some("outbound");
    let source = report.src.filter(|_| !own)?;
    Some(source.ip.to_canonical())
}

fn first_contact(ip: IpAddr, event: &Event) -> FirstContact {
    FirstContact {
        ip,
        decky: event.decky.to_string(),
        service: text(&event.report.service, NAME),
        kind: text(&event.report.kind, NAME),
        at: event.report.at,
    }
}

fn session(report: &Report) -> Option<String> {
    report.session.as_ref().map(|session| text(&session.0, NAME))
}

fn event_row(event: &Event, origin: Origin) -> EventRow {
    let report = &event.report;
    EventRow {
        id: report.id.0,
        at: micros(report.at),
        host: text(&event.host, NAME),
        decky: event.decky.to_string(),
        boot: text(&event.boot, NAME),
        seq: count(event.seq),
        service: text(&report.service, NAME),
        kind: text(&report.kind, NAME),
        src_ip: report.src.map(|src| src.ip.to_canonical().to_string()),
        src_port: report.src.map(|src| src.port.into()),
        dst_ip: report.dst.map(|dst| dst.ip.to_canonical().to_string()),
        dst_port: report.dst.map(|dst| dst.port.into()),
        session: session(report),
        origin: crate::events::origin_name(origin).to_owned(),
        fields: bounds::fields(&report.fields),
    }
}

fn command_row(event: &Event, command: &detail::Command) -> CommandRow {
    let report = &event.report;
    CommandRow {
        id: report.id.0,
        at: micros(report.at),
        attacker_ip: attacker(report).map(|ip| ip.to_string()),
        decky: event.decky.to_string(),
        service: text(&report.service, NAME),
        session: session(report),
        username: command.user.as_deref().map(|user| text(user, WORD)),
        command: text(&command.command, COMMAND),
    }
}

/// A session of which nothing is known but that it was going on.
fn session_row(event: &Event, sid: &str) -> SessionRow {
    let report = &event.report;
    SessionRow {
        sid: text(sid, NAME),
        decky: event.decky.to_string(),
        host: text(&event.host, NAME),
        service: text(&report.service, NAME),
        conn: session(report),
        attacker_ip: attacker(report).map(|ip| ip.to_string()),
        mode: None,
        username: None,
        term: None,
        width: None,
        height: None,
        command: None,
        started_at: micros(report.at),
        ended_at: None,
        duration_ms: None,
        bytes: None,
        truncated: false,
        exit_status: None,
        reason: None,
        chunks: 0,
        recorded: 0,
    }
}

fn started(event: &Event, start: detail::SessionStart) -> SessionRow {
    SessionRow {
        mode: Some(text(&start.mode, NAME)),
        username: Some(text(&start.user, WORD)),
        term: Some(text(&start.term, WORD)),
        width: Some(start.cols.into()),
        height: Some(start.rows.into()),
        command: start.command.map(|command| text(&command, COMMAND)),
        ..session_row(event, &start.sid)
    }
}

fn ended(event: &Event, end: detail::SessionEnd) -> SessionRow {
    let mut row = session_row(event, &end.sid);
    row.ended_at = Some(row.started_at);
    row.started_at = row
        .started_at
        .saturating_sub(count(end.duration_ms).saturating_mul(1_000));
    row.duration_ms = Some(count(end.duration_ms));
    row.bytes = Some(count(end.bytes));
    row.truncated = end.truncated;
    row.exit_status = end.exit_status;
    row.reason = Some(text(&end.reason, NAME));
    row
}
