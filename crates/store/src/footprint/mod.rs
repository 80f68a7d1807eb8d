//! What an attacker's machine looks like, rolled up from what was seen of it (fingerprint.md §20).

mod assemble;
pub(crate) mod kind;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::entity::{fingerprint, network, place};
use crate::value::moment;
use crate::{ProbeState, Result, Store};

/// Marks of one attacker that are read, the newest first: he may show a new one with every packet.
const READ: u64 = 2_000;

/// Everything known of one attacker's machine. Lists are in the order first seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Footprint {
    pub os_guess: Option<OsGuess>,
    pub tcp_fingerprint: Option<TcpFingerprint>,
    /// Median over all that was seen.
    pub hop_distance: Option<u8>,
    /// Latest label that is not `unknown`, and the same of initial sequence numbers.
    pub ipid_class: Option<String>,
    pub isn_class: Option<String>,
    pub link_type: Option<String>,
    /// The least round trip measured.
    pub client_rtt_ms: Option<f64>,
    /// As told last, and when.
    pub uptime: Option<Uptime>,
    pub flows: i64,
    pub retransmit_count: i64,
    pub stacks: Vec<Shown>,
    pub ja3: Vec<Shown>,
    pub ja3s: Vec<Shown>,
    pub ja4: Vec<Shown>,
    pub ja4s: Vec<Shown>,
    pub ja4h: Vec<Shown>,
    pub ja4_quic: Vec<Shown>,
    pub quic_tp: Vec<Shown>,
    pub hassh_client: Vec<Shown>,
    pub ssh_client_banners: Vec<Shown>,
    /// Orders of key exchange methods, as offered.
    pub kex_order_raw: Vec<Shown>,
    pub h2: Vec<Shown>,
    pub http_order: Vec<Shown>,
    pub scanner_tools: Vec<Shown>,
    /// Why more than one machine may be behind the address.
    pub host_change_reasons: Vec<Shown>,
    /// What probes were answered with.
    pub probes: Vec<ProbeState>,
}

/// A value that was shown, and where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    pub value: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub detail: Value,
    /// How often it was told of; what both the wire and a decky told of counts once.
    pub count: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub deckies: BTreeSet<String>,
    pub ports: BTreeSet<u16>,
}

/// Which system, by the votes of all that was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OsGuess {
    pub label: String,
    /// Part of all votes' weight, 0 to 1.
    pub share: f64,
    pub by: OsEvidence,
    /// Heaviest first.
    pub votes: Vec<Vote>,
}

/// Strongest first; a weaker one decides only where the stronger says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OsEvidence {
    /// Signatures of the first packet.
    Signature,
    /// The coarse table over a few of its values.
    Coarse,
    /// The time to live alone.
    Ttl,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vote {
    pub label: String,
    pub count: i64,
    /// Sum of the confidences.
    pub weight: f64,
}

/// The latest first packet of the attacker's, and the latest answer to one of ours. The passive one's values are
/// repeated flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TcpFingerprint {
    pub passive: Option<Value>,
    pub active: Option<Value>,
    #[serde(flatten)]
    pub flat: model::Fields,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Uptime {
    pub seconds: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

pub(crate) async fn read(store: &Store, ip: IpAddr) -> Result<Footprint> {
    let (ip_text, reader) = (ip.to_string(), store.reader());
    let mut marks = fingerprint::Entity::find()
        .filter(fingerprint::Column::AttackerIp.eq(&ip_text))
        .order_by_desc(fingerprint::Column::LastSeen)
        .limit(READ)
        .all(reader)
        .await?;
    marks.sort_by(|a, b| (a.first_seen, &a.value).cmp(&(b.first_seen, &b.value)));
    let network = network::Entity::find_by_id(ip_text).one(reader).await?;
    let shown = shown(store, &marks).await?;
    let probes = store.probes().states(ip).await?;
    Ok(assemble::footprint(&marks, shown, network, probes))
}

impl fingerprint::Model {
    /// How often it was told of. The wire and the deckies tell of the same connections, each of as many as it heard.
    fn told(&self) -> i64 {
        self.count.max(self.by_deckies)
    }
}

/// The marks that have places, by their kind.
async fn shown(store: &Store, marks: &[fingerprint::Model]) -> Result<HashMap<String, Vec<Shown>>> {
    /// Keys asked for at once: engines bound the values of one statement.
    const AT_ONCE: usize = 500;
    let placed: Vec<_> = marks
        .iter()
        .filter(|mark| kind::HAS_PLACES.contains(&mark.kind.as_str()))
        .collect();
    let mut places: HashMap<Vec<u8>, (BTreeSet<String>, BTreeSet<u16>)> = HashMap::new();
    for some in placed.chunks(AT_ONCE) {
        let keys = some.iter().map(|mark| mark.key.clone());
        let rows = place::Entity::find()
            .filter(place::Column::Key.is_in(keys))
            .all(store.reader())
            .await?;
        for row in rows {
            let (deckies, ports) = places.entry(row.key).or_default();
            deckies.insert(row.decky);
            ports.extend(u16::try_from(row.port).ok().filter(|&port| port > 0));
        }
    }
    let mut shown: HashMap<String, Vec<Shown>> = HashMap::new();
    for mark in placed {
        let (deckies, ports) = places.remove(&mark.key).unwrap_or_default();
        let detail = mark.detail.as_deref().and_then(|text| serde_json::from_str(text).ok());
        shown.entry(mark.kind.clone()).or_default().push(Shown {
            value: mark.value.clone(),
            detail: detail.unwrap_or(Value::Null),
            count: mark.told(),
            first_seen: moment(mark.first_seen),
            last_seen: moment(mark.last_seen),
            deckies,
            ports,
        });
    }
    Ok(shown)
}
