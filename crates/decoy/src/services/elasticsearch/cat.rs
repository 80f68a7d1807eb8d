//! `_cat`: tables for people, and the same as JSON for programs.

use super::call::{Call, Turn};
use super::json::Json;
use super::reply::{Answer, Reply};
use super::store::{Index, Store, like};
use super::table::{Column, Table};
use super::value;

/// What `_cat` lists.
const LISTED: &str = "=^.^=
/_cat/allocation
/_cat/shards
/_cat/shards/{index}
/_cat/master
/_cat/nodes
/_cat/tasks
/_cat/indices
/_cat/indices/{index}
/_cat/segments
/_cat/segments/{index}
/_cat/count
/_cat/count/{index}
/_cat/recovery
/_cat/recovery/{index}
/_cat/health
/_cat/pending_tasks
/_cat/aliases
/_cat/aliases/{alias}
/_cat/thread_pool
/_cat/thread_pool/{thread_pools}
/_cat/plugins
/_cat/fielddata
/_cat/fielddata/{fields}
/_cat/nodeattrs
/_cat/repositories
/_cat/snapshots/{repository}
/_cat/templates
";

const INDICES: &[Column] = &[
    ("health", &["h"], true, false),
    ("status", &["s"], true, false),
    ("index", &["i", "idx"], true, false),
    ("uuid", &["id"], true, false),
    ("pri", &["p", "shards.primary"], true, true),
    ("rep", &["r", "shards.replica"], true, true),
    ("docs.count", &["dc", "docsCount"], true, true),
    ("docs.deleted", &["dd", "docsDeleted"], true, true),
    ("creation.date", &["cd"], false, false),
    ("creation.date.string", &["cds"], false, false),
    ("store.size", &["ss", "storeSize"], true, true),
    ("pri.store.size", &[], true, true),
];
const HEALTH: &[Column] = &[
    ("epoch", &["t", "time"], true, false),
    ("timestamp", &["ts", "hms"], true, false),
    ("cluster", &["cl"], true, false),
    ("status", &["st"], true, false),
    ("node.total", &["nt", "nodeTotal"], true, true),
    ("node.data", &["nd", "nodeData"], true, true),
    ("shards", &["t", "sh"], true, true),
    ("pri", &["p"], true, true),
    ("relo", &["r"], true, true),
    ("init", &["i"], true, true),
    ("unassign", &["u"], true, true),
    ("pending_tasks", &["pt"], true, true),
    ("max_task_wait_time", &["mtwt"], true, true),
    ("active_shards_percent", &["asp"], true, true),
];
const NODES: &[Column] = &[
    ("ip", &["i"], true, false),
    ("heap.percent", &["hp"], true, true),
    ("ram.percent", &["rp"], true, true),
    ("cpu", &[], true, true),
    ("load_1m", &["l"], true, true),
    ("load_5m", &[], true, true),
    ("load_15m", &[], true, true),
    ("node.role", &["r", "role"], true, false),
    ("master", &["m"], true, false),
    ("name", &["n"], true, false),
    ("version", &["v"], false, false),
    ("id", &["nodeId"], false, false),
    ("pid", &["p"], false, false),
    ("port", &["po"], false, false),
    ("http_address", &["http"], false, false),
];
const MASTER: &[Column] = &[
    ("id", &[], true, false),
    ("host", &["h"], true, false),
    ("ip", &[], true, false),
    ("node", &["n"], true, false),
];
const SHARDS: &[Column] = &[
    ("index", &["i", "idx"], true, false),
    ("shard", &["s", "sh"], true, false),
    ("prirep", &["p", "pr"], true, false),
    ("state", &["st"], true, false),
    ("docs", &["d", "dc"], true, true),
    ("store", &["sto"], true, true),
    ("ip", &[], true, false),
    ("node", &["n"], true, false),
];
const COUNT: &[Column] = &[
    ("epoch", &["t", "time"], true, false),
    ("timestamp", &["ts", "hms"], true, false),
    ("count", &["dc", "docs.count"], true, false),
];
const ALIASES: &[Column] = &[
    ("alias", &["a"], true, false),
    ("index", &["i", "idx"], true, false),
    ("filter", &["f"], true, false),
    ("routing.index", &["ri"], true, false),
    ("routing.search", &["rs"], true, false),
    ("is_write_index", &["w"], true, false),
];
const ALLOCATION: &[Column] = &[
    ("shards", &["s"], true, true),
    ("disk.indices", &["di"], true, true),
    ("disk.used", &["du"], true, true),
    ("disk.avail", &["da"], true, true),
    ("disk.total", &["dt"], true, true),
    ("disk.percent", &["dp"], true, true),
    ("host", &["h"], true, false),
    ("ip", &[], true, false),
    ("node", &["n"], true, false),
];
const TEMPLATES: &[Column] = &[
    ("name", &["n"], true, false),
    ("index_patterns", &["t"], true, false),
    ("order", &["o"], true, false),
    ("version", &["v"], true, false),
    ("composed_of", &["c"], true, false),
];
const REPOSITORIES: &[Column] = &[("id", &[], true, false), ("type", &[], true, false)];
const PLUGINS: &[Column] = &[
    ("name", &["n"], true, false),
    ("component", &["c"], true, false),
    ("version", &["v"], true, false),
];

pub(super) fn cat(store: &Store, call: &Call<'_>, path: &[&str], turn: &Turn<'_>) -> Answer {
    let names = path.get(1).copied().unwrap_or_default();
    let cell = |text: &str| Some(text.to_owned());
    let node = turn.node;
    let (epoch, clock) = ((turn.now / 1000).to_string(), value::stamp(turn.now)[11..19].to_owned());
    let (columns, rows): (&'static [Column], Vec<Vec<Option<String>>>) = match path.first().copied() {
        None => return Ok(Reply::text(LISTED.to_owned())),
        Some("indices") => (
            INDICES,
            store.named(names)?.iter().map(|index| index_row(index)).collect(),
        ),
        Some("health") => (HEALTH, vec![health_row(store, turn, epoch, clock)]),
        Some("nodes") => (NODES, vec![node.cat_row(turn.now)]),
        Some("master") => (
            MASTER,
            vec![vec![
                cell(&node.id),
                Some(node.address()),
                Some(node.address()),
                cell(&node.name),
            ]],
        ),
        Some("shards") => (
            SHARDS,
            store
                .named(names)?
                .iter()
                .flat_map(|index| shard_rows(index, turn))
                .collect(),
        ),
        Some("count") => {
            let count: usize = store.named(names)?.iter().map(|index| index.count()).sum();
            (COUNT, vec![vec![Some(epoch), Some(clock), Some(count.to_string())]])
        }
        Some("aliases") => {
            let each = store.indices.values().flat_map(|index| {
                let aliases = index
                    .aliases
                    .keys()
                    .filter(|alias| names.is_empty() || like(names, alias));
                aliases.map(|alias| [alias, index.name.as_str(), "-", "-", "-", "-"].map(cell).to_vec())
            });
            (ALIASES, each.collect())
        }
        Some("allocation") => {
            let shards: u64 = store.indices.values().map(|index| index.shards).sum();
            let bytes: u64 = store.indices.values().map(|index| index.size()).sum();
            let missing: u64 = store.indices.values().map(|index| index.shards * index.replicas).sum();
            let (used, all) = node.disk;
            let mut rows = vec![vec![
                Some(shards.to_string()),
                Some(bytes_text(bytes)),
                Some(bytes_text(used)),
                Some(bytes_text(all - used)),
                Some(bytes_text(all)),
                Some((used * 100 / all).to_string()),
                Some(node.address()),
                Some(node.address()),
                cell(&node.name),
            ]];
            if missing > 0 {
                let mut row = vec![Some(missing.to_string())];
                row.extend(std::iter::repeat_n(None, 7));
                row.push(cell("UNASSIGNED"));
                rows.push(row);
            }
            (ALLOCATION, rows)
        }
        Some("templates") => {
            let kept = store.kept.iter().filter(|((kind, _), _)| kind.contains("template"));
            let rows = kept.map(|((_, name), body)| {
                let patterns = body.get("index_patterns").map(Json::each).unwrap_or_default();
                let patterns = patterns.iter().map(Json::bare).collect::<Vec<_>>().join(", ");
                let order = body.get("order").map_or_else(|| "0".into(), Json::bare);
                vec![cell(name), Some(format!("[{patterns}]")), Some(order), None, None]
            });
            (TEMPLATES, rows.collect())
        }
        Some("repositories") => (REPOSITORIES, Vec::new()),
        Some(
            "plugins" | "nodeattrs" | "tasks" | "pending_tasks" | "recovery" | "segments" | "fielddata" | "thread_pool",
        ) => (PLUGINS, Vec::new()),
        Some(_) => {
            let error = format!(
                "no handler found for uri [{}] and method [{}]",
                call.request.target, call.request.method
            );
            return Ok(Reply::with(400, super::json::object! {"error": error}));
        }
    };
    Table { columns, rows }.reply(call)
}

fn index_row(index: &Index) -> Vec<Option<String>> {
    let size = bytes_text(index.size());
    let row = [
        index.health().to_owned(),
        if index.open { "open" } else { "close" }.to_owned(),
        index.name.clone(),
        index.uuid.clone(),
        index.shards.to_string(),
        index.replicas.to_string(),
        index.count().to_string(),
        index.deleted.to_string(),
        index.created.to_string(),
        value::stamp(index.created),
        size.clone(),
        size,
    ];
    row.map(Some).to_vec()
}

fn health_row(store: &Store, turn: &Turn<'_>, epoch: String, clock: String) -> Vec<Option<String>> {
    let health = super::cluster::Health::of(store);
    let row = [
        epoch,
        clock,
        turn.node.cluster.clone(),
        health.status.to_owned(),
        "1".into(),
        "1".into(),
        health.active.to_string(),
        health.active.to_string(),
        "0".into(),
        "0".into(),
        health.missing.to_string(),
        "0".into(),
        "-".into(),
        format!("{:.1}%", health.percent()),
    ];
    row.map(Some).to_vec()
}

fn shard_rows(index: &Index, turn: &Turn<'_>) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for shard in 0..index.shards.min(64) {
        let share = |all: u64| all / index.shards + u64::from(shard < all % index.shards);
        rows.push(vec![
            Some(index.name.clone()),
            Some(shard.to_string()),
            Some("p".into()),
            Some("STARTED".into()),
            Some(share(index.count() as u64).to_string()),
            Some(bytes_text(share(index.size()))),
            Some(turn.node.address()),
            Some(turn.node.name.clone()),
        ]);
        for _ in 0..index.replicas.min(8) {
            let mut row = vec![Some(index.name.clone()), Some(shard.to_string())];
            row.extend([Some("r".to_owned()), Some("UNASSIGNED".to_owned())]);
            row.extend(std::iter::repeat_n(None, 4));
            rows.push(row);
        }
    }
    rows
}

/// `208b`, `4.2kb`, `1.1mb`
pub(super) fn bytes_text(bytes: u64) -> String {
    let units = [("tb", 40), ("gb", 30), ("mb", 20), ("kb", 10)];
    match units.iter().find(|(_, bits)| bytes >= 1 << bits) {
        None => format!("{bytes}b"),
        Some((unit, bits)) => {
            let tenths = (u128::from(bytes) * 10) >> bits;
            match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                tenth => format!("{}.{tenth}{unit}", tenths / 10),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_short() {
        for (bytes, text) in [(208, "208b"), (1024, "1kb"), (4_300, "4.1kb"), (5 << 30, "5gb")] {
            assert_eq!(bytes_text(bytes), text);
        }
    }
}
