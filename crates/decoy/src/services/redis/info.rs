//! INFO: the sections, in the words and order of 7.0.15.

use std::fmt::Write as _;

use super::number::human;
use super::server::Server;

/// Bytes an idle server without data has allocated.
const STARTUP_MEMORY: u64 = 876_072;
/// What each client costs it.
const CLIENT_MEMORY: u64 = 37_632;

const DEFAULT: [&str; 10] = [
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "errorstats",
    "cluster",
];
const EVERYTHING: [&str; 2] = ["commandstats", "latencystats"];

type Section = fn(&mut Server) -> String;

// === impl Server ===

impl Server {
    /// The sections asked for, lower case; none means the default ones.
    pub(super) fn info(&mut self, wanted: &[String]) -> String {
        let is = |name: &str| wanted.iter().any(|section| section == name);
        let (all, everything) = (is("all"), is("everything"));
        let default = wanted.is_empty() || is("default") || all || everything;
        let shown = |name: &str| {
            is(name)
                || (default && (DEFAULT.contains(&name) || name == "keyspace"))
                || ((all || everything) && EVERYTHING.contains(&name))
        };
        let mut text = String::new();
        let sections: [(&str, Section); 13] = [
            ("server", Self::info_server),
            ("clients", Self::info_clients),
            ("memory", Self::info_memory),
            ("persistence", Self::info_persistence),
            ("stats", Self::info_stats),
            ("replication", Self::info_replication),
            ("cpu", Self::info_cpu),
            ("modules", |_| "# Modules\r\n".into()),
            ("commandstats", Self::info_commands),
            ("errorstats", Self::info_errors),
            ("latencystats", Self::info_latency),
            ("cluster", |_| "# Cluster\r\ncluster_enabled:0\r\n".into()),
            ("keyspace", Self::info_keyspace),
        ];
        for (name, section) in sections {
            if !shown(name) || (name == "modules" && all && !everything && !is("modules")) {
                continue;
            }
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            text.push_str(&section(self));
        }
        text
    }

    /// Bytes allocated, as it would say.
    pub(super) fn used_memory(&self) -> u64 {
        STARTUP_MEMORY + 2888 + self.weight() + self.clients.len() as u64 * CLIENT_MEMORY
    }

    fn info_server(&mut self) -> String {
        let uptime = (self.now - self.started) / 1_000_000;
        let p = &self.persona;
        lines(
            "Server",
            &[
                ("redis_version", p.version.clone()),
                ("redis_git_sha1", "00000000".into()),
                ("redis_git_dirty", "0".into()),
                ("redis_build_id", p.build_id.clone()),
                ("redis_mode", "standalone".into()),
                ("os", p.os.clone()),
                ("arch_bits", "64".into()),
                ("monotonic_clock", "POSIX clock_gettime".into()),
                ("multiplexing_api", "epoll".into()),
                ("atomicvar_api", "c11-builtin".into()),
                ("gcc_version", p.gcc.clone()),
                ("process_id", p.pid.to_string()),
                ("process_supervised", "no".into()),
                ("run_id", p.run_id.clone()),
                ("tcp_port", p.port.to_string()),
                ("server_time_usec", self.now.to_string()),
                ("uptime_in_seconds", uptime.to_string()),
                ("uptime_in_days", (uptime / 86400).to_string()),
                ("hz", text(self.config.get("hz"))),
                ("configured_hz", text(self.config.get("hz"))),
                ("lru_clock", ((self.now / 1_000_000) & 0xff_ffff).to_string()),
                ("executable", "/usr/bin/redis-server".into()),
                ("config_file", "/etc/redis/redis.conf".into()),
                ("io_threads_active", "0".into()),
            ],
        )
    }

    fn info_clients(&mut self) -> String {
        let blocked = self.clients.values().filter(|client| client.blocked.is_some()).count();
        let timed = self
            .clients
            .values()
            .filter_map(|client| client.blocked.as_ref()?.until)
            .count();
        let tracking = self.clients.values().filter(|client| client.tracking.is_some()).count();
        lines(
            "Clients",
            &[
                ("connected_clients", self.clients.len().to_string()),
                ("cluster_connections", "0".into()),
                ("maxclients", text(self.config.get("maxclients"))),
                ("client_recent_max_input_buffer", "20480".into()),
                ("client_recent_max_output_buffer", "0".into()),
                ("blocked_clients", blocked.to_string()),
                ("tracking_clients", tracking.to_string()),
                ("clients_in_timeout_table", timed.to_string()),
            ],
        )
    }

    fn info_memory(&mut self) -> String {
        let used = self.used_memory();
        self.stats.peak_memory = self.stats.peak_memory.max(used);
        let peak = self.stats.peak_memory;
        let clients = self.clients.len() as u64 * CLIENT_MEMORY;
        let keys: u64 = self
            .dbs
            .iter()
            .map(|db| db.len() as u64 * 72 + db.buckets() as u64 * 8)
            .sum();
        let overhead = STARTUP_MEMORY + 200 + clients + keys;
        let dataset = used.saturating_sub(overhead);
        let (allocated, active) = (used + 720_064, used + 1_062_464);
        let (resident, rss) = (active + 2_678_784, active + 4_558_848);
        let scripts: u64 = self.scripts.values().map(|body| body.len() as u64 + 96).sum();
        let maxmemory = self.config.number("maxmemory") as u64;
        let ratio = |a: u64, b: u64| format!("{:.2}", a as f64 / b.max(1) as f64);
        let percent = |a: u64, b: u64| format!("{:.2}%", a as f64 * 100.0 / b.max(1) as f64);
        lines(
            "Memory",
            &[
                ("used_memory", used.to_string()),
                ("used_memory_human", human(used)),
                ("used_memory_rss", rss.to_string()),
                ("used_memory_rss_human", human(rss)),
                ("used_memory_peak", peak.to_string()),
                ("used_memory_peak_human", human(peak)),
                ("used_memory_peak_perc", percent(used, peak)),
                ("used_memory_overhead", overhead.to_string()),
                ("used_memory_startup", STARTUP_MEMORY.to_string()),
                ("used_memory_dataset", dataset.to_string()),
                ("used_memory_dataset_perc", percent(dataset, used - STARTUP_MEMORY)),
                ("allocator_allocated", allocated.to_string()),
                ("allocator_active", active.to_string()),
                ("allocator_resident", resident.to_string()),
                ("total_system_memory", self.persona.total_memory.to_string()),
                ("total_system_memory_human", human(self.persona.total_memory)),
                ("used_memory_lua", "31744".into()),
                ("used_memory_vm_eval", "31744".into()),
                ("used_memory_lua_human", "31.00K".into()),
                ("used_memory_scripts_eval", scripts.to_string()),
                ("number_of_cached_scripts", self.scripts.len().to_string()),
                ("number_of_functions", "0".into()),
                ("number_of_libraries", "0".into()),
                ("used_memory_vm_functions", "32768".into()),
                ("used_memory_vm_total", "64512".into()),
                ("used_memory_vm_total_human", "63.00K".into()),
                ("used_memory_functions", "200".into()),
                ("used_memory_scripts", (200 + scripts).to_string()),
                ("used_memory_scripts_human", human(200 + scripts)),
                ("maxmemory", maxmemory.to_string()),
                ("maxmemory_human", human(maxmemory)),
                ("maxmemory_policy", text(self.config.get("maxmemory-policy"))),
                ("allocator_frag_ratio", ratio(active, allocated)),
                ("allocator_frag_bytes", (active - allocated).to_string()),
                ("allocator_rss_ratio", ratio(resident, active)),
                ("allocator_rss_bytes", (resident - active).to_string()),
                ("rss_overhead_ratio", ratio(rss, resident)),
                ("rss_overhead_bytes", (rss - resident).to_string()),
                ("mem_fragmentation_ratio", ratio(rss, used)),
                ("mem_fragmentation_bytes", (rss - used).to_string()),
                ("mem_not_counted_for_evict", "0".into()),
                ("mem_replication_backlog", "0".into()),
                ("mem_total_replication_buffers", "0".into()),
                ("mem_clients_slaves", "0".into()),
                ("mem_clients_normal", clients.to_string()),
                ("mem_cluster_links", "0".into()),
                ("mem_aof_buffer", "0".into()),
                ("mem_allocator", "jemalloc-5.3.0".into()),
                ("active_defrag_running", "0".into()),
                ("lazyfree_pending_objects", "0".into()),
                ("lazyfreed_objects", "0".into()),
            ],
        )
    }

    fn info_persistence(&mut self) -> String {
        let saves = &self.saves;
        let aof = u8::from(self.config.flag("appendonly"));
        let mut text = lines(
            "Persistence",
            &[
                ("loading", "0".into()),
                ("async_loading", "0".into()),
                ("current_cow_peak", "0".into()),
                ("current_cow_size", "0".into()),
                ("current_cow_size_age", "0".into()),
                ("current_fork_perc", "0.00".into()),
                ("current_save_keys_processed", "0".into()),
                ("current_save_keys_total", "0".into()),
                ("rdb_changes_since_last_save", saves.dirty.to_string()),
                (
                    "rdb_bgsave_in_progress",
                    u8::from(saves.background.is_some()).to_string(),
                ),
                ("rdb_last_save_time", saves.last.to_string()),
                (
                    "rdb_last_bgsave_status",
                    if saves.last_failed { "err" } else { "ok" }.into(),
                ),
                (
                    "rdb_last_bgsave_time_sec",
                    saves.background_seconds.unwrap_or(-1).to_string(),
                ),
                (
                    "rdb_current_bgsave_time_sec",
                    if saves.background.is_some() { "0" } else { "-1" }.into(),
                ),
                ("rdb_saves", saves.count.to_string()),
                ("rdb_last_cow_size", if saves.forks > 0 { "229376" } else { "0" }.into()),
                ("rdb_last_load_keys_expired", "0".into()),
                ("rdb_last_load_keys_loaded", "0".into()),
                ("aof_enabled", aof.to_string()),
                ("aof_rewrite_in_progress", "0".into()),
                ("aof_rewrite_scheduled", "0".into()),
                ("aof_last_rewrite_time_sec", "-1".into()),
                ("aof_current_rewrite_time_sec", "-1".into()),
                ("aof_last_bgrewrite_status", "ok".into()),
                ("aof_rewrites", "0".into()),
                ("aof_rewrites_consecutive_failures", "0".into()),
                ("aof_last_write_status", "ok".into()),
                ("aof_last_cow_size", "0".into()),
                ("module_fork_in_progress", "0".into()),
                ("module_fork_last_cow_size", "0".into()),
            ],
        );
        if aof == 1 {
            text.push_str(concat!(
                "aof_current_size:0\r\naof_base_size:0\r\naof_pending_rewrite:0\r\naof_buffer_length:0\r\n",
                "aof_pending_bio_fsync:0\r\naof_delayed_fsync:0\r\n"
            ));
        }
        text
    }

    fn info_stats(&mut self) -> String {
        let (ops, net_in, net_out) = self.stats.rates();
        let s = &self.stats;
        let zero = || "0".to_owned();
        lines(
            "Stats",
            &[
                ("total_connections_received", s.connections.to_string()),
                ("total_commands_processed", s.commands.to_string()),
                ("instantaneous_ops_per_sec", format!("{ops:.0}")),
                ("total_net_input_bytes", s.net_in.to_string()),
                ("total_net_output_bytes", s.net_out.to_string()),
                ("total_net_repl_input_bytes", zero()),
                ("total_net_repl_output_bytes", zero()),
                ("instantaneous_input_kbps", format!("{:.2}", net_in / 1024.0)),
                ("instantaneous_output_kbps", format!("{:.2}", net_out / 1024.0)),
                ("instantaneous_input_repl_kbps", "0.00".into()),
                ("instantaneous_output_repl_kbps", "0.00".into()),
                ("rejected_connections", s.rejected_connections.to_string()),
                ("sync_full", zero()),
                ("sync_partial_ok", zero()),
                ("sync_partial_err", zero()),
                ("expired_keys", s.expired.to_string()),
                ("expired_stale_perc", "0.00".into()),
                ("expired_time_cap_reached_count", zero()),
                (
                    "expire_cycle_cpu_milliseconds",
                    ((self.now - self.started) / 15_000_000).to_string(),
                ),
                ("evicted_keys", zero()),
                ("evicted_clients", zero()),
                ("total_eviction_exceeded_time", zero()),
                ("current_eviction_exceeded_time", zero()),
                ("keyspace_hits", s.hits.to_string()),
                ("keyspace_misses", s.misses.to_string()),
                ("pubsub_channels", self.channels.len().to_string()),
                ("pubsub_patterns", self.patterns.len().to_string()),
                ("pubsubshard_channels", self.shards.len().to_string()),
                (
                    "latest_fork_usec",
                    if self.saves.forks > 0 { "187".into() } else { zero() },
                ),
                ("total_forks", self.saves.forks.to_string()),
                ("migrate_cached_sockets", zero()),
                ("slave_expires_tracked_keys", zero()),
                ("active_defrag_hits", zero()),
                ("active_defrag_misses", zero()),
                ("active_defrag_key_hits", zero()),
                ("active_defrag_key_misses", zero()),
                ("total_active_defrag_time", zero()),
                ("current_active_defrag_time", zero()),
                ("tracking_total_keys", zero()),
                ("tracking_total_items", zero()),
                ("tracking_total_prefixes", zero()),
                ("unexpected_error_replies", zero()),
                ("total_error_replies", s.faults.to_string()),
                ("dump_payload_sanitizations", zero()),
                ("total_reads_processed", s.reads.to_string()),
                ("total_writes_processed", s.writes.to_string()),
                ("io_threaded_reads_processed", zero()),
                ("io_threaded_writes_processed", zero()),
                ("reply_buffer_shrinks", (s.connections * 2).to_string()),
                ("reply_buffer_expands", zero()),
            ],
        )
    }

    fn info_replication(&mut self) -> String {
        let mut text = String::from("# Replication\r\n");
        match &self.master {
            None => text.push_str("role:master\r\n"),
            Some(master) => {
                let down = (self.now - master.since) / 1_000_000;
                let _ = write!(
                    text,
                    "role:slave\r\nmaster_host:{}\r\nmaster_port:{}\r\nmaster_link_status:down\r\n\
                     master_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:0\r\n\
                     slave_repl_offset:0\r\nmaster_link_down_since_seconds:{down}\r\nslave_priority:{}\r\n\
                     slave_read_only:{}\r\nreplica_announced:1\r\n",
                    String::from_utf8_lossy(&master.host),
                    master.port,
                    self.config.number("replica-priority"),
                    u8::from(self.config.flag("replica-read-only")),
                );
            }
        }
        let _ = write!(
            text,
            "connected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:{}\r\nmaster_replid2:{}\r\n\
             master_repl_offset:0\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:0\r\nrepl_backlog_size:{}\r\n\
             repl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n",
            self.persona.replid,
            "0".repeat(40),
            self.config.number("repl-backlog-size"),
        );
        text
    }

    fn info_cpu(&mut self) -> String {
        let uptime = (self.now - self.started) as f64 / 1e6;
        let work = self.stats.commands as f64 * 4e-6;
        let (sys, user) = (0.002 + uptime * 0.0009 + work, 0.003 + uptime * 0.0011 + work);
        lines(
            "CPU",
            &[
                ("used_cpu_sys", format!("{sys:.6}")),
                ("used_cpu_user", format!("{user:.6}")),
                (
                    "used_cpu_sys_children",
                    format!("{:.6}", self.saves.forks as f64 * 0.001_3),
                ),
                (
                    "used_cpu_user_children",
                    format!("{:.6}", self.saves.forks as f64 * 0.000_9),
                ),
                ("used_cpu_sys_main_thread", format!("{:.6}", sys * 0.998)),
                ("used_cpu_user_main_thread", format!("{:.6}", user * 0.997)),
            ],
        )
    }

    fn info_commands(&mut self) -> String {
        let mut text = String::from("# Commandstats\r\n");
        for (name, s) in &self.stats.calls {
            let each = s.usec as f64 / s.calls.max(1) as f64;
            let _ = write!(
                text,
                "cmdstat_{name}:calls={},usec={},usec_per_call={each:.2},rejected_calls={},failed_calls={}\r\n",
                s.calls, s.usec, s.rejected, s.failed
            );
        }
        text
    }

    fn info_errors(&mut self) -> String {
        let mut text = String::from("# Errorstats\r\n");
        for (code, count) in &self.stats.codes {
            let _ = write!(text, "errorstat_{code}:count={count}\r\n");
        }
        text
    }

    fn info_latency(&mut self) -> String {
        let mut text = String::from("# Latencystats\r\n");
        for (name, s) in self.stats.calls.iter().filter(|(_, s)| s.calls > 0) {
            let each = (s.usec / s.calls).max(1) as f64 + 0.003;
            let _ = write!(
                text,
                "latency_percentiles_usec_{name}:p50={each:.3},p99={each:.3},p99.9={each:.3}\r\n"
            );
        }
        text
    }

    fn info_keyspace(&mut self) -> String {
        let now = self.now_ms();
        let mut text = String::from("# Keyspace\r\n");
        for (at, db) in self.dbs.iter().enumerate().filter(|(_, db)| db.len() > 0) {
            let left = db
                .iter()
                .filter_map(|(_, item)| item.expires)
                .map(|expires| (expires - now).max(0));
            let mean = left.sum::<i64>() / (db.volatile().max(1) as i64);
            let _ = write!(
                text,
                "db{at}:keys={},expires={},avg_ttl={mean}\r\n",
                db.len(),
                db.volatile()
            );
        }
        text
    }
}

fn lines(title: &str, pairs: &[(&str, String)]) -> String {
    let mut text = format!("# {title}\r\n");
    for (name, value) in pairs {
        let _ = write!(text, "{name}:{value}\r\n");
    }
    text
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
