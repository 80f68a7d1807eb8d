//! What the product tells of itself: root, cluster, nodes.

use super::call::{Call, Turn};
use super::json::{Json, object};
use super::node::Node;
use super::reply::{Answer, Reply};
use super::store::Store;
use super::value;

/// Shards that are there and that are not.
pub(super) struct Health {
    pub(super) status: &'static str,
    pub(super) active: u64,
    pub(super) missing: u64,
}

// === impl Health ===

impl Health {
    pub(super) fn of(store: &Store) -> Self {
        let open = || store.indices.values().filter(|index| index.open);
        let active = open().map(|index| index.shards).sum();
        let missing = open().map(|index| index.shards * index.replicas).sum();
        Self {
            status: if missing > 0 { "yellow" } else { "green" },
            active,
            missing,
        }
    }

    pub(super) fn percent(&self) -> f64 {
        match self.active + self.missing {
            0 => 100.0,
            all => self.active as f64 * 100.0 / all as f64,
        }
    }

    fn json(&self, node: &Node) -> Json {
        object! {
            "cluster_name": &node.cluster, "status": self.status, "timed_out": false, "number_of_nodes": 1,
            "number_of_data_nodes": 1, "active_primary_shards": self.active, "active_shards": self.active,
            "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": self.missing,
            "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0,
            "task_max_waiting_in_queue_millis": 0, "active_shards_percent_as_number": self.percent(),
        }
    }
}

pub(super) fn root(node: &Node) -> Reply {
    let release = &node.release;
    Reply::json(object! {
        "name": &node.name,
        "cluster_name": &node.cluster,
        "cluster_uuid": &node.cluster_uuid,
        "version": object! {
            "number": &release.number, "build_flavor": "default", "build_type": &release.kind,
            "build_hash": &release.hash, "build_date": &release.date, "build_snapshot": false,
            "lucene_version": &release.lucene, "minimum_wire_compatibility_version": &release.wire,
            "minimum_index_compatibility_version": &release.index,
        },
        "tagline": "You Know, for Search",
    })
}

pub(super) fn cluster(store: &mut Store, call: &Call<'_>, path: &[&str], turn: &mut Turn<'_>) -> Option<Answer> {
    let node = turn.node;
    Some(Ok(match path {
        ["health", names @ ..] => {
            if let Some(Err(refusal)) = names.first().map(|names| store.named(names)) {
                return Some(Err(refusal));
            }
            Reply::json(Health::of(store).json(node))
        }
        ["state", ..] => Reply::json(state(store, node, turn.now)),
        ["stats", ..] => Reply::json(stats(store, node, turn.now)),
        ["settings"] if call.request.method == "GET" => settings(store),
        ["settings"] if call.request.method == "PUT" => match call.json() {
            Err(refusal) => return Some(Err(refusal)),
            Ok(body) => {
                let body = body.unwrap_or_else(Json::empty);
                if let Err(refusal) = store.wrote("_cluster", call.request.body.len()) {
                    return Some(Err(refusal));
                }
                for (at, name) in ["persistent", "transient"].iter().enumerate() {
                    for (setting, value) in body.get(name).map(Json::members).unwrap_or_default() {
                        if store.cluster_settings[at] == Json::Null {
                            store.cluster_settings[at] = Json::empty();
                        }
                        store.cluster_settings[at].set(setting, value.clone());
                    }
                }
                let part = |name: &str| body.get(name).cloned().unwrap_or_else(Json::empty);
                Reply::json(object! {
                    "acknowledged": true, "persistent": part("persistent"), "transient": part("transient"),
                })
            }
        },
        ["pending_tasks"] => Reply::json(object! {"tasks": Vec::new()}),
        _ => return None,
    }))
}

fn settings(store: &Store) -> Reply {
    let part = |at: usize| match &store.cluster_settings[at] {
        Json::Null => Json::empty(),
        some => some.clone(),
    };
    Reply::json(object! {"persistent": part(0), "transient": part(1)})
}

fn state(store: &Store, node: &Node, now: i64) -> Json {
    let indices = store.indices.values().map(|index| {
        let shown = object! {
            "version": 4, "mapping_version": 2, "settings_version": 1, "aliases_version": 1, "routing_num_shards": 1024,
            "state": if index.open { "open" } else { "close" },
            "settings": object! {"index": object! {
                "creation_date": index.created.to_string(), "number_of_shards": index.shards.to_string(),
                "number_of_replicas": index.replicas.to_string(), "uuid": &index.uuid, "provided_name": &index.name,
                "version": object! {"created": node.index_version()},
            }},
            "mappings": object! {"_doc": index.mappings()},
            "aliases": index.aliases.keys().map(Json::from).collect::<Vec<_>>(),
        };
        (index.name.clone(), shown)
    });
    let me = object! {
        "name": &node.name, "ephemeral_id": &node.ephemeral, "transport_address": format!("{}:9300", node.address()),
        "attributes": attributes(node),
    };
    object! {
        "cluster_name": &node.cluster, "cluster_uuid": &node.cluster_uuid,
        "version": 40 + (now - node.started) / 600_000, "state_uuid": &node.ephemeral, "master_node": &node.id,
        "blocks": Json::empty(), "nodes": Json::Map(vec![(node.id.clone(), me)]),
        "metadata": object! {
            "cluster_uuid": &node.cluster_uuid, "cluster_uuid_committed": true, "templates": Json::empty(),
            "indices": Json::Map(indices.collect()), "index-graveyard": object! {"tombstones": Vec::new()},
        },
    }
}

fn stats(store: &Store, node: &Node, now: i64) -> Json {
    let health = Health::of(store);
    let count: usize = store.indices.values().map(|index| index.count()).sum();
    let deleted: u64 = store.indices.values().map(|index| index.deleted).sum();
    let bytes: u64 = store.indices.values().map(|index| index.size()).sum();
    object! {
        "_nodes": object! {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": &node.cluster, "cluster_uuid": &node.cluster_uuid, "timestamp": now, "status": health.status,
        "indices": object! {
            "count": store.indices.len(),
            "shards": object! {"total": health.active, "primaries": health.active, "replication": 0.0},
            "docs": object! {"count": count, "deleted": deleted},
            "store": object! {"size_in_bytes": bytes, "reserved_in_bytes": 0},
            "fielddata": object! {"memory_size_in_bytes": 0, "evictions": 0},
        },
        "nodes": object! {
            "count": object! {
                "total": 1, "coordinating_only": 0, "data": 1, "ingest": 1, "master": 1, "ml": 1,
                "remote_cluster_client": 1, "transform": 1, "voting_only": 0,
            },
            "versions": vec![Json::from(&node.release.number)],
            "os": object! {
                "available_processors": node.processors, "allocated_processors": node.processors,
                "names": vec![object! {"name": "Linux", "count": 1}],
                "pretty_names": vec![object! {"pretty_name": &node.system, "count": 1}],
                "mem": memory(node, now),
            },
            "process": object! {"cpu": object! {"percent": node.cpu(now)}},
            "jvm": object! {"max_uptime_in_millis": now - node.started, "mem": heap(node, now), "threads": 58},
            "fs": object! {
                "total_in_bytes": node.disk.1, "free_in_bytes": node.disk.1 - node.disk.0,
                "available_in_bytes": node.disk.1 - node.disk.0,
            },
            "plugins": Vec::new(),
        },
    }
}

fn memory(node: &Node, now: i64) -> Json {
    let free = node.memory * (100 - node.ram(now)) / 100;
    object! {
        "total_in_bytes": node.memory, "free_in_bytes": free, "used_in_bytes": node.memory - free,
        "free_percent": 100 - node.ram(now), "used_percent": node.ram(now),
    }
}

fn heap(node: &Node, now: i64) -> Json {
    let most = node.memory / 2;
    object! {"heap_used_in_bytes": most * node.heap(now) / 100, "heap_max_in_bytes": most}
}

fn attributes(node: &Node) -> Json {
    object! {
        "ml.machine_memory": node.memory.to_string(), "xpack.installed": "true", "transform.node": "true",
        "ml.max_open_jobs": "20",
    }
}

/// `_nodes`, `_nodes/stats` and their parts.
pub(super) fn nodes(store: &Store, path: &[&str], turn: &Turn<'_>) -> Answer {
    let node = turn.node;
    let one = if path.contains(&"stats") {
        node_stats(store, node, turn.now)
    } else {
        node_info(node)
    };
    Ok(Reply::json(object! {
        "_nodes": object! {"total": 1, "successful": 1, "failed": 0}, "cluster_name": &node.cluster,
        "nodes": Json::Map(vec![(node.id.clone(), one)]),
    }))
}

fn roles(node: &Node) -> Json {
    node.roles()
        .iter()
        .map(|role| Json::from(*role))
        .collect::<Vec<_>>()
        .into()
}

fn node_info(node: &Node) -> Json {
    let release = &node.release;
    let bound = |port: u16| {
        object! {
            "bound_address": vec![Json::from(format!("[::]:{port}"))],
            "publish_address": format!("{}:{port}", node.address()),
        }
    };
    let mut http = bound(9200);
    http.set("max_content_length_in_bytes", 104_857_600);
    let mut transport = bound(9300);
    transport.set("profiles", Json::empty());
    object! {
        "name": &node.name, "transport_address": format!("{}:9300", node.address()), "host": node.address(),
        "ip": node.address(), "version": &release.number, "build_flavor": "default", "build_type": &release.kind,
        "build_hash": &release.hash, "total_indexing_buffer": node.memory / 20, "roles": roles(node),
        "attributes": attributes(node),
        "settings": object! {
            "cluster": object! {"name": &node.cluster}, "node": object! {"name": &node.name},
            "path": object! {"data": vec![Json::from("/var/lib/elasticsearch")], "logs": "/var/log/elasticsearch", "home": "/usr/share/elasticsearch"},
            "discovery": object! {"type": "single-node"}, "network": object! {"host": "0.0.0.0"},
            "client": object! {"type": "node"}, "http": object! {"type": object! {"default": "netty4"}},
            "transport": object! {"type": object! {"default": "netty4"}},
        },
        "os": object! {
            "refresh_interval_in_millis": 1000, "name": "Linux", "pretty_name": &node.system, "arch": "amd64",
            "version": &node.kernel, "available_processors": node.processors, "allocated_processors": node.processors,
        },
        "process": object! {"refresh_interval_in_millis": 1000, "id": u64::from(node.pid), "mlockall": false},
        "jvm": object! {
            "pid": u64::from(node.pid), "version": node.java, "vm_name": "OpenJDK 64-Bit Server VM", "vm_version": format!("{}+9", node.java),
            "vm_vendor": "AdoptOpenJDK", "bundled_jdk": true, "using_bundled_jdk": true,
            "start_time_in_millis": node.started,
            "mem": object! {
                "heap_init_in_bytes": node.memory / 2, "heap_max_in_bytes": node.memory / 2,
                "non_heap_init_in_bytes": 7_667_712, "non_heap_max_in_bytes": 0, "direct_max_in_bytes": 0,
            },
            "gc_collectors": vec![Json::from("G1 Young Generation"), Json::from("G1 Old Generation")],
        },
        "transport": transport, "http": http, "plugins": Vec::new(), "ingest": object! {"processors": Vec::new()},
    }
}

fn node_stats(store: &Store, node: &Node, now: i64) -> Json {
    let count: usize = store.indices.values().map(|index| index.count()).sum();
    let deleted: u64 = store.indices.values().map(|index| index.deleted).sum();
    let bytes: u64 = store.indices.values().map(|index| index.size()).sum();
    let load = node.load(now);
    object! {
        "timestamp": now, "name": &node.name, "transport_address": format!("{}:9300", node.address()),
        "host": node.address(), "ip": format!("{}:9300", node.address()), "roles": roles(node), "attributes": attributes(node),
        "indices": object! {
            "docs": object! {"count": count, "deleted": deleted},
            "store": object! {"size_in_bytes": bytes, "reserved_in_bytes": 0},
        },
        "os": object! {
            "timestamp": now,
            "cpu": object! {"percent": node.cpu(now), "load_average": object! {"1m": load[0], "5m": load[1], "15m": load[2]}},
            "mem": memory(node, now),
        },
        "process": object! {"timestamp": now, "open_file_descriptors": 312, "max_file_descriptors": 65_535},
        "jvm": object! {"timestamp": now, "uptime_in_millis": now - node.started, "mem": heap(node, now)},
        "fs": object! {"timestamp": now, "total": object! {
            "total_in_bytes": node.disk.1, "free_in_bytes": node.disk.1 - node.disk.0,
            "available_in_bytes": node.disk.1 - node.disk.0,
        }},
        "http": object! {"current_open": 1, "total_opened": 3 + (now - node.started) / 900_000},
    }
}

/// `_license`, as after an installation.
pub(super) fn license(node: &Node) -> Reply {
    Reply::json(object! {"license": object! {
        "status": "active", "uid": &node.license, "type": "basic", "issue_date": value::stamp(node.installed),
        "issue_date_in_millis": node.installed, "max_nodes": 1000, "issued_to": &node.cluster,
        "issuer": "elasticsearch", "start_date_in_millis": -1,
    }})
}
