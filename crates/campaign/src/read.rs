//! The keys of the language (clustering.md §16).

use std::collections::BTreeSet;

use cluster::Phase;

use crate::language::{Actor, Campaign, DECKIES, Noise, Step, Target, decky};
use crate::load::{MAX_ROWS, MAX_SESSIONS};
use crate::node::{Node, Reader};

/// Longest campaign, days.
const MAX_DAYS: u64 = 3_660;
/// Longest session and jitter, seconds.
const MAX_DWELL: u32 = 30 * 86_400;
const MAX_JITTER: u32 = 86_400;
const SECOND: i64 = 1_000_000;

const CAMPAIGN: [&str; 6] = ["id", "actors", "phases", "duration_days", "pause_windows", "ordered"];
const ACTOR: [&str; 14] = [
    "id",
    "asn",
    "ip_pool",
    "rotation_count",
    "rotation_asns",
    "ja3",
    "hassh",
    "ja3_set",
    "hassh_set",
    "hours_active_utc",
    "jitter_seconds",
    "active_days",
    "role",
    "truth",
];
const PHASE: [&str; 8] = [
    "name",
    "actor",
    "tool_signature",
    "target_selector",
    "dwell_seconds",
    "success_rate",
    "user_agent",
    "cve",
];
const TOOL: [&str; 6] = [
    "commands",
    "credentials",
    "payload_hash",
    "c2_callback",
    "user_agent",
    "cve",
];
const SELECTOR: [&str; 5] = ["count", "decky", "service", "port", "success_rate"];

/// One campaign; none when something of it is wrong.
pub(crate) fn campaign(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Campaign> {
    let before = reader.problems.errors();
    if !reader.mapping(node, "`campaign`") {
        return None;
    }
    reader.only(node, "a campaign", &CAMPAIGN);
    let id = required(node, "id", "a campaign", reader).and_then(|id| reader.word(&id, "`id`"));
    let days = days(node, reader);
    let actors = actors(node, reader);
    let steps = match required(node, "phases", "a campaign", reader) {
        Some(phases) => steps(&phases, &actors, reader),
        None => Vec::new(),
    };
    let ordered = node.get("ordered").and_then(|flag| reader.flag(&flag, "`ordered`"));
    let campaign = Campaign {
        id: id?,
        actors,
        steps,
        days,
        ordered: ordered.unwrap_or(false),
    };
    (reader.problems.errors() == before).then_some(campaign)
}

/// The noise of a corpus.
pub(crate) fn noise(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Noise> {
    if !reader.mapping(node, "`noise`") {
        return None;
    }
    reader.only(node, "noise", &["scanner_count", "fingerprint"]);
    let count = node.get("scanner_count");
    let scanners = match count {
        Some(count) => reader.number(&count, "`scanner_count`", 0, MAX_ROWS)?,
        None => 0,
    };
    let (mut ja3, mut hassh) = (None, None);
    match node.get("fingerprint") {
        Some(print) if print.is_mapping() => {
            reader.only(&print, "a fingerprint", &["ja3", "hassh"]);
            ja3 = print.get("ja3").and_then(|value| reader.word(&value, "`ja3`"));
            hassh = print.get("hassh").and_then(|value| reader.word(&value, "`hassh`"));
        }
        Some(print) => ja3 = reader.word(&print, "`fingerprint`"),
        None => {}
    }
    Some(Noise {
        scanners: scanners as u32,
        ja3,
        hassh,
    })
}

fn required<'v>(node: &Node<'v>, key: &str, what: &str, reader: &mut Reader<'_>) -> Option<Node<'v>> {
    let found = node.get(key);
    if found.is_none() {
        reader.error(node, format!("{what} needs `{key}`"));
    }
    found
}

/// Days of the campaign without its pauses.
fn days(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<u32> {
    let duration = node.get("duration_days");
    let duration = duration.and_then(|days| reader.number(&days, "`duration_days`", 1, MAX_DAYS));
    let mut days: Vec<u32> = (0..duration.unwrap_or(1) as u32).collect();
    let Some(pauses) = node.get("pause_windows") else {
        return days;
    };
    for pause in reader.list(&pauses, "`pause_windows`").unwrap_or_default() {
        match reader.numbers(&pause, "a pause", 0, MAX_DAYS).as_deref() {
            Some(&[from, to]) if from <= to => days.retain(|&day| !(from..=to).contains(&u64::from(day))),
            Some(_) => reader.error(&pause, "a pause is two days, the first and the last: `[2, 4]`"),
            None => {}
        }
    }
    days
}

// === Actors ===

fn actors(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<Actor> {
    let Some(list) = required(node, "actors", "a campaign", reader) else {
        return Vec::new();
    };
    let Some(items) = reader.list(&list, "`actors`") else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.error(&list, "a campaign needs at least one actor");
    }
    let mut actors: Vec<Actor> = Vec::with_capacity(items.len());
    for item in items {
        let Some(actor) = actor(&item, reader) else { continue };
        if actors.iter().any(|other| other.id == actor.id) {
            reader.error(&item, format!("there are two actors `{}`", actor.id));
        }
        actors.push(actor);
    }
    actors
}

fn actor(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Actor> {
    if !reader.mapping(node, "an actor") {
        return None;
    }
    reader.only(node, "an actor", &ACTOR);
    let id = required(node, "id", "an actor", reader).and_then(|id| reader.word(&id, "`id`"));
    let asn = |reader: &mut Reader<'_>, node: &Node<'_>| reader.number(node, "an ASN", 0, u64::from(u32::MAX));
    let asns = node.get("rotation_asns").and_then(|list| {
        let numbers = reader.numbers(&list, "`rotation_asns`", 0, u64::from(u32::MAX))?;
        Some(numbers.into_iter().map(|asn| asn as u32).collect())
    });
    let jitter = node.get("jitter_seconds");
    let actor = Actor {
        identity: identity(node, reader),
        asn: node.get("asn").and_then(|node| asn(reader, &node)).unwrap_or(0) as u32,
        rotation_asns: asns.unwrap_or_default(),
        rows: rows(node, reader),
        ja3: fingerprints(node, "ja3", "ja3_set", reader),
        hassh: fingerprints(node, "hassh", "hassh_set", reader),
        hours: hours(node, reader),
        jitter: jitter
            .and_then(|node| reader.seconds(&node, "`jitter_seconds`", MAX_JITTER))
            .unwrap_or(60 * SECOND),
        active_days: node.get("active_days").and_then(|list| {
            let days = reader.numbers(&list, "`active_days`", 0, MAX_DAYS)?;
            Some(BTreeSet::from_iter(days).into_iter().map(|day| day as u32).collect())
        }),
        id: id?,
    };
    Some(actor)
}

fn identity(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let truth = node.get("truth")?;
    if !reader.mapping(&truth, "`truth`") {
        return None;
    }
    reader.only(&truth, "`truth`", &["identity"]);
    let label = truth.get("identity")?;
    reader.word(&label, "`identity`")
}

fn rows(node: &Node<'_>, reader: &mut Reader<'_>) -> u32 {
    let count = node.get("rotation_count");
    let count = count.and_then(|node| reader.number(&node, "`rotation_count`", 1, MAX_ROWS));
    let pool = node.get("ip_pool").and_then(|node| reader.word(&node, "`ip_pool`"));
    match pool.as_deref() {
        Some("rotating") => count.unwrap_or(1) as u32,
        _ => 1,
    }
}

fn hours(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<u8> {
    let Some(list) = node.get("hours_active_utc") else {
        return (0..24).collect();
    };
    let hours = reader.numbers(&list, "`hours_active_utc`", 0, 23).unwrap_or_default();
    if hours.is_empty() && list.is_list() {
        reader.error(&list, "an actor needs at least one hour to be active in");
    }
    BTreeSet::from_iter(hours).into_iter().map(|hour| hour as u8).collect()
}

fn fingerprints(node: &Node<'_>, one: &str, several: &str, reader: &mut Reader<'_>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    if let Some(set) = node.get(several) {
        values.extend(reader.texts(&set, &format!("`{several}`")).unwrap_or_default());
    }
    if let Some(value) = node.get(one).and_then(|value| reader.text(&value, &format!("`{one}`")))
        && !values.contains(&value)
    {
        values.push(value);
    }
    values.retain(|value| !value.is_empty());
    values
}

// === Phases ===

fn steps(list: &Node<'_>, actors: &[Actor], reader: &mut Reader<'_>) -> Vec<Step> {
    let items = reader.list(list, "`phases`").unwrap_or_default();
    items.iter().filter_map(|item| step(item, actors, reader)).collect()
}

fn step(node: &Node<'_>, actors: &[Actor], reader: &mut Reader<'_>) -> Option<Step> {
    if !reader.mapping(node, "a phase") {
        return None;
    }
    reader.only(node, "a phase", &PHASE);
    let phase = phase(node, reader);
    let actor = match node.get("actor") {
        Some(named) => {
            let name = reader.word(&named, "`actor`")?;
            place(&name, actors, &named, reader)?
        }
        None => 0,
    };
    let dwell = node.get("dwell_seconds");
    let dwell = dwell.and_then(|node| reader.seconds(&node, "`dwell_seconds`", MAX_DWELL));
    let mut step = Step {
        phase: phase?,
        actor,
        commands: None,
        credentials: Vec::new(),
        payload: None,
        c2: None,
        sessions: 1,
        target: Target::Any,
        dwell: dwell.unwrap_or(5 * SECOND),
    };
    if let Some(tool) = node.get("tool_signature") {
        signature(&tool, &mut step, reader);
    }
    if let Some(selector) = node.get("target_selector") {
        self::selector(&selector, actors, &mut step, reader);
    }
    Some(step)
}

fn phase(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Phase> {
    let named = required(node, "name", "a phase", reader)?;
    let name = reader.word(&named, "`name`")?;
    match name.parse::<Phase>() {
        Ok(phase) => {
            if !phase.is_observable() {
                reader.warning(&named, format!("no decoy can see {phase}: nothing is made of it"));
            }
            Some(phase)
        }
        Err(unknown) => {
            let known: Vec<_> = Phase::ALL.into_iter().map(Phase::as_str).collect();
            reader.error_with_help(&named, unknown.to_string(), format!("there are {}", known.join(", ")));
            None
        }
    }
}

fn place(name: &str, actors: &[Actor], node: &Node<'_>, reader: &mut Reader<'_>) -> Option<usize> {
    let place = actors.iter().position(|actor| actor.id == name);
    // Where there are no actors at all, that has been said.
    if place.is_none() && !actors.is_empty() {
        let known: Vec<_> = actors.iter().map(|actor| actor.id.as_str()).collect();
        let help = format!("the campaign has {}", known.join(", "));
        reader.error_with_help(node, format!("there is no actor `{name}`"), help);
    }
    place
}

fn signature(node: &Node<'_>, step: &mut Step, reader: &mut Reader<'_>) {
    if !reader.mapping(node, "`tool_signature`") {
        return;
    }
    reader.only(node, "a tool's signature", &TOOL);
    let commands = node.get("commands");
    step.commands = commands.and_then(|list| reader.texts(&list, "`commands`"));
    if let Some(list) = node.get("credentials") {
        for pair in reader.list(&list, "`credentials`").unwrap_or_default() {
            match reader.texts(&pair, "a credential").as_deref() {
                Some([user, password]) => step.credentials.push((user.clone(), password.clone())),
                Some(_) => reader.error(&pair, "a credential is a pair: `[user, password]`"),
                None => {}
            }
        }
    }
    let payload = node.get("payload_hash");
    step.payload = payload.and_then(|seed| reader.word(&seed, "`payload_hash`"));
    let c2 = node.get("c2_callback").and_then(|c2| reader.word(&c2, "`c2_callback`"));
    step.c2 = c2.map(|endpoint| endpoint.trim().to_lowercase());
}

fn selector(node: &Node<'_>, actors: &[Actor], step: &mut Step, reader: &mut Reader<'_>) {
    if !reader.mapping(node, "`target_selector`") {
        return;
    }
    reader.only(node, "a target's selector", &SELECTOR);
    let count = node.get("count");
    let count = count.and_then(|node| reader.number(&node, "`count`", 0, MAX_SESSIONS));
    step.sessions = count.unwrap_or(1) as u32;
    let Some(named) = node.get("decky") else { return };
    let Some(name) = reader.word(&named, "`decky`") else {
        return;
    };
    step.target = match (name.as_str(), name.strip_prefix("handoff_from:")) {
        ("previous_success", _) => Target::LastSuccessOf(step.actor),
        (_, Some(giver)) => match place(giver.trim(), actors, &named, reader) {
            Some(giver) => Target::LastSuccessOf(giver),
            None => return,
        },
        _ => match (0..DECKIES).find(|&number| decky(number) == name) {
            Some(number) => Target::Decky(number),
            None => {
                reader.warning(&named, format!("`{name}` selects no decky: any is taken"));
                Target::Any
            }
        },
    };
}
