//! `decnet traversals`.

use profile::{Hop, Traversal, traversal};
use store::{AttackerSort, Filter, Store};
use time::OffsetDateTime;

use crate::args;
use crate::context::Context;
use crate::exit::Result;
use crate::habits::ONLOOKERS;
use crate::output::ago;
use crate::query::{DEEDS, all, filter};

const EMPTY: &str = "nobody went from one decky to another yet";

pub async fn traversals(cx: &Context, asked: &args::Traversals) -> Result {
    let store = cx.record().await?;
    let wanted = filter(&asked.filter)?;
    let list = async |page| store.attackers().list(&wanted, AttackerSort::Recent, &page).await;
    let mut ways = Vec::new();
    for attacker in all(asked.filter.limit, list).await? {
        if attacker.deckies.len() >= asked.min_deckies {
            let hops = hops(&store, &wanted, attacker.ip).await?;
            ways.extend(traversal(attacker.ip, hops, asked.min_deckies));
        }
    }
    ways.sort_by_key(|way| way.first_seen);
    let now = OffsetDateTime::now_utc();
    let cells = |way: &Traversal| {
        vec![
            way.attacker_ip.to_string(),
            way.decky_count.to_string(),
            way.path.clone(),
            way.hop_count.to_string(),
            ago(way.first_seen, now),
            way.duration(),
        ]
    };
    let header = ["ATTACKER", "DECKIES", "PATH", "HOPS", "FIRST SEEN", "TOOK"];
    cx.out.list(&ways, &header, cells, EMPTY)
}

/// What it did at deckies, not what was seen of it from beside.
async fn hops(store: &Store, wanted: &Filter, ip: std::net::IpAddr) -> Result<Vec<Hop>> {
    let filter = Filter {
        attacker: Some(ip.into()),
        ..wanted.clone()
    };
    let events = all(DEEDS, async |page| store.events().list(&filter, &page).await).await?;
    let hop = |row: store::StoredEvent| Hop {
        timestamp: row.event.report.at,
        decky: row.event.decky.to_string(),
        service: row.event.report.service.into_owned(),
        event_type: row.event.report.kind.into_owned(),
    };
    let hops = events.into_iter().map(hop);
    Ok(hops.filter(|hop| !ONLOOKERS.contains(&hop.service.as_str())).collect())
}
