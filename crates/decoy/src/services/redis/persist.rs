//! Saving: snapshots and the configuration, into the machine's own files.

use super::client::ClientId;
use super::rdb;
use super::record::Record;
use super::reply::{Bytes, Reply};
use super::server::Server;

/// What a child needs to write a small snapshot, in microseconds.
const BACKGROUND: i64 = 100_000;

// === impl Server ===

impl Server {
    /// Writes all databases to `dir`/`dbfilename`; false when that fails.
    pub(super) fn write_snapshot(&mut self, id: ClientId) -> bool {
        let file = self.snapshot();
        let name = self.config.get("dbfilename").to_vec();
        let written = self.disk.save(&name, &file);
        let path = written
            .as_ref()
            .map_or_else(|_| [self.config.get("dir"), b"/", &name].concat(), Clone::clone);
        let error = written.err();
        let done = error.is_none();
        self.record(
            id,
            Record::FileWrite {
                path,
                bytes: file,
                error,
            },
        );
        if done {
            self.saves.count += 1;
            self.saves.dirty = 0;
            self.saves.last = self.now / 1_000_000;
            self.saves.last_failed = false;
        }
        done
    }

    /// The file is written at once, and said to be done a little later.
    pub(super) fn begin_background_save(&mut self, id: ClientId) {
        let (last, failed, count, dirty) = (
            self.saves.last,
            self.saves.last_failed,
            self.saves.count,
            self.saves.dirty,
        );
        let done = self.write_snapshot(id);
        self.saves.forks += 1;
        self.saves.ended_well = done;
        self.saves.background = Some(self.now + BACKGROUND);
        (
            self.saves.last,
            self.saves.last_failed,
            self.saves.count,
            self.saves.dirty,
        ) = (last, failed, count, dirty);
    }

    pub(super) fn end_background_save(&mut self) {
        let Some(end) = self.saves.background.filter(|end| *end <= self.now) else {
            return;
        };
        self.saves.background = None;
        self.saves.background_seconds = Some(0);
        self.saves.last_failed = !self.saves.ended_well;
        if self.saves.ended_well {
            self.saves.count += 1;
            self.saves.dirty = 0;
            self.saves.last = end / 1_000_000;
        }
    }

    /// CONFIG REWRITE; what `strerror` says when it cannot.
    pub(super) fn rewrite_config(&mut self, id: ClientId) -> Result<(), String> {
        let changed = self.config.changed();
        let text = self.disk.rewrite(&changed)?;
        let path = b"/etc/redis/redis.conf".to_vec();
        self.record(
            id,
            Record::FileWrite {
                path,
                bytes: text,
                error: None,
            },
        );
        Ok(())
    }

    /// MEMORY STATS.
    pub(super) fn memory_stats(&mut self) -> Reply {
        let used = self.used_memory() as i64;
        self.stats.peak_memory = self.stats.peak_memory.max(used as u64);
        let peak = self.stats.peak_memory as i64;
        let clients = self.clients.len() as i64 * 37_632;
        let keys: i64 = self.dbs.iter().map(|db| db.len() as i64).sum();
        let startup = 876_072;
        let mut overhead = startup + 200 + clients;
        let (allocated, active) = (used + 720_064, used + 1_062_464);
        let (resident, rss) = (active + 2_678_784, active + 4_558_848);
        let mut rows = vec![
            ("peak.allocated".to_owned(), Reply::Int(peak)),
            ("total.allocated".to_owned(), Reply::Int(used)),
            ("startup.allocated".to_owned(), Reply::Int(startup)),
        ];
        let zeros = ["replication.backlog", "clients.slaves"];
        rows.extend(zeros.map(|name| (name.to_owned(), Reply::Int(0))));
        rows.push(("clients.normal".to_owned(), Reply::Int(clients)));
        let zeros = ["cluster.links", "aof.buffer", "lua.caches"];
        rows.extend(zeros.map(|name| (name.to_owned(), Reply::Int(0))));
        rows.push(("functions.caches".to_owned(), Reply::Int(200)));
        for (at, db) in self.dbs.iter().enumerate().filter(|(_, db)| db.len() > 0) {
            let (main, expires) = (db.len() * 72 + db.buckets() * 8, db.volatile() * 24);
            overhead += (main + expires) as i64;
            let tables = [
                ("overhead.hashtable.main", main),
                ("overhead.hashtable.expires", expires),
                ("overhead.hashtable.slot-to-keys", 0),
            ];
            let tables = tables
                .into_iter()
                .flat_map(|(name, size)| [Reply::bulk(name), Reply::int(size)]);
            rows.push((format!("db.{at}"), Reply::Map(tables.collect())));
        }
        let dataset = (used - overhead).max(0);
        let share = |a: i64, b: i64| Reply::Double(f64::from(a as f32 * 100.0 / b.max(1) as f32));
        let ratio = |a: i64, b: i64| Reply::Double(f64::from(a as f32 / b.max(1) as f32));
        for (name, value) in [
            ("overhead.total", Reply::Int(overhead)),
            ("keys.count", Reply::Int(keys)),
            (
                "keys.bytes-per-key",
                Reply::Int((used - startup).checked_div(keys).unwrap_or(0)),
            ),
            ("dataset.bytes", Reply::Int(dataset)),
            ("dataset.percentage", share(dataset, used - startup)),
            ("peak.percentage", share(used, peak)),
            ("allocator.allocated", Reply::Int(allocated)),
            ("allocator.active", Reply::Int(active)),
            ("allocator.resident", Reply::Int(resident)),
            ("allocator-fragmentation.ratio", ratio(active, allocated)),
            ("allocator-fragmentation.bytes", Reply::Int(active - allocated)),
            ("allocator-rss.ratio", ratio(resident, active)),
            ("allocator-rss.bytes", Reply::Int(resident - active)),
            ("rss-overhead.ratio", ratio(rss, resident)),
            ("rss-overhead.bytes", Reply::Int(rss - resident)),
            ("fragmentation", ratio(rss, used)),
            ("fragmentation.bytes", Reply::Int(rss - used)),
        ] {
            rows.push((name.to_owned(), value));
        }
        Reply::Map(
            rows.into_iter()
                .flat_map(|(name, value)| [Reply::bulk(name), value])
                .collect(),
        )
    }

    /// The head of MEMORY MALLOC-STATS.
    pub(super) fn malloc_stats(&self) -> String {
        let used = self.used_memory();
        format!(
            "___ Begin jemalloc statistics ___\nVersion: \"5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c\"\n\
             Arenas: 9\nQuantum size: 16\nPage size: 4096\nMaximum thread-cached size class: 32768\n\
             Number of bin size classes: 36\nNumber of thread-cache bin size classes: 41\n\
             Number of large size classes: 196\nAllocated: {}, active: {}, metadata: 2763120 (n_thp 0), \
             resident: {}, mapped: 9297920, retained: 1712128\n--- End jemalloc statistics ---\n",
            used + 720_064,
            used + 1_062_464,
            used + 3_741_248,
        )
    }

    fn snapshot(&self) -> Bytes {
        let compress = self.config.flag("rdbcompression");
        rdb::file(
            &self.dbs,
            &self.persona.version,
            self.now / 1_000_000,
            self.used_memory(),
            compress,
        )
    }
}
